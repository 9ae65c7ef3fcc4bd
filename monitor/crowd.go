package monitor

import (
	"cmp"
	"slices"
	"time"

	"github.com/wstap/wstap/ws"
)

// endKind is what an end has in common with others of its second.
type endKind uint8

const (
	endAlone endKind = iota
	endBusy          // nginx's side ended it, and neither an idle limit nor a slow receiver explains that
	endGone          // the server said that it goes: a deploy
	endCut           // reset or vanished
	endKinds
)

// sideEnding is how and when a conn of a tap ended.
type sideEnding struct {
	tap  roleKey
	at   Time
	gap  time.Duration
	kind endKind
	// before is how many of each kind came earlier in the sorted list.
	before [endKinds]int
}

func (s *State) endingOf(c *Conn) sideEnding {
	return sideEnding{tap: tapOf(c), at: c.EndAt(), gap: c.Gap(c.Ended), kind: s.endKindOf(c)}
}

func (s *State) endKindOf(c *Conn) endKind {
	e := c.FirstEnd()
	if e == nil || c.ByTap {
		return endAlone
	}
	if s.busyEnd(c) {
		_, here := stuckOn(c)
		_, there := stuckOn(c.Other())
		if here+there > 0 {
			return endAlone
		}
		return endBusy
	}
	switch f := c.closeBeforeEnd(); {
	case f != nil && f.Dir == ws.FromServer && (f.Code == ws.CloseGoingAway || f.Code == ws.CloseServiceRestart):
		return endGone
	case f == nil && (e.How == HowReset || e.How == HowTimeout):
		return endCut
	}
	return endAlone
}

// crowds are the ends that others may have in common, by tap, sorted by time:
// of the conns that settle, and of those that did a moment ago.
func (s *State) crowds() map[roleKey][]sideEnding {
	m := map[roleKey][]sideEnding{}
	for _, c := range s.settling {
		if e := s.endingOf(c); e.kind != endAlone {
			m[e.tap] = append(m[e.tap], e)
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
		var before [endKinds]int
		for i := range es {
			es[i].before = before
			before[es[i].kind]++
		}
	}
	return m
}

// Crowd is what happened to other conns of a tap about the time one ended.
type Crowd struct {
	Busy    int // nginx's side ended them within a second, and no idle limit explains that
	SameGap int // of those, the ones that had been silent for as long
	Usual   int // as many of them in two seconds were nothing special before
	Gone    int // within a second the server said that it goes (1001, 1012)
	Cut     int // within a second they were reset, or vanished
}

// crowdLook bounds how many of a crowd are compared one by one.
const crowdLook = 256

func (s *State) crowdAround(c *Conn) (w Crowd) {
	me := s.endingOf(c)
	if me.at.IsZero() {
		return w
	}
	es := s.busy[me.tap]
	from, to := placeOf(es, me.at.Add(-time.Second)), placeOf(es, me.at.Add(time.Second)+1)
	in := between(es, from, to)
	w = Crowd{Busy: in[endBusy], Gone: in[endGone], Cut: in[endCut], Usual: usual(es, me.at.Add(-time.Second))}
	switch me.kind {
	case endGone:
		w.Gone--
	case endCut:
		w.Cut--
	case endBusy:
		w.Busy--
		w.SameGap = sameGaps(es[from:min(to, from+crowdLook)], me.gap)
	}
	return w
}

// usual is how many busy ends two seconds had in the eight before t: the lower
// half of it, so that another crowd then does not make this one ordinary.
func usual(es []sideEnding, t Time) int {
	const spans, span = 4, 2 * time.Second
	var n [spans]int
	for i := range n {
		to := t.Add(-time.Duration(i) * span)
		n[i] = between(es, placeOf(es, to.Add(-span)), placeOf(es, to))[endBusy]
	}
	slices.Sort(n[:])
	return n[spans/2-1]
}

// sameGaps counts the conns that had been silent for as long as another one of them.
func sameGaps(es []sideEnding, gap time.Duration) (n int) {
	if gap < learnLeast {
		return 0
	}
	for _, e := range es {
		if e.kind == endBusy && (e.gap-gap).Abs() <= learnWithin {
			n++
		}
	}
	return max(n-1, 0)
}

func placeOf(es []sideEnding, t Time) int {
	i, _ := slices.BinarySearchFunc(es, t, func(e sideEnding, t Time) int { return cmp.Compare(e.at, t) })
	return i
}

// between counts es[from:to] by kind.
func between(es []sideEnding, from, to int) (n [endKinds]int) {
	if from >= to {
		return n
	}
	n = es[to-1].before
	n[es[to-1].kind]++
	for k, before := range es[from].before {
		n[k] -= before
	}
	return n
}
