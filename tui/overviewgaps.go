package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

const (
	limitSign = "◂"
	// limitReach is how many empty buckets a histogram goes on to have a limit on it.
	limitReach = 6
	// limitsShown is how many limits are listed at first.
	limitsShown = 4
	gapName     = 14
	gapsLeast   = 4
)

// silences are the gaps of all connections against the limits in force, and the
// interval of pings that these ask for.
func (v overviewView) silences(w int) []overviewPart {
	return []overviewPart{v.gapPart(w), v.limitPart(w)}
}

func (v overviewView) gapPart(w int) overviewPart {
	part := overviewPart{head: heading("silences of 1 ms and more", "", w), least: gapsLeast}
	lo, hi := gapsFrom(&v.gaps)
	if lo < 0 {
		part.head = heading("silences of 1 ms and more", "none is over yet", w)
		return part
	}
	for _, l := range v.limits {
		if at := monitor.GapBucket(l.Value.Std()); at > hi && at <= hi+limitReach {
			hi = at
		}
	}
	part.fold = func(n int) []overviewRow { return v.gapRows(hi-n+1, lo, hi, w) }
	part.rows = v.gapRows(lo, lo, hi, w)
	return part
}

// gapsFrom is the first and the last bucket that has a gap, or -1.
func gapsFrom(gaps *[monitor.GapBuckets]uint64) (lo, hi int) {
	lo, hi = -1, -1
	for i, n := range gaps {
		if n > 0 && lo < 0 {
			lo = i
		}
		if n > 0 {
			hi = i
		}
	}
	return lo, hi
}

// gapRows are the buckets from to hi; those from lo on that are below count in the
// first row.
func (v overviewView) gapRows(from, lo, hi, w int) (rows []overviewRow) {
	var counts [monitor.GapBuckets]uint64
	most := uint64(1)
	for i := lo; i <= hi; i++ {
		at := max(i, from)
		counts[at] += v.gaps[i]
		most = max(most, counts[at])
	}
	marks, marked := v.limitMarks(hi)
	for i := from; i <= hi; i++ {
		jump := "maxgap:>=" + durationTerm(time.Millisecond<<i)
		if i == from && from > lo {
			jump = "maxgap:<" + durationTerm(time.Millisecond<<(i+1))
		} else if i < monitor.GapBuckets-1 {
			jump += " maxgap:<" + durationTerm(time.Millisecond<<(i+1))
		}
		l := one(stPlain, printable.PadLeft(bucketName(i), gapName)).add(numberLook(counts[i], stPlain), printable.PadLeft(countOrDot(counts[i]), countCells)).add(stPlain, " ")
		drawn := bar(float64(counts[i])/float64(most), min(max(w-1-gapName-countCells-1-marked, 4), barMost))
		if filled := strings.TrimRight(drawn, " "); marks[i] != "" { // the limit's line leads to its mark
			l = l.draw(stAccent, filled).draw(stNear, strings.Repeat("┄", printable.Width(drawn)-printable.Width(filled))+marks[i])
		} else {
			l = l.draw(stAccent, drawn)
		}
		rows = append(rows, overviewRow{key: overviewKey{"silence", bucketName(i)}, lines: []line{l}, jump: jump})
	}
	return rows
}

// limitMarks are what stands at the buckets that have a limit in them, and how
// wide that is.
func (v overviewView) limitMarks(hi int) (marks [monitor.GapBuckets]string, w int) {
	var texts [monitor.GapBuckets][]string
	for _, l := range v.limits {
		at := monitor.GapBucket(l.Value.Std())
		if text := round(l.Value.Std()); at >= 0 && at <= hi && !slices.Contains(texts[at], text) {
			texts[at] = append(texts[at], text)
		}
	}
	for i, t := range texts {
		switch {
		case len(t) == 0:
			continue
		case len(t) > 2:
			t = append(t[:2], "…")
		}
		marks[i] = limitSign + " " + strings.Join(t, ", ")
		w = max(w, printable.Width(marks[i]))
	}
	return marks, w
}

// durationTerm is a duration as a value of the filter language.
func durationTerm(d time.Duration) string {
	text := round(d)
	if same, err := time.ParseDuration(text); err != nil || same != d {
		return d.String()
	}
	return text
}

// limitPart lists the limits in force, and says how often to ping.
func (v overviewView) limitPart(w int) overviewPart {
	if len(v.limits) == 0 {
		return overviewPart{head: heading("idle limits in force", "of no open connection", w)}
	}
	part := overviewPart{name: "limit", head: heading("idle limits in force", "", w), least: 2, most: limitsShown}
	for i := range v.limits {
		l := &v.limits[i]
		value, source := round(l.Value.Std()), sourceText(l.Source)
		if l.Source == monitor.SourceAssumed {
			source = "assumed: nginx's default"
		}
		mark := one(stNear, limitSign+" "+printable.PadRight(value, 6)).add(stDim, printable.PadLeft(count(uint64(l.Conns)), countCells)+" open  ")
		part.rows = append(part.rows, overviewRow{
			key:   overviewKey{"limit", value + " " + l.Source},
			lines: []line{mark.add(stPlain, printable.Middle(source, max(w-1-mark.width(), 8)))},
			jump:  "limit:=" + durationTerm(l.Value.Std()),
		})
	}
	smallest := v.limits[0].Value.Std()
	advice := page{w: w}
	advice.text(stGood, " ", fmt.Sprintf("ping at least every %s: half of the smallest limit, %s", round(diagnose.PingEvery(smallest)), round(smallest)))
	part.tail = advice.lines
	return part
}
