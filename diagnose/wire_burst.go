package diagnose

import (
	"maps"
	"slices"
	"time"

	"github.com/wstap/wstap/monitor"
)

// timeline counts what happens to conns by second, so that many at once stand
// out, in memory that does not grow with their number.
type timeline struct {
	of  map[int64]*moment
	all int
}

// moment is one second of a timeline.
type moment struct {
	n        int
	from, to monitor.Time
	conns    []*monitor.Conn // the first of them
}

func (l *timeline) add(c *monitor.Conn, at monitor.Time) {
	if l.of == nil {
		l.of = map[int64]*moment{}
	}
	second := int64(at) / int64(time.Second)
	m := l.of[second]
	if m == nil {
		m = &moment{from: at}
		l.of[second] = m
	}
	m.n++
	m.from, m.to = min(m.from, at), max(m.to, at)
	if len(m.conns) < monitor.FindingConns {
		m.conns = append(m.conns, c)
	}
	l.all++
}

// burst is many in a short time.
type burst struct {
	moment
	last int64 // second
}

const (
	burstLeast = 10 // conns within two seconds
	burstOver  = 5  // times as many as are usual in two seconds
)

// bursts are the runs of seconds that belong to two seconds with burstLeast or
// more, and many more than is usual over the time observed.
func (l *timeline) bursts(observed time.Duration) (out []burst) {
	if l.all < burstLeast {
		return nil
	}
	for _, second := range slices.Sorted(maps.Keys(l.of)) {
		m := l.of[second]
		if !l.standsOut(m.n+max(l.at(second-1), l.at(second+1)), observed) {
			continue
		}
		if n := len(out); n > 0 && second == out[n-1].last+1 {
			out[n-1].extend(m)
			continue
		}
		out = append(out, burst{*m, second})
	}
	return out
}

func (b *burst) extend(m *moment) {
	b.last++
	b.n, b.to = b.n+m.n, m.to
	room := monitor.FindingConns - len(b.conns)
	b.conns = append(slices.Clip(b.conns), m.conns[:min(len(m.conns), room)]...)
}

func (l *timeline) at(second int64) int {
	if m := l.of[second]; m != nil {
		return m.n
	}
	return 0
}

// standsOut says that n in two seconds are many, and not what comes all the time.
func (l *timeline) standsOut(n int, observed time.Duration) bool {
	others := max(int64(observed/time.Second)-2, 1)
	return n >= burstLeast && int64(n)*others >= burstOver*int64(l.all-n)*2
}
