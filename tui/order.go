package tui

import (
	"math"

	"github.com/wstap/wstap/monitor"
)

// arrange prepares the order anew after keys changed. What was on the screen
// last bounds what will be: in one pass over the ranks, those between the old
// ends are taken, and those before them counted. Only if that is not enough
// (slice finds out) are all taken and sorted as far as needed.
func (x *index) arrange() {
	x.order, x.first, x.length, x.lo, x.hi = x.order[:0], 0, 0, 0, 0
	for i := range x.ranks {
		r := &x.ranks[i]
		if r.flags&isMatch == 0 || r.gen != x.gen {
			continue
		}
		x.length++
		switch {
		case !x.bounded:
			x.order = append(x.order, *r)
		case x.before(*r, x.from):
			x.first++
		case !x.before(x.to, *r):
			x.order = append(x.order, *r)
		}
	}
}

// all takes all ranks, whatever the bounds.
func (x *index) all() {
	x.bounded = false
	x.arrange()
}

// before compares two ranks; equals are the same entry.
func (x *index) before(a, b rank) bool {
	if a.group != b.group {
		return a.group < b.group
	}
	if a.num != b.num {
		return (a.num < b.num) != x.wish.reverse
	}
	if a.at == b.at {
		return false
	}
	return x.beforeByRest(a, b)
}

// beforeByRest decides where the numbers are equal: by text, then by arrival.
// The bounds may be of entries that are gone; then any answer will do, as they
// only save work.
func (x *index) beforeByRest(a, b rank) bool {
	if n := int32(len(x.entries)); a.at >= n || b.at >= n {
		return a.at < b.at
	}
	e, o := &x.entries[a.at], &x.entries[b.at]
	if e.text != o.text {
		return (e.text < o.text) != x.wish.reverse
	}
	return e.seq < o.seq
}

// slice returns the ranks from place lo up to hi, in order.
func (x *index) slice(lo, hi int) []rank {
	lo, hi = max(lo, 0), min(hi, x.length)
	if lo >= hi {
		return nil
	}
	if lo < x.lo || hi > x.hi {
		x.sort(lo, hi)
	}
	return x.order[lo-x.first : hi-x.first]
}

// around is how many places before and behind what is asked for are sorted
// with it: keys change, and what moves in from there is in order already.
const around = 1024

// sort puts the places from lo to hi in order, and some around them.
func (x *index) sort(lo, hi int) {
	if lo < x.first || hi > x.first+len(x.order) {
		x.all()
	}
	x.lo, x.hi = max(lo-around, x.first), min(hi+around, x.first+len(x.order))
	x.sortPart(x.order, x.lo-x.first, x.hi-x.first)
	x.from, x.to, x.bounded = x.order[x.lo-x.first], x.order[x.hi-1-x.first], true
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
func (x *index) len() int { return x.length }

// idAt is the conn of a place in the order.
func (x *index) idAt(i int) monitor.ID { return x.entries[x.slice(i, i+1)[0].at].id }

// placeOf is the place of a conn in the order, without sorting.
func (x *index) placeOf(id monitor.ID) (int, bool) {
	for i := range x.entries {
		if x.entries[i].id == id {
			r := x.ranks[i]
			if r.flags&isMatch == 0 || r.gen != x.gen {
				return 0, false
			}
			return x.countBefore(r), true
		}
	}
	return 0, false
}

// countBefore counts what stands before r among those that pass the filter.
func (x *index) countBefore(r rank) (n int) {
	for _, o := range x.ranks {
		if o.flags&isMatch != 0 && o.gen == x.gen && x.before(o, r) {
			n++
		}
	}
	return n
}

// ended is the place of the tunnel that closed last, or, from a closed one at
// place from, of the one that closed before it.
func (x *index) ended(from int) (int, bool) {
	if x.length == 0 {
		return 0, false
	}
	limit := monitor.Time(math.MaxInt64)
	if at := x.entries[x.slice(from, from+1)[0].at].ended; at != 0 {
		limit = at
	}
	var best rank
	var newest monitor.Time
	for _, r := range x.ranks {
		at := x.entries[r.at].ended
		if at > newest && at < limit && r.flags&isMatch != 0 && r.gen == x.gen {
			best, newest = r, at
		}
	}
	return x.countBefore(best), newest != 0
}

// flagged is the place of the next flagged conn after place from, or before
// it, going round at the end.
func (x *index) flagged(from int, forward bool) (int, bool) {
	if x.length == 0 {
		return 0, false
	}
	pivot := x.slice(from, from+1)[0]
	var best, wrap rank
	haveBest, haveWrap := false, false
	better := func(a, b rank) bool { return x.before(a, b) == forward }
	for _, r := range x.ranks {
		if r.flags&isFlagged == 0 || r.flags&isMatch == 0 || r.gen != x.gen {
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
	return x.countBefore(best), haveBest || haveWrap
}
