package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wstap/wstap/monitor"
)

// Summary writes what is known at the end of a run in 10 to 25 lines, for the
// terminal in which `wstap tap --headless` or the demo has just ended.
func Summary(w io.Writer, s *monitor.State, o Options) error {
	p := newPrinter(w, o)
	v := look(s, o)
	from, to := o.span(s)
	title := "wstap"
	if o.Source != "" {
		title += ": " + o.Source
	}
	p.raw(bold, title+", "+period(from, to))
	p.summaryHead(v)
	p.wrap(plain, "connections  ", connWords(v.totals))
	p.wrap(plain, "traffic      ", trafficWords(v.totals))
	p.summaryCauses(v)
	p.summaryShort("codes        ", v.summaryCodes())
	p.summaryShort("handshakes   ", v.summaryAttempts())
	p.summaryShort("troubled     ", v.summaryTroubled())
	p.summaryShort("violations   ", listed(ranked(v.violations()), summaryMost))
	p.summaryShort("longest gap  ", v.summaryGap())
	p.summaryShort("next         ", v.summaryNext())
	if s.Totals.LogLines > 0 {
		p.summaryShort("log          ", count(s.Totals.LogLines, "line", "lines")+": "+listed(ranked(s.Totals.LogKinds), summaryMost))
	}
	missed := v.missed()
	if len(missed) == 0 {
		missed = []string{"nothing that wstap knows of"}
	}
	p.wrap(plain, "missed       ", strings.Join(missed, "; "))
	p.summaryFindings(v, o)
	return p.flush()
}

// summaryMost is how many names a line of the summary lists.
const summaryMost = 5

// summaryShort writes one line, cut: the summary must stay a summary.
func (p *printer) summaryShort(name, text string) {
	if text != "" {
		p.fit(name, text)
	}
}

func (p *printer) summaryHead(v *survey) {
	const tapsMost = 3
	taps := 0
	for _, h := range v.s.Hellos {
		for _, t := range h.Taps {
			if taps++; taps <= tapsMost {
				p.fit("tap          ", tapWords(t))
			}
		}
	}
	if taps > tapsMost {
		p.say("tap          and %s", number(taps-tapsMost))
	}
	if len(v.s.Notes) > 0 {
		p.fit("note         ", strings.Join(v.s.Notes, "; "))
	}
	if v.assumed > 0 {
		p.say("assumed      idle limit %s, nginx's default", limitWords(monitor.Assumed))
	}
	switch {
	case len(v.conns) > 0 && v.s.FollowsLog() && v.s.LogBlind():
		p.fit("not seen     ", "idle kills in the log: no line as low as info came, and nginx writes them there")
	case len(v.conns) > 0 && !v.s.FollowsLog():
		p.fit("not seen     ", "nginx's error log: none was followed")
	}
}

func (p *printer) summaryCauses(v *survey) {
	causes := v.causesInOrder()
	var rows [][]string
	for _, c := range causes[:min(len(causes), summaryMost)] {
		rows = append(rows, []string{number(v.total(c)), string(c), confidences(v.causes[c]), c.Meaning()})
	}
	if len(rows) == 0 {
		return
	}
	p.say("ended by")
	p.table(summaryColumns(), rows)
	if more := len(causes) - summaryMost; more > 0 {
		p.say("  and %s", count(more, "further cause", "further causes"))
	}
}

// confidences is "confirmed", or "3 confirmed, 1 likely" where they differ.
func confidences(n *causeCount) string {
	if n == nil {
		return "evicted"
	}
	var parts []string
	for _, x := range []struct {
		n    uint64
		word monitor.Confidence
	}{{n.confirmed, monitor.Confirmed}, {n.likely, monitor.Likely}, {n.possible, monitor.Possible}} {
		switch x.n {
		case 0:
		case n.all:
			return string(x.word)
		default:
			parts = append(parts, number(x.n)+" "+string(x.word))
		}
	}
	return strings.Join(parts, ", ")
}

func (v *survey) summaryCodes() string {
	var shares []share
	for _, k := range v.codesInOrder() {
		name := strconv.Itoa(int(k.code))
		if k.derived {
			name += " derived"
		}
		shares = append(shares, share{name, v.codes[k].total})
	}
	return listed(shares, summaryMost)
}

func (v *survey) summaryAttempts() string {
	var shares []share
	for _, a := range v.attemptsInOrder() {
		name := a.what + " " + a.target
		if a.status != 0 {
			name = strconv.Itoa(a.status) + " " + a.target
		}
		shares = append(shares, share{name, v.attempts[a]})
	}
	return listed(shares, summaryMost)
}

func (v *survey) summaryTroubled() string {
	var shares []share
	for _, t := range v.targetsBy(func(t *target) uint64 { return t.trouble }) {
		shares = append(shares, share{orDash(t.name), t.trouble})
	}
	return listed(shares, summaryMost)
}

func (v *survey) summaryGap() string {
	if len(v.gaps) == 0 {
		return ""
	}
	c := v.gaps[0]
	return fmt.Sprintf("%s on %s %s", gap(longestGap(v.s, c)), connName(c), path(c))
}

func (v *survey) summaryNext() string {
	if len(v.next) == 0 {
		return ""
	}
	e := v.next[0]
	left := gap(e.cd.Left) + " left"
	if e.cd.Left < 0 {
		left = "past by " + gap(-e.cd.Left)
	}
	return fmt.Sprintf("%s %s, %s of %s", connName(e.conn), path(e.conn), left, limitText(&e.cd))
}
