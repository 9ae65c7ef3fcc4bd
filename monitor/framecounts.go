package monitor

import (
	"encoding/json"
	"fmt"

	"github.com/wstap/wstap/ws"
)

// FrameCounts counts frames by opcode. The ten reserved opcodes, which hardly
// any conn ever sees, take room only where one came: there may be 100,000 conns.
// A copy shares them; see Clone.
type FrameCounts struct {
	known    [6]uint64
	reserved *[16]uint64
}

// slots are the places of the opcodes with a meaning, RFC 6455 §5.2; 0 is none.
var slots = [16]uint8{ws.OpContinuation: 1, ws.OpText: 2, ws.OpBinary: 3, ws.OpClose: 4, ws.OpPing: 5, ws.OpPong: 6}

// Of is the number of frames of an opcode.
func (f *FrameCounts) Of(op ws.Opcode) uint64 {
	if s := slots[op&15]; s != 0 {
		return f.known[s-1]
	}
	if f.reserved == nil {
		return 0
	}
	return f.reserved[op&15]
}

// Add counts n more frames of an opcode.
func (f *FrameCounts) Add(op ws.Opcode, n uint64) {
	if s := slots[op&15]; s != 0 {
		f.known[s-1] += n
		return
	}
	if f.reserved == nil {
		if n == 0 {
			return
		}
		f.reserved = new([16]uint64)
	}
	f.reserved[op&15] += n
}

// Total is the number of all frames.
func (f *FrameCounts) Total() (n uint64) {
	for op := range ws.Opcode(16) {
		n += f.Of(op)
	}
	return n
}

// Clone shares nothing with f.
func (f *FrameCounts) Clone() FrameCounts {
	c := *f
	if f.reserved != nil {
		r := *f.reserved
		c.reserved = &r
	}
	return c
}

// MarshalJSON writes 16 numbers, by opcode.
func (f FrameCounts) MarshalJSON() ([]byte, error) {
	var all [16]uint64
	for op := range all {
		all[op] = f.Of(ws.Opcode(op))
	}
	return json.Marshal(all)
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
