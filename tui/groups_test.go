package tui

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// aggregatesOf counts the groups of a State anew, as the slow and plain way
// that the incremental one is held against.
func aggregatesOf(s *monitor.State, by *grouping) map[string]aggregate {
	all := map[string]aggregate{}
	s.Conns(func(c *monitor.Conn) bool {
		a := all[by.of(c)]
		a.conns++
		for d := range 2 {
			a.frames += c.Sample.Dir[d].FrameCount()
			a.bytes += c.Sample.Dir[d].Bytes
		}
		if bad, _ := unclean(c); bad {
			a.unclean++
		}
		all[by.of(c)] = a
		return true
	})
	return all
}

func checkGroups(t *testing.T, m *Model, s *monitor.State) {
	t.Helper()
	g := &m.list.index.groups
	want := aggregatesOf(s, g.by)
	got := 0
	for i := range g.all {
		a := &g.all[i]
		if a.conns == 0 {
			continue
		}
		got++
		if w := want[a.name]; a.conns != w.conns || a.frames != w.frames || a.bytes != w.bytes || a.unclean != w.unclean {
			t.Errorf("by %s, %q: %d conns, %d frames, %d bytes, %d bad; want %d, %d, %d, %d", g.by.name, a.name, a.conns, a.frames, a.bytes, a.unclean, w.conns, w.frames, w.bytes, w.unclean)
		}
	}
	if got != len(want) {
		t.Errorf("by %s: %d groups, want %d", g.by.name, got, len(want))
	}
}

func TestGroupsAddUp(t *testing.T) {
	s := fixed()
	m := screenOf(t, Options{}, s, 120, 40)
	for i := range groupings[1:] {
		press(m, "o")
		m.Update(refreshMsg{})
		if m.list.index.groups.by != &groupings[i+1] {
			t.Fatalf("grouping %d is not next", i+1)
		}
		checkGroups(t, m, s)
	}
	if press(m, "o"); m.list.index.groups.on() {
		t.Error("after the last grouping there is another")
	}
}

// TestGroupsFollowChanges opens, fills and ends conns at random.
func TestGroupsFollowChanges(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	b := newStory()
	m := screenOf(t, Options{}, b.s, 120, 40)
	press(m, "o")
	open := map[uint64]bool{}
	for n := uint64(1); n < 400; n++ {
		b.at(time.Duration(n)*time.Second).open("front", n, []string{"/a", "/b?x=1", "/c"}[r.IntN(3)], "k==")
		b.upgrade("front", n)
		open[n] = true
		for k := range open {
			switch r.IntN(8) {
			case 0:
				b.traffic("front", k, uint64(r.IntN(50))+n, n)
			case 1:
				b.end("front", k, ws.FromServer, monitor.HowReset)
				b.close("front", k, sampleOf(b.now, 3, 4))
				delete(open, k)
			}
		}
		m.Update(refreshMsg{})
	}
	m.list.index.outdate()
	m.Update(refreshMsg{})
	checkGroups(t, m, b.s)
}

func TestGroupsAreBounded(t *testing.T) {
	b := newStory()
	for n := range uint64(groupsMost + 50) {
		b.at(time.Duration(n)*time.Millisecond).open("front", n+1, "/"+string([]rune{rune('a' + n/676%26), rune('a' + n/26%26), rune('a' + n%26)}), "k==")
	}
	m := screenOf(t, Options{}, b.s, 120, 40)
	press(m, "o")
	for m.list.index.stale > 0 {
		m.Update(refreshMsg{})
	}
	if n := len(m.list.index.groups.all); n > groupsMost+1 {
		t.Errorf("%d groups", n)
	}
	if !slices.ContainsFunc(m.list.index.groups.all, func(a aggregate) bool { return a.name == othersGroup && a.conns > 0 }) {
		t.Error("what has no group of its own is counted nowhere")
	}
}

func TestEnterOnAGroupShowsItsConnections(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	press(m, "o")
	for m.list.index.groups.win.sel != "/chat" {
		press(m, "j")
	}
	press(m, "enter")
	if m.list.index.groups.on() || len(m.list.rows) != 2 {
		t.Errorf("%d rows, want the two legs of /chat:\n%s", len(m.list.rows), text(t, m))
	}
	if press(m, "esc"); !m.list.index.groups.on() || m.list.index.groups.win.sel != "/chat" {
		t.Errorf("esc does not lead back to the group:\n%s", text(t, m))
	}
	if press(m, "esc"); len(m.list.rows) != 16 {
		t.Errorf("esc shows %d rows, want all", len(m.list.rows))
	}
}

func TestEscLeavesGroups(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	if press(m, "o", "esc"); m.list.index.groups.on() {
		t.Error("esc does not leave the groups")
	}
}
