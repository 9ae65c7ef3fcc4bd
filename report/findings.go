package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/monitor"
)

// Findings writes findings alone, gravest first: what `wstap check` prints.
func Findings(w io.Writer, fs []diagnose.Finding, o Options) error {
	p := newPrinter(w, o)
	if len(fs) == 0 {
		p.say("%s: nothing found that concerns WebSockets", o.Source)
		return p.flush()
	}
	p.styled(bold, "%s: %s", o.Source, severities(fs))
	p.findings(fs, true)
	return p.flush()
}

// findingsMost bounds the findings shown; more are counted.
const findingsMost = 40

// findings writes one block a finding, gravest first; oneDay says that all that
// is reported is of one day.
func (p *printer) findings(fs []diagnose.Finding, oneDay bool) {
	p.firstFindings(fs, func(f *diagnose.Finding) { p.finding(f, foundWhere(f, oneDay), f.Evidence) })
}

// firstFindings writes the gravest findings, and counts by rule those that are
// too many.
func (p *printer) firstFindings(fs []diagnose.Finding, write func(*diagnose.Finding)) {
	shown := min(len(fs), findingsMost)
	for i := range shown {
		write(&fs[i])
	}
	var rest []string
	more := map[string]int{}
	for i := range fs[shown:] {
		id := fs[shown+i].ID
		if more[id] == 0 {
			rest = append(rest, id)
		}
		more[id]++
	}
	if len(rest) > 0 {
		p.raw(plain, "")
	}
	for _, id := range rest {
		p.say("  and %s × %s", number(more[id]), id)
	}
}

// foundSection is the findings in a report; a State without any has no section.
func (p *printer) foundSection(v *survey, o Options) {
	if len(o.Findings) == 0 {
		return
	}
	p.section("Findings: %s", severities(o.Findings))
	p.findings(o.Findings, ofOneDay(v, o))
}

// summaryFindings is a line for each grave finding.
func (p *printer) summaryFindings(v *survey, o Options) {
	if len(o.Findings) == 0 {
		return
	}
	p.say("findings     %s", severities(o.Findings))
	shown := 0
	for i := range o.Findings {
		f := &o.Findings[i]
		if f.Severity == monitor.SeverityInfo || shown == 2*summaryMost {
			break
		}
		p.fit(fmt.Sprintf("  %-8s", f.Severity), f.Title+foundWhere(f, ofOneDay(v, o)))
		shown++
	}
	if more := len(o.Findings) - shown; more > 0 && shown > 0 {
		p.say("  and %s", count(more, "further finding", "further findings"))
	}
}

// severityStyles: an error is red, a warning yellow; the words say as much.
var severityStyles = map[monitor.Severity]style{monitor.SeverityError: red, monitor.SeverityWarning: yellow}

// finding writes one, with where and when it was met and the evidence to show.
func (p *printer) finding(f *diagnose.Finding, where string, evidence []string) {
	p.raw(plain, "")
	p.wrap(severityStyles[f.Severity], fmt.Sprintf("  %-8s", f.Severity), f.Title+where)
	for _, e := range evidence {
		p.wrap(plain, "    - ", e)
	}
	lead := "    fix   "
	if !strings.Contains(f.Fix, "\n") {
		p.wrap(plain, lead, f.Fix) // a sentence
	} else {
		for line := range strings.Lines(f.Fix) {
			p.raw(plain, lead+strings.TrimRight(line, "\n")) // to paste: never wrapped
			lead = "          "
		}
	}
	p.wrap(dim, "    see   ", f.Reference+"  ["+f.ID+"]")
}

// foundWhere is how much a finding is about, and when or where; with the day,
// unless all that is reported is of one.
func foundWhere(f *diagnose.Finding, oneDay bool) string {
	var parts []string
	if f.File != "" {
		parts = append(parts, fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	switch {
	case len(f.Conns) > 0 && !f.OfLines:
		parts = append(parts, count(f.Count, "connection", "connections"))
	case f.Count > 1:
		parts = append(parts, fmt.Sprintf("%d times", f.Count))
	}
	if !f.First.IsZero() {
		parts = append(parts, between(f.First.Std(), f.Last.Std(), oneDay && sameDay(f.First.Std(), f.Last.Std())))
	}
	if len(parts) == 0 {
		return ""
	}
	return "  (" + strings.Join(parts, ", ") + ")"
}

// between is when something was seen first and last; with the days, unless all
// that is spoken of is of one day.
func between(first, last time.Time, oneDay bool) string {
	format := time.DateTime
	if oneDay {
		format = time.TimeOnly
	}
	when := first.Format(format)
	if to := last.Format(format); to != when {
		when += " to " + to
	}
	return when
}

// ofOneDay says that all that is reported is of one day.
func ofOneDay(v *survey, o Options) bool {
	from, to := o.span(v.s)
	return sameDay(from.Std(), to.Std())
}

func sameDay(a, b time.Time) bool { return a.Format(time.DateOnly) == b.Format(time.DateOnly) }

// severities counts findings: "1 error, 2 warnings, 1 note".
func severities(fs []diagnose.Finding) string {
	n := monitor.BySeverity(fs)
	var parts []string
	for _, s := range monitor.Severities {
		if n[s] > 0 {
			parts = append(parts, number(n[s])+" "+s.Noun(n[s]))
		}
	}
	if len(parts) == 0 {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

// findingsOf is the findings for JSON; conns are named by their numbers.
func findingsOf(s *monitor.State, fs []diagnose.Finding) []Finding {
	out := make([]Finding, len(fs))
	for i := range fs {
		f := &fs[i]
		out[i] = Finding{
			ID: f.ID, Severity: f.Severity, Title: f.Title, Subject: f.Subject, Count: f.Count, Conns: []uint64{},
			Evidence: append([]string{}, f.Evidence...), Fix: f.Fix, Reference: f.Reference, File: f.File, Line: f.Line,
			First: f.First, Last: f.Last,
		}
		for _, id := range f.Conns {
			if c := s.Conn(id); c != nil {
				out[i].Conns = append(out[i].Conns, c.Seq)
			}
		}
	}
	return out
}

// CheckDocument is the JSON of `wstap check`, version 1.
type CheckDocument struct {
	Version  int       `json:"version"` // 1
	Source   string    `json:"source"`
	Findings []Finding `json:"findings"`
}

// CheckJSON writes the findings of a configuration as one object.
func CheckJSON(w io.Writer, fs []diagnose.Finding, o Options) error {
	e := newEncoder(w)
	e.value(CheckDocument{Version, o.Source, findingsOf(monitor.NewState(monitor.Bounds{}), fs)})
	e.text("\n")
	return e.flush()
}
