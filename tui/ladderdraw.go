package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// ladderShape is how wide the parts of a ladder are.
type ladderShape struct {
	time, delta int // columns before the lanes; 0: not there
	lane        int // cells between two bars
	lanes       int
}

const (
	deltaFrom = 56 // cells from which the time between rows has a column
	fullFrom  = 72 // cells from which times have milliseconds
	leastLane = 6
	// transitFrom is the width of a lane from which it says what its time is.
	transitFrom = 30
)

func shapeOf(w, lanes int) ladderShape {
	sh := ladderShape{time: 9, lanes: lanes}
	if w >= fullFrom {
		sh.time = 13
	}
	if w >= deltaFrom {
		sh.delta = 10
	}
	sh.lane = (w - 1 - sh.time - sh.delta - lanes - 1) / lanes
	return sh
}

// inner is the room between the outermost bars.
func (sh ladderShape) inner() int { return sh.lanes*sh.lane + sh.lanes - 1 }

// ladder is the section of it, of at most so many rows between handshake and end.
func (p *connPage) ladder(rows int) {
	names, note := p.ladderNames()
	p.head("ladder" + note)
	sh := shapeOf(p.w, len(names)-1)
	if sh.lane < leastLane {
		p.text(stDim, " ", "no room")
		return
	}
	p.put(sh.namesLine(names))
	steps := p.steps(rows)
	var before monitor.Time
	for i := range steps {
		p.put(p.stepLine(sh, &steps[i], before))
		if t := steps[i].until; !t.IsZero() {
			before = max(before, t)
		}
	}
	switch {
	case p.c.LinkNote != "":
		p.text(stDim, " ", printable.String(p.c.LinkNote))
	case p.c.Link != nil && len(p.c.Link.Backs) > 1:
		p.text(stDim, " ", fmt.Sprintf("nginx tried %d servers; this is the last of them", len(p.c.Link.Backs)))
	}
}

// ladderNames are who stands at the bars, and what is not seen.
func (p *connPage) ladderNames() (names []string, note string) {
	switch {
	case p.front != nil && p.back != nil:
		return []string{"client", "nginx", "server"}, ""
	case p.c.Role == monitor.Front:
		return []string{"client", "nginx"}, p.unseen(monitor.Back, "nginx and server")
	case p.c.Role == monitor.Back:
		return []string{"nginx", "server"}, p.unseen(monitor.Front, "client and nginx")
	}
	return []string{"client side", "server side"}, ": which side of nginx this tap is on is not known"
}

func (p *connPage) unseen(r monitor.Role, between string) string {
	if p.s.HasRole(r) {
		return ": between " + between + " no connection of it was seen"
	}
	return ": between " + between + " there is no tap"
}

func (sh ladderShape) namesLine(names []string) line {
	l := strings.Repeat(" ", 1+sh.time+sh.delta)
	for i, name := range names {
		at := 1 + sh.time + sh.delta + i*(sh.lane+1)
		switch n := printable.Width(name); i {
		case 0:
		case len(names) - 1:
			at -= n - 1
		default:
			at -= n / 2
		}
		l = printable.PadRight(l, at) + name
	}
	return one(stHead, l)
}

// stepLine is a row: time, time since the row before, lanes.
func (p *connPage) stepLine(sh ladderShape, s *step, before monitor.Time) line {
	at, delta := "", ""
	if !s.at.IsZero() {
		if at = p.times.short(s.at, 0); sh.time > 9 {
			at = p.times.full(s.at, 0)
		}
		if !before.IsZero() && sh.delta > 0 && s.kind != stepNote {
			delta = deltaWords(s.at.Sub(before))
		}
	}
	l := one(stDim, " "+printable.PadRight(at, sh.time))
	if sh.delta > 0 {
		l = l.add(stPlain, printable.PadLeft(delta, sh.delta-1)+" ")
	}
	switch s.kind {
	case stepNote:
		return l.add(stDim, "│").add(s.st, centred(s.label, sh.inner(), " ")).add(stDim, "│")
	case stepSilence:
		return l.add(stDim, "│").add(s.st, centred(s.label, sh.inner(), "░")).add(stDim, "│")
	case stepNow:
		return l.add(stDim, "├").add(s.st, centred(s.label, sh.inner(), "╌")).add(stDim, "┤")
	}
	label, other := s.text(), ""
	if s.transit > 0 || s.on[frontLane] && s.on[backLane] {
		if other = brief(s.transit); s.n > 1 {
			other = "≤ " + other
		}
		if sh.lane >= transitFrom {
			other += " through nginx"
		}
	}
	l = l.add(stDim, "│")
	for lane := range sh.lanes {
		text := label
		if s.on[frontLane] && s.on[backLane] && (lane == frontLane) == (s.dir == ws.FromServer) {
			text = other
		}
		if s.on[lane] {
			l = l.add(s.st, arrowText(text, s.dir, sh.lane))
		} else {
			l = l.add(stPlain, strings.Repeat(" ", sh.lane))
		}
		l = l.add(stDim, "│")
	}
	return l
}

// arrowText is an arrow of w cells with a label on it.
func arrowText(label string, dir ws.Direction, w int) string {
	label = printable.Truncate(label, w-4)
	body := "─ " + label + " "
	body += strings.Repeat("─", max(w-1-printable.Width(body), 0))
	if dir == ws.FromClient {
		return body + "▶"
	}
	return "◀" + body
}

// centred is text in the middle of w cells filled with a sign of one cell.
func centred(text string, w int, fill string) string {
	text = " " + printable.Truncate(text, max(w-4, 0)) + " "
	left := max(w-printable.Width(text), 0) / 2
	right := max(w-printable.Width(text)-left, 0)
	return strings.Repeat(fill, left) + text + strings.Repeat(fill, right)
}

// deltaWords is a time between two rows in at most nine cells.
func deltaWords(d time.Duration) string {
	if d.Abs() >= time.Hour {
		return "+" + span5(d)
	}
	if d < 0 {
		return brief(d)
	}
	return "+" + brief(d)
}

// brief is a duration in at most eight cells, with no more digits than matter
// between two rows.
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + brief(-d)
	case d == 0:
		return "0 ms"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", max(d.Microseconds(), 1))
	case d < 9950*time.Microsecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return exact(d)
}
