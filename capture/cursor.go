package capture

import (
	"encoding/binary"
	"errors"
)

var errShort = errors.New("record cut short")

// MCAP opcodes that we look at (mcap.dev/spec, "Opcodes").
const (
	opHeader       = 0x01
	opFooter       = 0x02
	opSchema       = 0x03
	opChannel      = 0x04
	opMessage      = 0x05
	opChunk        = 0x06
	opMessageIndex = 0x07
	opChunkIndex   = 0x08
	opStatistics   = 0x0B
	opMetadata     = 0x0C
	opDataEnd      = 0x0F
	opLast         = opDataEnd // of format version 0
)

// recordHead is opcode and length.
const recordHead = 1 + 8

// cursor reads little-endian fields; the first fault sticks and zeroes follow.
// The library's parsers trust lengths, these do not.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.b, c.err = nil, errShort
		return nil
	}
	p := c.b[:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) u16() uint16 {
	if p := c.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if p := c.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if p := c.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (c *cursor) text() string { return string(c.take(uint64(c.u32()))) }

// table reads a map of strings.
func (c *cursor) table() map[string]string {
	in := &cursor{b: c.take(uint64(c.u32()))}
	m := map[string]string{}
	for len(in.b) > 0 {
		k := in.text()
		m[k] = in.text()
	}
	if in.err != nil {
		c.err = in.err
	}
	return m
}

// record takes opcode and body.
func (c *cursor) record() (op byte, body []byte) {
	p := c.take(1)
	if p == nil {
		return 0, nil
	}
	op = p[0]
	return op, c.take(c.u64())
}
