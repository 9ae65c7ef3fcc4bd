package ws

import (
	"encoding/binary"
	"math/bits"
)

// utf8State is how far into a character a text message stands, so that a message can be checked in any pieces. It is
// a shift into the rows of utf8Steps.
type utf8State uint8

// States of the automaton: which bytes complete the character, RFC 3629 §4. Six bits each, so that one uint64 holds
// the next state for each of them, and following a byte costs one load and one shift.
const (
	utf8Accept  utf8State = 6 * iota // between characters
	utf8Reject                       // never left
	utf8Tail1                        // one more of 80–BF
	utf8Tail2                        // two more
	utf8Tail3                        // three more
	utf8AfterE0                      // A0–BF, then one more: no overlong form
	utf8AfterED                      // 80–9F, then one more: no surrogate
	utf8AfterF0                      // 90–BF, then two more: no overlong form
	utf8AfterF4                      // 80–8F, then two more: not over U+10FFFF
	utf8Shift   = 63                 // the bits of a row that hold a state, after shifting
)

// utf8Steps holds for each byte the states it leads to.
var utf8Steps = makeUTF8Steps()

// makeUTF8Steps builds the rows from the table of well-formed sequences, RFC 3629 §4.
func makeUTF8Steps() (steps [256]uint64) {
	for b := range steps {
		for from := utf8Accept; from <= utf8AfterF4; from += utf8Reject {
			steps[b] |= uint64(utf8Reject) << from
		}
	}
	for _, t := range [...]struct {
		from        utf8State
		first, last byte
		to          utf8State
	}{
		{utf8Accept, 0x00, 0x7F, utf8Accept},
		{utf8Accept, 0xC2, 0xDF, utf8Tail1},
		{utf8Accept, 0xE0, 0xE0, utf8AfterE0},
		{utf8Accept, 0xE1, 0xEC, utf8Tail2},
		{utf8Accept, 0xED, 0xED, utf8AfterED},
		{utf8Accept, 0xEE, 0xEF, utf8Tail2},
		{utf8Accept, 0xF0, 0xF0, utf8AfterF0},
		{utf8Accept, 0xF1, 0xF3, utf8Tail3},
		{utf8Accept, 0xF4, 0xF4, utf8AfterF4},
		{utf8Tail1, 0x80, 0xBF, utf8Accept},
		{utf8Tail2, 0x80, 0xBF, utf8Tail1},
		{utf8Tail3, 0x80, 0xBF, utf8Tail2},
		{utf8AfterE0, 0xA0, 0xBF, utf8Tail1},
		{utf8AfterED, 0x80, 0x9F, utf8Tail1},
		{utf8AfterF0, 0x90, 0xBF, utf8Tail2},
		{utf8AfterF4, 0x80, 0x8F, utf8Tail2},
	} {
		for b := int(t.first); b <= int(t.last); b++ {
			steps[b] &^= utf8Shift << t.from
			steps[b] |= uint64(t.to) << t.from
		}
	}
	return steps
}

// notASCII are the highest bits of eight bytes.
const notASCII = 0x8080808080808080

// follow returns the state after p under key, whose lowest byte is for p[0]. Between characters it steps over eight
// bytes of ASCII at a time, or 32. A short p mostly is ASCII as a whole, which is quicker to ask.
func (s utf8State) follow(p []byte, key uint32) utf8State {
	if s == utf8Accept && len(p) <= maxShort && isASCII(p, key) {
		return utf8Accept
	}
	key64 := uint64(key)<<32 | uint64(key)
	for len(p) >= 8 {
		if s == utf8Accept {
			p = skipASCII(p, key64)
			if len(p) < 8 {
				break
			}
		}
		s = s.follow8(binary.LittleEndian.Uint64(p) ^ key64)
		if s == utf8Reject {
			return s
		}
		p = p[8:]
	}
	for _, b := range p {
		s = utf8State(utf8Steps[b^byte(key)]>>(s&utf8Shift)) & utf8Shift
		key = bits.RotateLeft32(key, -8)
	}
	return s
}

// follow8 is follow for eight unmasked bytes, the lowest first. Written out, it is half as fast again as a loop.
func (s utf8State) follow8(eight uint64) utf8State {
	state := uint64(s)
	state = utf8Steps[byte(eight)] >> (state & utf8Shift)
	state = utf8Steps[byte(eight>>8)] >> (state & utf8Shift)
	state = utf8Steps[byte(eight>>16)] >> (state & utf8Shift)
	state = utf8Steps[byte(eight>>24)] >> (state & utf8Shift)
	state = utf8Steps[byte(eight>>32)] >> (state & utf8Shift)
	state = utf8Steps[byte(eight>>40)] >> (state & utf8Shift)
	state = utf8Steps[byte(eight>>48)] >> (state & utf8Shift)
	state = utf8Steps[byte(eight>>56)] >> (state & utf8Shift)
	return utf8State(state & utf8Shift)
}

// isASCII says whether all of p is ASCII under key. The last eight bytes that it looks at may overlap those before.
func isASCII(p []byte, key uint32) bool {
	all := uint64(0)
	if len(p) < 8 {
		for _, b := range p {
			all |= uint64(b ^ byte(key))
			key = bits.RotateLeft32(key, -8)
		}
		return all&notASCII == 0
	}
	key64 := uint64(key)<<32 | uint64(key)
	last := len(p) - 8
	for i := 0; i < last; i += 8 {
		all |= binary.LittleEndian.Uint64(p[i:]) ^ key64
	}
	all |= binary.LittleEndian.Uint64(p[last:]) ^ bits.RotateLeft64(key64, -8*(last&3))
	return all&notASCII == 0
}

// skipASCII drops eight bytes of p at a time as long as all of them are ASCII under key.
func skipASCII(p []byte, key uint64) []byte {
	for len(p) >= 32 {
		a := binary.LittleEndian.Uint64(p) ^ key
		b := binary.LittleEndian.Uint64(p[8:]) ^ key
		c := binary.LittleEndian.Uint64(p[16:]) ^ key
		d := binary.LittleEndian.Uint64(p[24:]) ^ key
		if (a|b|c|d)&notASCII != 0 {
			break
		}
		p = p[32:]
	}
	for len(p) >= 8 && (binary.LittleEndian.Uint64(p)^key)&notASCII == 0 {
		p = p[8:]
	}
	return p
}
