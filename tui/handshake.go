package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// header is one name of a head with all its values. The first line of the head
// has the name firstLine.
type header struct {
	name   string // as the sender wrote it
	values []string
}

const firstLine = "first line"

// headersOf reads a head as it was kept. Names come in the order of their first
// line; what has no colon is a name without a value.
func headersOf(text string) (hs []header) {
	place := map[string]int{}
	for i, l := range strings.Split(strings.TrimRight(text, "\r\n"), "\n") {
		l = strings.TrimRight(l, "\r")
		name, value, _ := strings.Cut(l, ":")
		switch {
		case i == 0:
			name, value = firstLine, l
		case l == "":
			continue
		}
		key := strings.ToLower(name)
		if at, again := place[key]; again {
			hs[at].values = append(hs[at].values, strings.TrimSpace(value))
			continue
		}
		place[key] = len(hs)
		hs = append(hs, header{name, []string{strings.TrimSpace(value)}})
	}
	return hs
}

// change is what became of a header on its way through nginx.
type change uint8

const (
	unchanged    change = iota
	changed             // other values
	added               // by nginx
	removed             // by nginx
	unknown             // one of the heads was cut before it
	incomparable        // redacted with the keys of two relays
)

// headChange is a header, as it came to nginx and as it went on.
type headChange struct {
	name      string
	was, is   []string
	change    change
	redacted  bool
	firstLine bool
}

// diffHeads compares a head before nginx with the same one behind it. cut says
// whose text ends early: a header that the shorter one lacks may have been in
// the rest. oneKey: both were redacted with the same key, so that equal secrets
// look equal.
func diffHeads(before, behind string, cutBefore, cutBehind, oneKey bool) (out []headChange) {
	a, b := headersOf(wholeLines(before, cutBefore)), headersOf(wholeLines(behind, cutBehind))
	for _, h := range a {
		c := headChange{name: h.name, was: h.values, firstLine: h.name == firstLine}
		if i := slices.IndexFunc(b, h.is); i >= 0 {
			c.is = b[i].values
			b = slices.Delete(b, i, i+1)
		}
		out = append(out, c.judged(cutBehind, cutBefore || cutBehind, oneKey, removed))
	}
	for _, h := range b {
		c := headChange{name: h.name, is: h.values}
		out = append(out, c.judged(cutBefore, cutBefore || cutBehind, oneKey, added))
	}
	return out
}

func (h header) is(o header) bool { return strings.EqualFold(h.name, o.name) }

// wholeLines leaves out the last line of a text that was cut: it may be half of one.
func wholeLines(text string, cut bool) string {
	if !cut {
		return text
	}
	return text[:strings.LastIndexByte(text, '\n')+1]
}

// judged fills in what became of it; missing is the word for one that a side
// lacks. lost: that side was cut; anyLost: one of them was, so that a further
// line of the same name may be in the rest.
func (c headChange) judged(lost, anyLost, oneKey bool, missing change) headChange {
	secret := func(v string) bool { return strings.Contains(v, "‹redacted:") }
	c.redacted = slices.ContainsFunc(c.was, secret) || slices.ContainsFunc(c.is, secret)
	switch {
	case c.was == nil || c.is == nil:
		if c.change = missing; lost {
			c.change = unknown
		}
	case slices.Equal(c.was, c.is):
		c.change = unchanged
	case anyLost && len(c.was) != len(c.is):
		c.change = unknown
	case c.redacted && !oneKey:
		c.change = incomparable
	default:
		c.change = changed
	}
	return c
}

var changeLooks = [...]struct {
	sign, words string
	st          style
}{
	unchanged:    {" ", "", stDim},
	changed:      {"≠", "changed", stAccent},
	added:        {"+", "added", stGood},
	removed:      {"−", "removed", stWarn},
	unknown:      {"?", "not in what was kept of the other head", stDim},
	incomparable: {"?", "redacted by two relays: cannot be compared", stDim},
}

// handshake shows both heads: what nginx changed in them, the rest folded.
func (p *connPage) handshake() {
	if p.c.Request == nil && p.c.Answer == nil {
		return
	}
	switch {
	case (p.front == nil || p.back == nil) && p.row.stage == refused: // the answer says most
		p.oneHead("response", responseHead, p.c)
		p.oneHead("request", requestHead, p.c)
		return
	case p.front == nil || p.back == nil:
		p.oneHead("request", requestHead, p.c)
		p.oneHead("response", responseHead, p.c)
		return
	}
	p.headDiff("request", "client → server", requestHead, p.front, p.back)
	p.headDiff("response", "server → client", responseHead, p.back, p.front)
}

// oneHead is a head of which nobody knows what became of it.
func (p *connPage) oneHead(name string, of func(*monitor.Conn) (string, bool), c *monitor.Conn) {
	text, cut := of(c)
	p.head(name)
	if text == "" {
		p.text(stDim, " ", "not seen")
		return
	}
	for _, l := range printable.Multiline(text) {
		p.text(stPlain, "   ", l)
	}
	if cut {
		p.text(stDim, "   ", "… cut here; a recording has it all")
	}
}

// headDiff shows what nginx made of a head that came on one leg and went on by the other.
func (p *connPage) headDiff(name, way string, of func(*monitor.Conn) (string, bool), from, to *monitor.Conn) {
	before, cutBefore := of(from)
	behind, cutBehind := of(to)
	switch {
	case before == "" && behind == "":
		p.head(name)
		p.text(stDim, " ", "not seen on either leg")
		return
	case before == "" || behind == "":
		seen, other := from, to
		if before == "" {
			seen, other = to, from
		}
		p.oneHead(fmt.Sprintf("%s on the %s leg; none on the %s leg", name, printable.String(seen.Tap), printable.String(other.Tap)), of, seen)
		return
	}
	diff := diffHeads(before, behind, cutBefore, cutBehind, from.ID.Tap == to.ID.Tap)
	p.head(name + ", " + way + ": " + diffSummary(diff))
	for i := range diff {
		if diff[i].change != unchanged {
			p.changeLine(&diff[i])
		}
	}
	p.sameHeaders(diff)
	if cutBefore || cutBehind {
		p.text(stDim, "   ", "the heads are kept to 4 KiB; a recording has all of them")
	}
}

func diffSummary(diff []headChange) string {
	var n [len(changeLooks)]int
	for i := range diff {
		n[diff[i].change]++
	}
	var parts []string
	for _, c := range []change{changed, added, removed} {
		if n[c] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[c], changeLooks[c].words))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ") + " by nginx"
	case n[unknown]+n[incomparable] > 0:
		return "not all of it can be compared"
	}
	return "nginx passed it on unchanged"
}

// label is the header's name and colon.
func (c *headChange) label() string {
	if c.firstLine {
		return ""
	}
	return printable.String(c.name) + ": "
}

func (p *connPage) changeLine(c *headChange) {
	look := changeLooks[c.change]
	var text string
	switch c.change {
	case changed:
		text = valuesText(c.was) + "  →  " + valuesText(c.is)
	case incomparable:
		text = valuesText(c.was) + " and " + valuesText(c.is) + "  (" + look.words + ")"
	case unknown:
		text = valuesText(append(slices.Clone(c.was), c.is...)) + "  (" + look.words + ")"
	default:
		text = valuesText(append(slices.Clone(c.was), c.is...))
	}
	p.clip(look.st, " "+look.sign+" ", c.label()+text, p.atMost(3))
}

func valuesText(vs []string) string {
	safe := make([]string, len(vs))
	for i, v := range vs {
		if safe[i] = printable.String(v); v == "" {
			safe[i] = "(empty)"
		}
	}
	return strings.Join(safe, " | ")
}

// sameHeaders are those that nginx did not touch: their names, or all of them unfolded.
func (p *connPage) sameHeaders(diff []headChange) {
	var names []string
	for i := range diff {
		c := &diff[i]
		switch {
		case c.change != unchanged:
		case p.unfolded:
			p.text(stDim, " = ", c.label()+valuesText(c.was))
		default:
			name := printable.String(c.name)
			if c.firstLine {
				name = valuesText(c.was)
			}
			if c.redacted {
				name += " (redacted)"
			}
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		p.text(stDim, " = ", strings.Join(names, ", "))
	}
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
