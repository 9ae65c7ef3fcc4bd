package tui

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/ws"
)

// overviewView is what the page is made of.
type overviewView struct {
	*sums
	at       stamps
	codes    map[ws.CloseCode]string // names of the application's own
	plotter  *plotter
	unfolded map[string]bool // names of parts
}

// overviewPart is a heading with rows below it, and lines that end it.
type overviewPart struct {
	name  string // under which it can be unfolded
	head  line
	rows  []overviewRow
	tail  []line
	least int // rows that stay where there is no room
	most  int // rows where there is; 0: all
	// hidden is how many rows there are that nobody made, for they would not be shown.
	hidden int
	// fold makes n rows of all; nil: those beyond n are left out, and counted in
	// a row that brings them back.
	fold func(n int) []overviewRow
}

// placedRow is a row with its place on the page.
type placedRow struct {
	overviewRow
	line, x, w  int
	first, last bool // of its part
	end         int  // line after the part
}

// overviewPage is parts in columns: a band over the whole width, and lists below.
type overviewPage struct {
	lines   []line
	rows    []placedRow // in the order of movement: down each column
	columns []pageColumn
	// unfolded are the names of the parts that show all their rows.
	unfolded map[string]bool
}

// pageColumn is parts below each other.
type pageColumn struct {
	x, w, top int
	parts     []overviewPart
	apart     bool // blank lines between them
	lines     []line
}

// Widths from which on the page has two and three columns.
const (
	pageTwo      = 80
	pageThree    = 170
	columnGutter = 3
)

func (p *overviewPage) len() int                   { return len(p.rows) }
func (p *overviewPage) idAt(place int) overviewKey { return p.rows[place].key }
func (p *overviewPage) placeOf(k overviewKey) (int, bool) {
	for i := range p.rows {
		if p.rows[i].key == k {
			return i, true
		}
	}
	return 0, false
}

// lay divides the page into columns and says where each row is.
func (p *overviewPage) lay(v overviewView, w, h int) {
	p.rows, p.columns = p.rows[:0], p.columns[:0]
	if w < pageTwo {
		parts := append(v.courses(w, chartHeight(w, h)), v.ends(w)...)
		p.column(append(append(parts, v.asked(w)...), v.silences(w)...), 0, 0, w, -1)
		return
	}
	band := v.coursesAbreast(w, chartHeight(w, h))
	top := p.column([]overviewPart{band}, 0, 0, w, -1) + 1
	n := 2
	if w >= pageThree {
		n = 3
	}
	cw := (w - (n-1)*columnGutter) / n
	lists := [][]overviewPart{v.ends(cw), append(v.asked(cw), v.silences(cw)...)}
	if n == 3 {
		lists = [][]overviewPart{v.ends(cw), v.asked(cw), v.silences(cw)}
	}
	for i, parts := range lists {
		p.column(parts, i*(cw+columnGutter), top, cw, h-top)
	}
}

// chartHeight is how many lines a chart has.
func chartHeight(w, h int) int {
	switch {
	case w < pageTwo:
		return 1
	case h >= 50:
		return 4
	case h >= 30:
		return 2
	}
	return 1
}

// column adds parts that should take no more than room lines (-1: any number), and
// returns the line after them.
func (p *overviewPage) column(parts []overviewPart, x, top, w, room int) int {
	c := pageColumn{x: x, w: w, top: top, parts: parts, apart: true}
	c.fit(room, p.unfolded)
	at := top
	for i := range c.parts {
		part := &c.parts[i]
		at++ // its head
		from := len(p.rows)
		for _, r := range part.rows {
			p.rows = append(p.rows, placedRow{overviewRow: r, line: at, x: x, w: w})
			at += len(r.lines)
		}
		at += len(part.tail)
		if len(p.rows) > from {
			p.rows[from].first, p.rows[len(p.rows)-1].last = true, true
		}
		for k := from; k < len(p.rows); k++ {
			p.rows[k].end = at
		}
		if c.apart && i < len(c.parts)-1 {
			at++
		}
	}
	p.columns = append(p.columns, c)
	return at
}

// fit leaves out rows, of the longest part first, and then the blank lines, until
// the column has no more than room lines or nothing more can go.
func (c *pageColumn) fit(room int, unfolded map[string]bool) {
	shown := make([]int, len(c.parts))
	for i := range c.parts {
		part := &c.parts[i]
		if shown[i] = len(part.rows); unfolded[part.name] {
			part.rows = append(part.rows, part.unfolder("… fewer"))
			shown[i]++
			part.least = shown[i]
		} else if part.most > 0 {
			shown[i] = min(shown[i], part.most)
		}
	}
	for room >= 0 && c.length(shown) > room {
		longest := -1
		for i, n := range shown {
			if n > c.parts[i].least && (longest < 0 || n > shown[longest]) {
				longest = i
			}
		}
		if longest < 0 {
			c.apart = false
			break
		}
		shown[longest]--
	}
	for i := range c.parts {
		if part := &c.parts[i]; part.fold == nil && part.hidden == 0 && shown[i] == len(part.rows)-1 {
			shown[i]++ // it takes no more room than saying that there is one more
		}
		c.parts[i].cut(shown[i])
	}
}

func (c *pageColumn) length(shown []int) int {
	n := len(c.parts) - 1
	for i := range c.parts {
		part := &c.parts[i]
		n += 1 + len(part.tail)
		for _, r := range part.rows[:shown[i]] {
			n += len(r.lines)
		}
		if part.fold == nil && shown[i] < len(part.rows)+part.hidden {
			n++ // how many more there are
		}
	}
	return n
}

// cut leaves n rows.
func (part *overviewPart) cut(n int) {
	switch {
	case n >= len(part.rows)+part.hidden:
	case part.fold != nil:
		part.rows = part.fold(n)
	default:
		part.rows = append(part.rows[:n:n], part.unfolder(fmt.Sprintf("… %d more", len(part.rows)+part.hidden-n)))
	}
}

// unfolder is a row that shows all rows, or no longer.
func (part *overviewPart) unfolder(text string) overviewRow {
	return overviewRow{key: overviewKey{part.name, unfolderName}, lines: []line{one(stDim, "  "+text)}, unfolds: part.name}
}

// unfolderName is no name of a target, a cause, a code or a status.
const unfolderName = " "

// unfold shows all rows of a part, or no longer.
func (p *overviewPage) unfold(name string) {
	if p.unfolded == nil {
		p.unfolded = map[string]bool{}
	}
	p.unfolded[name] = !p.unfolded[name]
}

// draw makes the lines, with the selected row marked.
func (p *overviewPage) draw(sel overviewKey, w int) {
	height := 0
	for i := range p.columns {
		c := &p.columns[i]
		c.draw(sel)
		height = max(height, c.top+len(c.lines))
	}
	p.lines = make([]line, height)
	for y := range p.lines {
		var l line
		at := 0
		for i := range p.columns {
			c := &p.columns[i]
			if y < c.top || y-c.top >= len(c.lines) {
				continue
			}
			l = l.add(stPlain, strings.Repeat(" ", max(c.x-at, 0)))
			l = append(l, c.lines[y-c.top].fit(min(c.w, w))...)
			at = c.x + c.w
		}
		p.lines[y] = l
	}
}

func (c *pageColumn) draw(sel overviewKey) {
	c.lines = c.lines[:0]
	for i := range c.parts {
		part := &c.parts[i]
		c.lines = append(c.lines, part.head)
		for k := range part.rows {
			r := &part.rows[k]
			for y, l := range r.lines {
				mark := " "
				if r.key == sel && y == 0 {
					mark = "▸"
				}
				l = append(one(stPlain, mark), l...)
				if r.key == sel {
					l = l.fit(c.w).restyle(stSelected)
				}
				c.lines = append(c.lines, l)
			}
		}
		c.lines = append(c.lines, part.tail...)
		if c.apart && i < len(c.parts)-1 {
			c.lines = append(c.lines, nil)
		}
	}
}
