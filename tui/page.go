package tui

import (
	"strings"

	"github.com/wstap/wstap/internal/printable"
)

// page is a text being written, of a given width: the connection screen and
// the help are pages.
type page struct {
	w     int
	lines []line
}

func (p *page) put(l line) { p.lines = append(p.lines, l) }

func (p *page) gap() {
	if len(p.lines) > 0 {
		p.put(nil)
	}
}

func (p *page) head(title string) {
	p.gap()
	p.put(one(stHead, title))
}

// text wraps safe text with lead before the first line and blanks before the
// others. Lead is measured, so continuation lines are aligned.
func (p *page) text(st style, lead, s string) {
	indent := printable.Width(lead)
	if indent > p.w/2 {
		lead, indent = "", 0
	}
	for i, t := range wrap(s, p.w-indent) {
		if i > 0 {
			lead = strings.Repeat(" ", indent)
		}
		p.put(one(stPlain, lead).add(st, t))
	}
}

// labelWidth is the width of the labels of pair.
const labelWidth = 12

func (p *page) pair(label, s string) {
	if s == "" {
		return
	}
	if p.w < 3*labelWidth {
		p.text(stPlain, " ", label+" "+s)
		return
	}
	for i, t := range wrap(s, p.w-labelWidth-1) {
		if i > 0 {
			label = ""
		}
		p.put(one(stDim, " "+printable.PadRight(label, labelWidth)).add(stPlain, t))
	}
}

// scroller is the place in a page.
type scroller struct{ top, height, length int }

func (s *scroller) set(length, height int) {
	s.length, s.height = length, height
	s.top = max(min(s.top, length-height), 0)
}

// command carries out a movement; false if it is none.
func (s *scroller) command(c command) bool {
	page := max(s.height-1, 1)
	switch c {
	case cmdUp:
		s.top--
	case cmdDown:
		s.top++
	case cmdPageUp:
		s.top -= page
	case cmdPageDown:
		s.top += page
	case cmdTop:
		s.top = 0
	case cmdBottom:
		s.top = s.length
	default:
		return false
	}
	s.set(s.length, s.height)
	return true
}

func (s *scroller) view(lines []line) []line {
	return lines[min(s.top, len(lines)):min(s.top+s.height, len(lines))]
}

// more says at the right end of the line of screens how far down one is.
func (s *scroller) more() line {
	if s.length <= s.height {
		return nil
	}
	return one(stDim, percent(s.top, s.length-s.height))
}

func percent(n, of int) string {
	switch {
	case n <= 0:
		return "top"
	case n >= of:
		return "end"
	}
	return count(uint64(100*n/of)) + " %"
}
