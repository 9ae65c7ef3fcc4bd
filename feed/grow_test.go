package feed

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// growing is a tape of which a part is recorded.
type growing struct {
	tape
	rest []monitor.Event
	to   monitor.Time
	news bool // to be told by Grow
}

func (g *growing) Grow() (monitor.Time, bool) {
	grown := g.news
	g.news = false
	return g.to, grown
}

// record moves what comes before to from the rest to the tape.
func (g *growing) record(to monitor.Time) {
	for len(g.rest) > 0 && g.rest[0].Head().At <= to {
		g.evs, g.rest = append(g.evs, g.rest[0]), g.rest[1:]
	}
	g.to, g.news = to, true
}

func TestPlayerGrowsWithItsRecording(t *testing.T) {
	from := monitor.Time(1e18)
	g := &growing{rest: conns(from, 10).evs}
	g.record(from.Add(2 * time.Second))
	p := NewPlayer(g, from, g.to, 1, monitor.Bounds{})
	check := func(when string, at time.Duration, conns uint64, ended bool) {
		t.Helper()
		pos := p.Position()
		p.Read(func(s *monitor.State) {
			if s.Totals.Conns != conns || pos.At != from.Add(at) || pos.Ended != ended || pos.Err != nil {
				t.Errorf("%s: at %v, %d conns, ended %v, %v; want %v, %d, %v", when, pos.At.Sub(from), s.Totals.Conns, pos.Ended, pos.Err, at, conns, ended)
			}
		})
	}
	g.news = false
	p.step(t.Context(), 3*time.Second)
	check("what there is is played", 2*time.Second, 3, true)
	p.step(t.Context(), time.Second)
	check("nothing came", 2*time.Second, 3, true)
	g.record(from.Add(4 * time.Second))
	p.step(t.Context(), time.Second)
	check("it grew: playing goes on", 3*time.Second, 4, false)
	if to := p.Position().To; to != from.Add(4*time.Second) {
		t.Errorf("the end is %v, want 4s", to.Sub(from))
	}
	p.Read(func(s *monitor.State) {
		for c := range s.Conns {
			if c.Seq == 3 && c.Settled {
				t.Error("a conn that has ended half a second ago is settled, as at the end of a recording")
			}
		}
	})
	p.step(t.Context(), 2*time.Second)
	check("it waits at what is recorded", 4*time.Second, 5, false)
	for range stillAfter {
		p.step(t.Context(), time.Second)
	}
	check("it has not grown for long", 4*time.Second, 5, true)
	p.SetSpeed(math.Inf(1))
	g.record(from.Add(20 * time.Second))
	p.step(t.Context(), time.Second)
	check("it grew again", 20*time.Second, 10, false)
}

// A seek counts as arrived when the State is that of its goal.
func TestPlayerTellsItsGoal(t *testing.T) {
	from := monitor.Time(1e18)
	tp := conns(from, 10)
	p := NewPlayer(tp, from, from.Add(time.Minute), 1, monitor.Bounds{})
	goal := from.Add(5 * time.Second)
	p.Seek(goal)
	during := func(when string) {
		if got := p.Position().Goal; got != goal {
			t.Errorf("%s: goal %v, want 5s", when, got.Sub(from))
		}
	}
	during("asked for")
	tp.pause = func() { during("under way") }
	p.Pause(true)
	p.step(t.Context(), time.Second)
	if pos := p.Position(); pos.Goal != 0 || pos.At != goal {
		t.Errorf("arrived: %+v", pos)
	}
}

func TestTour(t *testing.T) {
	from := monitor.Time(1e18)
	tp := conns(from, 10)
	var types = map[string]int{}
	settled := 0
	s, err := Tour(tp, from.Add(time.Minute), monitor.Bounds{}, func(ev monitor.Event, conns []*monitor.Conn) bool {
		if ev == nil {
			types["end"]++
		} else {
			types[ev.Type()]++
		}
		for _, c := range conns {
			if c.Verdict.Cause != monitor.CauseClientReset || !c.Settled {
				t.Errorf("#%d: %+v", c.Seq, c.Verdict)
			}
			settled++
		}
		return true
	})
	if err != nil || s.Totals.Closed != 10 || settled != 10 {
		t.Errorf("%v, %d closed, %d settled", err, s.Totals.Closed, settled)
	}
	if want := "map[closed:10 end:1 opened:10 request:10 response:10 side_ended:10]"; fmt.Sprint(types) != want {
		t.Errorf("told of %v, want %s", types, want)
	}
	n := 0
	if _, err := Tour(conns(from, 10), from, monitor.Bounds{}, func(monitor.Event, []*monitor.Conn) bool { n++; return n < 3 }); err != nil || n != 3 {
		t.Errorf("stopped after %d events with %v, want 3", n, err)
	}
}
