package ws

import "encoding/binary"

// frameSpec is a frame to build, legal or not. The zero value of each field is the legal and common choice.
type frameSpec struct {
	opcode  Opcode
	payload []byte
	mask    uint32 // 0: not masked; the key's bytes are those of the number, big-endian
	rsv     uint8
	noFin   bool
	form    byte   // 126 or 127: write the length this way, however small
	length  uint64 // write this length instead of the payload's
}

// buildFrame writes the frame independently of the decoder: RFC 6455 §5.2 top to bottom.
func buildFrame(s frameSpec) []byte {
	first := byte(s.opcode) | s.rsv<<4
	if !s.noFin {
		first |= 0x80
	}
	length, form := uint64(len(s.payload)), s.form
	if s.length != 0 {
		length = s.length
	}
	if form == 0 {
		switch {
		case length > 65535:
			form = 127
		case length > 125:
			form = 126
		default:
			form = byte(length)
		}
	}
	var masked byte
	if s.mask != 0 {
		masked = 0x80
	}
	frame := []byte{first, form | masked}
	switch form {
	case 126:
		frame = binary.BigEndian.AppendUint16(frame, uint16(length))
	case 127:
		frame = binary.BigEndian.AppendUint64(frame, length)
	}
	if s.mask == 0 {
		return append(frame, s.payload...)
	}
	frame = binary.BigEndian.AppendUint32(frame, s.mask)
	for i, b := range s.payload {
		frame = append(frame, b^byte(s.mask>>(24-8*(i%4))))
	}
	return frame
}

// join puts byte strings one after the other.
func join(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}
