package tui

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// detail is the connection screen: one conn and its other leg, as a page.
type detail struct {
	id     monitor.ID
	any    bool
	other  monitor.ID // the other leg, to go to
	linked bool
	row    row
	scroll scroller
	page   page
	stale  bool // another conn or width than was made
}

func (d *detail) open(id monitor.ID) {
	if otherLeg := d.linked && d.other == id; !otherLeg && (!d.any || d.id != id) {
		d.scroll.top = 0
	}
	d.id, d.any, d.stale = id, true, true
}

// sideBySide is the width from which both legs' heads stand beside each other.
const sideBySide = 120

// refresh writes the page anew, unless the screen is paused on it.
func (d *detail) refresh(s *monitor.State, w, h int, paused bool) {
	if !paused || d.stale || d.page.w != w {
		d.write(s, w)
	}
	d.scroll.set(len(d.page.lines), h)
}

func (d *detail) write(s *monitor.State, w int) {
	d.stale = false
	d.page = page{w: w, lines: d.page.lines[:0]}
	p := &d.page
	c := s.Conn(d.id)
	switch {
	case !d.any:
		p.text(stDim, " ", "no connection is selected: choose one on screen 1")
		return
	case c == nil:
		p.text(stDim, " ", fmt.Sprintf("#%d is no longer kept: closed connections are evicted when there are too many", d.row.seq))
		return
	}
	d.row = makeRow(s, c)
	d.linked = false
	if o := c.Other(); o != nil {
		d.linked, d.other = true, o.ID
	}
	p.title(&d.row, c)
	if c.IsClosed() || len(c.Ends) > 0 {
		p.verdict(c)
	} else {
		p.outlook(s, c, &d.row)
	}
	p.gap()
	p.limits(s, c)
	p.place(s, c)
	p.closeFrames(c)
	p.violations(c)
	p.logLines(c)
	p.heads(c)
	p.counters(s, c)
	p.pings(c)
	p.gaps(s, c)
	p.frames(c)
}

// key answers a command with an action.
func (d *detail) key(c command) action {
	if d.scroll.command(c) {
		return nil
	}
	switch c {
	case cmdBack:
		return goBack{}
	case cmdLeg:
		if !d.linked {
			return say{"the other leg of this connection is not seen"}
		}
		return openConn{d.other}
	case cmdPin:
		if d.any {
			return togglePin{d.id}
		}
	case cmdCopy:
		return copyText{fmt.Sprintf("#%d with its evidence", d.row.seq), d.text()}
	}
	return nil
}

// text is the page's upper part for the clipboard: facts, then the verdict.
func (d *detail) text() string {
	var b strings.Builder
	b.WriteString(d.row.facts())
	for _, l := range d.page.lines {
		b.WriteByte('\n')
		for _, s := range l {
			b.WriteString(s.text)
		}
	}
	return b.String()
}

func (p *page) title(r *row, c *monitor.Conn) {
	g := glyphOf(r.stage, r.countdown.Mark)
	l := one(g.st, g.sign+" ").add(stBold, fmt.Sprintf("#%d %s", r.seq, r.tap))
	if r.link > 0 {
		l = l.add(stAccent, " "+linkSign+count(r.link))
	}
	if r.pinned {
		l = l.add(stAccent, " "+pinSign)
	}
	l = l.add(stPlain, "  "+r.client+"  ").add(stBold, r.host+r.target)
	if l.width() <= p.w {
		p.put(l)
		return
	}
	p.put(l[:len(l)-1]) // the target is last
	p.text(stBold, " ", l[len(l)-1].text)
}

// verdict tells why it ended.
func (p *page) verdict(c *monitor.Conn) {
	v := &c.Verdict
	if v.Cause == "" {
		p.head("closing")
		if e := c.FirstEnd(); e != nil {
			p.text(stPlain, " ", fmt.Sprintf("%s %s %s first", clock(e.At), endingSide(c, e), howWords[e.How]))
		}
		return
	}
	p.gap()
	confidence := string(v.Confidence)
	if !c.Settled {
		confidence += ", still settling"
	}
	p.put(one(stBold, v.Cause.Short()).add(stPlain, " "+confidenceSign(v, c.Settled)+" "+confidence))
	p.text(stPlain, " ", v.Cause.Meaning())
	if v.Code != 0 {
		p.text(stPlain, " ", codeText(v)+" "+v.Code.Name()+": "+v.Code.Meaning())
	}
	for _, e := range v.Evidence {
		p.text(stPlain, "  - ", printable.String(e))
	}
}

// outlook tells what will end it.
func (p *page) outlook(s *monitor.State, c *monitor.Conn, r *row) {
	p.gap()
	cd := &r.countdown
	if !r.counting {
		p.put(one(stBold, [...]string{"connecting", "open", "closing", "closed", "refused"}[r.stage]))
		if r.stage == open {
			p.text(stDim, " ", "no limit is known, so nothing counts down")
		}
		return
	}
	g := glyphOf(r.stage, cd.Mark)
	p.put(one(stBold, "open ").add(g.st, "▕"+bar(cd.Used, min(30, p.w/3))+"▏ "+leftText(cd)+" left of "+round(cd.Limit.Value.Std())))
	source := printable.String(cd.Limit.Source)
	switch {
	case cd.Mark == monitor.MarkExpired:
		p.text(stExpired, " ", fmt.Sprintf("past its %s limit (%s) and still open: that limit is not what ends it", cd.Limit.Kind, source))
	case cd.Limit.Kind == monitor.Lifetime:
		p.text(stPlain, " ", fmt.Sprintf("ends at an age of %s (%s), however busy it is", round(cd.Limit.Value.Std()), source))
	default:
		p.text(stPlain, " ", fmt.Sprintf("ends at %s unless a byte passes, either way (%s)", clockShort(s.Now().Add(cd.Left)), source))
	}
	for _, l := range cd.Race {
		p.text(stPlain, " ", fmt.Sprintf("equal, a race: %s limit %s (%s)", l.Kind, round(l.Value.Std()), printable.String(l.Source)))
	}
}

func (p *page) limits(s *monitor.State, c *monitor.Conn) {
	for _, l := range s.Limits(c) {
		text := fmt.Sprintf("%s %s (%s)", l.Kind, round(l.Value.Std()), printable.String(l.Source))
		if l.Source == "assumed" {
			text += ": nginx's default; say --read-timeout"
		}
		p.pair("limit", text)
	}
}

// place tells where and when.
func (p *page) place(s *monitor.State, c *monitor.Conn) {
	p.pair("way", printable.String(joined(" → ", c.Client, c.Listen, c.Local, c.Server)))
	when := "opened " + clock(c.Opened)
	if c.IsUpgraded() && c.Request != nil {
		when += ", upgraded after " + exact(c.Upgraded.Sub(c.Request.Began))
	}
	if !c.Ended.IsZero() {
		when += ", closed " + clock(c.Ended)
	}
	p.pair("time", when+", age "+exact(c.Age(s.Now())))
	switch {
	case c.LinkNote != "":
		p.pair("link", printable.String(c.LinkNote))
	case c.Link != nil && len(c.Link.Backs) > 1:
		p.pair("link", fmt.Sprintf("nginx tried %d servers", len(c.Link.Backs)))
	}
	if c.Dial != nil {
		p.pair("dial", printable.String(c.Dial.Error)+" after "+exact(c.Dial.Took.Std()))
	}
	for i := range c.Ends {
		e := &c.Ends[i]
		how := fmt.Sprintf("%s %s %s", clock(e.At), endingSide(c, e), howWords[e.How])
		if e.Error != "" {
			how += " " + printable.String(e.Error)
		}
		p.pair("end", how)
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

func (p *page) closeFrames(c *monitor.Conn) {
	if len(c.CloseFrames) == 0 {
		return
	}
	p.head("close frames")
	for i := range c.CloseFrames {
		f := &c.CloseFrames[i]
		code := fmt.Sprintf("%d %s", f.Code, f.Code.Name())
		if f.Derived {
			code = "no code (1005)"
		}
		if f.Reason != "" {
			code += " “" + printable.String(f.Reason) + "”"
		}
		p.text(stPlain, " "+clock(f.At)+" "+arrow(f.Dir)+" ", code)
		p.text(stDim, "   ", f.Code.Meaning())
	}
}

func arrow(d ws.Direction) string {
	if d == ws.FromClient {
		return "↑"
	}
	return "↓"
}

func (p *page) violations(c *monitor.Conn) {
	if len(c.Sample.Violations) == 0 {
		return
	}
	p.head("broken rules")
	for _, v := range c.Sample.Violations {
		name, section, meaning := printable.String(v.Rule), "", ""
		if r, ok := ws.RuleByName(v.Rule); ok {
			section, meaning = " ("+r.Section()+")", ": "+r.Meaning()
		}
		p.text(stPlain, " "+violationSign+" ", fmt.Sprintf("%s%s %s, %s%s", name, section, directionWords(v.Dir == ws.FromClient), plural(v.Count, "time", "times"), meaning))
	}
}

func (p *page) logLines(c *monitor.Conn) {
	if len(c.Logs) == 0 {
		return
	}
	p.head("log lines")
	for _, r := range c.Logs {
		how := "by time and request"
		switch {
		case r.Exact:
			how = "exactly"
		case r.Ambiguous:
			_, n := r.Among()
			how = fmt.Sprintf("one of %d connections it fits", n)
		}
		g := levelStyle(r.Entry.Level)
		p.put(one(stPlain, " "+clock(r.At)+" ").add(g, r.Entry.Level.String()).add(stDim, " joined "+how+quoted(c, r)))
		if quoted(c, r) == "" {
			p.text(stPlain, "   ", printable.String(r.Entry.Raw))
		}
	}
}

// quoted says that the verdict's evidence has the line already.
func quoted(c *monitor.Conn, r *monitor.LogRef) string {
	for _, e := range c.Verdict.Evidence {
		if strings.HasSuffix(e, r.Entry.Raw) {
			return ", quoted above"
		}
	}
	return ""
}
