package tui

import (
	"math/bits"
	"time"

	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/monitor"
)

// index is the order of the list. State holds its lock while it is read, so no
// refresh may look at all conns when there are many: each looks at a bounded
// part in turn (a rotation), and at all that are visible. A key that grew stale
// off the screen is nearly always too early (traffic moves a deadline away), so
// its row comes to the top, is looked at because it is visible, and goes back.
//
// Only the part of the order that is on the screen is sorted; see arrange.
type index struct {
	entries []entry
	ranks   []rank // of the entries, at the same places

	order    []rank // those that pass the filter; in order from lo up to hi
	first    int    // place in the whole order that order[0] has
	lo, hi   int    // places that are in order
	length   int    // how many pass the filter
	from, to rank   // what was at the ends of the part sorted last
	bounded  bool   // from and to are known

	of      *monitor.State // identity only: a seek may bring another State
	seen    uint64         // Totals.Conns at the last look
	lastSeq uint64
	wait    int // refreshes until arrivals are looked for again
	cursor  int
	gen     uint16 // of order and filter; entries of another are stale
	stale   int
	tally   tally

	wish   wish
	prefix prefix // of the texts sorted by
	groups groups
	seed   uint32
}

// wish is what the viewer asks of the list; it survives a seek.
type wish struct {
	by      *order
	reverse bool
	filter  *filter.Filter[filter.Conn] // nil: all
	flagged bool                        // flagged ones above the others
	ageing  ageing
}

// entry is what the index knows of a conn. It keeps no *Conn.
type entry struct {
	id   monitor.ID
	seq  uint64
	text string // of the key
	// ended is when a tunnel closed; 0: not yet, or it never was one.
	ended monitor.Time
}

// rank is what nearly all comparisons need: 16 bytes, for there are many.
type rank struct {
	num   int64
	at    int32 // of the entry
	gen   uint16
	group uint8
	flags flags
}

type flags uint8

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

func (t *tally) of(f flags) int { return t[bits.TrailingZeros8(uint8(f))] }

func (t *tally) change(f flags, by int) {
	for ; f != 0; f &= f - 1 {
		t[bits.TrailingZeros8(uint8(f))] += by
	}
}

// lookAtMost is how many conns a refresh looks at besides the visible ones.
const lookAtMost = 2048

func newIndex() *index {
	return &index{wish: wish{by: &orders[0], ageing: ageings[0]}, gen: 1, seed: 1}
}

// sortBy changes the order; all keys are stale if it is another one.
func (x *index) sortBy(o *order, reverse bool) {
	x.wish.reverse, x.bounded = reverse, false
	if x.wish.by != o {
		x.wish.by, x.prefix = o, prefix{}
		x.outdate()
	}
	x.arrange()
}

// find changes the filter; nil shows all.
func (x *index) find(f *filter.Filter[filter.Conn]) {
	if f != nil && f.Empty() {
		f = nil
	}
	x.wish.filter = f
	x.outdate()
}

// group changes what conns are put together by.
func (x *index) group(by *grouping) {
	x.groups.begin(by)
	if x.groups.on() {
		x.outdate()
	}
}

func (x *index) outdate() {
	x.gen++
	x.stale = len(x.entries)
	x.cursor = 0
	x.bounded = false
}

// update takes in new conns and looks at a part of the known ones. Frozen: at
// stale ones only, so that a paused list can still be sorted and filtered.
func (x *index) update(s *monitor.State, frozen bool) {
	if s != x.of || s.Totals.Conns < x.seen {
		next := index{of: s, wish: x.wish, gen: x.gen + 1, seed: 1}
		if x.groups.on() {
			next.groups.begin(x.groups.by)
			next.groups.win = x.groups.win
		}
		*x = next
	}
	if x.wait--; s.Totals.Conns != x.seen && !frozen && x.wait < 0 {
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

// arrivals adds what came since: arrival order is the order of Conns. Going
// through many conns takes milliseconds, so then it is done once a second.
func (x *index) arrivals(s *monitor.State) {
	s.Conns(func(c *monitor.Conn) bool {
		if c.Seq > x.lastSeq {
			x.ranks = append(x.ranks, rank{at: int32(len(x.entries)), gen: x.gen - 1})
			x.entries = append(x.entries, entry{id: c.ID, seq: c.Seq})
			x.lastSeq = c.Seq
			x.stale++
		}
		return true
	})
	x.seen = s.Totals.Conns
	if len(x.entries) > 20_000 {
		x.wait = int(time.Second / refreshEvery)
	}
}

// lookAtStale looks at the newest stale entries first: arrivals stand last.
func (x *index) lookAtStale(s *monitor.State, budget int) (used int) {
	for i := len(x.ranks) - 1; i >= 0 && x.stale > 0 && used < budget; i-- {
		if x.ranks[i].gen != x.gen {
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
	if x.ranks[i].gen != x.gen {
		x.stale--
	}
	c := s.Conn(x.entries[i].id)
	if c == nil {
		x.remove(i)
		return false
	}
	x.read(s, c, i)
	return true
}

// remove puts the last entry into the place of a gone one.
func (x *index) remove(i int) {
	x.tally.change(x.ranks[i].flags, -1)
	last := len(x.entries) - 1
	if x.groups.on() {
		x.groups.remove(i, last)
	}
	x.entries[i], x.ranks[i] = x.entries[last], x.ranks[last]
	x.ranks[i].at = int32(i)
	x.entries, x.ranks = x.entries[:last], x.ranks[:last]
}

// read makes key and flags of an entry. It reports whether the key changed.
func (x *index) read(s *monitor.State, c *monitor.Conn, i int) bool {
	cd, counting := s.Countdown(c)
	var p *monitor.Countdown
	if counting {
		p = &cd
	}
	k := x.wish.by.key(s, c, p)
	f := flagsOf(c, &cd)
	switch {
	case c.Pinned:
		k.group = groupPinned
	case x.wish.flagged && f&isFlagged != 0 && f&isLive != 0:
		k.group = groupFlagged
	}
	if k.text != "" {
		k.num = x.number(k.text)
	}
	was := x.ranks[i]
	r := rank{num: k.num, at: int32(i), gen: x.gen, group: k.group, flags: f}
	if x.wish.wants(c, s) {
		r.flags |= isMatch
	}
	if x.groups.on() {
		x.groups.count(c, i, r.flags)
	}
	x.tally.change(was.flags, -1)
	x.tally.change(r.flags, 1)
	changed := was.num != r.num || was.group != r.group || x.entries[i].text != k.text
	x.ranks[i], x.entries[i].text = r, k.text
	if c.IsClosed() && (c.IsUpgraded() || c.Opaque) {
		x.entries[i].ended = c.EndAt()
	}
	return changed
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
	for _, v := range visible {
		c := s.Conn(x.entries[v.at].id)
		if c == nil { // hidden; the rotation takes it out
			r := &x.ranks[v.at]
			x.tally.change(r.flags, -1)
			r.flags, wrong = 0, true
		} else if x.read(s, c, int(v.at)) {
			wrong = true
		}
	}
	return wrong
}

// touch looks at a conn out of turn.
func (x *index) touch(s *monitor.State, c *monitor.Conn) {
	for i := range x.entries {
		if x.entries[i].id == c.ID && x.ranks[i].gen == x.gen {
			x.read(s, c, i)
			return
		}
	}
}

// pending says how much of the index is not up to date, 0 to 1.
func (x *index) pending() float64 {
	if x.stale == 0 {
		return 0
	}
	return float64(x.stale) / float64(len(x.entries))
}
