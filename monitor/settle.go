package monitor

import (
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// beginSettling puts a conn whose end has begun on the list: who ended first,
// and how, is known with the first side's end. The other side may stay for long,
// and will change nothing.
func (s *State) beginSettling(c *Conn) {
	s.setNear(c, false)
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
	s.gatherCrowds()
	s.unsettled = s.settleSome(all)
}

// SettleMore goes on with the verdicts that the last Tick had no time for, and
// says whether there are still more. Nothing is wrong if it is not called: the
// next Tick goes on, too.
func (s *State) SettleMore() (more bool) {
	s.unsettled = s.unsettled && s.settleSome(false)
	return s.unsettled
}

// settleSome makes settleAtOnce verdicts, or all; true if some are left.
func (s *State) settleSome(all bool) (more bool) {
	keep := s.settling[:0]
	work := settleAtOnce
	for _, c := range s.settling {
		final := all || s.complete(c) || s.now.Sub(c.EndAt()) >= settleAfter
		judge := final || c.Verdict.Cause == ""
		if judge && work == 0 && !all {
			keep, more = append(keep, c), true
			continue
		}
		if judge {
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
	return more
}

// settleAtOnce bounds the verdicts of one hold of the state: after a mass
// disconnect they take some holds rather than one long one.
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
	c.Verdict = Judge(Case{
		Conn: c, Other: c.Other(), Limits: s.Limits(c), Around: s.crowdAround(c),
		BackTap: s.HasRole(Back), Notice: s.noticeNear(c.EndAt()),
		LogBlind: s.LogBlind(), LogNotices: s.logsHold(logparse.LevelNotice), LogInfo: s.logsHold(logparse.LevelInfo),
	})
}

func (s *State) finish(c *Conn) {
	c.Settled, c.settling = true, false
	o := c.Other()
	c.oneLeg = o == nil || o.EndAt().IsZero()
	if !c.counted {
		s.countVerdict(c.ID.Tap, &c.Verdict, 1)
		s.historyVerdict(c, &c.Verdict, 1)
	}
	s.settled = append(s.settled, c)
	if n := len(s.settled); n > 65536 { // nobody reads them
		s.settled = append(s.settled[:0], s.settled[n-1024:]...)
	}
	s.learnFrom(c)
	s.crowds.leave(tapOf(c), s.endingOf(c))
	s.judgeAgain(o)
	if !c.Ended.IsZero() {
		s.retire(c)
	}
}

// Verdicted is the event that c's verdict has settled.
func (s *State) Verdicted(c *Conn) *Verdicted {
	return &Verdicted{
		Header: Header{At: s.now, Tap: c.ID.Tap, Leg: c.Tap, Conn: c.ID.Conn},
		Seq:    c.Seq, Key: c.Key(), Target: c.Target(), Verdict: c.Verdict,
		Frames: [2]uint64{c.Sample.Dir[ws.FromClient].FrameCount(), c.Sample.Dir[ws.FromServer].FrameCount()},
	}
}

func tapOf(c *Conn) roleKey { return roleKey{c.ID.Tap, c.Tap} }

// learnFrom feeds the learner with endings that nginx's side made.
func (s *State) learnFrom(c *Conn) {
	if !s.quietEnd(c) || c.Verdict.Cause == CauseProxyShutdown || c.FirstEnd().How == HowReset {
		return
	}
	if s.statedExplains(c) {
		return // and must not become a limit of other locations
	}
	proven := slices.ContainsFunc(c.Logs, func(r *LogRef) bool { return isTunnelTimeout(&r.Entry) && !r.Ambiguous && withEnd(r, c) })
	if s.learner.learn(c, c.Gap(c.Ended), proven) {
		s.reconsider(tapOf(c))
	}
}

// statedExplains says that a limit which somebody stated ended c: it teaches
// nothing new.
func (s *State) statedExplains(c *Conn) bool {
	gap := c.Gap(c.Ended)
	for l := range s.EachLimit(c) {
		if l.Kind == Idle && (l.Told() || l.ByHop()) && fitsLimit(gap, l.Value.Std()) {
			return true
		}
	}
	return false
}

// reconsider judges again what had no good explanation before a limit of its
// tap was learned: the first drops are the ones that are looked at.
func (s *State) reconsider(tap roleKey) {
	for c := range s.Conns {
		if !c.Settled || c.settling || tapOf(c) != tap || c.Verdict.Confidence != Possible || !s.quietEnd(c) {
			continue
		}
		was := c.Verdict
		s.judge(c)
		if c.Verdict.Cause != was.Cause || c.Verdict.Confidence != Possible {
			s.recount(c, &was)
			s.settled = append(s.settled, c)
		}
	}
}

// recount counts c's verdict in the place of the one that it had.
func (s *State) recount(c *Conn, was *Verdict) {
	if c.counted {
		return
	}
	s.countVerdict(c.ID.Tap, was, -1)
	s.historyVerdict(c, was, -1)
	s.countVerdict(c.ID.Tap, &c.Verdict, 1)
	s.historyVerdict(c, &c.Verdict, 1)
}

// quietEnd says that nginx's side ended a tunnel without a close frame.
func (s *State) quietEnd(c *Conn) bool {
	return c.IsUpgraded() && !c.ByTap && c.FirstEnd() != nil && c.closeBeforeEnd() == nil && originOf(c).byNginx()
}

// busyEnd: a quiet end that no idle limit explains.
func (s *State) busyEnd(c *Conn) bool {
	if !s.quietEnd(c) {
		return false
	}
	l, ok := s.IdleLimit(c)
	return !ok || c.Gap(c.Ended) < l.Value.Std()-time.Second || c.Gap(c.Ended) < l.Value.Std()/2
}

// logsHold says that every log seen holds entries as low as a level.
func (s *State) logsHold(least logparse.Level) bool {
	for _, l := range s.lowest {
		if l == logparse.LevelUnknown || l > least {
			return false
		}
	}
	return len(s.lowest) > 0
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
