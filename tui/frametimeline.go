package tui

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// timeScale spreads a time over columns.
type timeScale struct {
	from, to monitor.Time
	w        int
}

// column is where t stands: -1 before the first column, w behind the last.
// Both ends of the scale are on it.
func (s timeScale) column(t monitor.Time) int {
	switch {
	case t < s.from || s.w <= 0:
		return -1
	case t > s.to:
		return s.w
	case s.to == s.from:
		return 0
	}
	part := float64(t.Sub(s.from)) / float64(s.to.Sub(s.from))
	return min(int(part*float64(s.w)), s.w-1)
}

// middle is the time in the middle of a column.
func (s timeScale) middle(column int) monitor.Time {
	return s.from.Add(time.Duration((float64(column) + 0.5) / float64(s.w) * float64(s.to.Sub(s.from))))
}

// frameLetters stand for opcodes in the timeline, what matters most first: one
// column has room for one.
var frameLetters = []struct {
	op     ws.Opcode
	letter rune
	st     style
}{
	{ws.OpClose, 'x', stBold},
	{ws.OpPing, 'p', stAccent},
	{ws.OpPong, 'o', stAccent},
	{ws.OpBinary, 'b', stPlain},
	{ws.OpText, 't', stPlain},
	{ws.OpContinuation, 'c', stPlain},
}

// reservedRank is the place of the opcodes 3 to 7 and B to F, behind all others.
var reservedRank = len(frameLetters)

func frameRank(op ws.Opcode) int {
	for i := range frameLetters {
		if frameLetters[i].op == op {
			return i
		}
	}
	return reservedRank
}

// timeCell is one column of one direction.
type timeCell struct {
	n    int
	rank int // of the frame that matters most
}

func (c *timeCell) add(op ws.Opcode) {
	if rank := frameRank(op); c.n == 0 || rank < c.rank {
		c.rank = rank
	}
	c.n++
}

// glyph is the letter of a column with frames: a capital for several.
func (c timeCell) glyph() (string, style) {
	letter, st := 'r', stWarn
	if c.rank < reservedRank {
		letter, st = frameLetters[c.rank].letter, frameLetters[c.rank].st
	}
	if c.n > 1 {
		letter = unicode.ToUpper(letter)
	}
	return string(letter), st
}

// frameTimeline is the frames of a conn over time.
type frameTimeline struct {
	scale timeScale
	cells [2][]timeCell
	quiet []float64 // of each column without a frame: the part of the limit that the gap had used; below 0 with one
	end   int       // first column in which nothing can have been yet
}

// makeTimeline spreads records over w columns. bytes are other times at which
// something passed: the last bytes. upTo is now, or the end of the conn.
func makeTimeline(scale timeScale, records []monitor.FrameRecord, bytes []monitor.Time, upTo monitor.Time, limit time.Duration) *frameTimeline {
	t := &frameTimeline{scale: scale, quiet: make([]float64, scale.w)}
	last := make([]monitor.Time, scale.w) // in each column
	before := scale.from
	for d := range t.cells {
		t.cells[d] = make([]timeCell, scale.w)
	}
	note := func(at monitor.Time) (column int, ok bool) {
		column = scale.column(at)
		if column < 0 {
			before = min(before, at)
		}
		if ok = column >= 0 && column < scale.w; ok {
			last[column] = max(last[column], at)
		}
		return column, ok
	}
	for _, r := range records {
		if at, ok := note(r.At); ok {
			t.cells[r.Direction()][at].add(r.Opcode())
		}
	}
	for _, at := range bytes {
		if !at.IsZero() {
			note(at)
		}
	}
	t.end = min(scale.column(upTo)+1, scale.w)
	for i := range t.quiet {
		if !last[i].IsZero() {
			t.quiet[i], before = -1, last[i]
		} else if limit > 0 {
			t.quiet[i] = float64(scale.middle(i).Sub(before)) / float64(limit)
		}
	}
	return t
}

// row is the columns of one direction.
func (t *frameTimeline) row(d ws.Direction) (l line) {
	for i, c := range t.cells[d] {
		text, st := " ", stPlain
		switch {
		case c.n > 0:
			text, st = c.glyph()
		case i >= t.end:
		case t.quiet[i] < 0:
			text, st = "·", stDim
		default:
			text, st = shade(t.quiet[i])
		}
		if n := len(l); n > 0 && l[n-1].st == st {
			l[n-1].text += text
			continue
		}
		l = l.add(st, text)
	}
	return l
}

// shade is how a column of a gap looks, by the part of the limit that was used.
func shade(used float64) (string, style) {
	switch {
	case used > 0.9:
		return "▓", stCritical
	case used > 0.75:
		return "▒", stNear
	}
	return "░", stDim
}

// timeMark is a word under a column of the timeline.
type timeMark struct {
	column int
	text   string
	st     style
}

// marksLine puts marks under their columns: "└ text" to the right of it, "text ┘"
// to the left where there is no room. A mark for which there is no room at all
// is left out; the first ones go first.
func marksLine(marks []timeMark, w int) line {
	taken := make([]bool, w)
	out := make([]span, w)
	for i := range out {
		out[i] = span{text: " "}
	}
	free := func(from, n int) bool {
		if from < 0 || from+n > w {
			return false
		}
		for i := max(from-1, 0); i < min(from+n+1, w); i++ {
			if taken[i] {
				return false
			}
		}
		return true
	}
	for _, m := range marks {
		n := printable.Width(m.text) + 2
		text, from := "└ "+m.text, m.column
		if !free(from, n) {
			text, from = m.text+" ┘", m.column-n+1
		}
		if !free(from, n) {
			continue
		}
		for i := range n {
			taken[from+i], out[from+i] = true, span{st: m.st}
		}
		out[from].text = text
	}
	var l line
	for _, s := range out {
		l = l.add(s.st, s.text)
	}
	return l
}

// timeline is the section of frames over time.
func (p *connPage) timeline() {
	if !p.c.IsUpgraded() || p.c.Opaque {
		return
	}
	p.head("frames over time" + p.known())
	if p.w < 24 {
		p.text(stDim, " ", "no room")
		return
	}
	const labels = 13
	scale, upTo := p.span(p.w - labels - 1)
	var limit time.Duration
	if p.limited {
		limit = p.limit.Value.Std()
	}
	t := makeTimeline(scale, p.records, []monitor.Time{p.c.Sample.Dir[0].LastByte, p.c.Sample.Dir[1].LastByte}, upTo, limit)
	for d := range t.cells {
		p.put(append(one(stDim, " "+printable.PadRight(directionWords(d == 0), labels-1)), t.row(ws.Direction(d))...))
	}
	p.put(append(one(stPlain, strings.Repeat(" ", labels)), marksLine(p.marks(scale, upTo), scale.w)...))
	p.put(one(stDim, " ").add(stDim, t.legend()))
}

// span is the time that the timeline shows: what is known, but no more than a
// few times the limit, so that the silence before it can be seen; and the time
// until the limit strikes, if the conn is open.
func (p *connPage) span(w int) (scale timeScale, upTo monitor.Time) {
	upTo = p.endOrNow()
	last := p.c.LastActivity()
	scale = timeScale{from: p.c.Upgraded, to: upTo, w: w}
	if len(p.records) > 0 && p.missing > 0 {
		scale.from = min(p.records[0].At, upTo)
	} else if p.missing > 0 {
		scale.from = last
	}
	if p.limited {
		if p.counting {
			scale.to = max(upTo, last.Add(p.limit.Value.Std()))
		}
		scale.from = max(scale.from, last.Add(-3*p.limit.Value.Std()))
	}
	return scale, upTo
}

// marks are the times under the timeline, what matters most first.
func (p *connPage) marks(scale timeScale, upTo monitor.Time) (marks []timeMark) {
	mark := func(at monitor.Time, st style, text string) {
		if c := scale.column(at); c >= 0 && c < scale.w {
			marks = append(marks, timeMark{c, text, st})
		}
	}
	last := p.c.LastActivity()
	end, limit := "now", ""
	if p.c.FirstEnd() != nil || p.c.IsClosed() {
		end = "end " + p.times.short(upTo, 0)
	}
	if p.limited {
		limit = "limit " + round(p.limit.Value.Std())
		strikes := last.Add(p.limit.Value.Std())
		if scale.column(strikes) == scale.column(upTo) {
			end += ", " + limit
		} else {
			mark(strikes, stNear, limit)
		}
	}
	mark(upTo, stBold, end)
	if gap := p.c.Gap(p.s.Now()); gap >= time.Second {
		mark(last, stPlain, exact(gap)+" of silence")
	}
	mark(scale.from, stDim, p.times.short(scale.from, 0))
	return marks
}

// legend explains what is on the timeline, and nothing else.
func (t *frameTimeline) legend() string {
	var seen [16]bool // by rank
	several, gaps := false, false
	for d := range t.cells {
		for i, c := range t.cells[d] {
			if c.n > 0 {
				seen[c.rank] = true
			}
			several = several || c.n > 1
			gaps = gaps || i < t.end && t.quiet[i] >= 0
		}
	}
	var parts []string
	for i := range frameLetters {
		if seen[i] {
			parts = append(parts, string(frameLetters[i].letter)+" "+frameLetters[i].op.String())
		}
	}
	if seen[reservedRank] {
		parts = append(parts, "r reserved")
	}
	if several {
		parts = append(parts, "capital: several")
	}
	if gaps {
		parts = append(parts, "░▒▓ silence: ▒ past 75 %, ▓ past 90 % of the limit")
	}
	return strings.Join(parts, "  ")
}

// known says of how many frames the records are.
func (p *connPage) known() string {
	n := uint64(len(p.records))
	switch {
	case p.total == 0 && n == 0:
		return ": none yet"
	case n == 0:
		return fmt.Sprintf(": none of %s kept one by one", grouped(p.total))
	case p.missing == 0:
		return ": " + plural(n, "frame", "frames")
	}
	return fmt.Sprintf(": the last %s of %s", grouped(n), plural(p.total, "frame", "frames"))
}
