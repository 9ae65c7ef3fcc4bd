package tui

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
)

// gaps shows the longest silence and the histogram of all of them.
func (p *connPage) gaps() {
	c := p.c
	if !c.IsUpgraded() && !c.Opaque {
		return
	}
	n := uint64(0)
	for _, k := range c.Sample.Gaps {
		n += uint64(k)
	}
	p.head("gaps: time without a byte either way")
	if c.Sample.LongestGap > 0 {
		p.pair("longest", exact(c.Sample.LongestGap.Std())+", from "+p.times.full(c.Sample.LongestGapAt, 0))
	}
	name := "now"
	if c.IsClosed() || len(c.Ends) > 0 {
		name = "at the end"
	}
	p.pair(name, exact(c.Gap(p.s.Now())))
	lo, hi := gapRange(&c.Sample)
	if lo < 0 {
		p.text(stDim, " ", "no gap of 1 ms or more is over yet")
		return
	}
	p.text(stDim, " ", fmt.Sprintf("of %s of 1 ms and more since the upgrade:", plural(n, "gap", "gaps")))
	limitAt := -1
	if p.limited {
		limitAt = monitor.GapBucket(p.limit.Value.Std())
	}
	most := uint32(0)
	for i := lo; i <= hi; i++ {
		most = max(most, c.Sample.Gaps[i])
	}
	w := min(max(p.w-30, 4), 40)
	for i := lo; i <= max(hi, min(limitAt, hi+3)); i++ {
		n := c.Sample.Gaps[i]
		l := one(stPlain, fmt.Sprintf(" %14s %6s ", bucketName(i), count(uint64(n)))).add(stAccent, bar(float64(n)/float64(most), w))
		if i == limitAt {
			l = l.add(stNear, " ← limit")
		}
		p.put(l)
	}
}

// gapRange is the first and the last bucket that has a gap, or -1.
func gapRange(s *monitor.Sample) (lo, hi int) {
	lo, hi = -1, -1
	for i, n := range s.Gaps {
		if n == 0 {
			continue
		}
		if lo < 0 {
			lo = i
		}
		hi = i
	}
	return lo, hi
}

func bucketName(i int) string {
	name := func(i int) string {
		d := time.Millisecond << i
		switch {
		case d < time.Second:
			return fmt.Sprintf("%d ms", d.Milliseconds())
		case d < 100*time.Second:
			return fmt.Sprintf("%.0f s", d.Seconds())
		case d < 100*time.Minute:
			return fmt.Sprintf("%.0f min", d.Minutes())
		}
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	if i == monitor.GapBuckets-1 {
		return "over " + name(i)
	}
	return "up to " + name(i+1)
}
