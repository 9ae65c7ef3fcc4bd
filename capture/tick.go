package capture

import (
	"math"
	"time"

	"github.com/wstap/wstap/monitor"
)

const (
	// tickEvery is the time between the ticks of a live feed.
	tickEvery = monitor.Time(250 * time.Millisecond)
	// ticksAfter is for how long a quiet recording ticks: verdicts settle within
	// it. After that one tick just before the next event tells the time; a file
	// that jumps a century must not cost ten billion of them.
	ticksAfter = monitor.Time(10 * time.Second)
)

// ticker makes the ticks that were not recorded, from the times of what was.
type ticker struct {
	last  monitor.Time // the last tick, or the first time
	to    monitor.Time // now
	dense monitor.Time // until when each tick is made
}

// until lets time pass; a time before now changes nothing.
func (t *ticker) until(at monitor.Time) {
	if at = min(at, math.MaxInt64-2*ticksAfter); at <= t.to {
		return
	}
	if t.last == 0 {
		t.last = at
	}
	t.dense = max(t.to, t.last) + ticksAfter
	t.to = at
}

// next is the next tick before what comes, or nil.
func (t *ticker) next() monitor.Event {
	at := t.last - t.last%tickEvery + tickEvery
	if at > t.to {
		return nil
	}
	if at > t.dense {
		at = t.to - t.to%tickEvery
	}
	t.last = at
	return &monitor.Tick{Header: monitor.Header{At: at}}
}
