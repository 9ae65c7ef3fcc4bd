package tui

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// logList is the log screen: the entries that State keeps and the filter lets
// through, repeats folded.
type logList struct {
	win    window[uint64]
	folds  folds
	rates  kindRates
	filter *filter.Filter[filter.Log] // nil: all
	first  uint64                     // oldest entry kept
	last   uint64
	rows   []logRow
	raw    string // of the selection, safe
	folded string // how many lines the selection stands for
	stamps stamps
}

// logRow is a visible line: the newest entry of a fold.
type logRow struct {
	id      uint64
	count   int
	at      monitor.Time
	level   logparse.Level
	kind    string
	message string
	joined  string
	conn    monitor.ID
	has     bool // conn is known
}

func newLogList() logList { return logList{win: window[uint64]{follow: true, newest: atBottom}} }

// refresh copies what is visible. Paused, no new entries come in.
func (l *logList) refresh(s *monitor.State, height int, paused bool) {
	logs := s.Logs()
	if len(logs) == 0 || logs[len(logs)-1].N < l.last {
		l.first, l.last, l.rates = 0, 0, kindRates{} // another State
		l.folds.again()
	}
	l.rows, l.raw, l.folded = l.rows[:0], "", ""
	if len(logs) == 0 {
		return
	}
	l.first = logs[0].N
	if !paused || l.last == 0 {
		l.last = logs[len(logs)-1].N
	}
	l.last = max(l.last, l.first)
	l.folds.take(logs, l.first, l.last, func(r *monitor.LogRef) bool { return l.filter == nil || l.filter.Match(filter.Log{S: s, LogRef: r}) })
	if !paused {
		l.rates.take(logs, s.Now())
	}
	l.win.height = height
	l.win.settle(&l.folds)
	for place := l.win.top; place < min(l.win.top+height, l.folds.len()); place++ {
		f := &l.folds.all[place]
		r := logs[f.last-l.first]
		l.rows = append(l.rows, makeLogRow(s, r, f))
		if l.win.any && f.id == l.win.sel {
			l.raw, l.folded = printable.String(r.Entry.Raw), l.foldText(logs, f)
		}
	}
}

// foldText says what a row of several lines stands for; below it is the last one.
func (l *logList) foldText(logs []*monitor.LogRef, f *fold) string {
	if f.count < 2 {
		return ""
	}
	from, to := logs[max(f.id, l.first)-l.first], logs[f.last-l.first]
	return fmt.Sprintf("%d such lines from %s to %s, z shows all; the last one:", f.count, l.stamps.full(from.At, 0), l.stamps.full(to.At, 0))
}

// find changes the filter; an empty one shows all.
func (l *logList) find(f *filter.Filter[filter.Log]) {
	if f != nil && f.Empty() {
		f = nil
	}
	l.filter = f
	l.folds.again()
}

func (l *logList) filterText() string {
	if l.filter == nil {
		return ""
	}
	return l.filter.String()
}

func makeLogRow(s *monitor.State, r *monitor.LogRef, f *fold) logRow {
	e := &r.Entry
	row := logRow{id: f.id, count: f.count, at: r.At, level: e.Level, kind: kindWords(e.Kind), message: printable.String(logMessage(e))}
	if !r.Stamp.IsZero() {
		row.at = r.Stamp
	}
	for _, id := range r.Joined {
		c := s.Conn(id)
		if c == nil {
			continue
		}
		if !row.has {
			row.conn, row.has, row.joined = id, true, fmt.Sprintf("#%d", c.Seq)
		}
	}
	if r.Ambiguous {
		row.joined += "?"
	}
	return row
}

// logMessage is what matters most of an entry, in nginx's words.
func logMessage(e *logparse.Entry) string {
	if !e.Parsed() || e.Message == "" {
		return e.Raw
	}
	s := e.Message
	if e.Errno != 0 {
		s += fmt.Sprintf(" (%d: %s)", e.Errno, e.ErrnoText)
	}
	if e.Action != "" {
		s += " while " + e.Action
	}
	if e.Request != "" {
		s += ", request: " + e.Request
	}
	if e.Upstream != "" {
		s += ", upstream: " + e.Upstream
	}
	return s
}

func kindWords(k logparse.Kind) string { return strings.ReplaceAll(string(k), "_", " ") }

func levelStyle(l logparse.Level) style {
	switch {
	case l >= logparse.LevelCrit:
		return stFail
	case l == logparse.LevelError:
		return stRefused
	case l == logparse.LevelWarn:
		return stWarn
	case l == logparse.LevelNotice:
		return stPlain
	}
	return stDim
}

// key answers a command with an action.
func (l *logList) key(c command) action {
	if l.win.command(&l.folds, c) {
		return nil
	}
	switch c {
	case cmdFilter:
		return askFilter{}
	case cmdBack:
		return goBack{}
	case cmdFold:
		l.folds.apart = !l.folds.apart
		l.folds.again()
	case cmdOpen:
		for _, r := range l.rows {
			if r.id == l.win.sel && r.has {
				return openConn{r.conn}
			}
		}
		return say{"no connection is joined to this line"}
	case cmdCopy:
		if l.raw != "" {
			return copyText{"the log line", l.raw}
		}
	}
	return nil
}
