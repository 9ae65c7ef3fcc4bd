//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// The two heads of RFC 6455 §1.3: one key for all, so that nobody computes.
const (
	requestTail = " HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

// The targets the server knows.
const (
	pathEcho  = "/echo"  // answers every frame with one of the same length
	pathBulk  = "/bulk"  // sends 16 KiB frames without end
	pathFlood = "/flood" // sends 32-byte frames without end
)

const (
	bulkPayload  = 16 << 10
	floodPayload = 32
	floodFrame   = 2 + floodPayload // on the wire
	echoPayload  = 64

	maxPayload   = 125 // of the frames made here that are echoed: RFC 6455 §5.2, one length byte
	clientHeader = 6
	serverHeader = 2
)

// Bytes of a frame head, RFC 6455 §5.2.
const (
	textFin   = 0x81
	binaryFin = 0x82
	maskBit   = 0x80
	length16  = 126
)

var maskingKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// chat is what the echoed messages say, as long as they are.
var chat = strings.Repeat(`{"type":"chat","text":"hello"} `, 5)[:maxPayload]

// clientFrames and serverFrames hold one text frame of each length.
var clientFrames, serverFrames = makeFrames()

func makeFrames() (client, server [maxPayload + 1][]byte) {
	for n := range client {
		c := append([]byte{textFin, maskBit | byte(n)}, maskingKey[:]...)
		for i := range n {
			c = append(c, chat[i]^maskingKey[i%4])
		}
		client[n] = c
		server[n] = append([]byte{textFin, byte(n)}, chat[:n]...)
	}
	return client, server
}

// repeatFrame is whole binary frames from the server, about size bytes.
func repeatFrame(payload, size int) []byte {
	frame := []byte{binaryFin}
	if payload < length16 {
		frame = append(frame, byte(payload))
	} else {
		frame = append(frame, length16)
		frame = binary.BigEndian.AppendUint16(frame, uint16(payload))
	}
	frame = append(frame, strings.Repeat("wstap bench ", payload/12+1)[:payload]...)
	return bytes.Repeat(frame, max(size/len(frame), 1))
}
