package attach

import (
	"time"

	"github.com/wstap/wstap/monitor"
)

// clockKept is how many measurements count.
const clockKept = 8

// clockSlack is by how much measurements may disagree, beyond what their round
// trips explain, before somebody's clock has been set.
const clockSlack = 50 * time.Millisecond

// clock measures how far a relay's clock is from ours: its answer was made
// about half a round trip after the question.
type clock struct {
	seen  []reading // newest last
	steps uint64
}

type reading struct{ rtt, diff time.Duration }

// add takes one answer: now is the relay's, sent ours when we asked.
func (c *clock) add(sent, now monitor.Time, rtt time.Duration) {
	if rtt < 0 || now <= 0 || sent <= 0 {
		return
	}
	r := reading{rtt, now.Sub(sent) - rtt/2}
	if best, ok := c.best(); ok && abs(r.diff-best.diff) > (r.rtt+best.rtt)/2+clockSlack {
		c.steps++
		c.seen = c.seen[:0]
	}
	if len(c.seen) == clockKept {
		c.seen = append(c.seen[:0], c.seen[1:]...)
	}
	c.seen = append(c.seen, r)
}

// best is the measurement with the shortest round trip: it errs by half of it
// at most.
func (c *clock) best() (r reading, ok bool) {
	for i, s := range c.seen {
		if i == 0 || s.rtt <= r.rtt {
			r = s
		}
	}
	return r, len(c.seen) > 0
}

func abs(d time.Duration) time.Duration { return max(d, -d) }
