package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// Lines prints events as they come, one readable line for each that somebody
// would want to know of: `wstap tap --headless`. It is a feed.Writer, so what
// it writes to must not block.
//
// A conn's last line is printed when its verdict has settled, with the time of
// its end: up to two seconds later, so lines may be that much out of order.
// Not safe for concurrent use.
type Lines struct {
	p   *printer
	err error

	conns  map[monitor.ID]*lineConn
	ended  []endedConn // the oldest first; most have had their verdict
	quoted []string    // log lines told with a conn, the newest last
	health map[string]string
	seq    uint64 // conns seen, numbered as State numbers them
	day    string // of the newest line
}

type endedConn struct {
	id monitor.ID
	at monitor.Time
}

// lineConn is what the last line of a conn needs of its first events.
type lineConn struct {
	seq            uint64
	client         string
	opened, ended  monitor.Time
	upgraded       bool
	violationsTold int
}

// linesMost bounds the conns remembered. Lines of one beyond it lack what its
// earlier events said.
const linesMost = 1 << 18

// forgetAfter is when a conn that ended is forgotten though no verdict came:
// State did not keep it. Verdicts take two seconds of event time.
const forgetAfter = 30 * time.Second

// quotedMost bounds the log lines remembered, so that the two legs of a
// WebSocket do not tell the same one twice.
const quotedMost = 64

// NewLines returns Lines that write to w.
func NewLines(w io.Writer, o Options) *Lines {
	return &Lines{p: newPrinter(w, o), conns: map[monitor.ID]*lineConn{}, health: map[string]string{}}
}

// Events prints what deserves a line, and hands it to the writer before it
// returns. After an error of the writer it does nothing.
func (l *Lines) Events(evs []monitor.Event) {
	if l.err != nil {
		return
	}
	for _, ev := range evs {
		l.event(ev)
	}
	l.err = l.p.flush()
}

// Err is the writer's first error.
func (l *Lines) Err() error { return l.err }

func (l *Lines) event(ev monitor.Event) {
	switch ev := ev.(type) {
	case *monitor.Opened:
		l.opened(ev)
	case *monitor.Request:
		l.request(ev)
	case *monitor.Response:
		l.response(ev)
	case *monitor.DialError:
		l.conn(red, ev.At, &ev.Header, "dial failed after %s: %s", took(ev.Took.Std()), ev.Error)
	case *monitor.Lost:
		l.conn(yellow, ev.At, &ev.Header, "not decoded any more %s: %s", ev.Dir, ev.Reason)
	case *monitor.Violation:
		l.violation(ev)
	case *monitor.Closed:
		l.closed(ev)
	case *monitor.Verdicted:
		l.verdict(ev)
	default:
		l.source(ev)
	}
}

// source prints events of no conn.
func (l *Lines) source(ev monitor.Event) {
	switch ev := ev.(type) {
	case *monitor.Hello:
		l.hello(ev)
	case *monitor.LogLine:
		if ev.Entry.Level >= logparse.LevelError {
			l.line(red, ev.At, "log %s", ev.Entry.Raw)
		}
	case *monitor.LogSummary:
		l.line(yellow, ev.At, "log %s: too fast, only counted: %s", ev.Source, listed(ranked(ev.Kinds), most))
	case *monitor.Health:
		l.healthOf(ev)
	case *monitor.Dropped:
		l.line(yellow, ev.At, "not recorded: %s %s", number(ev.N), ev.What)
	case *monitor.ClockStep:
		l.line(yellow, ev.At, "the wall clock was set, by %s", took(ev.Step.Std()))
	}
}

// healthMost bounds the sources whose health is remembered, as State does.
const healthMost = 256

// healthOf prints what has changed: sources tell of their health again and again.
func (l *Lines) healthOf(ev *monitor.Health) {
	text := fmt.Sprintf("%s %s: %s", ev.Name, ev.Status, ev.Text)
	name := ev.Tap.String() + ev.Name
	if l.health[name] == text {
		return
	}
	if len(l.health) < healthMost || l.health[name] != "" {
		l.health[name] = text
	}
	st := plain
	if ev.Status != monitor.HealthOK {
		st = yellow
	}
	l.line(st, ev.At, "%s", text)
}

func (l *Lines) hello(ev *monitor.Hello) {
	l.line(plain, ev.At, "%s", helloWords(ev))
	for _, t := range ev.Taps {
		l.line(plain, ev.At, "tap %s", tapWords(t))
	}
	for _, n := range ev.Notes {
		l.line(yellow, ev.At, "note: %s", n)
	}
}

func (l *Lines) opened(ev *monitor.Opened) {
	if _, again := l.conns[ev.ID()]; again {
		return
	}
	l.seq++
	if len(l.conns) < linesMost {
		l.conns[ev.ID()] = &lineConn{seq: l.seq, client: ev.Client, opened: ev.At}
	}
	if ev.Opaque {
		l.conn(plain, ev.At, &ev.Header, "opened %s opaque: %s", orDash(ev.Client), orDash(ev.Reason))
	}
}

func (l *Lines) request(ev *monitor.Request) {
	client := "-"
	if c := l.conns[ev.ID()]; c != nil {
		client = orDash(c.client)
	}
	target := printable.Middle(printable.String(ev.Target), targetMost)
	l.conn(plain, ev.At, &ev.Header, "opened %s %s %s host %s", client, ev.Method, target, orDash(ev.Host))
}

func (l *Lines) response(ev *monitor.Response) {
	after := ""
	c := l.conns[ev.ID()]
	if c != nil {
		after = " in " + took(max(ev.At.Sub(c.opened), 0))
	}
	if ev.Status != 101 {
		l.conn(yellow, ev.At, &ev.Header, "refused %d %s%s", ev.Status, ev.Reason, after)
		return
	}
	if c != nil {
		c.upgraded = true
	}
	l.conn(plain, ev.At, &ev.Header, "upgraded 101%s %s", after, ev.Subprotocol)
}

// violationsTold bounds the lines about one conn; its report has the counts.
const violationsTold = 4

func (l *Lines) violation(ev *monitor.Violation) {
	if c := l.conns[ev.ID()]; c != nil {
		if c.violationsTold++; c.violationsTold > violationsTold {
			return
		}
	}
	_, meaning := ruleWords(ev.Rule)
	l.conn(yellow, ev.At, &ev.Header, "violation %s: %s (%s) %s", ev.Dir, ev.Rule, ev.Section, meaning)
}

func (l *Lines) closed(ev *monitor.Closed) {
	if c := l.conns[ev.ID()]; c != nil {
		c.ended = ev.At
		l.ended = append(l.ended, endedConn{ev.ID(), ev.At})
	}
	for len(l.ended) > 0 && (ev.At.Sub(l.ended[0].at) > forgetAfter || len(l.ended) > linesMost) {
		delete(l.conns, l.ended[0].id)
		l.ended = l.ended[1:]
	}
}

// joinedLog begins the sentence of evidence that quotes a log line.
const joinedLog = "log ("

// verdict prints the last line of a conn, after the log lines that were joined
// to it: below level error they have not been shown yet.
func (l *Lines) verdict(ev *monitor.Verdicted) {
	c := l.conns[ev.ID()]
	at := ev.At
	if c != nil && !c.ended.IsZero() {
		at = c.ended
	}
	for _, e := range ev.Verdict.Evidence {
		if strings.HasPrefix(e, joinedLog) && l.quote(e) {
			l.conn(plain, at, &ev.Header, "%s", e)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "closed %s (%s)", ev.Verdict.Cause, ev.Verdict.Confidence)
	if ev.Verdict.Code != 0 {
		fmt.Fprintf(&b, " %s", codeShort(&ev.Verdict))
	}
	if c != nil {
		fmt.Fprintf(&b, " after %s", took(max(at.Sub(c.opened), 0)))
		if c.upgraded {
			fmt.Fprintf(&b, ", %d↑ %d↓ frames", ev.Frames[ws.FromClient], ev.Frames[ws.FromServer])
		}
	}
	st := red
	if !troubled(&monitor.Conn{Verdict: ev.Verdict}) {
		st = plain
	}
	l.conn(st, at, &ev.Header, "%s", b.String())
	delete(l.conns, ev.ID())
}

// quote says that a log line was not told a moment ago.
func (l *Lines) quote(e string) bool {
	if slices.Contains(l.quoted, e) {
		return false
	}
	if len(l.quoted) == quotedMost {
		l.quoted = append(l.quoted[:0], l.quoted[1:]...)
	}
	l.quoted = append(l.quoted, e)
	return true
}

// codeShort is the code, who sent it and the reason.
func codeShort(v *monitor.Verdict) string {
	words := fmt.Sprint(uint16(v.Code))
	if v.CloseFrom == "client" || v.CloseFrom == "server" {
		words += " from " + v.CloseFrom
	}
	if v.Reason != "" {
		words += " \"" + printable.String(v.Reason) + "\""
	}
	return words
}

// conn prints a line about the conn of h.
func (l *Lines) conn(st style, at monitor.Time, h *monitor.Header, format string, args ...any) {
	name := h.Leg + " #?"
	if c := l.conns[h.ID()]; c != nil {
		name = fmt.Sprintf("%s #%d", h.Leg, c.seq)
	}
	l.line(st, at, "%s %s", name, fmt.Sprintf(format, args...))
}

func (l *Lines) line(st style, at monitor.Time, format string, args ...any) {
	if !at.IsZero() {
		l.newDay(at.Std())
	}
	text := printable.Truncate(printable.String(fmt.Sprintf(format, args...)), textMost)
	l.p.raw(st, clock(at)+" "+text)
}

// newDay says the date before the first line of a day: the lines give the time
// alone, and a headless tap may run for weeks.
func (l *Lines) newDay(t time.Time) {
	if day := t.Format("2006-01-02 -07:00"); day[:10] > l.day[:min(len(l.day), 10)] {
		l.day = day
		l.p.raw(dim, "--- "+day)
	}
}
