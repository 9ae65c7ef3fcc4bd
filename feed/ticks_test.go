package feed

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// TestTicks: dense while verdicts may settle, then one that tells the time.
func TestTicks(t *testing.T) {
	from := monitor.Time(1e18)
	var tk ticks
	var got, want []time.Duration
	for _, at := range []time.Duration{0, time.Second, time.Hour, time.Hour + 600*time.Millisecond} {
		tk.until(from.Add(at))
		for at, due := tk.next(); due; at, due = tk.next() {
			got = append(got, at.Sub(from))
		}
	}
	for d := TickEvery; d <= 11*time.Second; d += TickEvery {
		want = append(want, d)
	}
	want = append(want, time.Hour, time.Hour+TickEvery, time.Hour+2*TickEvery)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

// TestHostileTimes: a jump of a century must not cost a tick each quarter second.
func TestHostileTimes(t *testing.T) {
	tk := ticks{}
	tk.until(1)
	tk.until(math.MaxInt64)
	n := 0
	for _, due := tk.next(); due; _, due = tk.next() {
		if n++; n > 50 {
			t.Fatal("no end of ticks")
		}
	}
}

// TestSilenceSettles: in a silent stretch a verdict comes at its time, and the
// settling does not wait for the next event.
func TestSilenceSettles(t *testing.T) {
	from := monitor.Time(1e18)
	a := newApplier(monitor.Bounds{})
	for _, ev := range life(from, 1) {
		a.apply(ev)
	}
	a.tickTo(from.Add(time.Hour))
	if len(a.state.Settled()) != 1 {
		t.Error("not settled after an hour of silence")
	}
	if now := a.state.Now(); now != from.Add(time.Hour) {
		t.Errorf("it is %v, want an hour", now.Sub(from))
	}
}

// TestLoadUntilTheEnd: an idle conn is idle until the recording ends.
func TestLoadUntilTheEnd(t *testing.T) {
	from := monitor.Time(1e18)
	tp := &tape{evs: life(from, 1)[:3]}
	s, err := Load(tp, from.Add(time.Minute), monitor.Bounds{})
	if err != nil || s.Now() != from.Add(time.Minute) {
		t.Errorf("it is %v, %v; want a minute", s.Now().Sub(from), err)
	}
}
