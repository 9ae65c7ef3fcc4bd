package monitor

// LimitInForce is a limit and how many open conns it holds for.
type LimitInForce struct {
	Limit
	Conns int
}

// sweep goes round all conns, a part at each tick: what only the passing of time
// changes, as how many are near their limit, no event tells.
type sweep struct {
	next   int            // place in State.list
	limits []LimitInForce // of the round under way
	last   []LimitInForce // of the last whole one
}

// A sweep looks at no more than sweepMost conns a tick, each in some 100 ns, and
// is round after sweepTicks of them unless that is more.
const (
	sweepMost  = 2048
	sweepLeast = 512
	sweepTicks = 16
	// limitsMost bounds the different limits of a round.
	limitsMost = 32
)

func (s *State) sweepSome() {
	w := &s.sweep
	for n := min(max(len(s.list)/sweepTicks, sweepLeast), sweepMost); n > 0; n-- {
		if w.next >= len(s.list) {
			w.last, w.limits, w.next = w.limits, nil, 0
			return
		}
		if c := s.list[w.next]; c != nil {
			s.sweepOver(c)
		}
		w.next++
	}
	if w.next >= len(s.list) { // one tick was enough, or the last of several
		w.last, w.limits, w.next = w.limits, nil, 0
	}
}

func (s *State) sweepOver(c *Conn) {
	if c.IsClosed() {
		return
	}
	cd, ok := s.Countdown(c)
	s.setNear(c, ok && (cd.Mark == MarkNear || cd.Mark == MarkCritical))
	if !ok {
		return
	}
	l := cd.Limit
	if l.Kind != Idle {
		if l, ok = s.IdleLimit(c); !ok {
			return
		}
	}
	s.sweep.count(&l)
}

func (w *sweep) count(l *Limit) {
	for i := range w.limits {
		if f := &w.limits[i]; f.Value == l.Value && f.Source == l.Source {
			f.Conns++
			return
		}
	}
	if len(w.limits) < limitsMost {
		w.limits = append(w.limits, LimitInForce{*l, 1})
	}
}

// setNear counts a conn among those near their limit, or not.
func (s *State) setNear(c *Conn, near bool) {
	if c.near == near {
		return
	}
	c.near = near
	p := s.pastOf(c.ID.Tap)
	if near {
		p.near++
		p.levels(s.now)
	} else {
		p.near -= min(p.near, 1)
	}
}

// LimitsInForce are the idle limits of the open conns, in order of first sight;
// each conn counts for its smallest. They are some seconds old where there are
// many conns, and must not be changed.
func (s *State) LimitsInForce() []LimitInForce { return s.sweep.last }
