package tui

import (
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// frameAt is a record at some milliseconds after the start.
func frameAt(ms int, dir ws.Direction, op ws.Opcode, length uint64) monitor.FrameRecord {
	return monitor.RecordFrame(start.Add(time.Duration(ms)*time.Millisecond), dir, ws.Frame{Opcode: op, Length: length, Fin: true, Masked: dir == ws.FromClient})
}

func TestPairPongs(t *testing.T) {
	ping := func(ms int, n uint64) monitor.FrameRecord { return frameAt(ms, ws.FromServer, ws.OpPing, n) }
	pong := func(ms int, n uint64) monitor.FrameRecord { return frameAt(ms, ws.FromClient, ws.OpPong, n) }
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, c := range []struct {
		name    string
		records []monitor.FrameRecord
		answers []answer
		waiting []int
	}{
		{"none", nil, []answer{}, nil},
		{"one", []monitor.FrameRecord{ping(0, 4), pong(12, 4)}, []answer{{}, {rtt: ms(12)}}, nil},
		{"at the same time", []monitor.FrameRecord{ping(0, 4), pong(0, 4)}, []answer{{}, {rtt: 1}}, nil},
		{"not answered", []monitor.FrameRecord{ping(0, 4)}, []answer{{}}, []int{0}},
		{"a pong that nobody asked for", []monitor.FrameRecord{pong(5, 0)}, []answer{{}}, nil},
		{"another length answers nothing", []monitor.FrameRecord{ping(0, 4), pong(9, 5)}, []answer{{}, {}}, []int{0}},
		{"its own ping is not answered by a side", []monitor.FrameRecord{ping(0, 4), frameAt(9, ws.FromServer, ws.OpPong, 4)}, []answer{{}, {}}, []int{0}},
		{"in turn", []monitor.FrameRecord{ping(0, 4), pong(10, 4), ping(100, 4), pong(130, 4)}, []answer{{}, {rtt: ms(10)}, {}, {rtt: ms(30)}}, nil},
		{"two waiting: which one is not known", []monitor.FrameRecord{ping(0, 4), ping(100, 4), pong(130, 4), pong(140, 4)},
			[]answer{{}, {}, {rtt: ms(130), atMost: true}, {rtt: ms(40), atMost: true}}, nil},
		{"two waiting, told apart by length", []monitor.FrameRecord{ping(0, 4), ping(100, 5), pong(130, 5)},
			[]answer{{}, {}, {rtt: ms(30)}}, []int{0}},
		{"both directions", []monitor.FrameRecord{ping(0, 4), frameAt(1, ws.FromClient, ws.OpPing, 4), frameAt(3, ws.FromServer, ws.OpPong, 4), pong(7, 4)},
			[]answer{{}, {}, {rtt: ms(2)}, {rtt: ms(7)}}, nil},
		{"certain again once none waits", []monitor.FrameRecord{ping(0, 4), ping(1, 4), pong(2, 4), pong(3, 4), ping(10, 4), pong(15, 4)},
			[]answer{{}, {}, {rtt: ms(2), atMost: true}, {rtt: ms(2), atMost: true}, {}, {rtt: ms(5)}}, nil},
		{"data in between", []monitor.FrameRecord{ping(0, 4), frameAt(1, ws.FromClient, ws.OpText, 4), pong(2, 4)}, []answer{{}, {}, {rtt: ms(2)}}, nil},
	} {
		answers, waiting := pairPongs(c.records)
		if !slices.Equal(answers, c.answers) || !slices.Equal(waiting, c.waiting) {
			t.Errorf("%s: answers %v, waiting %v, want %v and %v", c.name, answers, waiting, c.answers, c.waiting)
		}
	}
}
