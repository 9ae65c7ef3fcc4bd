package diagnose

import (
	"time"

	"github.com/wstap/wstap/monitor"
)

// backdrop is what a burst must stand out from: how long all ends are known,
// and how many WebSockets were open.
type backdrop struct {
	firstEnd monitor.Time  // of the conns kept; those that ended before it may be forgotten
	net      map[int64]int // by second: upgraded less ended
}

func (b *backdrop) see(c *monitor.Conn) {
	end := c.EndAt()
	if !end.IsZero() && !c.Pinned && (b.firstEnd.IsZero() || end < b.firstEnd) {
		b.firstEnd = end
	}
	if !c.IsUpgraded() || isSecondLeg(c) {
		return
	}
	if b.net == nil {
		b.net = map[int64]int{}
	}
	b.net[secondOf(c.Upgraded)]++
	if !end.IsZero() {
		b.net[secondOf(end)]--
	}
}

func secondOf(t monitor.Time) int64 { return int64(t) / int64(time.Second) }

// since is from when on everything is known: all the time, unless conns were
// forgotten. The oldest ends are forgotten first.
func (b *backdrop) since(s *monitor.State) monitor.Time {
	if uint64(s.Len()) < s.Totals.Conns {
		return max(b.firstEnd, s.Started())
	}
	return s.Started()
}

// observed is the time over which everything is known.
func (b *backdrop) observed(s *monitor.State) time.Duration { return s.Now().Sub(b.since(s)) }

// open is how many WebSockets were open before the second of a time.
func (b *backdrop) open(t monitor.Time) (n int) {
	for second, more := range b.net {
		if second < secondOf(t) {
			n += more
		}
	}
	return n
}

// bursts are those of a timeline that stand out from the backdrop: ten of
// 100,000 do not, a hundred at once do in any crowd.
func (b *backdrop) bursts(l *timeline, s *monitor.State) (out []burst) {
	for _, x := range l.bursts(b.observed(s)) {
		if x.n >= burstLarge || x.n*100 >= b.open(x.from) {
			out = append(out, x)
		}
	}
	return out
}

const burstLarge = 100 // conns; below, at least one in a hundred
