package monitor

import (
	"cmp"
	"slices"
	"strings"
	"time"
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
	if o == nil || o.EndAt().IsZero() {
		return false
	}
	return slices.ContainsFunc(c.Logs, func(r *LogRef) bool { return !r.Ambiguous && r.At.Sub(c.EndAt()) > -time.Second })
}

func (s *State) judge(c *Conn) {
	k := Case{Conn: c, Other: c.Other(), Limits: s.Limits(c), LogBlind: s.LogBlind()}
	k.Mass, k.SameGap = s.massAround(c)
	k.BackTap = s.HasRole(Back)
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
		s.busyDone = append(s.busyDone, endingOf(c))
	}
	if !c.Ended.IsZero() {
		s.retire(c)
	}
}

// sideEnding is when nginx's side ended a conn of a tap.
type sideEnding struct {
	tap roleKey
	at  Time
	gap time.Duration
}

func endingOf(c *Conn) sideEnding { return sideEnding{tapOf(c), c.EndAt(), c.Gap(c.Ended)} }

func tapOf(c *Conn) roleKey { return roleKey{c.ID.Tap, c.Tap} }

// learnFrom feeds the learner with endings that nginx's side made.
func (s *State) learnFrom(c *Conn) {
	if !s.quietEnd(c) || c.Verdict.Cause == CauseProxyShutdown || c.FirstEnd().How == HowReset {
		return
	}
	proven := slices.ContainsFunc(c.Logs, func(r *LogRef) bool { return isTunnelTimeout(&r.Entry) && !r.Ambiguous && withEnd(r, c) })
	if s.learner.learn(c, c.Gap(c.Ended), proven) {
		s.reconsider(tapOf(c))
	}
}

// reconsider judges again what had no good explanation before a limit of its
// tap was learned: the first drops are the ones that are looked at.
func (s *State) reconsider(tap roleKey) {
	for c := range s.Conns {
		if !c.Settled || c.settling || tapOf(c) != tap || c.Verdict.Confidence != Possible || !s.quietEnd(c) {
			continue
		}
		was := c.Verdict.Cause
		s.judge(c)
		if c.Verdict.Cause != was || c.Verdict.Confidence != Possible {
			s.Totals.Causes[was]--
			s.Totals.Causes[c.Verdict.Cause]++
			s.settled = append(s.settled, c)
		}
	}
}

// quietEnd says that nginx's side ended a tunnel without a close frame.
func (s *State) quietEnd(c *Conn) bool {
	return c.IsUpgraded() && !c.ByTap && c.FirstEnd() != nil && c.closeBeforeEnd() == nil && originOf(c).byNginx()
}

// busyEnds is how nginx's side ended busy conns, by tap, sorted by time: of the
// conns that settle, and of those that did a moment ago.
func (s *State) busyEnds() map[roleKey][]sideEnding {
	m := map[roleKey][]sideEnding{}
	for _, c := range s.settling {
		if s.busyEnd(c) {
			m[tapOf(c)] = append(m[tapOf(c)], endingOf(c))
		}
	}
	const remembered = 30 * time.Second // a mass of thousands takes that long to settle
	s.busyDone = slices.DeleteFunc(s.busyDone, func(e sideEnding) bool { return s.now.Sub(e.at) > remembered })
	if n := len(s.busyDone); n > 65536 {
		s.busyDone = slices.Clone(s.busyDone[n-65536:])
	}
	for _, e := range s.busyDone {
		m[e.tap] = append(m[e.tap], e)
	}
	for _, es := range m {
		slices.SortFunc(es, func(a, b sideEnding) int { return cmp.Compare(a.at, b.at) })
	}
	return m
}

// massLook bounds how many of a mass are compared one by one.
const massLook = 256

// massAround counts other conns of the tap that nginx's side ended within a
// second of c although they were not idle for their limit, and those of them
// that had been silent for as long as c.
func (s *State) massAround(c *Conn) (mass, sameGap int) {
	if !s.busyEnd(c) {
		return 0, 0
	}
	es := s.busy[tapOf(c)]
	byTime := func(e sideEnding, t Time) int { return cmp.Compare(e.at, t) }
	from, _ := slices.BinarySearchFunc(es, c.EndAt().Add(-time.Second), byTime)
	to, _ := slices.BinarySearchFunc(es, c.EndAt().Add(time.Second)+1, byTime)
	around := es[from:to]
	for _, e := range around[:min(len(around), massLook)] {
		if g := c.Gap(c.Ended); g >= learnLeast && (e.gap-g).Abs() <= learnWithin {
			sameGap++
		}
	}
	return max(len(around)-1, 0), max(sameGap-1, 0)
}

// busyEnd: a quiet end that no idle limit explains.
func (s *State) busyEnd(c *Conn) bool {
	if !s.quietEnd(c) {
		return false
	}
	l, ok := s.IdleLimit(c)
	return !ok || c.Gap(c.Ended) < l.Value.Std()-time.Second || c.Gap(c.Ended) < l.Value.Std()/2
}

// noticeNear finds a line of a worker that left within a second of t.
func (s *State) noticeNear(t Time) *LogRef {
	for i := len(s.notices) - 1; i >= 0; i-- {
		if r := s.notices[i]; s.fitsTime(r, t) {
			return r
		}
	}
	return nil
}

// isStop says that a signal line speaks of a stop that ends tunnels: a reload
// and SIGQUIT leave them alone.
func isStop(raw string) bool {
	for _, sig := range []string{"SIGTERM", "SIGINT"} {
		if strings.Contains(raw, sig) {
			return true
		}
	}
	return false
}
