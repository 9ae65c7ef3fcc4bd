package monitor

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// TargetCount is the conns of one group of targets: see TargetGroup.
type TargetCount struct {
	Target string           `json:"target"`
	Live   uint64           `json:"-"` // those that have not closed
	Opened uint64           `json:"opened"`
	Bad    uint64           `json:"bad,omitempty"`    // ended, for a reason that is Bad
	Causes map[Cause]uint64 `json:"causes,omitempty"` // of Bad
}

// TargetOthers is the group of the targets that were too many to count apart.
const TargetOthers = "(others)"

// targetsMost bounds the groups of targets counted for a relay; targetsFold is
// how many are put together when there are more.
const (
	targetsMost = 256
	targetsFold = 64
)

// targetCount is counted in place by the conns that point to it.
type targetCount struct {
	TargetCount
	into *targetCount // where it was put
}

// targets counts conns by what they ask for.
type targets struct {
	of      map[string]*targetCount
	others  *targetCount
	scratch []byte
	misses  int // since none could be put together with others
}

// count finds the group of a target and counts one more conn of it.
func (ts *targets) count(target string) *targetCount {
	ts.scratch = AppendTargetGroup(ts.scratch[:0], target)
	t := ts.of[string(ts.scratch)]
	if t == nil {
		t = ts.group(string(ts.scratch))
	}
	t.Opened++
	t.Live++
	return t
}

// group is the group of a name, a new one where there is room.
func (ts *targets) group(name string) *targetCount {
	if t := ts.of[name]; t != nil {
		return t
	}
	if len(ts.of) >= targetsMost && !ts.fold() || name == TargetOthers {
		return ts.rest()
	}
	if ts.of == nil {
		ts.of = map[string]*targetCount{}
	}
	t := &targetCount{TargetCount: TargetCount{Target: name}}
	ts.of[name] = t
	return t
}

func (ts *targets) rest() *targetCount {
	if ts.others == nil {
		ts.others = &targetCount{TargetCount: TargetCount{Target: TargetOthers}}
	}
	return ts.others
}

// fold puts the least of the groups that have no live conn together. Where all
// have some, it is tried again only after as many conns as it would have freed.
func (ts *targets) fold() bool {
	if ts.misses > 0 {
		ts.misses--
		return false
	}
	var idle []*targetCount
	for _, t := range ts.of {
		if t.Live == 0 {
			idle = append(idle, t)
		}
	}
	slices.SortFunc(idle, func(a, b *targetCount) int {
		return cmp.Or(cmp.Compare(a.Bad, b.Bad), cmp.Compare(a.Opened, b.Opened), strings.Compare(a.Target, b.Target))
	})
	if len(idle) == 0 {
		ts.misses = targetsFold
		return false
	}
	for _, t := range idle[:min(len(idle), targetsFold)] {
		t.into = ts.rest()
		t.into.take(&t.TargetCount)
		delete(ts.of, t.Target)
	}
	return true
}

// take adds the counts of another group.
func (t *TargetCount) take(o *TargetCount) {
	t.Live += o.Live
	t.Opened += o.Opened
	t.Bad += o.Bad
	for c, n := range o.Causes {
		t.cause(c, n)
	}
}

func (t *TargetCount) cause(c Cause, n uint64) {
	if t.Causes == nil {
		t.Causes = map[Cause]uint64{}
	}
	if _, have := t.Causes[c]; !have && len(t.Causes) >= mapMost {
		c = CauseUnknown
	}
	t.Causes[c] += n
}

// place is where the conns of t count by now.
func (t *targetCount) place() *targetCount {
	for t.into != nil {
		t = t.into
	}
	return t
}

func (t *targetCount) leave() {
	t = t.place()
	t.Live -= min(t.Live, 1)
}

// end counts an end for a bad cause, or takes it back (n is -1).
func (t *targetCount) end(c Cause, n int) {
	t = t.place()
	switch {
	case n > 0:
		t.Bad++
		t.cause(c, 1)
	case t.Bad > 0 && t.Causes[c] > 0:
		t.Bad--
		t.Causes[c]--
	}
}

// told puts a relay's own counts in the place of those made from what it still
// knew of its conns. Live ones are all known here.
func (ts *targets) told(counts []TargetCount) {
	for _, t := range ts.of {
		t.Opened, t.Bad, t.Causes = t.Live, 0, nil
	}
	if r := ts.others; r != nil {
		r.Opened, r.Bad, r.Causes = r.Live, 0, nil
	}
	for i := range counts[:min(len(counts), targetsMost+1)] {
		c := &counts[i]
		name, _ := kept(c.Target, false)
		t := ts.group(strings.Clone(name))
		t.Opened, t.Bad, t.Causes = max(t.Live, c.Opened), c.Bad, some(c.Causes)
	}
}

// list is all counts in memory of their own.
func (ts *targets) list() []TargetCount {
	out := make([]TargetCount, 0, len(ts.of)+1)
	for _, t := range ts.of {
		out = append(out, t.TargetCount)
	}
	if ts.others != nil {
		out = append(out, ts.others.TargetCount)
	}
	for i := range out {
		out[i].Causes = maps.Clone(out[i].Causes)
	}
	slices.SortFunc(out, func(a, b TargetCount) int { return strings.Compare(a.Target, b.Target) })
	return out
}

// Targets counts the conns by groups of targets, sorted by name, in memory of
// their own. Of each relay no more than 256 groups are counted apart.
func (s *State) Targets() []TargetCount {
	if len(s.pasts.of) == 1 {
		for _, p := range s.pasts.of {
			return p.targets.list()
		}
	}
	all := map[string]*TargetCount{}
	for _, p := range s.pasts.of {
		for _, t := range p.targets.list() {
			if all[t.Target] == nil {
				all[t.Target] = &TargetCount{Target: t.Target}
			}
			all[t.Target].take(&t)
		}
	}
	out := make([]TargetCount, 0, len(all))
	for _, t := range all {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b TargetCount) int { return strings.Compare(a.Target, b.Target) })
	return out
}
