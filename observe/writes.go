package observe

import (
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// writes is how long the writes of a conn's bytes have waited for their
// receivers, by the direction of the bytes. nil is: none ever did.
type writes struct {
	since  [2]monitor.Time // that waits now; 0: none
	last   [2]wait         // that is over
	stuck  [2]bool         // when the first side ended
	waited [2]monitor.Millis
}

// wait is a write that waited for its receiver.
type wait struct {
	until monitor.Time
	took  monitor.Millis
}

// block notes that a write of dir's bytes begins or ceases to wait.
func (c *conn) block(dir ws.Direction, at monitor.Time, now bool) {
	if c.writes == nil {
		if !now {
			return
		}
		c.writes = new(writes)
	}
	since := &c.writes.since[dir]
	switch {
	case now && *since == 0:
		*since = at
	case !now && *since != 0:
		last := wait{at, monitor.Millis(at.Sub(*since))}
		c.writes.last[dir] = last
		c.sample.Dir[dir].Blocked += last.took
		*since = 0
	}
}

// blocked says whether a write waits now.
func (w *writes) blocked() bool { return w != nil && (w.since[0] != 0 || w.since[1] != 0) }

// withEnd is how shortly before an end a wait may be over and still belong to
// it: a reset lets the write come back before its own news is told.
const withEnd = 100 * time.Millisecond

// noteEnd remembers who was stuck when the first side ended.
func (w *writes) noteEnd(at monitor.Time) {
	if w == nil {
		return
	}
	for d, since := range w.since {
		last := w.last[d]
		switch {
		case since != 0:
			w.stuck[d], w.waited[d] = true, monitor.Millis(max(at.Sub(since), 0))
		case last.until != 0 && at.Sub(last.until) <= withEnd:
			w.stuck[d], w.waited[d] = true, last.took
		}
	}
}

// report completes a sample with the writes that wait now or, once a side has
// ended, waited then.
func (w *writes) report(s *monitor.Sample, at monitor.Time, ended bool) {
	if w == nil {
		return
	}
	for d := range s.Dir {
		t := &s.Dir[d]
		if since := w.since[d]; since != 0 {
			waiting := monitor.Millis(max(at.Sub(since), 0))
			t.Blocked += waiting
			t.BlockedNow, t.Waiting = true, waiting
		}
		if ended {
			t.BlockedNow, t.BlockedAtEnd, t.Waiting = w.stuck[d], w.waited[d], 0
		}
	}
}
