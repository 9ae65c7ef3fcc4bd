package report

import (
	"cmp"
	"fmt"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// unusualMost is how many connections of one cause have a block of their own.
// More of the same teach nothing; --all and --json have them.
const unusualMost = 20

// block is one unusual WebSocket: a conn, and its other leg if that ended for
// the same cause.
type block struct{ conn, other *monitor.Conn }

func (p *printer) unusual(v *survey, o Options) {
	groups, cleanly := v.blocks()
	if len(groups) == 0 {
		p.section("Unusual connections")
		switch {
		case len(v.conns) == 0 && v.keep != nil:
			p.say("  no connection passes the filter")
		case len(v.conns) == 0:
			p.say("  no connection was seen")
		default:
			p.say("  none among the %s that are listed", count(len(v.conns), "connection", "connections"))
		}
		return
	}
	for _, cause := range append(v.causesInOrder(), "") {
		bs := groups[cause]
		if len(bs) == 0 {
			continue
		}
		p.section("%s: %s", groupName(cause), count(len(bs), "unusual connection", "unusual connections"))
		shown := bs
		if !o.All {
			shown = bs[:min(len(bs), unusualMost)]
		}
		for _, b := range shown {
			p.block(v, b)
		}
		if more := len(bs) - len(shown); more > 0 {
			p.say("  … and %s like these (--all shows them)", number(more))
		}
	}
	if cleanly > 0 {
		p.raw(plain, "")
		p.wrap(plain, "", fmt.Sprintf("%s in no block: closed with 1000, 1001 or no code, ended by wstap, or open without a fault.",
			count(cleanly, "connection", "connections")))
	}
}

func groupName(c monitor.Cause) string {
	if c == "" {
		return "open, or not judged yet"
	}
	return string(c)
}

// blocks groups the unusual conns by cause, the oldest first, and counts the others.
func (v *survey) blocks() (groups map[monitor.Cause][]block, others int) {
	groups = map[monitor.Cause][]block{}
	for _, c := range v.conns {
		if !unusual(c) {
			others++
			continue
		}
		b := block{conn: c}
		if o := v.other(c); o != nil && o.Verdict.Cause == c.Verdict.Cause && unusual(o) && o.Other() == c {
			if c.Role == monitor.Back {
				continue // in its front leg's block
			}
			b.other = o
		}
		groups[c.Verdict.Cause] = append(groups[c.Verdict.Cause], b)
	}
	return groups, others
}

func (p *printer) block(v *survey, b block) {
	c := b.conn
	name := connName(c)
	if b.other != nil {
		name += " and " + connName(b.other)
	}
	p.wrap(bold, "  ", name+verdictWords(c))
	for _, line := range []string{what(c), answered(b), times(v, c), traffic(c)} {
		p.wrap(plain, "      ", line)
	}
	for _, line := range oddities(c, b.other) {
		p.wrap(yellow, "      ", line)
	}
	said := map[string]bool{}
	for _, c := range []*monitor.Conn{b.conn, b.other} {
		if c == nil {
			continue
		}
		for _, e := range c.Verdict.Evidence {
			if !said[e] {
				p.wrap(plain, "    - ", e)
			}
			said[e] = true
		}
	}
}

// connName is how a conn is called in text: its number and its tap.
func connName(c *monitor.Conn) string { return fmt.Sprintf("#%d %s", c.Seq, c.Tap) }

func verdictWords(c *monitor.Conn) string {
	v := &c.Verdict
	if v.Cause == "" {
		return ""
	}
	words := fmt.Sprintf("  %s (%s)", v.Cause, v.Confidence)
	if v.Code != 0 {
		words += "  " + codeWords(v)
	}
	return words
}

// codeWords is "4401 private use from server: reason", "1006 Abnormal Closure (derived)".
func codeWords(v *monitor.Verdict) string {
	words := fmt.Sprintf("%d %s", v.Code, v.CodeName)
	if v.CodeDerived {
		words += " (derived)"
	}
	if v.CloseFrom == "client" || v.CloseFrom == "server" {
		words += " from " + v.CloseFrom
	}
	if v.Reason != "" {
		words += ": \"" + printable.String(v.Reason) + "\""
	}
	return words
}

// targetMost keeps a block readable; a target may be 64 KiB.
const targetMost = 160

func what(c *monitor.Conn) string {
	r := c.Request
	switch {
	case c.Opaque:
		return "opaque stream (" + orDash(cmp.Or(c.Lost[0], c.Lost[1])) + ")"
	case r == nil:
		return "no request"
	}
	return r.Method + " " + printable.Middle(printable.String(r.Target), targetMost) + " host " + orDash(r.Host)
}

// answered is the answer, and between whom the block's legs ran.
func answered(b block) string {
	c := b.conn
	words := "no answer"
	if a := c.Answer; a != nil {
		words = fmt.Sprintf("answer %d", a.Status)
		if a.Status != 101 && a.Reason != "" {
			words += " " + a.Reason
		}
		if a.Subprotocol != "" {
			words += ", subprotocol " + a.Subprotocol
		}
		if c.Request != nil {
			words += ", after " + took(max(a.At.Sub(c.Request.Began), 0))
		}
	}
	server := c.Server
	if b.other != nil {
		server = b.other.Server
	}
	return words + "; client " + orDash(c.Client) + ", server " + orDash(server)
}

func times(v *survey, c *monitor.Conn) string {
	words := "opened " + clock(c.Opened)
	if c.Ended.IsZero() {
		words += ", open for " + took(c.Age(v.s.Now()))
	} else {
		words += fmt.Sprintf(", ended %s after %s", clock(c.EndAt()), took(max(c.EndAt().Sub(c.Opened), 0)))
	}
	if tunnel(c) {
		words += "; longest gap " + gap(longestGap(v.s, c))
	}
	return words
}

func traffic(c *monitor.Conn) string {
	up, down := &c.Sample.Dir[ws.FromClient], &c.Sample.Dir[ws.FromServer]
	return fmt.Sprintf("from client %s, %s; from server %s, %s",
		count(up.FrameCount(), "frame", "frames"), size(up.Bytes), count(down.FrameCount(), "frame", "frames"), size(down.Bytes))
}

// oddities is what else is wrong with a conn, whatever ended it.
func oddities(conns ...*monitor.Conn) (out []string) {
	for _, c := range conns {
		if c == nil {
			continue
		}
		for _, x := range c.Sample.Violations {
			section, meaning := ruleWords(x.Rule)
			line := fmt.Sprintf("violation on %s %s: %s", c.Tap, x.Dir, x.Rule)
			if x.Count > 1 {
				line += " (" + number(x.Count) + " times)"
			}
			if meaning != "" {
				line += ": " + meaning + " (" + section + ")"
			}
			out = append(out, line)
		}
		for d, why := range c.Lost {
			if why != "" && !c.Opaque {
				out = append(out, fmt.Sprintf("not decoded any more on %s %s: %s", c.Tap, ws.Direction(d), why))
			}
		}
		if c.LinkNote != "" {
			out = append(out, c.LinkNote)
		}
	}
	return out
}

// ruleWords is the section and the meaning of a rule, empty for one that this
// version does not know: recordings may be of a later one.
func ruleWords(name string) (section, meaning string) {
	r, ok := ws.RuleByName(name)
	if !ok {
		return "", ""
	}
	return r.Section(), r.Meaning()
}
