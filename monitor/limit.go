package monitor

import (
	"iter"
	"math"
	"time"
)

// Assumed is nginx's default proxy_read_timeout, in force where no limit is known.
const Assumed = 60 * time.Second

// SourceAssumed is the source of the assumed limit.
const SourceAssumed = "assumed"

// Slack is how early nginx's timer may fire: an add within NGX_TIMER_LAZY_DELAY
// of the pending key is skipped (src/event/ngx_event_timer.h).
const Slack = 300 * time.Millisecond

// Mark says how near a conn is to its end.
type Mark uint8

const (
	MarkNone     Mark = iota // closed, or nothing counts down
	MarkOK                   // below 75 %
	MarkNear                 // past 75 %
	MarkCritical             // past 90 %
	MarkExpired              // past it and still open: the limit is not what it seems
)

func (m Mark) String() string {
	return [...]string{"", "ok", "near", "critical", "expired"}[m%5]
}

// Countdown is the limit that will end a conn next.
type Countdown struct {
	Limit Limit
	Left  time.Duration // negative past the limit
	Used  float64       // fraction of the limit, may exceed 1
	Mark  Mark
	Race  []Limit // other limits that are equal (within Slack)
}

// applyLimit keeps the newest limit of each source; value zero takes it back.
func (s *State) applyLimit(ev *Limit) {
	if ev.Conn == 0 {
		s.limits = changed(s.limits, ev)
		return
	}
	c := s.conns[ev.ID()]
	if c == nil {
		s.Totals.Unknown++
		return
	}
	c.limits = s.withLimit(c.limits, ev)
}

// EachLimit goes through the limits that hold for c: its own, its tap's,
// everybody's, what was learned, and the assumed 60 s where an upgraded conn has
// no idle limit. They belong to State, must not be changed, and are valid until
// the next Apply. The header tells which tap a limit is of, if of one.
func (s *State) EachLimit(c *Conn) iter.Seq[*Limit] {
	return func(yield func(*Limit) bool) { s.eachLimit(c, yield) }
}

func (s *State) eachLimit(c *Conn, yield func(*Limit) bool) {
	learned := s.learner.limit(c)
	idle, explained := false, false
	tell := func(l *Limit) bool {
		idle = idle || l.Kind == Idle
		explained = explained || near(l, learned)
		return yield(l)
	}
	fronts := c.frontLimits()
	for own := c.limits.list(); len(own) > 0; own = own[1:] {
		if l := &own[0]; !givesWay(l, fronts) && !tell(l) {
			return
		}
	}
	for i := range s.limits {
		l := &s.limits[i]
		if l.Tap == c.ID.Tap && (l.Leg == "" || l.Leg == c.Tap) && !givesWay(l, fronts) && !tell(l) {
			return
		}
	}
	for i := range fronts {
		if !tell(&fronts[i]) {
			return
		}
	}
	if learned != nil && !explained && !tell(learned) {
		return
	}
	if !c.Opaque && !idle {
		yield(&assumed)
	}
}

// assumed is never changed.
var assumed = Limit{Kind: Idle, Value: Millis(Assumed), Source: SourceAssumed}

// Limits are the limits of EachLimit in memory of their own.
func (s *State) Limits(c *Conn) (ls []Limit) {
	for l := range s.EachLimit(c) {
		ls = append(ls, *l)
	}
	return ls
}

// frontLimits are what a back conn takes from its front conn: nginx chose the
// location by what the client asked for.
func (c *Conn) frontLimits() []Limit {
	if c.Role != Back || c.Link == nil || c.Link.Front == nil {
		return nil
	}
	return c.Link.Front.limits.list()
}

// givesWay says that a front conn knows better: what the configuration told of
// the back tap's address was a guess.
func givesWay(l *Limit, fronts []Limit) bool {
	for i := range fronts {
		if f := &fronts[i]; l.Kind == f.Kind && (l.fromConfig() || l.Source == f.Source) {
			return true
		}
	}
	return false
}

// Sources of limits that are not read from a configuration; a hop's begins
// with hopSource.
const (
	sourceFlag    = "flag"
	sourceLearned = "learned"
)

// Learned says that nobody stated a limit: several ends at the same gap made it.
func (l *Limit) Learned() bool { return l.Source == sourceLearned }

// fromConfig says that a limit was read from the nginx configuration: its
// source is FILE:LINE, or the default of a directive.
func (l *Limit) fromConfig() bool {
	return l.Source != sourceFlag && !l.Learned() && l.Source != SourceAssumed && !l.ByHop()
}

// Told says that somebody who knows has stated this limit of nginx.
func (l *Limit) Told() bool { return l.Source == sourceFlag || l.fromConfig() }

// near says that a stated limit already explains a learned one, if there is one.
func near(l, learned *Limit) bool {
	return learned != nil && l.Kind == learned.Kind && (l.Value-learned.Value).Std().Abs() <= learnWithin
}

// Countdown is the limit that ends c next, as of Now. Nothing counts down on a
// conn that is not upgraded, or that has ended.
func (s *State) Countdown(c *Conn) (Countdown, bool) {
	if c.IsClosed() || len(c.Ends) > 0 || (!c.IsUpgraded() && !c.Opaque) {
		return Countdown{}, false
	}
	best := Countdown{Left: math.MaxInt64}
	gap, age := c.Gap(s.now), c.Age(s.now)
	for l := range s.EachLimit(c) {
		used := gap
		if l.Kind == Lifetime {
			used = age
		}
		left := l.Value.Std() - used
		switch d := left - best.Left; {
		case best.Left == math.MaxInt64 || d < -Slack:
			best = Countdown{Limit: *l, Left: left, Used: float64(used) / float64(l.Value)}
		case d.Abs() <= Slack:
			best.Race = append(best.Race, *l)
		}
	}
	if best.Left == math.MaxInt64 {
		return Countdown{}, false
	}
	best.Mark = markOf(best.Used)
	return best, true
}

func markOf(used float64) Mark {
	switch {
	case used > 1:
		return MarkExpired
	case used > 0.9:
		return MarkCritical
	case used > 0.75:
		return MarkNear
	}
	return MarkOK
}

// IdleLimit is the smallest idle limit of c.
func (s *State) IdleLimit(c *Conn) (Limit, bool) { return s.smallest(c, Idle) }

// LifetimeLimit is the smallest lifetime limit of c.
func (s *State) LifetimeLimit(c *Conn) (Limit, bool) { return s.smallest(c, Lifetime) }

func (s *State) smallest(c *Conn, k LimitKind) (Limit, bool) {
	var best *Limit
	for l := range s.EachLimit(c) {
		best = smaller(best, l, k)
	}
	if best == nil {
		return Limit{}, false
	}
	return *best, true
}

// smallest is the smallest limit of a kind, or nil.
func smallest(ls []Limit, k LimitKind) (best *Limit) {
	for i := range ls {
		best = smaller(best, &ls[i], k)
	}
	return best
}

// smaller is l if it is of kind k and smaller than the best so far.
func smaller(best, l *Limit, k LimitKind) *Limit {
	if l.Kind == k && (best == nil || l.Value < best.Value) {
		return l
	}
	return best
}

const (
	learnFrom   = 3                      // endings at the same gap that make a limit
	learnWithin = 500 * time.Millisecond // what "the same" means
	learnLeast  = time.Second            // shorter gaps are ordinary traffic
	learnKeep   = 64                     // endings remembered a tap
)

// toldIdle is the smallest idle limit that was stated of nginx, or nil.
func toldIdle(ls []Limit) (best *Limit) {
	for i := range ls {
		if ls[i].Told() {
			best = smaller(best, &ls[i], Idle)
		}
	}
	return best
}

// learner finds idle limits nobody told us of: endings without a close frame,
// made by nginx's side, at the same gap.
type learner struct{ taps map[roleKey]*endings }

type endings struct {
	seen  []ending // newest last
	limit Limit    // value zero: none yet
}

func (e *endings) set(idle time.Duration) {
	e.limit = Limit{Kind: Idle, Value: Millis(idle), Source: sourceLearned}
}

type ending struct {
	gap time.Duration
	at  Time
}

// learn takes the gap at which nginx's side ended c; proven: a log line says
// that it was an idle timeout, so that one is enough. True: a limit is new.
func (l *learner) learn(c *Conn, gap time.Duration, proven bool) bool {
	if gap < learnLeast {
		return false
	}
	if l.taps == nil {
		l.taps = map[roleKey]*endings{}
	}
	k := tapOf(c)
	e := l.taps[k]
	if e == nil && len(l.taps) >= mapMost {
		return false
	}
	if e == nil {
		e = &endings{}
		l.taps[k] = e
	}
	e.seen = append(e.seen, ending{gap, c.EndAt()})
	if len(e.seen) > learnKeep {
		e.seen = append(e.seen[:0], e.seen[1:]...)
	}
	was := e.limit.Value
	if proven {
		e.set(gap.Round(100 * time.Millisecond))
	} else {
		e.consider(gap)
	}
	return e.limit.Value != 0 && (e.limit.Value-was).Std().Abs() > learnWithin
}

// consider looks for endings at the same gap. Those of one second count once:
// a mass disconnect ends many conns of one age together and teaches nothing.
func (e *endings) consider(gap time.Duration) {
	var sum time.Duration
	var last Time
	n := 0
	for _, o := range e.seen {
		if (o.gap-gap).Abs() <= learnWithin && o.at.Sub(last).Abs() >= time.Second {
			sum, last = sum+o.gap, o.at
			n++
		}
	}
	if n >= learnFrom {
		e.set((sum / time.Duration(n)).Round(100 * time.Millisecond))
	}
}

// limit is what was learned of c's tap, or nil.
func (l *learner) limit(c *Conn) *Limit {
	if e := l.taps[tapOf(c)]; e != nil && e.limit.Value != 0 {
		return &e.limit
	}
	return nil
}
