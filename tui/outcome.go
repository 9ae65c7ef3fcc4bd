package tui

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// outcome is the first thing on the connection screen: why it ended or what
// will end it, what proves that, and what to change.
func (p *connPage) outcome() {
	if p.c.IsClosed() || len(p.c.Ends) > 0 {
		p.verdict()
	} else {
		p.outlook()
	}
	p.fix()
}

// verdict tells why it ended.
func (p *connPage) verdict() {
	c := p.c
	v := &c.Verdict
	if !p.tight {
		p.gap()
	}
	if v.Cause == "" {
		p.put(one(stBold, "closing"))
		if e := c.FirstEnd(); e != nil {
			p.text(stPlain, " ", fmt.Sprintf("%s %s %s first", p.times.full(e.At, 0), endingSide(c, e), howWords[e.How]))
		}
		return
	}
	confidence := string(v.Confidence)
	if !c.Settled {
		confidence += ", still settling"
	}
	l := one(stBold, v.Cause.Short()).add(stPlain, " "+confidenceSign(v, c.Settled)+" "+confidence)
	if v.Code != 0 {
		l = l.add(stBold, "  "+codeText(v)).add(stPlain, " "+p.codes.name(v.Code))
	}
	if v.Reason != "" {
		l = l.add(stPlain, " “"+printable.String(v.Reason)+"”")
	}
	p.put(l)
	p.clip(stPlain, " ", v.Cause.Meaning(), p.lessIfTight(2))
	if v.Code != 0 && !v.Code.Derived() { // a derived one is no more than the evidence says
		p.clip(stDim, " ", codeText(v)+": "+p.codes.meaning(v.Code), 2)
	}
	for _, e := range v.Evidence {
		p.evidence(e)
	}
}

// evidence is a sentence of the verdict; a log line in it is in the log section,
// too, and cut here.
func (p *connPage) evidence(e string) {
	most := p.atMost(3)
	for _, r := range p.c.Logs {
		if strings.HasSuffix(e, r.Entry.Raw) {
			most = p.atMost(2)
		}
	}
	p.clip(stPlain, "  - ", printable.String(e), most)
}

// outlook tells what will end it.
func (p *connPage) outlook() {
	if !p.tight {
		p.gap()
	}
	r, cd := p.row, &p.row.countdown
	if !p.counting {
		p.put(one(stBold, [...]string{"connecting", "open", "closing", "closed", "refused"}[r.stage]))
		switch r.stage {
		case connecting:
			p.text(stDim, " ", "no answer to the upgrade yet; nothing counts down before it")
		case open:
			p.text(stDim, " ", "no limit is known, so nothing counts down")
		}
		return
	}
	g := glyphOf(r.stage, cd.Mark)
	p.put(one(stBold, "open ").add(g.st, "▕"+bar(cd.Used, min(30, p.w/3))+"▏ "+leftText(cd)+" left of "+round(cd.Limit.Value.Std())))
	source := sourceText(cd.Limit.Source)
	if p.w < deltaFrom {
		source = sourceShort(cd.Limit.Source)
	}
	switch {
	case cd.Mark == monitor.MarkExpired:
		p.text(stExpired, " ", fmt.Sprintf("past its %s limit (%s) and still open: that limit is not what ends it", cd.Limit.Kind, source))
	case cd.Limit.Kind == monitor.Lifetime:
		p.text(stPlain, " ", fmt.Sprintf("ends at an age of %s (%s), however busy it is", round(cd.Limit.Value.Std()), source))
	default:
		p.text(stPlain, " ", fmt.Sprintf("ends at %s unless a byte passes, either way (%s)", p.times.clock(p.s.Now().Add(cd.Left), "15:04:05"), source))
	}
	for _, l := range cd.Race {
		p.text(stPlain, " ", fmt.Sprintf("equal, a race: %s limit %s (%s)", l.Kind, round(l.Value.Std()), sourceText(l.Source)))
	}
	p.proof()
	p.advice()
}

// proof is what the countdown rests on.
func (p *connPage) proof() {
	c := p.c
	gap := fmt.Sprintf("last byte %s, %s ago", p.times.full(c.LastActivity(), 0), exact(c.Gap(p.s.Now())))
	if c.Sample.LongestGap > 0 {
		gap += "; longest silence so far " + exact(c.Sample.LongestGap.Std())
	}
	p.clip(stPlain, "  - ", gap, 2)
	p.clip(stPlain, "  - ", "keepalive: "+p.keepaliveWords(), 2)
}

// advice says how to keep an open conn, where no finding has a fix for it.
func (p *connPage) advice() {
	cd := &p.row.countdown
	if len(p.fixes()) > 0 || cd.Limit.Kind != monitor.Idle || cd.Mark == monitor.MarkExpired {
		return
	}
	half := cd.Limit.Value.Std() / 2
	p.text(stGood, " keep ", fmt.Sprintf("let a side send a ping at least every %s, or raise %s", round(half), limitSetter(&cd.Limit)))
}

// limitSetter is what has to be changed for another limit.
func limitSetter(l *monitor.Limit) string {
	value := round(l.Value.Std())
	switch {
	case l.Source == monitor.SourceAssumed:
		return "proxy_read_timeout (60 s is nginx's default, assumed: say --nginx-conf or --read-timeout)"
	case l.Learned():
		return "what ends connections after " + value + " (learned from how others ended)"
	case l.ByHop():
		return "the idle timeout of the " + printable.String(l.Source)
	}
	return "proxy_read_timeout (" + value + " by " + sourceText(l.Source) + ")"
}

// sourceText is the source of a limit in words.
func sourceText(source string) string {
	if source == "flag" {
		return "--read-timeout"
	}
	return printable.String(source)
}

// fixes are the findings that say what to change.
func (p *connPage) fixes() (places []int) {
	for i := range p.found {
		if p.found[i].Fix != "" {
			places = append(places, i)
		}
	}
	return places
}

// fixLines is how much of a fix the first screenful has.
const fixLines = 6

// fix is what the nearest finding says is to be changed. What is to be pasted
// comes before what is to be known, where there is no room for both.
func (p *connPage) fix() {
	places := p.fixes()
	if len(places) == 0 {
		return
	}
	parts := fixParts(p.found[places[0]].Fix)
	most := p.atMost(fixLines)
	for _, remarks := range []int{most, 2, 1} {
		n := len(p.lines)
		p.fixText(parts, remarks)
		if len(p.lines)-n <= most {
			return
		}
		if remarks == 1 {
			more := len(p.lines) - n - most + 1
			p.lines = append(p.lines[:n+most-1], one(stDim, fmt.Sprintf("      … %s: y copies it, 3 shows it", plural(uint64(more), "more line", "more lines"))))
			return
		}
		p.lines = p.lines[:n]
	}
}

// fixPart is a line of configuration, or a remark of one or more lines.
type fixPart struct {
	text   string
	remark bool
}

// fixParts joins the lines of each remark: they were broken for another width.
func fixParts(fix string) (parts []fixPart) {
	for text := range strings.Lines(fix) {
		text = strings.TrimRight(text, "\n")
		remark, isRemark := strings.CutPrefix(text, "# ")
		n := len(parts)
		switch {
		case isRemark && n > 0 && parts[n-1].remark && !newSentence(parts[n-1].text):
			parts[n-1].text += " " + remark
		case isRemark:
			parts = append(parts, fixPart{remark, true})
		default:
			parts = append(parts, fixPart{text, false})
		}
	}
	return parts
}

// newSentence says that a remark is over with its last line.
func newSentence(remark string) bool {
	return strings.HasSuffix(remark, ".") || strings.HasSuffix(remark, ":")
}

func (p *connPage) fixText(parts []fixPart, remarks int) {
	lead := " fix  "
	for _, part := range parts {
		text := printable.String(part.text)
		if part.remark {
			p.clip(stPlain, lead+"# ", text, remarks)
		} else {
			p.text(stGood, lead, text)
		}
		lead = "      "
	}
}

// forClipboard is the conn, its outcome in full, the whole fix and the log lines.
func (p *connPage) forClipboard() string {
	whole := p.column(200)
	whole.unfolded = true
	whole.outcome()
	var b strings.Builder
	b.WriteString(p.row.facts())
	for _, l := range whole.lines {
		b.WriteByte('\n')
		for _, s := range l {
			b.WriteString(s.text)
		}
	}
	for _, r := range p.c.Logs {
		b.WriteString("\nlog  " + printable.String(r.Entry.Raw))
	}
	return b.String()
}

// findings lists what touches this conn, or its other leg.
func (p *connPage) findings() {
	if len(p.found) == 0 {
		return
	}
	p.head("findings about it")
	for i := range p.found {
		f := &p.found[i]
		look := severityLooks[f.Severity]
		n := len(p.lines)
		p.clip(stPlain, " "+look.sign+" ", printable.String(f.Title), 3)
		if len(p.lines) > n && len(p.lines[n]) > 0 {
			p.lines[n][0].st = look.st
		}
		switch {
		case f.Count > 1 && f.OfLines:
			p.text(stDim, "           ", "the log has "+plural(uint64(f.Count), "line", "lines")+" like it")
		case f.Count > 1 && len(f.Conns) > 0:
			p.text(stDim, "           ", "touches "+plural(uint64(f.Count), "connection", "connections"))
		}
	}
	p.text(stDim, " ", "evidence and fix of each: screen 3")
}

// violations are the rules broken on the wire.
func (p *connPage) violations() {
	if len(p.c.Sample.Violations) == 0 {
		return
	}
	p.head("broken rules")
	for _, v := range p.c.Sample.Violations {
		p.text(stPlain, " "+violationSign+" ", violationWords(v))
	}
}

// logLines are the lines of the error log that were joined to it.
func (p *connPage) logLines() {
	c := p.c
	switch {
	case len(c.Logs) > 0:
	case !p.s.FollowsLog():
		p.head("log lines")
		p.text(stDim, " ", "no error log is followed (--error-log)")
		return
	case !c.IsClosed():
		return
	case p.s.LogBlind():
		p.head("log lines")
		p.text(stDim, " ", "none: no log followed has had a line at the level info so far, where nginx tells of idle kills")
		return
	case c.IsClosed() && !c.Settled:
		p.head("log lines")
		p.text(stDim, " ", "none was joined to it so far: it may yet come")
		return
	default:
		p.head("log lines")
		p.text(stDim, " ", "none was joined to it")
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
		p.put(one(stPlain, " "+p.times.full(r.At, 0)+" ").add(levelStyle(r.Entry.Level), r.Entry.Level.String()).add(stDim, " joined "+how))
		p.clip(stPlain, "   ", printable.String(r.Entry.Raw), p.atMost(6))
	}
	if c.LogsMore > 0 {
		p.text(stDim, "   ", fmt.Sprintf("and %s", plural(uint64(c.LogsMore), "more line", "more lines")))
	}
}
