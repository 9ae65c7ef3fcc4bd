package monitor

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/wstap/wstap/ws"
)

func TestFrameCounts(t *testing.T) {
	var f FrameCounts
	for op := range ws.Opcode(16) {
		f.Add(op, 0)
	}
	f.Add(ws.OpText, 1)
	if f.more != nil {
		t.Error("room for reserved opcodes that never came")
	}
	f.known[slots[ws.OpText]-1]--
	for op := range ws.Opcode(16) {
		f.Add(op, uint64(op)+1)
		f.Add(op, 1)
	}
	c := f.Clone()
	f.Add(3, 100)
	f.Add(ws.OpText, 100)
	for op := range ws.Opcode(16) {
		if got := c.Of(op); got != uint64(op)+2 {
			t.Errorf("%v: %d after a change of the original, want %d", op, got, op+2)
		}
	}
	if c.Total() != 152 || f.Total() != 352 {
		t.Errorf("totals %d, %d", c.Total(), f.Total())
	}
	b, err := json.Marshal(c)
	if err != nil || string(b) != "[2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]" {
		t.Fatalf("%s %v", b, err)
	}
	var back FrameCounts
	if err := json.Unmarshal(b, &back); err != nil || back.Total() != 152 || back.Of(ws.OpPong) != 12 {
		t.Errorf("%+v %v", back, err)
	}
}

func TestFrameCountsBeyond32Bits(t *testing.T) {
	for _, steps := range [][]uint64{
		{math.MaxUint32},
		{math.MaxUint32, 1},
		{math.MaxUint32 - 1, 1, 1},
		{1 << 40},
		{5, math.MaxUint64 - 5},
	} {
		var f FrameCounts
		f.Add(ws.OpPing, 7)
		var want uint64
		for _, n := range steps {
			f.Add(ws.OpText, n)
			want += n
		}
		if f.Of(ws.OpText) != want || f.Of(ws.OpPing) != 7 || f.Total() != want+7 {
			t.Errorf("%v: %d texts, %d pings, want %d and 7", steps, f.Of(ws.OpText), f.Of(ws.OpPing), want)
		}
	}
}
