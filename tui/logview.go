package tui

import (
	"slices"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// rawHeight is how many lines at the bottom show the selected entry in full,
// after a line with the rates.
func rawHeight(h int) int {
	if h < 14 {
		return 0
	}
	return 4
}

// logWidths are the cells of the columns; 0: not shown.
type logWidths struct{ kind, conn, repeat int }

func logWidthsFor(w int) (c logWidths) {
	if w >= narrowAt {
		c.conn, c.repeat = 7, 6
	}
	switch { // the message matters more than the end of a long kind
	case w >= 150:
		c.kind = 27
	case w >= 110:
		c.kind = 18
	}
	return c
}

// view draws the entries and, below, the selected one in full.
func (l *logList) view(w, h int) (out []line) {
	cols := logWidthsFor(w)
	out = append(out, cols.head())
	before := monitor.Time(0)
	for i := range l.rows {
		r := &l.rows[i]
		ln := cols.cells(r, l.stamps.short(r.at, before))
		before = r.at
		if l.win.any && r.id == l.win.sel {
			out = append(out, append(one(stPlain, "▸"), ln...).fit(w).restyle(stSelected))
			continue
		}
		out = append(out, append(one(stPlain, " "), ln...))
	}
	if len(l.rows) == 0 {
		out = append(out, l.empty())
	}
	if n := rawHeight(h); n > 0 && l.raw != "" {
		for len(out) < h-n {
			out = append(out, nil)
		}
		out = append(out, l.rates.line(w, l.filter != nil))
		if room := n - 1; l.folded != "" {
			out = append(out, one(stDim, " "+l.folded))
			n = room
		}
		for i, t := range wrap(l.raw, w-2) {
			if i < n-1 {
				out = append(out, one(stPlain, " "+t))
			}
		}
	}
	return out[:min(len(out), h)]
}

func (l *logList) empty() line {
	if l.filter != nil {
		return one(stDim, " no line passes the filter; esc shows all")
	}
	return one(stDim, " no log line yet: follow nginx's error log with --error-log")
}

// cells makes the cells of an entry; narrow screens leave out the kind, then
// how often it came and what it belongs to.
func (c logWidths) cells(r *logRow, at string) line {
	l := one(stDim, printable.PadRight(at, 9)).add(levelStyle(r.level), printable.PadRight(r.level.String(), 7))
	if c.conn > 0 {
		l = l.add(stAccent, printable.PadRight(r.joined, c.conn))
	}
	if c.repeat > 0 {
		l = l.add(stBold, printable.PadRight(timesText(r.count), c.repeat))
	}
	if c.kind > 0 {
		l = l.add(stDim, printable.PadRight(printable.Truncate(r.kind, c.kind), c.kind)+" ")
	}
	return l.add(stPlain, r.message)
}

func timesText(n int) string {
	if n < 2 {
		return ""
	}
	return "×" + count(uint64(n))
}

func (c logWidths) head() line {
	l := one(stHead, " "+printable.PadRight("time", 9)+printable.PadRight("level", 7))
	if c.conn > 0 {
		l = l.add(stHead, printable.PadRight("conn", c.conn))
	}
	if c.repeat > 0 {
		l = l.add(stHead, printable.PadRight("", c.repeat))
	}
	if c.kind > 0 {
		l = l.add(stHead, printable.PadRight("kind", c.kind)+" ")
	}
	return l.add(stHead, "message")
}

// line is a rule with the kinds of the last minute in it, most frequent first:
// whatever is filtered.
func (k *kindRates) line(w int, filtered bool) line {
	whole := ""
	if filtered {
		whole = "whole log, "
	}
	kinds := make([]logparse.Kind, 0, len(k.counts))
	for kind := range k.counts {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b logparse.Kind) int {
		if n := k.counts[b] - k.counts[a]; n != 0 {
			return n
		}
		return strings.Compare(string(a), string(b))
	})
	l := one(stDim, "── "+whole+"last minute: ")
	switch {
	case k.cut:
		l = one(stDim, "── "+whole+"last "+grouped(ratesOf)+" lines: ")
	case len(kinds) == 0:
		l = one(stDim, "── "+whole+"last minute: nothing ")
	}
	for _, kind := range kinds {
		text := printable.String(kindWords(kind)) + " "
		if l.width()+printable.Width(text)+8 > w {
			l = l.add(stDim, "… ")
			break
		}
		l = l.add(stPlain, text).add(stBold, count(uint64(k.counts[kind]))).add(stDim, "  ")
	}
	return l.add(stDim, strings.Repeat("─", max(w-l.width(), 0)))
}

func (l *logList) summary() line {
	out := line{}
	if l.filter != nil {
		out = out.add(stKey, "/"+printable.String(l.filter.String())+" ").add(stPlain, count(uint64(l.folds.passed))+" of ")
	}
	n := uint64(0)
	if l.first > 0 {
		n = l.last - l.first + 1
	}
	out = out.add(stPlain, plural(n, "line", "lines"))
	if l.folds.apart {
		return out.add(stKey, "  unfolded")
	}
	return out
}
