package tui

import (
	"math/bits"

	"github.com/wstap/wstap/monitor"
)

// index is the order of the list. State holds its lock while it is read, so no
// refresh may look at all conns when there are many: each looks at a bounded
// part in turn (a rotation), and at all that are visible. A key that grew stale
// off the screen is nearly always too early (traffic moves a deadline away), so
// its row comes to the top, is looked at because it is visible, and goes back.
//
// Sorting is partial, too: only the part of the order that is on the screen.
type index struct {
	entries []entry
	ranks   []rank // those that pass the filter, arranged as far as was asked

	of      *monitor.State // identity only: a seek may bring another State
	seen    uint64         // Totals.Conns at the last look
	lastSeq uint64
	cursor  int
	gen     uint32 // of order and filter; entries of another are stale
	stale   int
	tally   tally

	by      *order
	reverse bool
	filter  string
	seed    uint32
}

// entry is what the index knows of a conn. It keeps no *Conn.
type entry struct {
	id    monitor.ID
	seq   uint64
	key   sortKey
	flags flags
	gen   uint32
}

type flags uint16

const (
	isMatch flags = 1 << iota
	isLive
	isNear
	isCritical
	isExpired
	isViolating
	isAssumed // counts down to the limit nobody stated
	isClosed
	flagBits = 8

	isFlagged = isNear | isCritical | isExpired | isViolating
)

// tally counts entries by flag.
type tally [flagBits]int

func (t *tally) of(f flags) int { return t[bits.TrailingZeros16(uint16(f))] }

func (t *tally) change(f flags, by int) {
	for ; f != 0; f &= f - 1 {
		t[bits.TrailingZeros16(uint16(f))] += by
	}
}

// rank is the part of an entry that comparisons read first.
type rank struct {
	num   int64
	at    int32
	group uint8
}

// lookAtMost is how many conns a refresh looks at besides the visible ones.
const lookAtMost = 4096

func newIndex() *index { return &index{by: &orders[0], gen: 1, seed: 1} }

// sortBy changes the order; all keys are stale.
func (x *index) sortBy(o *order, reverse bool) {
	x.reverse = reverse
	if x.by != o {
		x.by = o
		x.outdate()
	}
}

// find changes the filter.
func (x *index) find(text string) {
	if x.filter != text {
		x.filter = text
		x.outdate()
	}
}

func (x *index) outdate() {
	x.gen++
	x.stale = len(x.entries)
	x.cursor = 0
}

// pending says how much of the index is not up to date, 0 to 1.
func (x *index) pending() float64 {
	if x.stale == 0 {
		return 0
	}
	return float64(x.stale) / float64(len(x.entries))
}

// update takes in new conns and looks at a part of the known ones. Frozen: at
// stale ones only, so that a paused list can still be sorted and filtered.
func (x *index) update(s *monitor.State, frozen bool) {
	if s != x.of || s.Totals.Conns < x.seen {
		*x = index{of: s, by: x.by, reverse: x.reverse, filter: x.filter, gen: x.gen + 1, seed: 1}
	}
	if s.Totals.Conns != x.seen && !frozen {
		x.arrivals(s)
	}
	budget := lookAtMost
	if x.stale > 0 {
		budget -= x.lookAtStale(s, budget)
	}
	if !frozen {
		x.rotate(s, min(budget, len(x.entries)))
	}
}

// arrivals adds what came since: arrival order is the order of Conns.
func (x *index) arrivals(s *monitor.State) {
	s.Conns(func(c *monitor.Conn) bool {
		if c.Seq > x.lastSeq {
			x.entries = append(x.entries, entry{id: c.ID, seq: c.Seq})
			x.lastSeq = c.Seq
			x.stale++
		}
		return true
	})
	x.seen = s.Totals.Conns
}

// lookAtStale looks at the newest stale entries first: arrivals stand last.
func (x *index) lookAtStale(s *monitor.State, budget int) (used int) {
	for i := len(x.entries) - 1; i >= 0 && x.stale > 0 && used < budget; i-- {
		if x.entries[i].gen != x.gen {
			x.look(s, i)
			used++
		}
	}
	return used
}

func (x *index) rotate(s *monitor.State, n int) {
	for range n {
		if x.cursor >= len(x.entries) {
			x.cursor = 0
		}
		if x.cursor >= len(x.entries) || !x.look(s, x.cursor) {
			continue // its place was taken by another: look there next time
		}
		x.cursor++
	}
}

// look brings one entry up to date. False: the conn was evicted, and the entry
// is gone.
func (x *index) look(s *monitor.State, i int) bool {
	e := &x.entries[i]
	c := s.Conn(e.id)
	if e.gen != x.gen {
		x.stale--
	}
	if c == nil {
		x.tally.change(e.flags, -1)
		last := len(x.entries) - 1
		x.entries[i] = x.entries[last]
		x.entries = x.entries[:last]
		return false
	}
	x.read(s, c, e)
	return true
}

// read makes key and flags of an entry. It reports whether the key changed.
func (x *index) read(s *monitor.State, c *monitor.Conn, e *entry) bool {
	cd, counting := s.Countdown(c)
	was := e.key
	x.tally.change(e.flags, -1)
	e.flags = flagsOf(c, &cd)
	var p *monitor.Countdown
	if counting {
		p = &cd
	}
	e.key = x.by.key(s, c, p)
	if c.Pinned {
		e.key.group = groupPinned
	}
	if matches(c, x.filter) {
		e.flags |= isMatch
	}
	x.tally.change(e.flags, 1)
	e.gen = x.gen
	return e.key != was
}

func flagsOf(c *monitor.Conn, cd *monitor.Countdown) (f flags) {
	switch cd.Mark {
	case monitor.MarkNear:
		f = isNear
	case monitor.MarkCritical:
		f = isCritical
	case monitor.MarkExpired:
		f = isExpired
	}
	if cd.Mark != monitor.MarkNone && cd.Limit.Source == "assumed" {
		f |= isAssumed
	}
	if len(c.Sample.Violations) > 0 {
		f |= isViolating
	}
	if c.IsClosed() {
		return f | isClosed
	}
	return f | isLive
}

// correct looks again at what is visible; true if some key was wrong.
func (x *index) correct(s *monitor.State, visible []rank) (wrong bool) {
	for _, r := range visible {
		e := &x.entries[r.at]
		if c := s.Conn(e.id); c == nil {
			wrong = true
			x.tally.change(e.flags, -1)
			e.flags = 0 // hidden; the rotation takes it out
		} else if x.read(s, c, e) {
			wrong = true
		}
	}
	return wrong
}

// arrange collects the ranks anew, in no order yet.
func (x *index) arrange() {
	x.ranks = x.ranks[:0]
	for i := range x.entries {
		if e := &x.entries[i]; e.flags&isMatch != 0 && e.gen == x.gen {
			x.ranks = append(x.ranks, x.rank(i))
		}
	}
}

func (x *index) rank(i int) rank {
	e := &x.entries[i]
	return rank{num: e.key.num, at: int32(i), group: e.key.group}
}

// before compares two ranks; there are no equals.
func (x *index) before(a, b rank) bool {
	if a.group != b.group {
		return a.group < b.group
	}
	if a.num != b.num {
		return (a.num < b.num) != x.reverse
	}
	e, o := &x.entries[a.at], &x.entries[b.at]
	if n := e.key.compareText(&o.key); n != 0 {
		return (n < 0) != x.reverse
	}
	return e.seq < o.seq
}

// slice returns the ranks from lo up to hi in their order.
func (x *index) slice(lo, hi int) []rank {
	lo, hi = max(lo, 0), min(hi, len(x.ranks))
	if lo >= hi {
		return nil
	}
	x.sortPart(x.ranks, lo, hi)
	return x.ranks[lo:hi]
}

// sortPart is quicksort that leaves alone what does not touch [lo, hi).
func (x *index) sortPart(r []rank, lo, hi int) {
	for len(r) > 12 {
		p := x.partition(r)
		if lo <= p {
			x.sortPart(r[:p], lo, min(hi, p))
		}
		if hi <= p+1 {
			return
		}
		r, lo, hi = r[p+1:], max(lo-p-1, 0), hi-p-1
	}
	for i := 1; i < len(r); i++ {
		for j := i; j > 0 && x.before(r[j], r[j-1]); j-- {
			r[j], r[j-1] = r[j-1], r[j]
		}
	}
}

// partition moves what is before a random pivot to its left and returns its
// place. The pivot is random so that no arrival order is the worst case.
func (x *index) partition(r []rank) int {
	x.seed = x.seed*1664525 + 1013904223
	last := len(r) - 1
	at := int(uint64(x.seed) * uint64(len(r)) >> 32)
	r[at], r[last] = r[last], r[at]
	n := 0
	for i := range last {
		if x.before(r[i], r[last]) {
			r[i], r[n] = r[n], r[i]
			n++
		}
	}
	r[n], r[last] = r[last], r[n]
	return n
}

// len is how many pass the filter.
func (x *index) len() int { return len(x.ranks) }

// idAt is the conn of a place in the order.
func (x *index) idAt(i int) monitor.ID { return x.entries[x.slice(i, i+1)[0].at].id }

// placeOf is the place of a conn in the order, without sorting.
func (x *index) placeOf(id monitor.ID) (int, bool) {
	for i := range x.entries {
		if e := &x.entries[i]; e.id == id {
			if e.flags&isMatch == 0 || e.gen != x.gen {
				return 0, false
			}
			return x.countBefore(x.rank(i)), true
		}
	}
	return 0, false
}

func (x *index) countBefore(r rank) (n int) {
	for _, o := range x.ranks {
		if o.at != r.at && x.before(o, r) {
			n++
		}
	}
	return n
}

// flagged is the place of the next flagged conn after place from, or before
// it, going round at the end.
func (x *index) flagged(from int, forward bool) (int, bool) {
	var pivot rank
	if n := x.len(); n == 0 {
		return 0, false
	}
	pivot = x.slice(from, from+1)[0]
	var best, wrap rank
	haveBest, haveWrap := false, false
	better := func(a, b rank) bool { return x.before(a, b) == forward }
	for _, r := range x.ranks {
		if x.entries[r.at].flags&isFlagged == 0 {
			continue
		}
		if r.at != pivot.at && better(pivot, r) && (!haveBest || better(r, best)) {
			best, haveBest = r, true
		}
		if !haveWrap || better(r, wrap) {
			wrap, haveWrap = r, true
		}
	}
	if !haveBest {
		best = wrap
	}
	if !haveBest && !haveWrap {
		return 0, false
	}
	return x.countBefore(best), true
}

// touch looks at a conn out of turn.
func (x *index) touch(s *monitor.State, c *monitor.Conn) {
	for i := range x.entries {
		if e := &x.entries[i]; e.id == c.ID && e.gen == x.gen {
			x.read(s, c, e)
			return
		}
	}
}
