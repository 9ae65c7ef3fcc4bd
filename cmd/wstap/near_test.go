package main

import (
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// TestNearLimit: all conns are looked at, however few at once, and those that
// cannot be near are not.
func TestNearLimit(t *testing.T) {
	s := monitor.NewState(monitor.Bounds{})
	at := monitor.TimeOf(time.Unix(1_790_000_000, 0))
	s.Apply(&monitor.Hello{Header: monitor.Header{At: at}, Taps: []monitor.TapInfo{{Name: "back", Role: monitor.Back}}})
	s.Apply(&monitor.Limit{Header: monitor.Header{At: at}, Kind: monitor.Idle, Value: monitor.Millis(100 * time.Second), Source: "flag"})
	for n := uint64(1); n <= 25; n++ { // silent for 4, 8 … 100 s
		h := monitor.Header{At: at.Add(time.Duration(100-4*n) * time.Second), Leg: "back", Conn: n}
		s.Apply(&monitor.Opened{Header: h})
		s.Apply(&monitor.Request{Header: h})
		s.Apply(&monitor.Response{Header: h, Status: 101})
	}
	closed := monitor.Header{At: at, Leg: "back", Conn: 24}
	s.Apply(&monitor.SideEnded{Header: closed, How: monitor.HowFIN})
	s.Apply(&monitor.Closed{Header: closed})
	s.Apply(&monitor.Tick{Header: monitor.Header{At: at.Add(100 * time.Second)}})
	const want = 25 - 18 - 1 // the 19th is silent for 76 s, one is closed
	for _, atOnce := range []int{1, 2, 24, 25, 26, nearAtOnce} {
		holds := 0
		got := nearLimit(func(fn func(*monitor.State)) { holds++; fn(s) }, atOnce)
		if got != want || holds > 25/atOnce+1 {
			t.Errorf("%d at once: %d are near in %d holds, want %d", atOnce, got, holds, want)
		}
	}
}
