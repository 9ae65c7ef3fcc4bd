package tui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// findingList is the findings screen: what the rules of package diagnose
// concluded, gravest first, and the selected one in full below. A look at all
// conns takes several refreshes where there are many; until the next one is
// over the screen has the result of the one before.
type findingList struct {
	win    window[findingKey]
	scan   *diagnose.Scan
	all    []diagnose.Finding
	place  map[findingKey]int
	stamps stamps
	conns  map[monitor.ID]uint64 // numbers of the conns that the selected one names
}

// findingKey is what a finding is recognised by in the next look.
type findingKey struct {
	id, subject, file string
	line              int
}

func keyOf(f *diagnose.Finding) findingKey { return findingKey{f.ID, f.Subject, f.File, f.Line} }

func (l *findingList) len() int                  { return len(l.all) }
func (l *findingList) idAt(place int) findingKey { return keyOf(&l.all[place]) }
func (l *findingList) placeOf(k findingKey) (int, bool) {
	i, ok := l.place[k]
	return i, ok
}

// scanAtOnce is how many conns or log lines a refresh looks at, with the State
// held: about a millisecond, but for the last step of a look, which concludes.
const scanAtOnce = 1500

// scanSome goes on with the look, and begins the next one when it is over.
func (l *findingList) scanSome(s *monitor.State, beside func() diagnose.Options) {
	if l.scan == nil {
		var o diagnose.Options
		if beside != nil {
			o = beside()
		}
		l.scan = diagnose.NewScan(o)
	}
	if !l.scan.Step(s, scanAtOnce) {
		return
	}
	l.all, l.scan = l.scan.Findings(), nil
	l.place = make(map[findingKey]int, len(l.all))
	for i := range l.all {
		l.place[keyOf(&l.all[i])] = i
	}
}

// refresh settles the selection and looks up what its conns are called.
func (l *findingList) refresh(s *monitor.State, body int) {
	l.win.height = l.listHeight(body)
	l.win.settle(l)
	l.conns = map[monitor.ID]uint64{}
	if f := l.selected(); f != nil {
		for _, id := range newest(f, connsJumped) {
			if c := s.Conn(id); c != nil {
				l.conns[id] = c.Seq
			}
		}
	}
}

// connsNamed is how many conns of a finding are named on the screen.
const connsNamed = 12

// connsJumped is to how many of them one can go at once.
const connsJumped = 60

// newest are the conns that a finding touched last, the newest first.
func newest(f *diagnose.Finding, most int) []monitor.ID {
	ids := slices.Clone(f.Conns[max(len(f.Conns)-most, 0):])
	slices.Reverse(ids)
	return ids
}

func (l *findingList) selected() *diagnose.Finding {
	if !l.win.any || l.win.at >= len(l.all) {
		return nil
	}
	return &l.all[l.win.at]
}

// fresh is how old the newest instance of a finding may be to stand out.
const fresh = 30 * time.Second

// listHeight leaves two thirds to the finding that is shown in full.
func (l *findingList) listHeight(body int) int {
	return min(len(l.all), max((body-2)/3, 2))
}

func (l *findingList) key(c command) action {
	if l.win.command(l, c) {
		return nil
	}
	f := l.selected()
	switch {
	case c == cmdBack:
		return goBack{}
	case f == nil:
		return nil
	case c == cmdCopy:
		return copyText{"the fix", f.Fix}
	case c == cmdItsConns, c == cmdItsLog:
		return l.jump(f, c)
	case c == cmdOpen:
		for _, id := range newest(f, connsJumped) {
			if _, ok := l.conns[id]; ok {
				return openConn{id}
			}
		}
		return say{"no connection of this finding is kept"}
	}
	return nil
}

// jump goes to the connections of a finding, or to their log lines.
func (l *findingList) jump(f *diagnose.Finding, c command) action {
	var numbers []string
	for _, id := range newest(f, connsJumped) {
		if seq, ok := l.conns[id]; ok {
			numbers = append(numbers, strconv.FormatUint(seq, 10))
		}
	}
	switch {
	case len(numbers) == 0:
		return say{"no connection of this finding is kept"}
	case c == cmdItsLog:
		return showLog{"conn:" + strings.Join(numbers, ",")}
	}
	return showFiltered{"id:" + strings.Join(numbers, ",")}
}

var severityLooks = map[monitor.Severity]struct {
	sign string
	st   style
}{
	monitor.SeverityError:   {"✗ error  ", stFail},
	monitor.SeverityWarning: {"! warning", stWarn},
	monitor.SeverityInfo:    {"· note   ", stDim},
}

func (l *findingList) view(w, h int) (out []line) {
	if len(l.all) == 0 {
		return []line{one(stDim, " nothing found so far"), nil, one(stDim, " findings come from the wire, the error log (--error-log) and the configuration (--nginx-conf)")}
	}
	out = append(out, one(stHead, " severity  seen     "+printable.PadRight("n", 6)+"finding"))
	for i := l.win.top; i < min(l.win.top+l.win.height, len(l.all)); i++ {
		out = append(out, l.row(i, w))
	}
	out = append(out, one(stDim, strings.Repeat("─", w)))
	if f := l.selected(); f != nil {
		out = append(out, l.inFull(f, w-1, h-len(out))...)
	}
	return out[:min(len(out), h)]
}

func (l *findingList) row(i, w int) line {
	f := &l.all[i]
	look := severityLooks[f.Severity]
	seen, age := "config  ", stDim
	if !f.Last.IsZero() {
		seen = l.stamps.short(f.Last, 0)
		if l.stamps.now.Sub(f.Last) < fresh {
			age = stAccent
		}
	}
	mark := " "
	selected := l.win.any && i == l.win.at
	if selected {
		mark = "▸"
	}
	r := one(stPlain, mark).add(look.st, look.sign+" ").add(age, printable.PadRight(seen, 9)).
		add(stPlain, printable.PadRight(count(uint64(f.Count)), 6)).add(stPlain, printable.String(f.Title))
	if selected {
		return r.fit(w).restyle(stSelected)
	}
	return r
}

// inFull is the selected finding. Its fix is shown whole; the evidence has the
// room that is left.
func (l *findingList) inFull(f *diagnose.Finding, w, h int) []line {
	top, fix, evidence := page{w: w}, page{w: w}, page{w: w}
	top.text(stBold, " ", printable.String(f.Title))
	if f.File != "" {
		top.pair("where", printable.String(fmt.Sprintf("%s:%d", f.File, f.Line)))
	}
	top.pair("connections", l.connNames(f))
	lead := " fix  "
	for _, part := range fixParts(f.Fix) {
		if text := printable.String(part.text); part.remark {
			fix.text(stPlain, lead+"# ", text)
		} else {
			fix.text(stGood, lead, text)
		}
		lead = "      "
	}
	fix.text(stDim, " see  ", printable.String(f.Reference)+"  ["+f.ID+"]")
	for _, e := range f.Evidence {
		evidence.text(stPlain, "  - ", printable.String(e))
	}
	room := max(h-len(top.lines)-len(fix.lines), 1)
	if len(evidence.lines) > room {
		more := len(evidence.lines) - room + 1
		evidence.lines = append(evidence.lines[:room-1], one(stDim, fmt.Sprintf("    … %s of evidence", plural(uint64(more), "more line", "more lines"))))
	}
	out := append(top.lines, evidence.lines...)
	if len(out)+len(fix.lines) < h {
		out = append(out, nil)
	}
	return append(out, fix.lines...)
}

func (l *findingList) connNames(f *diagnose.Finding) string {
	var names []string
	for _, id := range newest(f, connsNamed) {
		if seq, ok := l.conns[id]; ok {
			names = append(names, fmt.Sprintf("#%d", seq))
		}
	}
	all := f.Count
	if f.OfLines {
		all = len(f.Conns)
	}
	if more := all - len(names); more > 0 && len(names) > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, " ")
}

// summary counts the findings by severity, at the right end of the tabs.
func (l *findingList) summary() line {
	out := line{}
	n := monitor.BySeverity(l.all)
	for _, s := range monitor.Severities {
		if n[s] > 0 {
			out = out.add(severityLooks[s].st, count(uint64(n[s]))+" "+s.Noun(n[s])+" ")
		}
	}
	return out
}

// grave is the worst there is, in a few words; "" if nothing is worse than a note.
func (l *findingList) grave() (text string, st style) {
	n := monitor.BySeverity(l.all)
	switch {
	case n[monitor.SeverityError] > 0:
		return "✗ " + plural(uint64(n[monitor.SeverityError]), "error found, see 3", "errors found, see 3"), stFail
	case n[monitor.SeverityWarning] > 0:
		return "! " + plural(uint64(n[monitor.SeverityWarning]), "warning, see 3", "warnings, see 3"), stWarn
	}
	return "", stPlain
}
