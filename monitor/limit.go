package monitor

import (
	"math"
	"slices"
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
	list := &s.limits
	if ev.Conn != 0 {
		c := s.conns[ev.ID()]
		if c == nil {
			s.Totals.Unknown++
			return
		}
		list = &c.limits
	}
	*list = slices.DeleteFunc(*list, func(l Limit) bool {
		return l.Tap == ev.Tap && l.Leg == ev.Leg && l.Kind == ev.Kind && l.Source == ev.Source
	})
	if ev.Value > 0 && len(*list) < 64 {
		*list = append(*list, *ev)
	}
}

// Limits are all limits that hold for c: its own, its tap's, everybody's, what
// was learned, and the assumed 60 s where an upgraded conn has no idle limit.
func (s *State) Limits(c *Conn) []Limit {
	ls := append([]Limit(nil), c.limits...)
	for _, l := range s.limits {
		if l.Tap == c.ID.Tap && (l.Leg == "" || l.Leg == c.Tap) {
			ls = append(ls, l)
		}
	}
	ls = c.takeFronts(ls)
	if l, ok := s.learner.limit(c); ok && !anyNear(ls, l) {
		ls = append(ls, l)
	}
	if !c.Opaque && !slices.ContainsFunc(ls, func(l Limit) bool { return l.Kind == Idle }) {
		ls = append(ls, Limit{Kind: Idle, Value: Millis(Assumed), Source: SourceAssumed})
	}
	return ls
}

// takeFronts gives a back conn the limits of its front conn alone: nginx chose
// the location by what the client asked for. What the configuration told of the
// back tap's address was a guess, and gives way.
func (c *Conn) takeFronts(ls []Limit) []Limit {
	if c.Role != Back || c.Link == nil || c.Link.Front == nil {
		return ls
	}
	for _, f := range c.Link.Front.limits {
		ls = slices.DeleteFunc(ls, func(l Limit) bool { return l.Kind == f.Kind && (l.fromConfig() || l.Source == f.Source) })
	}
	return append(ls, c.Link.Front.limits...)
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

// anyNear says that a stated limit already explains a learned one.
func anyNear(ls []Limit, learned Limit) bool {
	return slices.ContainsFunc(ls, func(l Limit) bool {
		return l.Kind == learned.Kind && (l.Value-learned.Value).Std().Abs() <= learnWithin
	})
}

// Countdown is the limit that ends c next, as of Now. Nothing counts down on a
// conn that is not upgraded, or that has ended.
func (s *State) Countdown(c *Conn) (Countdown, bool) {
	if c.IsClosed() || len(c.Ends) > 0 || (!c.IsUpgraded() && !c.Opaque) {
		return Countdown{}, false
	}
	best := Countdown{Left: math.MaxInt64}
	for _, l := range s.Limits(c) {
		used := c.Gap(s.now)
		if l.Kind == Lifetime {
			used = c.Age(s.now)
		}
		left := l.Value.Std() - used
		switch d := left - best.Left; {
		case best.Left == math.MaxInt64 || d < -Slack:
			best = Countdown{Limit: l, Left: left, Used: float64(used) / float64(l.Value)}
		case d.Abs() <= Slack:
			best.Race = append(best.Race, l)
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
	if l := smallest(s.Limits(c), k); l != nil {
		return *l, true
	}
	return Limit{}, false
}

// smallest is the smallest limit of a kind, or nil.
func smallest(ls []Limit, k LimitKind) (best *Limit) {
	for i := range ls {
		if l := &ls[i]; l.Kind == k && (best == nil || l.Value < best.Value) {
			best = l
		}
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
func toldIdle(ls []Limit) *Limit {
	return smallest(slices.DeleteFunc(slices.Clone(ls), func(l Limit) bool { return !l.Told() }), Idle)
}

// learner finds idle limits nobody told us of: endings without a close frame,
// made by nginx's side, at the same gap.
type learner struct{ taps map[roleKey]*endings }

type endings struct {
	seen  []ending // newest last
	limit time.Duration
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
	was := e.limit
	if proven {
		e.limit = gap.Round(100 * time.Millisecond)
	} else {
		e.consider(gap)
	}
	return e.limit != 0 && (e.limit-was).Abs() > learnWithin
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
		e.limit = (sum / time.Duration(n)).Round(100 * time.Millisecond)
	}
}

func (l *learner) limit(c *Conn) (Limit, bool) {
	e := l.taps[tapOf(c)]
	if e == nil || e.limit == 0 {
		return Limit{}, false
	}
	return Limit{Kind: Idle, Value: Millis(e.limit), Source: sourceLearned}, true
}
