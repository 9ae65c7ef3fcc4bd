package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// heads shows the handshake: both legs beside each other where there is room,
// and what differs between them marked, for that is what a proxy changed.
func (p *page) heads(c *monitor.Conn) {
	if c.Request == nil && c.Answer == nil {
		return
	}
	o := c.Other()
	left, right := c, o
	if front, back := c.Legs(); front != nil && back != nil {
		left, right = front, back
	}
	for _, part := range []struct {
		name string
		of   func(*monitor.Conn) (string, bool)
	}{{"request", requestHead}, {"response", responseHead}} {
		if o == nil {
			p.head(part.name)
			p.put1(headLines(part.of, c, nil, p.w-1))
			continue
		}
		if p.w < sideBySide {
			p.head(part.name + " on the " + printable.String(c.Tap) + " leg (≠ differs from the other)")
			p.put1(headLines(part.of, c, o, p.w-1))
			continue
		}
		w := (p.w - 4) / 2
		p.gap()
		p.beside(one(stHead, part.name+" on the "+printable.String(left.Tap)+" leg"),
			one(stHead, part.name+" on the "+printable.String(right.Tap)+" leg").add(stDim, "  ≠ differs"), w)
		a, b := headLines(part.of, left, right, w), headLines(part.of, right, left, w)
		for i := range max(len(a), len(b)) {
			p.beside(at(a, i), at(b, i), w)
		}
	}
}

func (p *page) put1(lines []line) {
	for _, l := range lines {
		p.put(append(one(stPlain, " "), l...))
	}
}

func (p *page) beside(a, b line, w int) {
	p.put(append(append(one(stPlain, " "), a.fit(w)...).add(stDim, " │ "), b...))
}

func at(lines []line, i int) line {
	if i < len(lines) {
		return lines[i]
	}
	return nil
}

func requestHead(c *monitor.Conn) (string, bool) {
	if c.Request == nil {
		return "", false
	}
	return c.Request.HeadText, c.Request.HeadCut
}

func responseHead(c *monitor.Conn) (string, bool) {
	if c.Answer == nil {
		return "", false
	}
	return c.Answer.HeadText, c.Answer.HeadCut
}

// headLines are the lines of a head, wrapped to w; those that other's head
// does not have are marked.
func headLines(of func(*monitor.Conn) (string, bool), c, other *monitor.Conn, w int) (out []line) {
	text, cut := of(c)
	if text == "" {
		return []line{one(stDim, "  not seen")}
	}
	have := map[string]bool{}
	if other != nil {
		t, _ := of(other)
		for _, l := range printable.Multiline(t) {
			have[strings.ToLower(l)] = true
		}
	}
	for _, l := range printable.Multiline(text) {
		mark, st := "  ", stPlain
		if len(have) > 0 && !have[strings.ToLower(l)] {
			mark, st = "≠ ", stBold
		}
		for i, t := range wrap(l, w-4) {
			if i > 0 {
				mark = "    "
			}
			out = append(out, one(stAccent, mark).add(st, t))
		}
	}
	if cut {
		out = append(out, one(stDim, "  … cut here; a recording has it all"))
	}
	return out
}

// counters is the table of frames by opcode and direction.
func (p *page) counters(s *monitor.State, c *monitor.Conn) {
	p.head(fmt.Sprintf("%s %13s %13s", printable.PadRight("traffic, "+printable.String(c.Tap)+" leg", 20), "from client", "from server"))
	num := func(name string, f func(t *monitor.Traffic) uint64, always bool) {
		a, b := f(&c.Sample.Dir[0]), f(&c.Sample.Dir[1])
		if a != 0 || b != 0 || always {
			p.put(one(stPlain, fmt.Sprintf(" %-19s %13s %13s", name, grouped(a), grouped(b))))
		}
	}
	for op := range 16 {
		num(ws.Opcode(op).String(), func(t *monitor.Traffic) uint64 { return t.Frames.Of(ws.Opcode(op)) }, false)
	}
	num("all frames", (*monitor.Traffic).FrameCount, true)
	num("messages", func(t *monitor.Traffic) uint64 { return t.Messages }, true)
	num("bytes", func(t *monitor.Traffic) uint64 { return t.Bytes }, true)
	p.times("last byte before", s, c, func(t *monitor.Traffic) monitor.Time { return t.LastByte })
	p.times("last data before", s, c, func(t *monitor.Traffic) monitor.Time { return t.LastData })
	p.durations("write blocked", c, func(t *monitor.Traffic) monitor.Millis { return t.Blocked })
	if d := &c.Sample.Dir; d[0].BlockedNow || d[1].BlockedNow {
		side := "server"
		if d[1].BlockedNow {
			side = "client"
		}
		p.text(stWarn, " ", "the "+side+" is not reading: a write to it is waiting")
	}
	if n := c.Sample.Collapsed; n > 0 {
		p.text(stDim, " ", plural(n, "frame was", "frames were")+" counted but not kept as records")
	}
}

// times shows how long before now, or before the end, something was.
func (p *page) times(name string, s *monitor.State, c *monitor.Conn, f func(*monitor.Traffic) monitor.Time) {
	end := s.Now()
	if c.IsClosed() && !c.EndAt().IsZero() {
		end = c.EndAt()
	}
	ago := func(d int) string {
		if t := f(&c.Sample.Dir[d]); !t.IsZero() {
			return exact(max(end.Sub(t), 0))
		}
		return "–"
	}
	p.put(one(stPlain, fmt.Sprintf(" %s %13s %13s", printable.PadRight(name, 19), ago(0), ago(1))))
}

func (p *page) durations(name string, c *monitor.Conn, f func(*monitor.Traffic) monitor.Millis) {
	a, b := f(&c.Sample.Dir[0]).Std(), f(&c.Sample.Dir[1]).Std()
	if a != 0 || b != 0 {
		p.put(one(stPlain, fmt.Sprintf(" %-19s %13s %13s", name, exact(a), exact(b))))
	}
}

// pings shows the keepalive of each direction that has one.
func (p *page) pings(c *monitor.Conn) {
	p.head("pings")
	none := true
	for d := range c.Sample.Dir {
		t := &c.Sample.Dir[d]
		n := t.Frames.Of(ws.OpPing)
		if n == 0 {
			continue
		}
		none = false
		s := fmt.Sprintf("%s: %s", directionWords(d == 0), grouped(n))
		if t.PingEvery > 0 {
			s += fmt.Sprintf(", every %s (least %s)", exact(t.PingEvery.Std()), exact(t.PingAtLeast.Std()))
		}
		if t.LastRTT > 0 {
			s += fmt.Sprintf(", round trip %s (worst %s)", exact(t.LastRTT.Std()), exact(t.WorstRTT.Std()))
		}
		p.text(stPlain, " ", s)
		if t.Unanswered > 0 {
			p.text(stWarn, " ", plural(uint64(t.Unanswered), "ping", "pings")+" not answered")
		}
	}
	if none {
		p.text(stDim, " ", "none either way: nothing keeps this connection alive but its own data")
	}
}

// gaps shows the longest silence and the histogram.
func (p *page) gaps(s *monitor.State, c *monitor.Conn) {
	p.head("gaps: time without a byte in either direction")
	if c.Sample.LongestGap > 0 {
		p.pair("longest", exact(c.Sample.LongestGap.Std())+", from "+clock(c.Sample.LongestGapAt))
	}
	p.pair("now", exact(c.Gap(s.Now())))
	lo, hi, most := -1, -1, uint32(0)
	for i, n := range c.Sample.Gaps {
		if n > 0 {
			if lo < 0 {
				lo = i
			}
			hi, most = i, max(most, n)
		}
	}
	if lo < 0 {
		return
	}
	limitAt := -1
	if l, ok := s.IdleLimit(c); ok {
		limitAt = monitor.GapBucket(l.Value.Std())
	}
	w := min(max(p.w-30, 4), 40)
	for i := lo; i <= max(hi, min(limitAt, hi+3)); i++ {
		n := c.Sample.Gaps[i]
		l := one(stPlain, fmt.Sprintf(" %14s %6s ", bucketName(i), count(uint64(n)))).add(stAccent, bar(float64(n)/float64(most), w))
		if i == limitAt {
			l = l.add(stNear, " ← limit")
		}
		p.put(l)
	}
}

func bucketName(i int) string {
	name := func(i int) string {
		d := time.Millisecond << i
		switch {
		case d < time.Second:
			return fmt.Sprintf("%d ms", d.Milliseconds())
		case d < 100*time.Second:
			return fmt.Sprintf("%.0f s", d.Seconds())
		case d < 100*time.Minute:
			return fmt.Sprintf("%.0f min", d.Minutes())
		}
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	if i == monitor.GapBuckets-1 {
		return "over " + name(i)
	}
	return "up to " + name(i+1)
}

// frames shows the last frame records, newest last.
func (p *page) frames(c *monitor.Conn) {
	records := c.Last
	if n := len(records); n > monitor.LastFrames {
		records = records[n-monitor.LastFrames:]
	}
	p.head("last frames")
	if len(records) == 0 {
		p.text(stDim, " ", "no record of single frames yet: they come with the end of a connection, and while it is watched")
		return
	}
	p.put(one(stDim, fmt.Sprintf(" %-12s   %-12s %-4s %11s %11s", "time", "opcode", "", "bytes", "gap before")))
	var before monitor.Time
	for _, r := range records {
		gap := ""
		if before != 0 {
			gap = exact(r.At.Sub(before))
		}
		before = r.At
		fin := "FIN"
		if !r.Fin() {
			fin = "more"
		}
		var odd []string
		if r.RSV() {
			odd = append(odd, "RSV")
		}
		if r.MaskWrong() {
			odd = append(odd, "mask wrong")
		}
		p.put(one(stPlain, fmt.Sprintf(" %s %s %-12s %-4s %11s %11s", clock(r.At), arrow(r.Direction()), r.Opcode(), fin, grouped(r.Length()), gap)).
			add(stWarn, "  "+strings.Join(odd, ", ")))
	}
}
