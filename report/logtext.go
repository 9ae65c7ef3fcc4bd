package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// LogText writes the summary of an error log: what nginx said, how often, about
// which servers and targets, and when; with what Options.Findings conclude from
// it. Trouble comes first, mere remarks last.
func LogText(w io.Writer, sum *logparse.Summary, o Options) error {
	p := newPrinter(w, o)
	title := "wstap logs"
	if o.Source != "" {
		title += ": " + o.Source
	}
	p.raw(bold, title)
	p.logHead(sum)
	trouble := hasTrouble(o.Findings)
	if trouble {
		p.logFindings(sum, o.Findings)
	}
	if sum.Parsed > 0 {
		p.logLevels(sum)
		p.logKinds(sum)
		p.top("Upstreams", &sum.Upstreams)
		p.top("Targets", &sum.Targets)
		p.top("Clients", &sum.Clients)
		p.top("Hosts", &sum.Hosts)
		p.top("Servers", &sum.Servers)
		p.logTimes(sum)
	}
	if !trouble {
		p.logFindings(sum, o.Findings)
	}
	p.raw(plain, "")
	p.say("Every line with all its fields: the same command with --json.")
	return p.flush()
}

// hasTrouble says that findings, which come gravest first, are more than remarks.
func hasTrouble(fs []diagnose.Finding) bool {
	return len(fs) > 0 && fs[0].Severity.AtLeast(monitor.SeverityWarning)
}

// logLineMost bounds the cells of a line that is evidence: a client may have
// written most of it.
const logLineMost = 600

// logFindings writes the findings of a log.
func (p *printer) logFindings(sum *logparse.Summary, fs []diagnose.Finding) {
	if len(fs) == 0 {
		return
	}
	p.section("%s", count(len(fs), "finding", "findings"))
	p.firstFindings(fs, func(f *diagnose.Finding) { p.logFinding(sum, f) })
}

// logFinding writes one, with the first line of its evidence alone: the others
// are lines like it.
func (p *printer) logFinding(sum *logparse.Summary, f *diagnose.Finding) {
	var first []string
	for _, e := range f.Evidence[:min(len(f.Evidence), 1)] {
		first = append(first, printable.Middle(printable.String(e), logLineMost))
	}
	p.finding(f, logWhen(sum, f), first)
}

// logWhen is how often and when, with the day if the log has more than one.
func logWhen(sum *logparse.Summary, f *diagnose.Finding) string {
	parts := []string{count(f.Count, "time", "times")}
	if !f.First.IsZero() {
		loc := sum.First.Location()
		parts = append(parts, between(f.First.Std().In(loc), f.Last.Std().In(loc), sameDay(sum.First, sum.Last.In(loc))))
	}
	return "  (" + strings.Join(parts, ", ") + ")"
}

func (p *printer) logHead(sum *logparse.Summary) {
	p.say("%s, %s", count(sum.Lines, "line", "lines"), count(sum.Parsed, "entry", "entries"))
	if !sum.First.IsZero() {
		p.say("%s to %s (%s)", sum.First.Format("2006-01-02 15:04:05 -07:00"), sum.Last.Format("2006-01-02 15:04:05"),
			sum.Last.Sub(sum.First))
	}
	if sum.Unparsed > 0 {
		p.wrap(yellow, "unparsed  ", count(sum.Unparsed, "line is", "lines are")+" no entry of an nginx error log")
	}
	if sum.Forged > 0 {
		p.wrap(yellow, "forged    ", count(sum.Forged, "entry stands", "entries stand")+
			" inside text that a client sent, and counts nowhere below")
	}
	if sum.Cut > 0 {
		p.wrap(yellow, "cut       ", count(sum.Cut, "entry was", "entries were")+" cut at nginx's limit of 2047 bytes: fields may be missing")
	}
	if lowest := lowestLevel(sum); lowest > logparse.LevelInfo {
		p.wrap(yellow, "note      ", fmt.Sprintf("no line below %s: nginx writes idle kills of WebSockets at info, "+
			"so this log cannot show them (error_log … info; does)", lowest))
	}
}

// lowestLevel is the lowest level that came, LevelUnknown if none did.
func lowestLevel(sum *logparse.Summary) logparse.Level {
	for l := logparse.LevelDebug; l <= logparse.LevelEmerg; l++ {
		if sum.Levels[l] > 0 {
			return l
		}
	}
	return logparse.LevelUnknown
}

func (p *printer) logLevels(sum *logparse.Summary) {
	p.section("Levels")
	var rows [][]string
	for l := logparse.LevelEmerg; l >= logparse.LevelDebug; l-- {
		if n := sum.Levels[l]; n > 0 {
			rows = append(rows, []string{number(n), l.String()})
		}
	}
	p.table([]column{{right: true}, {}}, rows)
}

func (p *printer) logKinds(sum *logparse.Summary) {
	p.section("What nginx said")
	kinds := map[string]uint64{}
	for k, n := range sum.Kinds {
		kinds[string(k)] = uint64(n)
	}
	p.kinds(ranked(kinds))
}

func (p *printer) top(title string, t *logparse.Top) {
	list := t.List(most)
	if len(list) == 0 {
		return
	}
	p.section("%s", title)
	var rows [][]string
	var shown int64
	for _, c := range list {
		rows = append(rows, []string{number(c.N), orDash(c.Name)})
		shown += c.N
	}
	p.table([]column{{right: true}, {cut: printable.Middle}}, rows)
	more := t.Others()
	for _, c := range t.List(0) {
		more += c.N
	}
	if more -= shown; more > 0 {
		p.say("  and %s about others", count(more, "entry", "entries"))
	}
}

const (
	timesMost = 24 // bars
	barWidth  = 40
)

func (p *printer) logTimes(sum *logparse.Summary) {
	buckets, span := evenBuckets(sum.Buckets(), sum.Span())
	if len(buckets) == 0 {
		return
	}
	p.section("Over time, a bar for %s (# at level error or above, . below)", strings.TrimSuffix(span.String(), "0s"))
	format := "15:04"
	if buckets[len(buckets)-1].At.Format(time.DateOnly) != buckets[0].At.Format(time.DateOnly) {
		format = "2006-01-02 15:04"
	}
	var highest int64
	for _, b := range buckets {
		highest = max(highest, b.N)
	}
	var rows [][]string
	for _, b := range buckets {
		rows = append(rows, []string{b.At.Format(format), number(b.N), bar(b, highest)})
	}
	p.table([]column{{}, {right: true}, {cut: printable.Truncate}}, rows)
}

// bar is drawn so that one entry shows, and one error among many.
func bar(b logparse.Bucket, highest int64) string {
	cells := func(n int64) int {
		if n <= 0 || highest <= 0 {
			return 0
		}
		return max(int(n*barWidth/highest), 1)
	}
	all, errors := cells(b.N), cells(b.Errors)
	return strings.Repeat("#", errors) + strings.Repeat(".", max(all-errors, 0))
}

// evenBuckets makes at most timesMost buckets of equal length, those without
// entries included: a silence is news, too.
func evenBuckets(in []logparse.Bucket, span time.Duration) ([]logparse.Bucket, time.Duration) {
	if len(in) == 0 || span <= 0 {
		return nil, span
	}
	first := in[0].At
	spans := int64(in[len(in)-1].At.Sub(first)/span) + 1
	each := time.Duration((spans+timesMost-1)/timesMost) * span
	out := make([]logparse.Bucket, int64(in[len(in)-1].At.Sub(first)/each)+1)
	for i := range out {
		out[i].At = first.Add(time.Duration(i) * each)
	}
	for _, b := range in {
		to := &out[b.At.Sub(first)/each]
		to.N += b.N
		to.Errors += b.Errors
	}
	return out, each
}
