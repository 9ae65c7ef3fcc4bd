package tui

import (
	"fmt"
	"sort"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// logList is the log screen. It is a list of entry numbers: all that State
// keeps, or those that pass the filter.
type logList struct {
	win    window[uint64]
	filter string
	found  []uint64 // numbers that pass, ascending; unused without a filter
	upTo   uint64   // looked at
	first  uint64   // oldest entry kept
	last   uint64
	rows   []logRow
	raw    string // of the selection, safe
}

// logRow is a visible entry.
type logRow struct {
	n       uint64
	at      monitor.Time
	level   logparse.Level
	kind    string
	message string
	joined  string
	conn    monitor.ID
	has     bool // conn is known
}

// scanAtMost is how many entries a refresh looks at for a filter.
const scanAtMost = 4000

func newLogList() logList { return logList{win: window[uint64]{follow: true, bottom: true}} }

func (l *logList) len() int {
	if l.filter != "" {
		return len(l.found)
	}
	if l.first == 0 {
		return 0
	}
	return int(l.last - l.first + 1)
}

func (l *logList) idAt(place int) uint64 {
	if l.filter != "" {
		return l.found[place]
	}
	return l.first + uint64(place)
}

func (l *logList) placeOf(n uint64) (int, bool) {
	if l.filter != "" {
		i := sort.Search(len(l.found), func(i int) bool { return l.found[i] >= n })
		return i, i < len(l.found) && l.found[i] == n
	}
	return int(n - l.first), n >= l.first && n <= l.last
}

// refresh copies what is visible. Paused, no new entries come in.
func (l *logList) refresh(s *monitor.State, height int, paused bool) {
	logs := s.Logs()
	if len(logs) == 0 || logs[len(logs)-1].N < l.last {
		*l = logList{win: l.win, filter: l.filter} // another State
	}
	if len(logs) > 0 {
		l.first = logs[0].N
		if !paused || l.last == 0 {
			l.last = logs[len(logs)-1].N
		}
		l.last = max(l.last, l.first)
	}
	l.scan(logs)
	l.win.height = height
	l.win.settle(l)
	l.rows, l.raw = l.rows[:0], ""
	for place := l.win.top; place < min(l.win.top+height, l.len()); place++ {
		n := l.idAt(place)
		r := logs[n-l.first]
		l.rows = append(l.rows, makeLogRow(s, r))
		if l.win.any && n == l.win.sel {
			l.raw = printable.String(r.Entry.Raw)
		}
	}
}

// scan lets the filter look at entries it has not seen.
func (l *logList) scan(logs []*monitor.LogRef) {
	if l.filter == "" {
		return
	}
	gone := sort.Search(len(l.found), func(i int) bool { return l.found[i] >= l.first })
	l.found = l.found[gone:]
	l.upTo = max(l.upTo, l.first-1)
	for range scanAtMost {
		if l.upTo >= l.last || len(logs) == 0 {
			return
		}
		l.upTo++
		if r := logs[l.upTo-l.first]; contains(r.Entry.Raw, l.filter) || contains(kindWords(r.Entry.Kind), l.filter) {
			l.found = append(l.found, l.upTo)
		}
	}
}

// find changes the filter.
func (l *logList) find(text string) {
	if l.filter != text {
		l.filter, l.found, l.upTo = text, nil, 0
	}
}

func makeLogRow(s *monitor.State, r *monitor.LogRef) logRow {
	e := &r.Entry
	row := logRow{n: r.N, at: r.At, level: e.Level, kind: kindWords(e.Kind), message: printable.String(logMessage(e))}
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
	if l.win.command(l, c) {
		return nil
	}
	switch c {
	case cmdFilter:
		return askFilter{l.filter}
	case cmdBack:
		if l.filter == "" {
			return goTo{connectionsScreen}
		}
		l.find("")
	case cmdOpen:
		for _, r := range l.rows {
			if r.n == l.win.sel && r.has {
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

// rawHeight is how many lines at the bottom show the selected entry in full.
func rawHeight(h int) int {
	if h < 14 {
		return 0
	}
	return 4
}

// view draws the entries and, below, the selected one in full.
func (l *logList) view(w, h int) (out []line) {
	kind, conn := 0, 6
	if w >= 110 {
		kind = 27
	}
	out = append(out, logHead(kind, conn, w))
	for i := range l.rows {
		r := &l.rows[i]
		ln := logCells(r, kind, conn, w)
		if l.win.any && r.n == l.win.sel {
			out = append(out, append(one(stPlain, "▸"), ln...).fit(w).restyle(stSelected))
			continue
		}
		out = append(out, append(one(stPlain, " "), ln...))
	}
	if len(l.rows) == 0 {
		text := " no log line yet: follow nginx's error log with --error-log"
		if l.filter != "" {
			text = " no line contains the text; esc shows all"
		}
		out = append(out, one(stDim, text))
	}
	if n := rawHeight(h); n > 0 && l.raw != "" {
		for len(out) < h-n {
			out = append(out, nil)
		}
		out = append(out, one(stDim, strings.Repeat("─", w)))
		for i, t := range wrap(l.raw, w-2) {
			if i < n-1 {
				out = append(out, one(stPlain, " "+t))
			}
		}
	}
	return out[:min(len(out), h)]
}

// logCells makes the cells of an entry; narrow screens leave out the
// fraction of the time, then the kind.
func logCells(r *logRow, kind, conn, w int) line {
	at := clockShort(r.at)
	l := one(stDim, at+" ").add(levelStyle(r.level), printable.PadRight(r.level.String(), 7))
	if w >= narrowAt {
		l = l.add(stAccent, printable.PadRight(r.joined, conn)+" ")
	}
	if kind > 0 {
		l = l.add(stDim, printable.PadRight(r.kind, kind)+" ")
	}
	return l.add(stPlain, r.message)
}

func logHead(kind, conn, w int) line {
	l := one(stHead, " "+printable.PadRight("time", 9)+printable.PadRight("level", 7))
	if w >= narrowAt {
		l = l.add(stHead, printable.PadRight("conn", conn)+" ")
	}
	if kind > 0 {
		l = l.add(stHead, printable.PadRight("kind", kind)+" ")
	}
	return l.add(stHead, "message")
}

func (l *logList) summary() line {
	out := line{}
	if l.filter != "" {
		out = out.add(stKey, "/"+printable.String(l.filter)+" ").add(stPlain, count(uint64(len(l.found)))+" of ")
	}
	n := uint64(0)
	if l.first > 0 {
		n = l.last - l.first + 1
	}
	return out.add(stPlain, plural(n, "line", "lines"))
}
