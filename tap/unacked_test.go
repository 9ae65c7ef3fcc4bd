package tap

import (
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

func TestAckedIdle(t *testing.T) {
	at := monitor.TimeOf(time.Unix(1000, 0))
	var a acked
	if a.idle(at) {
		t.Error("it was never looked at")
	}
	a.next(ackProgress{}, at)
	for _, tt := range []struct {
		last monitor.Time
		want bool
	}{{0, false}, {at.Add(-time.Minute), true}, {at.Add(-time.Second), false}, {at, false}, {at + 1, false}} {
		if got := a.idle(tt.last); got != tt.want {
			t.Errorf("last byte %v: idle %v", tt.last-at, got)
		}
	}
	a.next(ackProgress{waiting: true, acked: 5, heard: time.Hour}, at+2)
	if a.idle(at - 1) {
		t.Error("bytes wait, and it is said to be idle")
	}
}

// TestAckRound: however many there are, each is asked once a cycle, or as often
// as acksAtOnce allows.
func TestAckRound(t *testing.T) {
	const ticks = int(ackCycle / ackEvery)
	for _, n := range []int{0, 1, 5, ticks, ticks + 1, 100, 1000, ticks * acksAtOnce, 50_000} {
		var r ackRound
		tunnels := make([]tunnel, n)
		fills := 0
		all := func(list []*tunnel) []*tunnel {
			fills++
			for i := range tunnels {
				list = append(list, &tunnels[i])
			}
			return list
		}
		asked := map[*tunnel]int{}
		took := 0
		for ; fills < 2; took++ {
			share := r.next(all)
			if len(share) > acksAtOnce {
				t.Fatalf("%d connections: %d at once", n, len(share))
			}
			if fills < 2 {
				for _, tun := range share {
					asked[tun]++
				}
			}
		}
		if len(asked) != n {
			t.Errorf("%d connections, %d were asked", n, len(asked))
		}
		if most := max(ticks, n/acksAtOnce) + 1; took > most {
			t.Errorf("%d connections: a cycle of %d ticks, at most %d are promised", n, took, most)
		}
	}
}

func TestAckedNext(t *testing.T) {
	at := func(s float64) monitor.Time { return monitor.TimeOf(time.Unix(1000, 0)).Add(time.Duration(s * 1e9)) }
	type look struct {
		at   float64
		p    ackProgress
		want time.Duration
	}
	long := time.Hour // nothing was heard since before the script
	for name, looks := range map[string][]look{
		"nothing waits":        {{0, ackProgress{false, 5, long}, 0}, {9, ackProgress{false, 5, long}, 0}},
		"a vanished peer":      {{0, ackProgress{true, 5, long}, 0}, {5, ackProgress{true, 5, long}, 5 * time.Second}, {61, ackProgress{true, 5, long}, 61 * time.Second}},
		"it acknowledges some": {{0, ackProgress{true, 5, long}, 0}, {5, ackProgress{true, 6, long}, 0}, {10, ackProgress{true, 6, long}, 5 * time.Second}},
		"it comes back":        {{0, ackProgress{true, 5, long}, 0}, {5, ackProgress{true, 5, long}, 5 * time.Second}, {6, ackProgress{false, 9, 0}, 0}, {7, ackProgress{true, 9, 0}, 0}},
		"it does not read":     {{0, ackProgress{true, 5, 0}, 0}, {60, ackProgress{true, 5, 200 * time.Millisecond}, 0}},
		"a moment":             {{0, ackProgress{true, 5, long}, 0}, {0.9, ackProgress{true, 5, long}, 0}},
	} {
		var a acked
		for _, l := range looks {
			if got := a.next(l.p, at(l.at)); got != l.want {
				t.Errorf("%s: at %v %v, want %v", name, l.at, got, l.want)
			}
		}
	}
}
