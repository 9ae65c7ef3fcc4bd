package feed

import (
	"math"
	"time"

	"github.com/wstap/wstap/monitor"
)

const (
	tickEvery = monitor.Time(TickEvery)
	// ticksAfter is for how long a silent recording ticks: verdicts settle within
	// it. After that one tick just before the next event tells the time; a file
	// that jumps a century must not cost ten billion of them.
	ticksAfter = monitor.Time(10 * time.Second)
)

// ticks makes the ticks that recordings leave out, from the times of what they
// hold.
type ticks struct {
	last  monitor.Time // the last tick, or the first time
	to    monitor.Time // now
	dense monitor.Time // until when each tick is made
}

// until lets time pass; a time before now changes nothing.
func (t *ticks) until(at monitor.Time) {
	if at = min(at, math.MaxInt64-2*ticksAfter); at <= t.to {
		return
	}
	if t.last == 0 {
		t.last = at
	}
	t.dense = max(t.to, t.last) + ticksAfter
	t.to = at
}

// next is the time of the next tick that is due.
func (t *ticks) next() (at monitor.Time, due bool) {
	at = t.last - t.last%tickEvery + tickEvery
	if at > t.to {
		return 0, false
	}
	if at > t.dense {
		at = t.to - t.to%tickEvery
	}
	t.last = at
	return at, true
}

// applier applies recorded events to a state, with the ticks between them.
type applier struct {
	state *monitor.State
	ticks ticks
}

func newApplier(b monitor.Bounds) applier { return applier{state: monitor.NewState(b)} }

func (a *applier) apply(ev monitor.Event) {
	a.tickTo(ev.Head().At)
	a.state.Apply(ev)
}

// tickTo makes the ticks due until at.
func (a *applier) tickTo(at monitor.Time) {
	a.ticks.until(at)
	for at, due := a.ticks.next(); due; at, due = a.ticks.next() {
		a.tick(at)
	}
}

func (a *applier) tick(at monitor.Time) {
	a.state.Apply(&monitor.Tick{Header: monitor.Header{At: at}})
	for range settleHolds {
		if !a.state.SettleMore() {
			break
		}
	}
}

// restore applies a keyframe: one moment, told by events of many times, so
// that the time passes only when it is complete.
func (a *applier) restore(events []monitor.Event) {
	var at monitor.Time
	for _, ev := range events {
		a.state.Apply(ev)
		at = max(at, ev.Head().At)
	}
	if at > 0 {
		a.tick(at)
		a.ticks = ticks{last: at, to: at}
	}
}
