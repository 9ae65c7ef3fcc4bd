package logparse

import "time"

// Part makes an empty Summary for a part of what s counts: a block of Blocks,
// for it keeps every name, as parts of the entries' strings. Its use is Merge.
func (s *Summary) Part() *Summary {
	part := NewSummary(s.clock.Loc)
	part.part = &partCounts{kinds: Top{part: true}}
	for _, t := range part.tops() {
		t.part = true
	}
	return part
}

// partCounts stand for Levels and Kinds of a Part, whose maps cost as much as
// half of the parsing.
type partCounts struct {
	levels [LevelEmerg + 1]int64
	kinds  Top
}

func (s *Summary) tops() [5]*Top {
	return [...]*Top{&s.Upstreams, &s.Targets, &s.Servers, &s.Hosts, &s.Clients}
}

// Merge counts what a Part has counted. Parts that are merged in the order of
// the input give what one Summary of all of it would: those names are kept that
// came first. part is empty again after it.
func (s *Summary) Merge(part *Summary) {
	s.Lines += part.Lines
	s.Parsed += part.Parsed
	s.Unparsed += part.Unparsed
	s.Forged += part.Forged
	s.Cut += part.Cut
	for l, n := range part.part.levels {
		if n > 0 {
			s.Levels[Level(l)] += n
		}
	}
	for _, c := range part.part.kinds.list {
		s.Kinds[Kind(c.Name)] += c.N
	}
	of := part.tops()
	for i, t := range s.tops() {
		t.merge(of[i])
	}
	s.mergeTimes(part)
	part.Reset()
}

// mergeTimes: which span the buckets have in the end does not depend on the
// order, for it is the shortest of which there are not too many.
func (s *Summary) mergeTimes(part *Summary) {
	if !part.First.IsZero() {
		s.seen(part.First)
	}
	if !part.Last.IsZero() {
		s.seen(part.Last)
	}
	for s.span < part.span {
		s.widen()
	}
	for _, b := range part.buckets {
		to := s.bucketOf(b.At)
		to.N += b.N
		to.Errors += b.Errors
	}
}

// Reset makes a Part empty without merging it.
func (s *Summary) Reset() {
	clear(s.buckets)
	s.part.levels = [LevelEmerg + 1]int64{}
	s.part.kinds.reset()
	for _, t := range s.tops() {
		t.reset()
	}
	*s = Summary{
		Levels: s.Levels, Kinds: s.Kinds, part: s.part, clock: s.clock, span: time.Minute, buckets: s.buckets,
		Upstreams: s.Upstreams, Targets: s.Targets, Servers: s.Servers, Hosts: s.Hosts, Clients: s.Clients,
	}
}
