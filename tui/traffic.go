package tui

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// place tells where and when.
func (p *connPage) place() {
	c := p.c
	p.head("where and when")
	p.pair("way", printable.String(joined(" → ", c.Client, c.Listen, c.Local, c.Server)))
	when := "opened " + p.times.full(c.Opened, 0)
	if c.IsUpgraded() && c.Request != nil {
		when += ", upgraded after " + exact(c.Upgraded.Sub(c.Request.Began))
	}
	if !c.Ended.IsZero() {
		when += ", closed " + p.times.full(c.Ended, 0)
	}
	p.pair("time", when+", age "+exact(c.Age(p.s.Now())))
	for l := range p.s.EachLimit(c) {
		text := fmt.Sprintf("%s %s (%s)", l.Kind, round(l.Value.Std()), sourceText(l.Source))
		if l.Source == monitor.SourceAssumed {
			text += ": nginx's default; say --read-timeout"
		}
		p.pair("limit", text)
	}
	if a := c.Answer; a != nil {
		p.pair("subprotocol", printable.String(a.Subprotocol))
		p.pair("extensions", printable.String(a.Extensions))
	}
	for i := range c.Ends {
		e := &c.Ends[i]
		how := fmt.Sprintf("%s %s %s", p.times.full(e.At, 0), endingSide(c, e), howWords[e.How])
		if e.Error != "" {
			how += " " + printable.String(e.Error)
		}
		p.pair("end", how)
	}
	for i := range c.CloseFrames {
		f := &c.CloseFrames[i]
		p.pair("close frame", p.times.full(f.At, 0)+" "+arrow(f.Dir)+" "+closeText(f)+": "+p.codes.meaning(f.Code))
	}
	for d, why := range c.Lost {
		if why != "" && !(d == 1 && c.Lost[0] == why) {
			p.pair("not decoded", directionWords(d == 0)+": "+printable.String(why))
		}
	}
}

func joined(sep string, parts ...string) string {
	var have []string
	for _, s := range parts {
		if s != "" {
			have = append(have, s)
		}
	}
	return strings.Join(have, sep)
}

func arrow(d ws.Direction) string {
	if d == ws.FromClient {
		return "→"
	}
	return "←"
}

func violationWords(v monitor.ViolationCount) string {
	section, meaning := "", ""
	if r, ok := ws.RuleByName(v.Rule); ok {
		section, meaning = " ("+r.Section()+")", ": "+r.Meaning()
	}
	return fmt.Sprintf("%s%s %s, %s%s", printable.String(v.Rule), section, directionWords(v.Dir == ws.FromClient), plural(v.Count, "time", "times"), meaning)
}

// counters is the table of frames by opcode and direction.
func (p *connPage) counters() {
	c := p.c
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
	p.ago("last byte before", func(t *monitor.Traffic) monitor.Time { return t.LastByte })
	p.ago("last data before", func(t *monitor.Traffic) monitor.Time { return t.LastData })
	p.durations("write blocked", func(t *monitor.Traffic) monitor.Millis { return t.Blocked })
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

// ago shows how long before now, or before the end, something was.
func (p *connPage) ago(name string, f func(*monitor.Traffic) monitor.Time) {
	end := p.endOrNow()
	ago := func(d int) string {
		if t := f(&p.c.Sample.Dir[d]); !t.IsZero() {
			return exact(max(end.Sub(t), 0))
		}
		return "–"
	}
	p.put(one(stPlain, fmt.Sprintf(" %s %13s %13s", printable.PadRight(name, 19), ago(0), ago(1))))
}

func (p *connPage) durations(name string, f func(*monitor.Traffic) monitor.Millis) {
	a, b := f(&p.c.Sample.Dir[0]).Std(), f(&p.c.Sample.Dir[1]).Std()
	if a != 0 || b != 0 {
		p.put(one(stPlain, fmt.Sprintf(" %-19s %13s %13s", name, exact(a), exact(b))))
	}
}

// noKeepalive says that no pings were seen.
const noKeepalive = "none either way: nothing keeps it alive but its own data"

// keepaliveWords are the pings of both directions in a line.
func (p *connPage) keepaliveWords() string {
	var parts []string
	for d := range p.c.Sample.Dir {
		if s := pingWords(&p.c.Sample.Dir[d], d == 0); s != "" {
			parts = append(parts, s)
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case !p.c.IsUpgraded() || p.c.Lost[0] != "" || p.c.Lost[1] != "":
		return "not decoded, nothing is known of pings"
	}
	return noKeepalive
}

func pingWords(t *monitor.Traffic, client bool) string {
	n := t.Frames.Of(ws.OpPing)
	if n == 0 {
		return ""
	}
	s := plural(n, "ping", "pings") + " " + directionWords(client)
	if t.PingEvery > 0 {
		s += fmt.Sprintf(", every %s (least %s)", exact(t.PingEvery.Std()), exact(t.PingAtLeast.Std()))
	}
	if t.LastRTT > 0 {
		s += fmt.Sprintf(", round trip %s (worst %s)", exact(t.LastRTT.Std()), exact(t.WorstRTT.Std()))
	}
	if t.Unanswered > 0 {
		s += ", " + grouped(uint64(t.Unanswered)) + " not answered"
	}
	return s
}

// keepalive shows the pings of each direction that has them.
func (p *connPage) keepalive() {
	if !p.c.IsUpgraded() || p.c.Opaque {
		return
	}
	p.head("pings and pongs")
	none := true
	for d := range p.c.Sample.Dir {
		if s := pingWords(&p.c.Sample.Dir[d], d == 0); s != "" {
			none = false
			st := stPlain
			if p.c.Sample.Dir[d].Unanswered > 0 {
				st = stWarn
			}
			p.text(st, " ", s)
		}
	}
	pongs := p.c.Sample.Dir[0].Frames.Of(ws.OpPong) + p.c.Sample.Dir[1].Frames.Of(ws.OpPong)
	switch {
	case none && pongs > 0:
		p.text(stDim, " ", plural(pongs, "pong", "pongs")+" without a ping: a heartbeat of one side (RFC 6455 §5.5.3)")
	case none:
		p.text(stDim, " ", noKeepalive)
	}
}
