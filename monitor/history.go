package monitor

import (
	"math"
	"time"
)

// HistoryBucket is what happened in one span of event time. Both conns of a link
// count, as in Totals.
type HistoryBucket struct {
	Opened, Closed uint32
	Bad            uint32 // ended then, and not as either peer wished: see Cause.Bad
	Live, Near     uint32 // the most there were at a moment of it
}

// add takes in what another relay saw in the same time.
func (b *HistoryBucket) add(o *HistoryBucket) {
	b.Opened += o.Opened
	b.Closed += o.Closed
	b.Bad += o.Bad
	b.Live += o.Live
	b.Near += o.Near
}

// join takes in what followed.
func (b *HistoryBucket) join(o *HistoryBucket) {
	b.Opened += o.Opened
	b.Closed += o.Closed
	b.Bad += o.Bad
	b.Live = max(b.Live, o.Live)
	b.Near = max(b.Near, o.Near)
}

// History is buckets of one width, side by side in time; the last one is being
// filled.
type History struct {
	From    Time // where Buckets[0] begins
	Width   time.Duration
	Buckets []HistoryBucket
}

// The two histories that a State keeps: of the last minutes by the second, and
// of all there was, in a bounded number of buckets whose width doubles.
const (
	historyRecent = 600
	historyWhole  = 480
	historyWidth  = time.Second // at first
)

// buckets number their places by their width: the first begins first widths
// after the Unix epoch. So two of them that have the same width fit together.
type buckets struct {
	width time.Duration
	first int64
	list  []HistoryBucket
}

func (b *buckets) number(t Time) int64 { return int64(t) / int64(b.width) }

// at is the bucket of a time that the buckets have reached; nil before the first.
func (b *buckets) at(t Time) *HistoryBucket {
	i := b.number(t) - b.first
	if i < 0 || len(b.list) == 0 {
		return nil
	}
	return &b.list[min(i, int64(len(b.list)-1))]
}

func (b *buckets) newest() *HistoryBucket { return &b.list[len(b.list)-1] }

// fill appends buckets until number, in which nothing happened but what there is.
func (b *buckets) fill(number int64, level HistoryBucket) {
	for b.first+int64(len(b.list)) <= number {
		b.list = append(b.list, level)
	}
}

// reach makes buckets until t and keeps the newest most of them, which end the list.
func (b *buckets) reach(t Time, most int, level HistoryBucket) {
	n := b.number(t)
	if len(b.list) == 0 || n-b.first >= int64(len(b.list)+most) {
		began := n
		if len(b.list) > 0 { // a long silence: all of the last minutes lie in it
			began = n - int64(most) + 1
		}
		b.first, b.list = began, b.list[:0]
	}
	b.fill(n, level)
	if over := len(b.list) - most; over >= most { // moved seldom, and in place
		b.first += int64(over)
		b.list = b.list[:copy(b.list, b.list[over:])]
	}
}

// cover makes buckets until t, the first of which stays: they become wider until
// there are no more than most.
func (b *buckets) cover(t Time, most int, level HistoryBucket) {
	if len(b.list) == 0 {
		b.first = b.number(t)
	}
	for b.number(t)-b.first >= int64(most) {
		b.widen()
	}
	b.fill(b.number(t), level)
}

// widen joins the buckets in pairs.
func (b *buckets) widen() {
	first := b.first >> 1
	n := 0
	for i := range b.list {
		to := int((b.first+int64(i))>>1 - first)
		if to < n {
			b.list[to].join(&b.list[i])
			continue
		}
		b.list[to] = b.list[i]
		n++
	}
	b.width, b.first, b.list = 2*b.width, first, b.list[:n]
}

// tail is a copy of the newest most buckets.
func (b *buckets) tail(most int) buckets {
	over := max(len(b.list)-most, 0)
	return buckets{b.width, b.first + int64(over), append([]HistoryBucket(nil), b.list[over:]...)}
}

func (b buckets) history() History {
	return History{From: Time(b.first * int64(b.width)), Width: b.width, Buckets: b.list}
}

// Bad says that a conn ended of this cause otherwise than its peers, or whoever
// stopped wstap, wanted.
func (c Cause) Bad() bool {
	switch c {
	case "", CauseCloseHandshake, CauseTapShutdown, CauseLingering:
		return false
	}
	return true
}

// past is the course of what one relay has seen.
type past struct {
	recent, whole buckets
	live, near    uint32
	gaps          [GapBuckets]uint64 // of all conns
	targets       targets
}

func newPast() *past {
	return &past{recent: buckets{width: historyWidth}, whole: buckets{width: historyWidth}}
}

// pass lets time pass, until the newest of all buckets.
func (p *past) pass(now Time) {
	if now <= 0 {
		return
	}
	level := HistoryBucket{Live: p.live, Near: p.near}
	p.recent.reach(now, historyRecent, level)
	p.whole.cover(now, historyWhole, level)
}

// note changes the buckets of a time.
func (p *past) note(t Time, change func(*HistoryBucket)) {
	if b := p.recent.at(t); b != nil {
		change(b)
	}
	if b := p.whole.at(t); b != nil {
		change(b)
	} else if len(p.whole.list) > 0 { // late: the whole run has it nevertheless
		change(&p.whole.list[0])
	}
}

// levels takes in how many are live, and near their limit, from now on.
func (p *past) levels(now Time) {
	p.pass(now)
	for _, b := range [...]*buckets{&p.recent, &p.whole} {
		if len(b.list) > 0 {
			n := b.newest()
			n.Live, n.Near = max(n.Live, p.live), max(n.Near, p.near)
		}
	}
}

// countGaps adds what a sample has more than the one before.
func (p *past) countGaps(was, now *[GapBuckets]uint32) {
	if *was == *now {
		return
	}
	for i := range now {
		p.gaps[i] += uint64(now[i]) - uint64(was[i])
	}
}

// pasts are those of all relays, within hellosMost.
type pasts struct {
	of   map[Instance]*past
	last *past // looked up last, of lastOf
	tap  Instance
}

// pastOf is the past of a relay. Too many relays share one.
func (s *State) pastOf(relay Instance) *past {
	ps := &s.pasts
	if ps.last != nil && ps.tap == relay {
		return ps.last
	}
	p := ps.of[relay]
	if p == nil {
		if ps.of == nil {
			ps.of = map[Instance]*past{}
		}
		if len(ps.of) >= hellosMost {
			relay = 0
		}
		if p = ps.of[relay]; p == nil {
			p = newPast()
			ps.of[relay] = p
		}
	}
	ps.last, ps.tap = p, relay
	return p
}

// moment is the time of an event as the histories take it: no later than now.
func (s *State) moment(at Time) Time {
	if at.IsZero() {
		return s.now
	}
	return min(at, s.now)
}

func (s *State) historyOpened(c *Conn) {
	p := s.pastOf(c.ID.Tap)
	p.live++
	p.levels(s.now)
	p.note(s.moment(c.Opened), func(b *HistoryBucket) { b.Opened++ })
}

func (s *State) historyClosed(c *Conn) {
	p := s.pastOf(c.ID.Tap)
	p.live -= min(p.live, 1)
	p.pass(s.now)
	p.note(s.moment(c.Ended), func(b *HistoryBucket) { b.Closed++ })
	if c.target != nil {
		c.target.leave()
	}
}

// historyVerdict counts a bad end, or takes it back (n is -1).
func (s *State) historyVerdict(c *Conn, v *Verdict, n int) {
	if !v.Cause.Bad() {
		return
	}
	s.pastOf(c.ID.Tap).note(s.moment(c.EndAt()), func(b *HistoryBucket) {
		if n > 0 {
			b.Bad++
		} else {
			b.Bad -= min(b.Bad, 1)
		}
	})
	if c.target != nil {
		c.target.end(v.Cause, n)
	}
}

// passPasts lets time pass for all histories.
func (s *State) passPasts() {
	for _, p := range s.pasts.of {
		p.pass(s.now)
	}
}

// History is the course of things so far: of the last minutes by the second, and
// of all there was. Of several relays it is the sum. They share no memory with s.
func (s *State) History() (recent, whole History) {
	var r, w []buckets
	for _, p := range s.pasts.of {
		level := HistoryBucket{Live: p.live, Near: p.near}
		minutes, all := p.recent.tail(historyRecent), p.whole.tail(historyWhole)
		minutes.reach(s.now, historyRecent, level)
		all.cover(s.now, historyWhole, level)
		r, w = append(r, minutes.tail(historyRecent)), append(w, all)
	}
	return sumOf(r, historyRecent).history(), sumOf(w, historyWhole).history()
}

// sumOf puts the buckets of several relays together: no more than most, and wider
// ones if that takes it.
func sumOf(of []buckets, most int) buckets {
	out := buckets{width: historyWidth}
	for {
		var from, to int64 = math.MaxInt64, math.MinInt64
		for i := range of {
			out.width = max(out.width, of[i].width)
		}
		for i := range of {
			b := &of[i]
			for b.width < out.width {
				b.widen()
			}
			if len(b.list) > 0 {
				from, to = min(from, b.first), max(to, b.first+int64(len(b.list)))
			}
		}
		if from >= to {
			return out
		}
		if to-from <= int64(most) {
			out.first, out.list = from, make([]HistoryBucket, to-from)
			break
		}
		out.width *= 2
	}
	for i := range of {
		for j := range of[i].list {
			out.list[of[i].first-out.first+int64(j)].add(&of[i].list[j])
		}
	}
	return out
}

// Gaps counts the gaps of all conns so far in the buckets of GapBucket.
func (s *State) Gaps() (sum [GapBuckets]uint64) {
	for _, p := range s.pasts.of {
		for i, n := range p.gaps {
			sum[i] += n
		}
	}
	return sum
}
