package tui

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// sums are what the overview shows, copied out of State.
type sums struct {
	recent, whole           monitor.History
	live, near, closed, bad uint64
	bothLegs                bool // so that both conns of a link count
	causes                  []causeSum
	codes                   []share[ws.CloseCode]
	refused                 []share[string]
	targets                 []monitor.TargetCount
	gaps                    [monitor.GapBuckets]uint64
	limits                  []monitor.LimitInForce // by value
}

// share is a count of something.
type share[K cmp.Ordered] struct {
	of K
	n  uint64
}

// causeSum is a cause, and how sure its verdicts were, in the order of confidenceSigns.
type causeSum struct {
	share[monitor.Cause]
	sure [3]uint64
}

func (o *sums) copy(s *monitor.State) {
	t := &s.Totals
	o.recent, o.whole = s.History()
	o.closed, o.live, o.near, o.bad = t.Closed, 0, 0, 0
	if n := len(o.recent.Buckets); n > 0 {
		o.live, o.near = uint64(o.recent.Buckets[n-1].Live), uint64(o.recent.Buckets[n-1].Near)
	}
	o.bothLegs = s.HasRole(monitor.Front) && s.HasRole(monitor.Back)
	o.causes = o.causes[:0]
	for _, sh := range shares(t.Causes) {
		c := causeSum{share: sh}
		for i, sign := range confidenceSigns {
			c.sure[i] = t.Judged[monitor.Judgement{Cause: sh.of, Confidence: sign.is}]
		}
		o.causes = append(o.causes, c)
		if sh.of.Bad() {
			o.bad += sh.n
		}
	}
	o.codes, o.refused = shares(t.Codes), shares(t.RefusedBy)
	o.targets, o.gaps = s.Targets(), s.Gaps()
	o.limits = slices.Clone(s.LimitsInForce())
	slices.SortStableFunc(o.limits, func(a, b monitor.LimitInForce) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), strings.Compare(a.Source, b.Source))
	})
}

// shares are the counts of a map, the largest first.
func shares[K cmp.Ordered](m map[K]uint64) (out []share[K]) {
	for k := range maps.Keys(m) {
		if m[k] > 0 {
			out = append(out, share[K]{k, m[k]})
		}
	}
	slices.SortFunc(out, func(a, b share[K]) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.of, b.of)) })
	return out
}

// troubled sorts targets: most bad ends first, then as busiest does.
func troubled(a, b *monitor.TargetCount) int {
	return cmp.Or(cmp.Compare(b.Bad, a.Bad), busiest(a, b))
}

// busiest sorts targets: most live ones first.
func busiest(a, b *monitor.TargetCount) int {
	return cmp.Or(cmp.Compare(b.Live, a.Live), cmp.Compare(b.Opened, a.Opened), strings.Compare(a.Target, b.Target))
}

// most are the first n targets of an order.
func mostOf(all []monitor.TargetCount, n int, by func(a, b *monitor.TargetCount) int) []*monitor.TargetCount {
	out := make([]*monitor.TargetCount, len(all))
	for i := range all {
		out[i] = &all[i]
	}
	slices.SortFunc(out, by)
	return out[:min(n, len(out))]
}

// topCause is the most frequent cause of bad ends.
func topCause(t *monitor.TargetCount) (cause monitor.Cause, n uint64) {
	for c, k := range t.Causes {
		if k > n || k == n && k > 0 && c < cause {
			cause, n = c, k
		}
	}
	return cause, n
}
