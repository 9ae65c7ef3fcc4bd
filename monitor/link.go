package monitor

import (
	"slices"
	"strings"
	"time"
)

// linkWithin is how long after the front's request the back's may come:
// proxy_connect_timeout (60 s unless set) and 5 s.
const linkWithin = 65 * time.Second

// relaySkew is how far the clocks of two relays may be apart for their conns to
// be linked: two machines never agree to the millisecond.
const relaySkew = 5 * time.Second

// keyGroup is the conns with one Sec-WebSocket-Key. Keys are not unique: curl
// examples share one, and nginx replays a key to the next server.
type keyGroup struct{ fronts, backs []*Conn }

// keyGroupMost bounds a group: beyond it a key says nothing any more.
const keyGroupMost = 256

// addKey makes a conn known by its key, where there are two sides to link.
func (s *State) addKey(c *Conn) {
	key := c.Key()
	if key == "" || c.Role == "" || !s.HasRole(Front) || !s.HasRole(Back) {
		return
	}
	g := s.keys[key]
	if g == nil {
		g = &keyGroup{}
		s.keys[key] = g
	}
	side := &g.fronts
	if c.Role == Back {
		side = &g.backs
	}
	if len(*side) >= keyGroupMost {
		*side = append((*side)[:0], (*side)[1:]...)
	}
	*side = append(*side, c)
	if c.Role == Back {
		s.tryLink(g, c)
		return
	}
	for _, b := range g.backs { // events of two taps may come out of order
		if b.Link == nil {
			s.tryLink(g, b)
		}
	}
}

func (s *State) dropKey(c *Conn) {
	key := c.Key()
	g := s.keys[key]
	if g == nil {
		return
	}
	is := func(o *Conn) bool { return o == c }
	g.fronts = slices.DeleteFunc(g.fronts, is)
	g.backs = slices.DeleteFunc(g.backs, is)
	if len(g.fronts)+len(g.backs) == 0 {
		delete(s.keys, key)
	}
}

// tryLink links b to the one best front conn, or says why it does not.
func (s *State) tryLink(g *keyGroup, b *Conn) {
	var best *Conn
	bestScore, equal := 0, false
	for _, f := range g.fronts {
		switch score := linkScore(f, b); {
		case score == 0 || score < bestScore:
		case score == bestScore:
			equal = true
		default:
			best, bestScore, equal = f, score, false
		}
	}
	switch {
	case best == nil:
		return
	case equal:
		b.LinkNote = "not linked: two front conns have this Sec-WebSocket-Key and fit equally"
		return
	}
	b.LinkNote = ""
	s.link(best, b)
}

// linkScore is 0 if b cannot belong to f; same host and target count for more.
func linkScore(f, b *Conn) int {
	skew := time.Duration(0)
	if f.ID.Tap != b.ID.Tap {
		skew = relaySkew
	}
	wait := b.Request.At.Sub(f.Request.At)
	if wait < -time.Millisecond-skew || wait > linkWithin+skew || answeredBefore(f, b.Request.At.Add(-skew)) {
		return 0
	}
	score := 1
	if f.Host() == b.Host() {
		score++
	}
	if ft, bt := f.Target(), b.Target(); ft == bt {
		score += 2
	} else if strings.HasSuffix(ft, bt) || strings.HasSuffix(bt, ft) {
		score++
	}
	return score
}

// answeredBefore says that f's attempt was over at t.
func answeredBefore(f *Conn, t Time) bool {
	if f.Answer != nil && f.Answer.At < t {
		return true
	}
	return !f.Ended.IsZero() && f.Ended < t
}

func (s *State) link(f, b *Conn) {
	if f.Link == nil {
		s.links++
		s.Totals.Links++
		if part := s.part(f.ID.Tap); part != nil && f.ID.Tap == b.ID.Tap {
			part.Links++
		}
		f.Link = &Link{ID: s.links, Front: f}
	}
	if len(f.Link.Backs) >= backsMost {
		b.LinkNote = "not linked: nginx tried too many servers for this attempt"
		return
	}
	f.Link.Backs = append(f.Link.Backs, b)
	b.Link = f.Link
	s.shareLogs(f, b)
}

// backsMost bounds the servers of one attempt.
const backsMost = 16

// drop takes an evicted conn out. A nil link has none.
func (l *Link) drop(c *Conn) {
	if l == nil {
		return
	}
	if l.Front == c {
		l.Front = nil
	}
	l.Backs = slices.DeleteFunc(l.Backs, func(b *Conn) bool { return b == c })
}

// shareLogs gives both legs the log lines of either.
func (s *State) shareLogs(f, b *Conn) {
	for _, r := range f.Logs {
		attach(b, r)
	}
	for _, r := range b.Logs {
		attach(f, r)
	}
}
