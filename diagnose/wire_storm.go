package diagnose

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
)

// reconnects are the ends that clients did not choose, and the attempts that came.
type reconnects struct {
	ends  timeline
	opens map[int64]*attempt // by opensEach
	backdrop
}

// attempt counts those of a short time.
type attempt struct {
	n, hurt int           // hurt: refused, without an answer, or slow to be answered
	conn    *monitor.Conn // the first
	worst   *monitor.Conn // the first that was hurt
	at      monitor.Time  // the beginning of the time
}

const (
	opensEach    = 100 * time.Millisecond
	returnWithin = 30 * time.Second // after the disconnect
	rushWindow   = 2 * time.Second  // in which at least half of them come back
	hurtAfter    = time.Second      // a handshake that waits longer suffers
	rushOver     = 3                // times as many as are usual
)

func watchReconnects(p *pass, c *monitor.Conn) {
	m := remember[reconnects](p)
	m.see(c)
	if isSecondLeg(c) || c.Opaque {
		return
	}
	m.came(c)
	if c.IsUpgraded() && c.Verdict.Cause != "" && classOf(c) != endOrdinary {
		m.ends.add(c, c.EndAt())
	}
}

func (m *reconnects) came(c *monitor.Conn) {
	if m.opens == nil {
		m.opens = map[int64]*attempt{}
	}
	k := int64(c.Opened) / int64(opensEach)
	a := m.opens[k]
	if a == nil {
		a = &attempt{conn: c, at: monitor.Time(k * int64(opensEach))}
		m.opens[k] = a
	}
	a.n++
	if isHurt(c) {
		if a.hurt++; a.worst == nil {
			a.worst = c
		}
	}
}

// isHurt says that an attempt failed, or waited long for its 101.
func isHurt(c *monitor.Conn) bool {
	switch {
	case c.IsUpgraded():
		return c.Upgraded.Sub(c.Opened) >= hurtAfter
	case c.Answer != nil:
		return c.Answer.Status >= 429
	}
	return c.IsClosed()
}

func reconnectStorms(p *pass) {
	m := remember[reconnects](p)
	for _, b := range m.bursts(&m.ends, p.state) {
		p.sayStorm(m, b, m.after(b.from))
	}
}

// after are the attempts within returnWithin of a time, in order.
func (m *reconnects) after(t monitor.Time) (out []*attempt) {
	from, to := int64(t)/int64(opensEach), int64(t.Add(returnWithin))/int64(opensEach)
	for k := from; k < to; k++ {
		if a := m.opens[k]; a != nil {
			out = append(out, a)
		}
	}
	return out
}

// cameSince is the number of attempts from a time on.
func (m *reconnects) cameSince(t monitor.Time) (n int) {
	for _, a := range m.opens {
		if a.at >= t {
			n += a.n
		}
	}
	return n
}

// densest are the attempts of the rushWindow that has most.
func densest(opens []*attempt) (best []*attempt, most int) {
	from, n := 0, 0
	for to, a := range opens {
		n += a.n
		for a.at.Sub(opens[from].at) >= rushWindow {
			n -= opens[from].n
			from++
		}
		if n > most {
			best, most = opens[from:to+1], n
		}
	}
	return best, most
}

// usualRate is attempts a second, of n over a time.
func usualRate(n int, over time.Duration) float64 {
	return float64(n) / max(over.Seconds(), 1)
}

func (p *pass) sayStorm(m *reconnects, b burst, opens []*attempt) {
	rush, n := densest(opens)
	usual := usualRate(m.cameSince(m.since(p.state))-n, m.observed(p.state)-rushWindow)
	if n < burstLeast || 2*n < b.n || float64(n) < rushOver*usual*rushWindow.Seconds() {
		return
	}
	hurt, severity := worstOf(rush), monitor.SeverityInfo
	if hurt != nil {
		severity = monitor.SeverityWarning
	}
	t := p.about("").raise(severity)
	peak := 0
	for _, a := range rush {
		t.conn(a.conn, a.conn.Opened)
		t.Count += a.n - 1
		peak = max(peak, a.n)
	}
	t.say("%s %d connections had ended; within %s after that %d attempts came, %.0f a second, at most %d in %s; usually %.1f come a second",
		clock(b.from), b.n, span(lastOpen(rush).Sub(b.from)), n, float64(n)/lasting(rush).Seconds(), peak, span(opensEach), usual)
	t.say("80 %% of those of the first %s came within %s of each other: that is their jitter", span(returnWithin), span(spread(opens)))
	if hurt != nil {
		t.say("it hurt: %s", hurtWords(hurt))
	}
	t.fix("Let clients wait a random time before they reconnect, up to some seconds for the first attempt and twice as long for each further one; let a deploy close a part of the connections at a time.")
}

// worstOf is the first attempt that was hurt, or nil.
func worstOf(opens []*attempt) *monitor.Conn {
	for _, a := range opens {
		if a.worst != nil {
			return a.worst
		}
	}
	return nil
}

func hurtWords(c *monitor.Conn) string {
	switch {
	case c.IsUpgraded():
		return fmt.Sprintf("#%d waited %s for its 101", c.Seq, span(c.Upgraded.Sub(c.Opened)))
	case c.Answer != nil:
		return fmt.Sprintf("#%d was answered %s", c.Seq, answerText(c.Answer))
	}
	return fmt.Sprintf("#%d was not answered", c.Seq)
}

func lastOpen(opens []*attempt) monitor.Time { return opens[len(opens)-1].at.Add(opensEach) }

// lasting is how long attempts went on.
func lasting(opens []*attempt) time.Duration { return lastOpen(opens).Sub(opens[0].at) }

// spread is the time between the first and the last tenth of attempts.
func spread(opens []*attempt) time.Duration {
	n := 0
	for _, a := range opens {
		n += a.n
	}
	at := func(rank int) monitor.Time {
		for _, a := range opens {
			if rank -= a.n; rank < 0 {
				return a.at
			}
		}
		return opens[len(opens)-1].at
	}
	return at(n-1-n/10).Sub(at(n/10)) + opensEach
}
