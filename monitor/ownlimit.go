package monitor

// limitSet is the limits that conns of one location have in common. Sets are
// shared and never change: a conn that gets one limit more moves to another set,
// so that 100,000 conns of a few locations keep a pointer each.
type limitSet struct {
	limits []Limit // headers are empty: they tell of the conn alone
	shared bool
	// next is where a limit leads to from here. Of shared sets only.
	next map[limitStep]*limitSet
}

type limitStep struct {
	kind   LimitKind
	source string
	value  Millis
}

// limitSetsMost bounds the sets that are shared; what is above is each conn's own.
const limitSetsMost = 1024

// ownLimitsMost bounds the limits of one conn, or of all taps together.
const ownLimitsMost = 64

// list is the limits of a set, none of a nil one.
func (l *limitSet) list() []Limit {
	if l == nil {
		return nil
	}
	return l.limits
}

// withLimit is the set that a conn of the set l moves to.
func (s *State) withLimit(l *limitSet, ev *Limit) *limitSet {
	if l == nil {
		l = &s.noLimits
		l.shared = true
	}
	step := limitStep{ev.Kind, ev.Source, ev.Value}
	if to, known := l.next[step]; known {
		return to
	}
	to := &limitSet{limits: changed(l.limits, &Limit{Kind: ev.Kind, Value: ev.Value, Source: ev.Source}), shared: l.shared && s.limitSets < limitSetsMost}
	if to.shared {
		s.limitSets++
		if l.next == nil {
			l.next = map[limitStep]*limitSet{}
		}
		l.next[step] = to
	}
	return to
}

// changed is a copy of a list with the limit of one source replaced, or taken
// back if its value is zero.
func changed(list []Limit, to *Limit) []Limit {
	out := make([]Limit, 0, len(list)+1)
	for i := range list {
		if l := &list[i]; l.Tap != to.Tap || l.Leg != to.Leg || l.Kind != to.Kind || l.Source != to.Source {
			out = append(out, *l)
		}
	}
	if to.Value > 0 && len(out) < ownLimitsMost {
		out = append(out, *to)
	}
	return out
}

// OwnLimits are the limits of this conn alone: what an nginx configuration says
// of the location that was chosen for it.
func (c *Conn) OwnLimits() []Limit {
	list := c.limits.list()
	if len(list) == 0 {
		return nil
	}
	out := make([]Limit, len(list))
	for i, l := range list {
		l.Header = Header{At: c.Opened, Tap: c.ID.Tap, Leg: c.Tap, Conn: c.ID.Conn}
		out[i] = l
	}
	return out
}
