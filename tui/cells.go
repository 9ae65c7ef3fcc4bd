package tui

import (
	"github.com/wstap/wstap/internal/printable"
)

// cellList is the overlay that copies one value of a row.
type cellList struct {
	number uint64
	cells  []cellText
	at     int
	top    int
}

type cellText struct{ name, value string }

// openCells offers the values of a row.
type openCells struct{ r row }

// cellsOf are the values of a row in full, those that are known.
func cellsOf(r *row) (out []cellText) {
	for _, c := range []cellText{
		{"target", r.target}, {"client", r.client}, {"server", r.server}, {"host", r.host}, {"key", r.key}, {"leg", r.tap},
		{"status", r.status}, {"subprotocol", r.subprotocol}, {"opened", stampFull(r.openedAt)}, {"limit", r.limit},
		{"cause", string(r.verdict.Cause)}, {"code", codeText(&r.verdict)}, {"reason", printable.String(r.verdict.Reason)},
	} {
		if c.value != "" {
			out = append(out, c)
		}
	}
	return out
}

func (l *cellList) key(c command) action {
	last := len(l.cells) - 1
	switch c {
	case cmdUp:
		l.at = max(l.at-1, 0)
	case cmdDown:
		l.at = min(l.at+1, last)
	case cmdTop:
		l.at = 0
	case cmdBottom:
		l.at = last
	case cmdOpen:
		return copyText{l.cells[l.at].name, l.cells[l.at].value}
	}
	return nil
}

// box is the overlay's text for h lines of w cells.
func (l *cellList) box(w, h int) []line {
	inner := min(w-4, 100)
	h = max(min(h-5, len(l.cells)), 1)
	l.top = min(max(l.top, l.at-h+1), l.at)
	out := []line{one(stBold, "copy of #"+count(l.number)), nil}
	for i := l.top; i < min(l.top+h, len(l.cells)); i++ {
		c := &l.cells[i]
		value := printable.Truncate(c.value, max(inner-16, 8))
		if i == l.at {
			out = append(out, one(stPlain, "▸"+printable.PadRight(c.name, 13)+value).fit(inner).restyle(stSelected))
			continue
		}
		out = append(out, one(stDim, " "+printable.PadRight(c.name, 13)).add(stPlain, value))
	}
	return out
}

// choices are the keys of a chooser in one line.
func (k keymap) choices(at scope) (l line) {
	for i := range k {
		b := &k[i]
		if b.at&at == 0 || b.group != "choosing" {
			continue
		}
		l = l.add(stKey, b.keys[0]).add(stDim, " "+b.hint+"  ")
	}
	return l
}
