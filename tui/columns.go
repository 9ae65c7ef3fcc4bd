package tui

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// column is one column of the connection list. All of them are in the table
// columns; the width decides which are shown.
type column struct {
	id          columnID
	title       string // words separated by "/", one of which an order may mark
	least, most int    // cells
	weight      int    // share of what is left over, up to most
	right       bool   // aligned
	drop        int    // highest goes first when narrow; 0 never goes
	cell        func(r *row, w int) line
}

type columnID uint8

const (
	colMark columnID = iota
	colSeq
	colLink
	colTap
	colClient
	colTarget
	colHost
	colStatus
	colAge
	colFramesUp
	colFramesDown
	colBytesUp
	colBytesDown
	colGap
	colFate
	colWhy
)

// columns in order of the screen. Up is from the client, down from the server.
var columns = []column{
	{colMark, "", 3, 3, 0, false, 0, markCell},
	{colSeq, "#", 4, 6, 1, true, 3, func(r *row, _ int) line { return one(stPlain, fmt.Sprint(r.seq)) }},
	{colLink, "link", 5, 6, 0, false, 8, linkCell},
	{colTap, "leg", 5, 10, 1, false, 4, func(r *row, _ int) line { return one(stPlain, r.tap) }},
	{colClient, "client", 15, 21, 4, false, 6, func(r *row, _ int) line { return one(stPlain, r.client) }},
	{colTarget, "target", 18, 64, 9, false, 0, func(r *row, w int) line { return one(stPlain, printable.Middle(r.target, w)) }},
	{colHost, "host", 14, 24, 2, false, 14, func(r *row, _ int) line { return one(stPlain, r.host) }},
	{colStatus, "status", 7, 7, 0, false, 9, func(r *row, _ int) line { return one(stPlain, r.status) }},
	{colAge, "age", 5, 6, 0, true, 7, func(r *row, _ int) line { return one(stPlain, span5(r.age)) }},
	{colFramesUp, "frm↑", 5, 5, 0, true, 10, func(r *row, _ int) line { return one(stPlain, count(r.frames[0])) }},
	{colFramesDown, "frm↓", 5, 5, 0, true, 10, func(r *row, _ int) line { return one(stPlain, count(r.frames[1])) }},
	{colBytesUp, "B↑", 5, 5, 0, true, 11, func(r *row, _ int) line { return one(stPlain, count(r.bytes[0])) }},
	{colBytesDown, "B↓", 5, 5, 0, true, 11, func(r *row, _ int) line { return one(stPlain, count(r.bytes[1])) }},
	{colGap, "gap", 5, 6, 0, true, 5, func(r *row, _ int) line { return one(stPlain, span5(r.gap)) }},
	{colFate, "left/cause", 16, 20, 2, false, 0, fateCell},
	{colWhy, "limit/code", 6, 24, 5, false, 2, whyCell},
}

// On a screen of less than narrowAt cells, where little else is shown, the two
// columns that never go have to do with less.
const (
	narrowAt     = 60
	narrowFate   = 13
	narrowTarget = 12
)

func markCell(r *row, _ int) line {
	g := glyphOf(r.stage, r.countdown.Mark)
	s := g.sign + " "
	if r.violating {
		s = g.sign + violationSign
	}
	if r.pinned {
		s += pinSign
	}
	return one(g.st, s)
}

func linkCell(r *row, _ int) line {
	if r.link == 0 {
		return nil
	}
	return one(stAccent, linkSign+count(r.link))
}

// fateCell is the countdown of a live conn, the cause of an ended one.
func fateCell(r *row, w int) line {
	switch {
	case r.gone:
		return one(stDim, "evicted")
	case r.counting:
		left := leftText(&r.countdown)
		g := glyphOf(r.stage, r.countdown.Mark)
		const digits = 6
		strip := g.st
		if strip == stOK {
			strip = stDim // leave the eye to the others
		}
		return one(strip, bar(r.countdown.Used, w-digits)).add(g.st, printable.PadLeft(left, min(digits, w)))
	case r.verdict.Cause != "":
		sign := confidenceSign(&r.verdict, r.settled)
		return one(glyphOf(r.stage, 0).st, printable.Truncate(r.verdict.Cause.Short(), w-2)+" "+sign)
	case r.stage == closing && r.closer != "":
		return one(stPlain, "closing: "+r.closer)
	}
	return one(stDim, [...]string{"connecting", "no limit known", "closing", "closed", "refused"}[r.stage])
}

// whyCell is the limit of a live conn with its source, the close code of an
// ended one; where a handshake failed, the status says why.
func whyCell(r *row, w int) line {
	switch {
	case r.counting:
		if printable.Width(r.limit) > w {
			value, _, _ := strings.Cut(r.limit, " ")
			return one(stPlain, value)
		}
		return one(stPlain, r.limit)
	case r.verdict.Code != 0:
		code := codeText(&r.verdict)
		if long := code + " " + r.verdict.CodeName; printable.Width(long) <= w {
			code = long
		}
		return one(stPlain, code)
	case r.stage == refused && r.status != "–":
		return one(stPlain, r.status)
	}
	return nil
}

// placed is a column with the width it got.
type placed struct {
	*column
	w int
}

// layout chooses the columns for w cells: drops until the rest fits (pairs go
// together), one blank between two, then hands out what is left over by weight.
func layout(w int) []placed {
	cols := make([]placed, len(columns))
	for i := range columns {
		cols[i] = placed{&columns[i], columns[i].least}
		switch {
		case cols[i].id == colFate && w < narrowAt:
			cols[i].w = narrowFate
		case cols[i].id == colTarget && w < narrowAt:
			cols[i].w = narrowTarget
		}
	}
	for needed(cols) > w {
		first := 0
		for _, c := range cols {
			first = max(first, c.drop)
		}
		if first == 0 {
			break
		}
		cols = slices.DeleteFunc(cols, func(c placed) bool { return c.drop == first })
	}
	grow(cols, w-needed(cols))
	return cols
}

func needed(cols []placed) int {
	n := len(cols) - 1
	for _, c := range cols {
		n += c.w
	}
	return n
}

// grow hands out spare cells, one at a time to who has the least for its weight.
func grow(cols []placed, spare int) {
	for ; spare > 0; spare-- {
		best := -1
		for i, c := range cols {
			if c.w >= c.most || c.weight == 0 {
				continue
			}
			if best < 0 || (c.w-c.least)*cols[best].weight < (cols[best].w-cols[best].least)*c.weight {
				best = i
			}
		}
		if best < 0 {
			return
		}
		cols[best].w++
	}
}

// cells makes the cells of a row, one for each column, each of its width.
func cells(cols []placed, r *row) []line {
	out := make([]line, len(cols))
	for i, c := range cols {
		l := c.cell(r, c.w)
		if c.right {
			l = append(one(stPlain, strings.Repeat(" ", max(c.w-l.width(), 0))), l...)
		}
		l = l.fit(c.w)
		for k := range l {
			if l[k].st == stPlain && (r.stage == closed || r.stage == refused) {
				l[k].st = stClosed
			}
		}
		out[i] = l
	}
	return out
}

// rowLine puts cells side by side, after the mark of the selection.
func rowLine(sign string, cells []line) line {
	l := make(line, 0, 3*len(cells)+1)
	for _, c := range cells {
		l = append(l.add(stPlain, sign), c...)
		sign = " "
	}
	return l
}

// heads makes the titles, the order's word marked with its direction.
func heads(cols []placed, by *order, reverse bool) line {
	arrow := "▲"
	if reverse {
		arrow = "▼"
	}
	l := make(line, 0, 2*len(cols))
	for i, c := range cols {
		if i > 0 {
			l = l.add(stPlain, " ")
		}
		title := c.title
		if c.id == by.column {
			title = strings.Replace(title, by.word, by.word+arrow, 1)
		}
		if printable.Width(title) > c.w { // "limit/code": the word that matters now
			title = shorterTitle(title, arrow)
		}
		if c.right {
			title = printable.PadLeft(title, c.w)
		}
		l = l.add(stHead, printable.PadRight(title, c.w))
	}
	return l
}

// shorterTitle is the part of a title that the order marks, or the first one.
func shorterTitle(title, arrow string) string {
	parts := strings.Split(title, "/")
	for _, p := range parts {
		if strings.HasSuffix(p, arrow) {
			return p
		}
	}
	return parts[0]
}

// sortKey is what a conn sorts by: group first (it is not reversed), then num,
// then text. Arrival decides between equals.
type sortKey struct {
	group uint8
	num   int64
	text  string
}

// The groups: pinned rows are on top whatever the order, and those that have
// nothing to sort by at the bottom.
const (
	groupPinned  = 0
	groupFirst   = 1
	groupMissing = 9
)

// order is a way to sort; word is the part of its column's title to mark.
type order struct {
	column columnID
	word   string
	key    func(s *monitor.State, c *monitor.Conn, cd *monitor.Countdown) sortKey
}

// orders in the sequence that `s` goes through. Numbers begin with the largest
// where that is what one looks for.
var orders = []order{
	{colFate, "left", byLeft},
	{colFate, "cause", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return byText(string(c.Verdict.Cause))
	}},
	{colWhy, "code", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return byNumber(int64(c.Verdict.Code))
	}},
	{colSeq, "#", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey { return byNumber(int64(c.Seq)) }},
	{colClient, "client", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey { return byText(c.Client) }},
	{colTarget, "target", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey { return byText(c.Target()) }},
	{colStatus, "status", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return byNumber(int64(c.Status()))
	}},
	{colAge, "age", func(s *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return largest(uint64(c.Age(s.Now())))
	}},
	{colFramesUp, "frm↑", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return largest(c.Sample.Dir[0].FrameCount())
	}},
	{colFramesDown, "frm↓", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return largest(c.Sample.Dir[1].FrameCount())
	}},
	{colBytesUp, "B↑", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return largest(c.Sample.Dir[0].Bytes)
	}},
	{colBytesDown, "B↓", func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return largest(c.Sample.Dir[1].Bytes)
	}},
	{colGap, "gap", func(s *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey {
		return largest(uint64(c.Gap(s.Now())))
	}},
}

// expiredStays is how long a conn past its limit stays among those that go
// next: after that its limit is disproved, and it stands below them.
const expiredStays = 2e9 // ns

// restless is the part of its limit below which a conn is busy: its deadline
// moves with every frame, and a list in that order would never stand still.
const restless = 0.5

// byLeft puts what dies next on top: counting down by deadline; then the busy
// ones, which keep their places; then past the limit, closing and connecting;
// then closed, newest first. Deadlines are points in time, so a conn at rest
// keeps its key.
func byLeft(s *monitor.State, c *monitor.Conn, cd *monitor.Countdown) sortKey {
	switch {
	case cd != nil && cd.Used < restless:
		return sortKey{group: groupFirst + 1, num: int64(cd.Limit.Value)}
	case cd != nil && cd.Left > -expiredStays:
		return sortKey{group: groupFirst, num: tenths(s.Now().Add(cd.Left))}
	case cd != nil:
		return sortKey{group: groupFirst + 2, num: tenths(s.Now().Add(cd.Left))}
	case !c.IsClosed():
		return sortKey{group: groupFirst + 3, num: -tenths(c.Opened)}
	}
	return sortKey{group: groupFirst + 4, num: -tenths(c.Ended)}
}

// tenths of a second are fine enough to sort by: the legs of one WebSocket are
// then equal, and stand in the order in which they came.
func tenths(t monitor.Time) int64 { return int64(t) / 1e8 }

func byNumber(n int64) sortKey {
	if n == 0 {
		return sortKey{group: groupMissing}
	}
	return sortKey{group: groupFirst, num: n}
}

func largest(n uint64) sortKey {
	return sortKey{group: groupFirst, num: -int64(min(n, math.MaxInt64))}
}

// byText leaves the number to the index, which knows what all texts begin with.
func byText(t string) sortKey {
	if t == "" {
		return sortKey{group: groupMissing}
	}
	return sortKey{group: groupFirst, text: t}
}
