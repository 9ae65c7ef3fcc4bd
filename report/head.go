package report

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/monitor"
)

// head says what the report is about, and under which conditions it was seen.
func (p *printer) head(v *survey, o Options) {
	from, to := o.span(v.s)
	title := "wstap report"
	if o.Source != "" {
		title += ": " + o.Source
	}
	p.raw(bold, title)
	p.say("%s", period(from, to))
	p.filterHead(v, o)
	for _, h := range v.s.Hellos {
		p.wrap(plain, "source    ", helloWords(h))
		for _, t := range h.Taps {
			p.wrap(plain, "tap       ", tapWords(t))
		}
	}
	for _, note := range v.s.Notes {
		p.wrap(yellow, "note      ", note)
	}
	for _, h := range v.s.Healths {
		if h.Status != monitor.HealthOK {
			p.wrap(yellow, fmt.Sprintf("%-10s", h.Status), h.Name+": "+h.Text)
		}
	}
	for _, a := range v.assumptions() {
		p.wrap(plain, "assumed   ", a)
	}
	for _, a := range v.unseen() {
		p.wrap(yellow, "not seen  ", a)
	}
}

func helloWords(h *monitor.Hello) string {
	words := "wstap"
	if h.Version != "" {
		words += " " + h.Version
	}
	if h.Host != "" {
		words += " on " + h.Host
	}
	if !h.Started.IsZero() {
		words += ", started " + stamp(h.Started)
	}
	if h.LogTimezone != "" {
		words += ", log stamps read as " + h.LogTimezone
	}
	return words
}

func tapWords(t monitor.TapInfo) string {
	words := t.Name
	if t.Role != "" && string(t.Role) != t.Name {
		words += " (" + string(t.Role) + " leg)"
	}
	return words + ": " + t.Listen + " to " + t.Upstream
}

// assumptions is what stands in for things nobody told us.
func (v *survey) assumptions() (out []string) {
	if v.assumed > 0 {
		out = append(out, fmt.Sprintf("the idle limit of %s is %s, nginx's default: none was given or learned "+
			"(--read-timeout tells the real one)",
			count(v.assumed, "connection", "connections"), limitWords(monitor.Assumed)))
	}
	return out
}

// unseen is what no source could show, so that silence acquits nobody.
func (v *survey) unseen() (out []string) {
	if len(v.conns) == 0 {
		return nil
	}
	switch front, back := v.s.HasRole(monitor.Front), v.s.HasRole(monitor.Back); {
	case front && !back:
		out = append(out, "the leg from nginx to the server: what ended there shows here only as nginx's own end")
	case back && !front:
		out = append(out, "the leg from the client to nginx: what ended there shows here only as nginx's own end")
	}
	switch {
	case !v.s.FollowsLog():
		out = append(out, "nginx's error log: none was followed (--error-log)")
	case v.s.LogBlind():
		out = append(out, "idle kills in the error log: nginx writes them at level info, and no line as low as that came "+
			"(error_log … info; shows them)")
	}
	return out
}

func (p *printer) totals(v *survey, o Options) {
	of := ""
	if o.Keep != nil {
		of = " of what passes the filter"
	}
	p.section("Totals%s (both legs of a WebSocket count)", of)
	t := v.totals
	p.wrap(plain, "  connections  ", connWords(t))
	p.wrap(plain, "  traffic      ", trafficWords(t))
	if t.Evicted > 0 && o.Keep == nil {
		p.wrap(yellow, "  evicted      ", fmt.Sprintf("%s: below, they count only under \"Why they ended\", column \"all\"",
			count(t.Evicted, "closed connection", "closed connections")))
	}
	if len(t.HTTP) > 0 {
		p.wrap(plain, "  plain HTTP   ", listed(ranked(t.HTTP), most)+" (by status; 000 had no answer)")
	}
}

func connWords(t *monitor.Totals) string {
	words := fmt.Sprintf("%s: %s upgraded, %s refused, %s failed; %s open, %s closed",
		number(t.Conns), number(t.Upgraded), number(t.Refused), number(t.Failed), number(t.Open), number(t.Closed))
	if t.Links > 0 {
		words += fmt.Sprintf("; %s seen on both legs", count(t.Links, "WebSocket", "WebSockets"))
	}
	return words
}

func trafficWords(t *monitor.Totals) string {
	return fmt.Sprintf("%s, %s", count(t.Frames, "frame", "frames"), size(t.Bytes))
}

// missed is what was not kept: counted, never silent.
func (p *printer) missed(v *survey) {
	p.section("Missed")
	lines := v.missed()
	if len(lines) == 0 {
		p.say("  nothing that wstap knows of")
	}
	for _, l := range lines {
		p.wrap(plain, "  ", l)
	}
}

// missed is one line for each thing that was not seen or not kept.
func (v *survey) missed() (out []string) {
	t := v.totals
	add := func(n uint64, one, many string) {
		if n > 0 {
			out = append(out, count(n, one, many))
		}
	}
	if n := t.DroppedAll(); n > 0 {
		out = append(out, "not recorded: "+droppedWords(t))
	}
	if v.keep == nil {
		add(t.Evicted, "closed connection evicted: counted in the totals, listed nowhere",
			"closed connections evicted: counted in the totals, listed nowhere")
	} else {
		add(t.Evicted, "closed connection evicted before the filter could look at it",
			"closed connections evicted before the filter could look at them")
	}
	add(t.Collapsed, "frame counted without a record of its own", "frames counted without records of their own")
	add(v.lost, "connection no longer decoded after a place that made no sense (bytes still counted)",
		"connections no longer decoded after a place that made no sense (bytes still counted)")
	add(v.opaque, "opaque connection: no HTTP/1.x that leads to a WebSocket", "opaque connections: no HTTP/1.x that leads to a WebSocket")
	add(v.unlinked, "connection not linked to its other leg: two fitted equally", "connections not linked to their other leg: two fitted equally")
	add(t.LogSummed, "log line came too fast and was only counted", "log lines came too fast and were only counted")
	add(t.LogUnparsed, "log line that is no entry of an error log", "log lines that are no entries of an error log")
	add(t.Unknown, "event of a connection that is not known", "events of connections that are not known")
	add(t.Oddities, "event that did not fit its connection's phase", "events that did not fit their connection's phase")
	add(t.ClockSteps, "step of the wall clock", "steps of the wall clock")
	return out
}

// droppedWords is "2 conns, 1,234 frames": the names are nouns.
func droppedWords(t *monitor.Totals) string {
	var parts []string
	for _, d := range ranked(t.Dropped) {
		parts = append(parts, number(d.n)+" "+d.name)
	}
	return strings.Join(parts, ", ")
}

// logs is what nginx itself said.
func (p *printer) logs(v *survey) {
	t := &v.s.Totals
	if t.LogLines == 0 {
		return
	}
	p.section("Error log: %s", count(t.LogLines, "line", "lines"))
	p.wrap(plain, "  levels  ", orDash(listed(ranked(t.LogLevels), most)))
	p.kinds(ranked(t.LogKinds))
}
