package diagnose

import (
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// TestSteadyLoadIsNoBurst: six conns a second that servers end, for much longer
// than ended conns are kept. What is kept must not look like all there was.
func TestSteadyLoadIsNoBurst(t *testing.T) {
	b := &crowdBuilder{s: monitor.NewState(monitor.Bounds{Closed: 1000}), now: monitor.TimeOf(start)}
	b.s.Apply(&monitor.Hello{Header: b.head(0), Started: b.now, Taps: []monitor.TapInfo{{Name: "front", Role: monitor.Front}}})
	for i := range uint64(12_000) {
		b.now = b.now.Add(time.Second / 6)
		b.conn(i+1, 0)
		b.end(i+1, ws.FromServer, monitor.HowFIN)
		b.s.Apply(&monitor.Tick{Header: b.head(0)})
	}
	b.now = b.now.Add(10 * time.Second)
	b.s.Apply(&monitor.Tick{Header: b.head(0)})
	b.s.Finish()
	if b.s.Totals.Evicted == 0 {
		t.Fatal("nothing was evicted")
	}
	for _, f := range Run(b.s, Options{}) {
		if f.ID == "mass-disconnect" || f.ID == "reconnect-storm" {
			t.Errorf("a false alarm:\n%s", render([]Finding{f}))
		}
	}
}

// TestFewOfMany: ten at once are no mass where many thousands are open.
func TestFewOfMany(t *testing.T) {
	for _, tt := range []struct{ open, ended, masses int }{{500, 10, 1}, {2000, 10, 0}, {20_000, 100, 1}} {
		b := &crowdBuilder{s: monitor.NewState(monitor.Bounds{}), now: monitor.TimeOf(start)}
		b.s.Apply(&monitor.Hello{Header: b.head(0), Started: b.now, Taps: []monitor.TapInfo{{Name: "front", Role: monitor.Front}}})
		for i := range tt.open {
			b.conn(uint64(i+1), 0)
		}
		b.now = b.now.Add(100 * time.Second)
		for i := range tt.ended {
			b.end(uint64(i+1), ws.FromServer, monitor.HowReset)
		}
		b.now = b.now.Add(10 * time.Second)
		b.s.Apply(&monitor.Tick{Header: b.head(0)})
		b.s.Finish()
		n := 0
		for _, f := range Run(b.s, Options{}) {
			if f.ID == "mass-disconnect" {
				n++
			}
		}
		if n != tt.masses {
			t.Errorf("%d of %d: %d findings, want %d", tt.ended, tt.open, n, tt.masses)
		}
	}
}
