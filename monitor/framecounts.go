package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/wstap/wstap/ws"
)

// FrameCounts counts frames by opcode. What hardly any conn ever needs takes room
// only where it is needed, for there may be 100,000 conns: the ten reserved
// opcodes, and counts beyond 32 bits. A copy shares that room; see Clone.
type FrameCounts struct {
	known [6]uint32   // of the opcodes with a meaning, by slots
	more  *[16]uint64 // by opcode: what known has no room for
}

// slots are the places of the opcodes with a meaning, RFC 6455 §5.2; 0 is none.
var slots = [16]uint8{ws.OpContinuation: 1, ws.OpText: 2, ws.OpBinary: 3, ws.OpClose: 4, ws.OpPing: 5, ws.OpPong: 6}

// Of is the number of frames of an opcode.
func (f *FrameCounts) Of(op ws.Opcode) (n uint64) {
	if s := slots[op&15]; s != 0 {
		n = uint64(f.known[s-1])
	}
	if f.more != nil {
		n += f.more[op&15]
	}
	return n
}

// Add counts n more frames of an opcode.
func (f *FrameCounts) Add(op ws.Opcode, n uint64) {
	if s := slots[op&15]; s != 0 && n <= uint64(math.MaxUint32-f.known[s-1]) {
		f.known[s-1] += uint32(n)
		return
	}
	if n == 0 {
		return
	}
	if f.more == nil {
		f.more = new([16]uint64)
	}
	f.more[op&15] += n
}

// Total is the number of all frames.
func (f *FrameCounts) Total() (n uint64) {
	for _, of := range f.known {
		n += uint64(of)
	}
	if f.more != nil {
		for _, of := range f.more {
			n += of
		}
	}
	return n
}

// Clone shares nothing with f.
func (f *FrameCounts) Clone() FrameCounts {
	c := *f
	if f.more != nil {
		m := *f.more
		c.more = &m
	}
	return c
}

// MarshalJSON writes 16 numbers, by opcode.
func (f FrameCounts) MarshalJSON() ([]byte, error) { return f.append(nil), nil }

func (f *FrameCounts) append(b []byte) []byte {
	b = append(b, '[')
	for op := range ws.Opcode(16) {
		if op > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, f.Of(op), 10)
	}
	return append(b, ']')
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *FrameCounts) UnmarshalJSON(b []byte) error {
	var all [16]uint64
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("monitor: bad frame counts: %w", err)
	}
	*f = FrameCounts{}
	for op, n := range all {
		f.Add(ws.Opcode(op), n)
	}
	return nil
}
