package monitor

import (
	"cmp"
	"slices"
	"sort"
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
	at   Time
	gap  time.Duration
	kind endKind
	// before is how many of each kind came earlier in the list.
	before [endKinds]int32
}

func (s *State) endingOf(c *Conn) sideEnding {
	return sideEnding{at: c.EndAt(), gap: c.Gap(c.Ended), kind: s.endKindOf(c)}
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

// crowds is the ends that others may have in common, by tap: of the conns that
// settle, made anew at each tick, and of those that did a moment ago.
type crowds struct {
	now    map[roleKey]*endList
	done   map[roleKey]*endList
	doneN  int                  // in all lists of done
	leaves map[roleKey]*endList // what settled since the last tick: still in now
}

// endList is ends sorted by time.
type endList struct{ ends []sideEnding }

const (
	// crowdRemembers: a mass of thousands takes some time to settle.
	crowdRemembers = 30 * time.Second
	// crowdMost bounds the ends remembered.
	crowdMost = 1 << 16
)

// merge takes in more ends; those before the earliest of them stay as they are.
func (l *endList) merge(more []sideEnding) {
	earliest := slices.MinFunc(more, byTime).at
	from := placeOf(l.ends, earliest)
	l.ends = append(l.ends, more...)
	slices.SortFunc(l.ends[from:], byTime)
	l.recount(from)
}

func byTime(a, b sideEnding) int { return cmp.Compare(a.at, b.at) }

// recount makes the counts of the ends from i on.
func (l *endList) recount(i int) {
	var before [endKinds]int32
	if i > 0 {
		before = l.ends[i-1].before
		before[l.ends[i-1].kind]++
	}
	for ; i < len(l.ends); i++ {
		e := &l.ends[i]
		e.before = before
		before[e.kind]++
	}
}

// listOf is the list of a tap.
func listOf(m *map[roleKey]*endList, tap roleKey) *endList {
	if *m == nil {
		*m = map[roleKey]*endList{}
	}
	l := (*m)[tap]
	if l == nil {
		l = &endList{}
		(*m)[tap] = l
	}
	return l
}

// gatherCrowds begins a tick.
func (s *State) gatherCrowds() {
	s.crowds.remember(s.now)
	s.crowds.now = nil
	for _, c := range s.settling {
		if e := s.endingOf(c); e.kind != endAlone {
			l := listOf(&s.crowds.now, tapOf(c))
			l.ends = append(l.ends, e)
		}
	}
	for _, l := range s.crowds.now {
		slices.SortFunc(l.ends, byTime)
		l.recount(0)
	}
}

// leave notes the end of a conn that has settled.
func (w *crowds) leave(tap roleKey, e sideEnding) {
	if e.kind != endAlone {
		l := listOf(&w.leaves, tap)
		l.ends = append(l.ends, e)
	}
}

// remember takes in what settled, and forgets what is too old or too much.
func (w *crowds) remember(now Time) {
	for tap, left := range w.leaves {
		listOf(&w.done, tap).merge(left.ends)
		w.doneN += len(left.ends)
	}
	w.leaves = nil
	for tap, l := range w.done {
		old := placeOf(l.ends, now.Add(-crowdRemembers))
		if w.doneN-old > crowdMost {
			old = min(len(l.ends), w.doneN-crowdMost)
		}
		l.ends = l.ends[old:]
		if w.doneN -= old; len(l.ends) == 0 {
			delete(w.done, tap)
		}
	}
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
	from, to := me.at.Add(-time.Second), me.at.Add(time.Second)+1
	var in, usual [endKinds]int
	var spans [usualSpans]int
	for _, lists := range [...]map[roleKey]*endList{s.crowds.now, s.crowds.done} {
		l := lists[tapOf(c)]
		if l == nil {
			continue
		}
		l.count(&in, from, to)
		for i := range spans {
			end := from.Add(-time.Duration(i) * usualSpan)
			usual = [endKinds]int{}
			l.count(&usual, end.Add(-usualSpan), end)
			spans[i] += usual[endBusy]
		}
		if me.kind == endBusy && me.gap >= learnLeast {
			w.SameGap += l.sameGaps(from, to, me.gap)
		}
	}
	slices.Sort(spans[:])
	w.Busy, w.Gone, w.Cut, w.Usual = in[endBusy], in[endGone], in[endCut], spans[usualSpans/2-1]
	switch me.kind {
	case endGone:
		w.Gone--
	case endCut:
		w.Cut--
	case endBusy:
		w.Busy--
		w.SameGap = max(w.SameGap-1, 0)
	}
	return w
}

// What is usual is how many busy ends two seconds had in the eight before: the
// lower half of it, so that another crowd then does not make this one ordinary.
const usualSpans, usualSpan = 4, 2 * time.Second

// sameGaps counts the conns that ended between two times and had been silent
// for as long as another one of them.
func (l *endList) sameGaps(from, to Time, gap time.Duration) (n int) {
	ends := l.ends[placeOf(l.ends, from):]
	for i := range ends[:min(len(ends), crowdLook)] {
		e := &ends[i]
		if e.at >= to {
			break
		}
		if e.kind == endBusy && (e.gap-gap).Abs() <= learnWithin {
			n++
		}
	}
	return n
}

func placeOf(ends []sideEnding, t Time) int {
	return sort.Search(len(ends), func(i int) bool { return ends[i].at >= t })
}

// count adds the ends between two times, by kind.
func (l *endList) count(n *[endKinds]int, from, to Time) {
	i, j := placeOf(l.ends, from), placeOf(l.ends, to)
	if i >= j {
		return
	}
	first, last := &l.ends[i], &l.ends[j-1]
	for k := range n {
		n[k] += int(last.before[k] - first.before[k])
	}
	n[last.kind]++
}
