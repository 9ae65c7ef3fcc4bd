package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// span is safe text of one style: it went through printable, or is our own.
type span struct {
	text  string
	st    style
	drawn bool // a bar or a chart: in a selected row it keeps its look, reversed it would be a hole
}

// line is one line of the screen.
type line []span

func one(st style, text string) line { return line{{text: text, st: st}} }

func (l line) add(st style, text string) line { return append(l, span{text: text, st: st}) }

// draw adds a drawing made of block elements.
func (l line) draw(st style, text string) line { return append(l, span{text, st, true}) }

func (l line) width() (n int) {
	for _, s := range l {
		n += printable.Width(s.text)
	}
	return n
}

// fit makes l exactly w cells: cut with an ellipsis, or filled with blanks.
func (l line) fit(w int) line {
	out := make(line, 0, len(l)+1)
	left, total := max(w, 0), l.width()
	cut := total > left
	for _, s := range l {
		n := printable.Width(s.text)
		if cut && n >= left && total > left {
			s.text = printable.Truncate(s.text+" ", left)
			n = printable.Width(s.text)
			total = 0
		} else {
			total -= n
		}
		out = append(out, s)
		left -= n
		if cut && total <= 0 {
			break
		}
	}
	if left > 0 {
		out = append(out, span{text: strings.Repeat(" ", left)})
	}
	return out
}

// restyle gives all of l but its drawings one style.
func (l line) restyle(st style) line {
	for i := range l {
		if !l[i].drawn {
			l[i].st = st
		}
	}
	return l
}

// spread puts left and right at the two ends of w cells; the left one is cut
// if both do not fit, and the right one goes if nothing sensible would remain.
func spread(left, right line, w int) line {
	rw := right.width()
	if rw == 0 || w-rw-1 < 8 {
		return left.fit(w)
	}
	return append(left.fit(w-rw-1).add(stPlain, " "), right...)
}

// wrap breaks safe text into lines of at most w cells, at blanks where it can.
func wrap(s string, w int) (lines []string) {
	w = max(w, 1)
	for printable.Width(s) > w {
		head := strings.TrimSuffix(printable.Truncate(s, w+1), "…")
		for head == "" || printable.Width(head) > w { // a wide character at the edge
			r := []rune(s)
			head = string(r[:max(1, len([]rune(head))-1)])
			if len([]rune(head)) == 1 {
				break
			}
		}
		if i := strings.LastIndexByte(head, ' '); i > w/2 && len(head) < len(s) && s[len(head)] != ' ' {
			head = head[:i]
		}
		lines = append(lines, strings.TrimRight(head, " "))
		s = strings.TrimLeft(s[len(head):], " ")
	}
	if s != "" || len(lines) == 0 {
		lines = append(lines, s)
	}
	return lines
}

// count is a number in at most five cells.
func count(n uint64) string {
	switch {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 1e6:
		return short(float64(n)/1e3, "k")
	case n < 1e9:
		return short(float64(n)/1e6, "M")
	case n < 1e12:
		return short(float64(n)/1e9, "G")
	}
	return short(float64(n)/1e12, "T")
}

func short(f float64, unit string) string {
	if f < 9.95 {
		return fmt.Sprintf("%.1f%s", f, unit)
	}
	return fmt.Sprintf("%.0f%s", f, unit)
}

// grouped is a number in full, with thousands apart.
func grouped(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// span5 is a duration in at most five cells (six past 99 days).
func span5(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", float64(d/(100*time.Millisecond))/10)
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02d", d/time.Minute, d/time.Second%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02d", d/time.Hour, d/time.Minute%60)
	}
	return fmt.Sprintf("%dd%02d", d/(24*time.Hour), d/time.Hour%24)
}

// exact is a duration for the connection screen.
func exact(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + exact(-d)
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	case d < 100*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// round is a limit's value: whole units without a needless rest.
func round(d time.Duration) string {
	switch {
	case d%time.Hour == 0 && d >= time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0 && d >= 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

func clockShort(t monitor.Time) string {
	if t.IsZero() {
		return "--:--:--"
	}
	return t.Std().Format("15:04:05")
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// eighths are the partial blocks of a bar, by eighths of a cell.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar fills f of w cells from the left, the rest blank.
func bar(f float64, w int) string {
	if w <= 0 {
		return ""
	}
	n := int(min(max(f, 0), 1)*float64(w)*8 + 0.5)
	s := strings.Repeat("█", n/8) + eighths[n%8]
	return printable.PadRight(s, w)
}
