package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wstap/wstap/internal/printable"
)

// column is one column of the connection list. All of them are in the table
// columns; a columnSet and the width decide which are shown.
type column struct {
	id          columnID
	name        string // in the chooser and in the configuration
	title       string // words separated by "/", one of which an order may mark
	least, most int    // cells
	weight      int    // share of what is left over, up to most
	right       bool   // aligned
	drop        int    // highest goes first when narrow; 0 never goes
	cell        func(r *row, w int) line
	what        string // for the chooser
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
	colServer
	colSubprotocol
	colStatus
	colOpened
	colAge
	colFramesUp
	colFramesDown
	colBytesUp
	colBytesDown
	colRate
	colPulse
	colLongest
	colGap
	colFate
	colWhy
)

// columns in order of the screen. Up is from the client, down from the server.
var columns = []column{
	{colMark, "mark", "", 3, 3, 0, false, 0, markCell, "state, broken rules, pin"},
	{colSeq, "number", "#", 4, 6, 1, true, 3, func(r *row, _ int) line { return one(stPlain, fmt.Sprint(r.seq)) }, "number in order of arrival"},
	{colLink, "link", "link", 5, 6, 0, false, 8, linkCell, "the same for both legs of one WebSocket"},
	{colTap, "leg", "leg", 5, 10, 1, false, 4, func(r *row, _ int) line { return one(stPlain, r.tap) }, "name of the tap"},
	{colClient, "client", "client", 15, 21, 4, false, 6, func(r *row, _ int) line { return one(stPlain, r.client) }, "address of the client"},
	{colTarget, "target", "target", 18, 64, 9, false, 0, func(r *row, w int) line { return one(stPlain, printable.Middle(r.target, w)) }, "request target"},
	{colHost, "host", "host", 14, 24, 2, false, 14, func(r *row, _ int) line { return one(stPlain, r.host) }, "Host of the request"},
	{colServer, "server", "server", 15, 21, 2, false, 17, func(r *row, _ int) line { return one(stPlain, r.server) }, "address we forward to"},
	{colSubprotocol, "subprotocol", "subproto", 9, 16, 1, false, 19, func(r *row, _ int) line { return one(stPlain, r.subprotocol) }, "Sec-WebSocket-Protocol of the response"},
	{colStatus, "status", "status", 7, 7, 0, false, 9, func(r *row, _ int) line { return one(stPlain, r.status) }, "HTTP status of the handshake"},
	{colOpened, "opened", "opened", 8, 12, 0, false, 16, func(r *row, _ int) line { return one(stPlain, r.opened) }, "when it was opened; t changes how"},
	{colAge, "age", "age", 5, 6, 0, true, 7, func(r *row, _ int) line { return one(stPlain, span5(r.age)) }, "how long it has been, or was, there"},
	{colFramesUp, "frames-up", "frm↑", 5, 5, 0, true, 10, func(r *row, _ int) line { return one(stPlain, count(r.frames[0])) }, "frames from the client"},
	{colFramesDown, "frames-down", "frm↓", 5, 5, 0, true, 10, func(r *row, _ int) line { return one(stPlain, count(r.frames[1])) }, "frames from the server"},
	{colBytesUp, "bytes-up", "B↑", 5, 5, 0, true, 11, func(r *row, _ int) line { return one(stPlain, count(r.bytes[0])) }, "bytes from the client"},
	{colBytesDown, "bytes-down", "B↓", 5, 5, 0, true, 11, func(r *row, _ int) line { return one(stPlain, count(r.bytes[1])) }, "bytes from the server"},
	{colRate, "rate", "frm/s", 5, 5, 0, true, 13, rateCell, "frames a second, both ways, while on the screen"},
	{colPulse, "activity", "activity", 10, 20, 2, false, 15, pulseCell, "bytes of the last seconds, while on the screen"},
	{colLongest, "longest-gap", "maxgap", 7, 7, 0, true, 18, func(r *row, _ int) line { return one(stPlain, span5(r.longest)) }, "longest time without a byte"},
	{colGap, "gap", "gap", 5, 6, 0, true, 5, func(r *row, _ int) line { return one(stPlain, span5(r.gap)) }, "time without a byte, now or at the end"},
	{colFate, "fate", "left/cause", 16, 20, 2, false, 0, fateCell, "countdown, or why it ended"},
	{colWhy, "why", "limit/code", 6, 24, 5, false, 2, whyCell, "the limit and where it is set, or the close code"},
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
		return line(nil).draw(strip, bar(r.countdown.Used, w-digits)).add(g.st, printable.PadLeft(left, min(digits, w)))
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
		if long := code + " " + r.verdict.CodeName; printable.Width(long) <= w || w >= printable.Width(code)+8 {
			code = printable.Truncate(long, w)
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

// layout chooses the columns for w cells: of those wanted it drops until the
// rest fits (pairs go together), one blank between two, then hands out what is
// left over by weight.
func (set *columnSet) layout(w int) []placed {
	var cols []placed
	for _, id := range set.order {
		if set.off[id] {
			continue
		}
		p := placed{&columns[id], columns[id].least}
		switch {
		case id == colSeq:
			p.w = max(p.w, set.digits) // it is what one looks for: never cut
		case id == colFate && w < narrowAt:
			p.w = narrowFate
		case id == colTarget && w < narrowAt:
			p.w = narrowTarget
		}
		cols = append(cols, p)
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
