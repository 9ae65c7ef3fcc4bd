package ws

import "strconv"

// Opcode is the four-bit type of a frame, RFC 6455 §5.2 and §11.8.
type Opcode uint8

const (
	OpContinuation Opcode = 0x0 // RFC 6455 §5.4
	OpText         Opcode = 0x1 // RFC 6455 §5.6
	OpBinary       Opcode = 0x2 // RFC 6455 §5.6
	OpClose        Opcode = 0x8 // RFC 6455 §5.5.1
	OpPing         Opcode = 0x9 // RFC 6455 §5.5.2
	OpPong         Opcode = 0xA // RFC 6455 §5.5.3
)

const controlBit = 0x8 // the opcode's highest bit, RFC 6455 §5.5

// opcodes is the one list of opcodes that mean something; what is absent is reserved.
var opcodes = [16]struct{ name, meaning string }{
	OpContinuation: {"continuation", "a further fragment of the message begun before"},
	OpText:         {"text", "a message of UTF-8 text, or its first fragment"},
	OpBinary:       {"binary", "a message of bytes, or its first fragment"},
	OpClose:        {"close", "the sender sends no more data and asks for the end, perhaps with a status code"},
	OpPing:         {"ping", "asks for a pong: a keepalive or a measure of the round trip"},
	OpPong:         {"pong", "the answer to a ping, or a heartbeat one way"},
}

// String returns the RFC's word in lower case, "reserved-3" for opcode 3.
func (op Opcode) String() string {
	if op.IsReserved() {
		return "reserved-" + strconv.Itoa(int(op))
	}
	return opcodes[op].name
}

// Meaning returns one line for the reader of an incident.
func (op Opcode) Meaning() string {
	switch {
	case !op.IsReserved():
		return opcodes[op].meaning
	case op > 0xF:
		return "no opcode: it has four bits"
	case op.IsControl():
		return "reserved for a control frame not yet defined"
	}
	return "reserved for a data frame not yet defined"
}

// IsControl says whether op is a control opcode, the reserved 0xB to 0xF included: RFC 6455 §5.5 goes by the highest bit.
func (op Opcode) IsControl() bool { return op&controlBit != 0 }

// IsData says whether op is continuation, text or binary.
func (op Opcode) IsData() bool { return op <= OpBinary }

// IsReserved says whether RFC 6455 gives op no meaning.
func (op Opcode) IsReserved() bool { return op > OpPong || op > OpBinary && op < OpClose }
