package tui

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// heading is the line over a part, with a note at its right end.
func heading(title, note string, w int) line {
	return spread(one(stHead, " "+title), one(stDim, note), w)
}

// hasWhole says that there was more than the recent minutes.
func (v overviewView) hasWhole() bool {
	return len(v.whole.Buckets) > 0 && int64(v.whole.Width)*int64(len(v.whole.Buckets)) > int64(v.recent.Width)*int64(len(v.recent.Buckets)) && v.whole.Width > v.recent.Width
}

// courses are the charts below each other: of the last minutes, and of all.
func (v overviewView) courses(w, height int) []overviewPart {
	if len(v.recent.Buckets) == 0 {
		return []overviewPart{v.nothing()}
	}
	parts := []overviewPart{v.charts("recent", &v.recent, false, w, height)}
	if v.hasWhole() {
		parts = append(parts, v.charts("all", &v.whole, true, w, height))
	}
	return parts
}

func (v overviewView) nothing() overviewPart {
	return overviewPart{head: one(stDim, " nothing seen so far")}
}

func (v overviewView) charts(name string, h *monitor.History, whole bool, w, height int) overviewPart {
	part := overviewPart{head: chartHead(h, whole, w), tail: []line{chartAxis(h, v.at, w)}}
	for i := range curves {
		c := &curves[i]
		part.rows = append(part.rows, overviewRow{key: overviewKey{name, c.name}, lines: v.plotter.chart(h, c, whole, w, height), jump: c.jump})
	}
	part.least = len(part.rows)
	return part
}

// coursesAbreast are the same side by side.
func (v overviewView) coursesAbreast(w, height int) overviewPart {
	if len(v.recent.Buckets) == 0 || !v.hasWhole() {
		return v.courses(w, height)[0]
	}
	half := (w - columnGutter) / 2
	left, right := v.charts("recent", &v.recent, false, half, height), v.charts("all", &v.whole, true, half, height)
	beside := func(a, b line, lead int) line {
		return append(a.fit(half-lead).add(stPlain, blanksOf(columnGutter+lead)), b...)
	}
	left.head = beside(left.head, right.head, 0)
	left.tail[0] = beside(left.tail[0], right.tail[0], 0)
	for i := range left.rows {
		for y := range left.rows[i].lines {
			left.rows[i].lines[y] = beside(left.rows[i].lines[y], right.rows[i].lines[y], 1)
		}
	}
	return left
}

func blanksOf(n int) string { return printable.PadRight("", max(n, 0)) }

const (
	listLeast  = 3 // rows of a list that stay where there is no room
	countCells = 6
	shareCells = 6 // "100 %" and a blank
	barMost    = 40
)

// shareCell is a number, its share of all, and a bar; narrow ones leave out what
// does not fit.
func shareCell(n, all uint64, st style, w int) line {
	l := one(stPlain, printable.PadLeft(count(n), countCells))
	w -= countCells
	if w >= shareCells+8 {
		l = l.add(stDim, printable.PadLeft(percentOf(int(n), int(max(all, 1))), shareCells))
		w -= shareCells
	}
	if w > 2 {
		room := min(w-1, barMost)
		l = l.add(stPlain, " ").draw(st, bar(float64(n)/float64(max(all, 1)), room)).add(stPlain, blanksOf(w-1-room))
	}
	return l
}

// ends are how connections ended: causes, close codes, refusals.
func (v overviewView) ends(w int) []overviewPart {
	return []overviewPart{v.causePart(w), v.codePart(w), v.refusedPart(w)}
}

func (v overviewView) causePart(w int) overviewPart {
	all := uint64(0)
	sure := make([][3]uint64, len(v.causes))
	for i := range v.causes {
		all += v.causes[i].n
		sure[i] = v.causes[i].sure
	}
	note := ""
	switch {
	case all == 0:
		return overviewPart{head: heading("why they ended", "none has ended", w)}
	case v.bothLegs && w >= 36:
		note = "both legs count"
	}
	part := overviewPart{name: "cause", head: heading("why they ended", note, w), least: listLeast}
	split := confidenceCells(sure)
	const name = 17 // with the sign
	for i := range v.causes {
		c := &v.causes[i]
		sign, st := "·", stClosed
		if c.of.Bad() {
			sign, st = "×", stRefused
		}
		l := one(st, sign).add(stPlain, " "+printable.PadRight(printable.Truncate(printable.String(c.of.Short()), name-3), name-2))
		l = append(l, shareCell(c.n, all, st, w-1-name-split[i].width()-1)...)
		r := overviewRow{key: overviewKey{"cause", string(c.of)}, lines: []line{append(l.add(stPlain, " "), split[i]...)}, jump: groupTerm("cause", string(c.of))}
		if !slices.Contains(monitor.Causes(), c.of) {
			r.noJump = "a cause that this version does not know"
		}
		part.rows = append(part.rows, r)
	}
	return part
}

// confidenceCells are columns of how many verdicts were how sure. A sign that is
// nowhere has no column.
func confidenceCells(sure [][3]uint64) []line {
	out := make([]line, len(sure))
	for k, sign := range confidenceSigns {
		w := 0
		for i := range sure {
			if sure[i][k] > 0 {
				w = max(w, len(count(sure[i][k]))+2)
			}
		}
		for i := range sure {
			text := ""
			if sure[i][k] > 0 {
				text = sign.sign + count(sure[i][k])
			}
			out[i] = out[i].add(stDim, printable.PadLeft(text, w))
		}
	}
	return out
}

func (v overviewView) codePart(w int) overviewPart {
	all := uint64(0)
	for i := range v.sums.codes {
		all += v.sums.codes[i].n
	}
	if all == 0 {
		return overviewPart{head: heading("close codes", "none", w)}
	}
	part := overviewPart{name: "code", head: heading("close codes", "", w), least: listLeast}
	name := min(max(w/2-3, 14), 26)
	for _, c := range v.sums.codes {
		verdict := monitor.Verdict{Code: c.of}
		said, own := v.codes[c.of]
		if !own {
			said = c.of.Name()
		}
		number := codeText(&verdict)
		if c.of.Derived() {
			number = printable.PadRight(number, 7)
		} else {
			number = printable.PadRight(" "+number, 7)
		}
		l := one(stPlain, number+printable.PadRight(printable.Truncate(said, name), name))
		part.rows = append(part.rows, overviewRow{
			key:   overviewKey{"code", strconv.Itoa(int(c.of))},
			lines: []line{append(l, shareCell(c.n, all, stAccent, w-1-7-name)...)},
			jump:  fmt.Sprintf("code:%d", c.of),
		})
	}
	return part
}

func (v overviewView) refusedPart(w int) overviewPart {
	all := uint64(0)
	for _, r := range v.refused {
		all += r.n
	}
	if all == 0 {
		return overviewPart{head: heading("refused, by HTTP status", "none", w)}
	}
	part := overviewPart{name: "status", head: heading("refused, by HTTP status", "", w), least: 2}
	for _, r := range v.refused {
		status := printable.String(r.of)
		row := overviewRow{key: overviewKey{"status", r.of}, jump: "status:" + r.of}
		if _, err := strconv.ParseUint(r.of, 10, 16); err != nil {
			row.noJump = "too many statuses to tell these apart"
		}
		row.lines = []line{append(one(stPlain, " "+printable.PadRight(printable.Truncate(status, 10), 10)), shareCell(r.n, all, stRefused, w-1-11)...)}
		part.rows = append(part.rows, row)
	}
	return part
}

const (
	// targetsApart is from how many targets on there are two lists of them.
	targetsApart = 8
	// targetsShown is how many of a list are shown at first.
	targetsShown = 12
)

// asked are the targets: those with the most bad ends, and the busiest. Few of
// them are one list.
func (v overviewView) asked(w int) []overviewPart {
	n := len(v.targets)
	bad := 0
	for i := range v.targets {
		if v.targets[i].Bad > 0 {
			bad++
		}
	}
	switch {
	case n == 0:
		return []overviewPart{{head: heading("targets", "none", w)}}
	case n <= targetsApart || bad == 0:
		return []overviewPart{v.targetPart("targets", mostOf(v.targets, n, troubled), w)}
	}
	return []overviewPart{
		v.targetPart("most bad ends", mostOf(v.targets, bad, troubled), w),
		v.targetPart("busiest", mostOf(v.targets, n, busiest), w),
	}
}

// targetColumns are the numbers of a target.
var targetColumns = []struct {
	title string
	cells int
	st    style
	of    func(*monitor.TargetCount) uint64
}{
	{"live", 6, stPlain, func(t *monitor.TargetCount) uint64 { return t.Live }},
	{"opened", 7, stPlain, func(t *monitor.TargetCount) uint64 { return t.Opened }},
	{"bad", 6, stRefused, func(t *monitor.TargetCount) uint64 { return t.Bad }},
}

// The cause behind the bad ends stands beside them from a width on, its share
// from another.
const (
	causeCells     = 16
	causeFrom      = 56
	causeShareFrom = 64
)

func (v overviewView) targetPart(title string, targets []*monitor.TargetCount, w int) overviewPart {
	cause, name := 0, w-1
	if w >= causeFrom {
		cause = causeCells
	}
	if w >= causeShareFrom {
		cause += shareCells
	}
	for _, c := range targetColumns {
		name -= c.cells
	}
	name = max(name-cause, 4)
	head := one(stHead, " "+printable.PadRight(printable.Truncate(title, name), name))
	for _, c := range targetColumns {
		head = head.add(stHead, printable.PadLeft(c.title, c.cells))
	}
	if cause > 0 {
		head = head.add(stHead, "  mostly")
	}
	part := overviewPart{name: title, head: head, least: listLeast, most: targetsShown}
	if n := len(targets); n > targetsShown && !v.unfolded[title] {
		targets, part.hidden = targets[:targetsShown], n-targetsShown
	}
	for _, t := range targets {
		text := printable.String(t.Target)
		if t.Target == "" {
			text = "(no request)"
		}
		l := one(stPlain, printable.PadRight(printable.Middle(text, name), name))
		for _, c := range targetColumns {
			n := c.of(t)
			l = l.add(numberLook(n, c.st), printable.PadLeft(countOrDot(n), c.cells))
		}
		if c, n := topCause(t); cause > 0 && n > 0 {
			l = l.add(stPlain, "  "+printable.PadRight(printable.Truncate(printable.String(c.Short()), causeCells-2), causeCells-2))
			if w >= causeShareFrom {
				l = l.add(stDim, printable.PadLeft(percentOf(int(n), int(t.Bad)), shareCells))
			}
		}
		r := overviewRow{key: overviewKey{title, t.Target}, lines: []line{l}, jump: groupTerm("group", t.Target)}
		if t.Target == monitor.TargetOthers {
			r.noJump = "these are of more targets than are told apart"
		}
		part.rows = append(part.rows, r)
	}
	return part
}

// countOrDot is a number of which nothing is a dot.
func countOrDot(n uint64) string {
	if n == 0 {
		return "·"
	}
	return count(n)
}

// numberLook is the style of such a number.
func numberLook(n uint64, st style) style {
	if n == 0 {
		return stDim
	}
	return st
}
