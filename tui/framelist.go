package tui

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// frameList is the end of the connection screen: the frames kept one by one,
// newest last. There may be thousands of them, so their lines are made when
// they are on the screen.
type frameList struct {
	head    []line
	records []monitor.FrameRecord // a copy
	answers []answer              // of the pongs
	waiting map[int]bool          // pings without a pong, by place
	times   stamps
	w       int
}

// take copies the records of the conn on the page.
func (f *frameList) take(p *connPage) {
	f.records = append(f.records[:0], p.records...)
	var open []int
	f.answers, open = pairPongs(f.records)
	f.waiting = map[int]bool{}
	for _, i := range open {
		f.waiting[i] = true
	}
	f.times, f.w = p.times, p.w
	f.head = f.heading(p)
}

func (f *frameList) heading(p *connPage) []line {
	title := one(stHead, "frames"+p.known())
	switch {
	case len(f.records) > 0:
		if n := p.c.Sample.Collapsed; n > 0 {
			title = title.add(stDim, fmt.Sprintf("; %s counted but not kept as records", grouped(n)))
		}
		columns := fmt.Sprintf(" %-12s %9s   %-12s %-4s %11s", "time", "since", "opcode", "", "bytes")
		return []line{nil, title, one(stDim, columns)}
	case p.total > 0:
		return []line{nil, title, one(stDim, " records of single frames come with the end of a connection, and while it is on this screen")}
	}
	return []line{nil, title}
}

func (f *frameList) reset() { f.head, f.records = nil, f.records[:0] }

func (f *frameList) len() int { return len(f.head) + len(f.records) }

// line is the i-th line.
func (f *frameList) line(i int) line {
	if i < len(f.head) {
		return f.head[i]
	}
	i -= len(f.head)
	r := f.records[i]
	since := ""
	if i > 0 {
		since = deltaWords(r.At.Sub(f.records[i-1].At))
	}
	fin := "FIN"
	if !r.Fin() {
		fin = "more"
	}
	at := printable.PadRight(f.times.full(r.At, 0), 12)
	st := stPlain
	if !r.Opcode().IsData() {
		st = stAccent
	}
	l := one(stPlain, fmt.Sprintf(" %s %9s %s ", at, since, arrow(r.Direction()))).
		add(st, printable.PadRight(r.Opcode().String(), 12)).
		add(stPlain, fmt.Sprintf(" %-4s %11s", fin, grouped(r.Length())))
	var notes []string
	if t := f.answers[i].text(); t != "" {
		notes = append(notes, "round trip "+t)
	}
	if f.waiting[i] {
		notes = append(notes, "no pong seen")
	}
	if r.RSV() {
		notes = append(notes, "RSV")
	}
	if r.MaskWrong() {
		notes = append(notes, maskWords(r.Direction()))
	}
	return l.add(stDim, "  "+strings.Join(notes, ", "))
}

// maskWords say what is wrong with the mask of a frame, RFC 6455 §5.1.
func maskWords(d ws.Direction) string {
	if d == ws.FromClient {
		return "not masked"
	}
	return "masked"
}
