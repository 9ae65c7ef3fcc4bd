package monitor

import (
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/ws"
)

// beginSettling puts a conn whose end has begun on the list: who ended first,
// and how, is known with the first side's end. The other side may stay for long,
// and will change nothing.
func (s *State) beginSettling(c *Conn) {
	if !c.settling && !c.Settled {
		c.settling = true
		s.settling = append(s.settling, c)
	}
}

// settle judges the conns that end: provisionally at once, finally when both
// legs and a log line are in, or after settleAfter of event time.
func (s *State) settle(all bool) {
	if len(s.settling) == 0 {
		return
	}
	s.busy = s.busyEnds()
	keep := s.settling[:0]
	work := settleAtOnce
	for _, c := range s.settling {
		final := all || s.complete(c) || s.now.Sub(c.EndAt()) >= settleAfter
		if !all && work == 0 {
			keep = append(keep, c) // the next tick's
			continue
		}
		if final || c.Verdict.Cause == "" {
			work--
			s.judge(c)
		}
		if final {
			s.finish(c)
		} else {
			keep = append(keep, c)
		}
	}
	clear(s.settling[len(keep):])
	s.settling = keep
}

// settleAtOnce bounds the verdicts of one tick: after a mass disconnect they
// take some seconds rather than one long hold of the state.
const settleAtOnce = 500

// complete says that nothing more can be expected to change the verdict.
func (s *State) complete(c *Conn) bool {
	o := c.Other()
	return o != nil && !o.EndAt().IsZero() && len(c.Logs) > 0
}

func (s *State) judge(c *Conn) {
	k := Case{Conn: c, Other: c.Other(), LogBlind: s.LogBlind()}
	if l, ok := s.IdleLimit(c); ok {
		k.Idle = &l
	}
	if l, ok := s.LifetimeLimit(c); ok {
		k.Lifetime = &l
	}
	k.Mass = s.massAround(c)
	k.Notice = s.noticeNear(c.EndAt())
	c.Verdict = Judge(k)
}

func (s *State) finish(c *Conn) {
	c.Settled, c.settling = true, false
	s.Totals.Causes[c.Verdict.Cause]++
	if c.Verdict.Code != 0 {
		s.Totals.Codes[c.Verdict.Code]++
	}
	s.settled = append(s.settled, c)
	if n := len(s.settled); n > 65536 { // nobody reads them
		s.settled = append(s.settled[:0], s.settled[n-1024:]...)
	}
	s.learnFrom(c)
	if s.busyEnd(c) {
		s.busyDone = append(s.busyDone, c.end())
	}
}

// sideEnding is when nginx's side ended a conn of a role.
type sideEnding struct {
	role Role
	at   Time
}

func (c *Conn) end() sideEnding { return sideEnding{c.Role, c.EndAt()} }

// learnFrom feeds the learner with endings that nginx's side made.
func (s *State) learnFrom(c *Conn) {
	if len(c.CloseFrames) > 0 || !c.IsUpgraded() || c.ByTap || !endedByProxySide(c) || !bothByProxy(c) || c.Verdict.Cause == CauseProxyShutdown {
		return
	}
	s.learner.learn(c, c.Gap(c.Ended))
}

// endedByProxySide says that on this leg nginx ended first.
func endedByProxySide(c *Conn) bool {
	e := c.FirstEnd()
	if e == nil || e.How == HowReset {
		return false
	}
	switch c.Role {
	case Front:
		return e.Dir == ws.FromServer
	case Back:
		return e.Dir == ws.FromClient
	}
	return true
}

// busyEnds is the times at which nginx's side ended busy conns, by role,
// sorted: of the conns that settle, and of those that did a moment ago.
func (s *State) busyEnds() map[Role][]Time {
	m := map[Role][]Time{}
	for _, c := range s.settling {
		if s.busyEnd(c) {
			m[c.Role] = append(m[c.Role], c.EndAt())
		}
	}
	const remembered = 30 * time.Second // a mass of thousands takes that long to settle
	s.busyDone = slices.DeleteFunc(s.busyDone, func(e sideEnding) bool { return s.now.Sub(e.at) > remembered })
	for _, e := range s.busyDone {
		m[e.role] = append(m[e.role], e.at)
	}
	for _, ts := range m {
		slices.Sort(ts)
	}
	return m
}

// massAround counts other conns of the leg that nginx's side ended within a
// second of c although they were not idle for their limit.
func (s *State) massAround(c *Conn) int {
	if !s.busyEnd(c) {
		return 0
	}
	ts := s.busy[c.Role]
	from, _ := slices.BinarySearch(ts, c.EndAt().Add(-time.Second))
	to, _ := slices.BinarySearch(ts, c.EndAt().Add(time.Second)+1)
	return max(to-from-1, 0)
}

func (s *State) busyEnd(c *Conn) bool {
	if !c.IsUpgraded() || len(c.CloseFrames) > 0 || !endedByProxySide(c) || !bothByProxy(c) {
		return false
	}
	l, ok := s.IdleLimit(c)
	return !ok || c.Gap(c.Ended) < l.Value.Std()-time.Second || c.Gap(c.Ended) < l.Value.Std()/2
}

// bothByProxy is false if the other leg shows that somebody else began.
func bothByProxy(c *Conn) bool {
	o := c.Other()
	return o == nil || o.FirstEnd() == nil || endedByProxySide(o)
}

// noticeNear finds a line of a worker that left within a second of t.
func (s *State) noticeNear(t Time) *LogRef {
	for i := len(s.notices) - 1; i >= 0; i-- {
		r := s.notices[i]
		if r.Entry.Kind == kindSignal && !isStop(r.Entry.Raw) {
			continue
		}
		if r.Entry.Kind == kindGraceful { // the tunnels live on; the exit is what ends them
			continue
		}
		if fitsTime(r, t) {
			return r
		}
	}
	return nil
}

// isStop says that a signal line speaks of the end of nginx, not of a reload.
func isStop(raw string) bool {
	for _, sig := range []string{"SIGTERM", "SIGINT", "SIGQUIT"} {
		if strings.Contains(raw, sig) {
			return true
		}
	}
	return false
}
