package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/wstap/wstap/internal/printable"
)

// printer lays text out. Every line goes through printable as it leaves, so no
// caller can forget it; bufio keeps the first error for flush.
type printer struct {
	out   *bufio.Writer
	width int
	color bool
}

func newPrinter(w io.Writer, o Options) *printer {
	return &printer{out: bufio.NewWriterSize(w, 32<<10), width: o.width(), color: o.Color}
}

func (p *printer) flush() error { return p.out.Flush() }

// style is an SGR sequence. The words alone must say as much.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	red    style = "\x1b[31m"
	yellow style = "\x1b[33m"
	reset        = "\x1b[0m"
)

// say writes one line.
func (p *printer) say(format string, args ...any) { p.styled(plain, format, args...) }

func (p *printer) styled(st style, format string, args ...any) {
	p.raw(st, fmt.Sprintf(format, args...))
}

func (p *printer) raw(st style, line string) {
	line = printable.String(strings.TrimRight(line, " "))
	if p.color && st != plain && line != "" {
		line = string(st) + line + reset
	}
	p.out.WriteString(line)
	p.out.WriteByte('\n')
}

// section begins a part of the report.
func (p *printer) section(format string, args ...any) {
	p.raw(plain, "")
	p.styled(bold, format, args...)
}

// wrap writes text in lines of the printer's width, the first after first, the
// others indented as deep. A word wider than a line stays whole: it may be a
// target or an address that somebody searches for.
func (p *printer) wrap(st style, first, text string) {
	p.wrapAt(st, first, text, max(p.width-printable.Width(first), minWidth/2))
}

func (p *printer) wrapAt(st style, first, text string, room int) {
	text = printable.Truncate(printable.String(text), textMost)
	first = printable.String(first)
	indent := strings.Repeat(" ", printable.Width(first))
	for line := first; ; line = indent {
		var part string
		part, text = breakAt(text, room)
		p.raw(st, line+part)
		if text == "" {
			return
		}
	}
}

// textMost bounds a sentence: a log line may be 64 KiB of one client's making.
const textMost = 2200

// breakAt takes from s the words that fit room, at least one.
func breakAt(s string, room int) (part, rest string) {
	if printable.Width(s) <= room {
		return s, ""
	}
	end, width := 0, 0
	for end < len(s) {
		next := strings.IndexByte(s[end+1:], ' ') + end + 1
		if next == end {
			next = len(s)
		}
		width += printable.Width(s[end:next])
		if width > room && end > 0 {
			break
		}
		end = next
	}
	return s[:end], strings.TrimLeft(s[end:], " ")
}

// column of a table.
type column struct {
	title string
	right bool // numbers
	// cut says how a cell may be shortened when the table is too wide; nil: never.
	cut func(s string, w int) string
	// wrap, in the last column, goes on below the cell instead.
	wrap bool
}

// The least that cells are cut to, or wrapped at.
const (
	cutLeast  = 12
	wrapLeast = 24
)

// least is how narrow the column may become, 0 if it must stay as it is.
func (c *column) least() int {
	switch {
	case c.wrap:
		return wrapLeast
	case c.cut != nil:
		return cutLeast
	}
	return 0
}

// table writes rows under the titles, indented by two, aligned by
// printable.Width; rows may be shorter than columns.
func (p *printer) table(cols []column, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	widths := make([]int, len(cols))
	for i, c := range cols {
		widths[i] = printable.Width(c.title)
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable.String(cell)
			widths[i] = max(widths[i], printable.Width(row[i]))
		}
	}
	p.shrink(cols, widths)
	titles := make([]string, len(cols))
	for i, c := range cols {
		titles[i] = c.title
	}
	if strings.Join(titles, "") != "" {
		p.row(dim, cols, widths, titles)
	}
	for _, row := range rows {
		p.row(plain, cols, widths, row)
	}
}

// shrink takes what is too much from the columns that may be cut, the widest first.
func (p *printer) shrink(cols []column, widths []int) {
	total := 0
	for _, w := range widths {
		total += w + 2
	}
	for over := total - p.width; over > 0; over-- {
		widest := -1
		for i, c := range cols {
			if n := c.least(); n > 0 && widths[i] > n && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func (p *printer) row(st style, cols []column, widths []int, cells []string) {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString("  ")
		if cols[i].wrap {
			p.wrapAt(st, b.String(), cell, widths[i])
			return
		}
		if cols[i].cut != nil {
			cell = cols[i].cut(cell, widths[i])
		}
		pad := strings.Repeat(" ", max(widths[i]-printable.Width(cell), 0))
		if cols[i].right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	p.raw(st, b.String())
}

// fit writes one line, cut to the width.
func (p *printer) fit(first, text string) {
	p.raw(plain, printable.Truncate(printable.String(first+text), p.width))
}

// summaryColumns is number, name, note, meaning, without titles.
func summaryColumns() []column {
	return []column{{right: true}, {}, {}, {wrap: true}}
}
