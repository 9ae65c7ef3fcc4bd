package tui

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// savedMsg is what came of an export.
type savedMsg struct {
	what, path string
	err        error
}

// export saves what the screen lists, outside of Update.
func (m *Model) export() tea.Cmd {
	if m.o.Save == nil {
		m.say("nowhere to save to")
		return nil
	}
	name, what, write := m.exported()
	if write == nil {
		m.say("nothing to save")
		return nil
	}
	save := m.o.Save
	return func() tea.Msg {
		path, err := save(name, write)
		return savedMsg{what, path, err}
	}
}

// exported is the content of the screen: a name for the file, what it is, and
// a function that writes it from another goroutine.
func (m *Model) exported() (name, what string, write func(io.Writer) error) {
	switch m.at {
	case connectionsScreen:
		ids := m.list.index.ids()
		if len(ids) == 0 {
			return "", "", nil
		}
		return "connections.csv", plural(uint64(len(ids)), "connection", "connections"), func(w io.Writer) error { return writeConns(w, m.o.Read, ids) }
	case findingsScreen:
		all := m.found.all
		return "findings.md", plural(uint64(len(all)), "finding", "findings"), func(w io.Writer) error { return writeFindings(w, all) }
	case logScreen:
		l := &m.logs
		if l.folds.passed == 0 {
			return "", "", nil
		}
		first, last, pass := l.first, l.last, l.filter
		return "error.log", plural(uint64(l.folds.passed), "log line", "log lines"), func(w io.Writer) error { return writeLogs(w, m.o.Read, first, last, pass) }
	case overviewScreen:
		text := m.over.plainText()
		return "overview.txt", "the overview", func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}
	case connectionScreen:
		if id := m.detail.id; m.o.ConnJSON != nil && m.detail.any {
			return "connection.json", "the connection", func(w io.Writer) (err error) {
				var text []byte
				m.o.Read(func(s *monitor.State) { text = m.o.ConnJSON(s, id) })
				_, err = w.Write(append(text, '\n'))
				return err
			}
		}
	}
	return "", "", nil
}

// saved tells the user where the file is.
func (m *Model) saved(msg savedMsg) {
	if msg.err != nil {
		m.say("not saved: " + printable.String(msg.err.Error()))
		return
	}
	m.say("saved " + msg.what + " to " + printable.String(msg.path))
}

// ids are the conns that pass the filter, in order.
func (x *index) ids() []monitor.ID {
	ranks := x.slice(0, x.length)
	ids := make([]monitor.ID, len(ranks))
	for i, r := range ranks {
		ids[i] = x.entries[r.at].id
	}
	return ids
}

// readAtOnce is how many conns or lines an export reads while State is held.
const readAtOnce = 500

// eachChunk calls f with parts of keys while State is held, and flush, which
// may be slow, after each.
func eachChunk[K any](read func(func(*monitor.State)), keys []K, f func(*monitor.State, K), flush func() error) error {
	for len(keys) > 0 {
		n := min(len(keys), readAtOnce)
		read(func(s *monitor.State) {
			for _, k := range keys[:n] {
				f(s, k)
			}
		})
		if err := flush(); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// connFields are the columns of an exported list, in full and without units.
var connFields = []struct {
	name  string
	value func(r *row) string
}{
	{"number", func(r *row) string { return strconv.FormatUint(r.seq, 10) }},
	{"link", func(r *row) string { return orNothing(r.link) }},
	{"tap", func(r *row) string { return r.tap }},
	{"client", func(r *row) string { return r.client }},
	{"server", func(r *row) string { return r.server }},
	{"host", func(r *row) string { return r.host }},
	{"target", func(r *row) string { return r.target }},
	{"status", func(r *row) string { return r.status }},
	{"subprotocol", func(r *row) string { return r.subprotocol }},
	{"opened", func(r *row) string { return stampFull(r.openedAt) }},
	{"age_ms", func(r *row) string { return strconv.FormatInt(r.age.Milliseconds(), 10) }},
	{"gap_ms", func(r *row) string { return strconv.FormatInt(r.gap.Milliseconds(), 10) }},
	{"longest_gap_ms", func(r *row) string { return strconv.FormatInt(r.longest.Milliseconds(), 10) }},
	{"frames_from_client", func(r *row) string { return strconv.FormatUint(r.frames[0], 10) }},
	{"frames_from_server", func(r *row) string { return strconv.FormatUint(r.frames[1], 10) }},
	{"bytes_from_client", func(r *row) string { return strconv.FormatUint(r.bytes[0], 10) }},
	{"bytes_from_server", func(r *row) string { return strconv.FormatUint(r.bytes[1], 10) }},
	{"left_ms", func(r *row) string { return r.whenCounting(strconv.FormatInt(r.countdown.Left.Milliseconds(), 10)) }},
	{"limit_ms", func(r *row) string {
		return r.whenCounting(strconv.FormatInt(r.countdown.Limit.Value.Std().Milliseconds(), 10))
	}},
	{"limit_source", func(r *row) string { return r.whenCounting(printable.String(r.countdown.Limit.Source)) }},
	{"cause", func(r *row) string { return string(r.verdict.Cause) }},
	{"confidence", func(r *row) string { return string(r.verdict.Confidence) }},
	{"code", func(r *row) string { return orNothing(uint64(r.verdict.Code)) }},
	{"code_derived", func(r *row) string { return strconv.FormatBool(r.verdict.CodeDerived) }},
	{"reason", func(r *row) string { return printable.String(r.verdict.Reason) }},
}

func orNothing(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func (r *row) whenCounting(s string) string {
	if !r.counting {
		return ""
	}
	return s
}

// writeConns writes the conns as CSV (RFC 4180), with a line of names.
func writeConns(w io.Writer, read func(func(*monitor.State)), ids []monitor.ID) error {
	out := csv.NewWriter(w)
	record := make([]string, len(connFields))
	for i, f := range connFields {
		record[i] = f.name
	}
	if err := out.Write(record); err != nil {
		return err
	}
	var rows []row
	return eachChunk(read, ids, func(s *monitor.State, id monitor.ID) {
		if c := s.Conn(id); c != nil {
			rows = append(rows, makeRow(s, c))
		}
	}, func() error {
		for i := range rows {
			for k, f := range connFields {
				record[k] = inertCell(f.value(&rows[i]))
			}
			if err := out.Write(record); err != nil {
				return err
			}
		}
		rows = rows[:0]
		out.Flush()
		return out.Error()
	})
}

// inertCell keeps a spreadsheet from taking text of the wire for a formula.
func inertCell(s string) string {
	if s != "" && strings.ContainsRune("=+@\t\r", rune(s[0])) || strings.HasPrefix(s, "-") && !isNumber(s) {
		return "'" + s
	}
	return s
}

func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

// writeLogs writes the log lines first to last that pass, as they came.
func writeLogs(w io.Writer, read func(func(*monitor.State)), first, last uint64, pass *filter.Filter[filter.Log]) error {
	ns := make([]uint64, last-first+1)
	for i := range ns {
		ns[i] = first + uint64(i)
	}
	var lines []string
	return eachChunk(read, ns, func(s *monitor.State, n uint64) {
		logs := s.Logs()
		if len(logs) == 0 || n < logs[0].N || n-logs[0].N >= uint64(len(logs)) {
			return // evicted since
		}
		if r := logs[n-logs[0].N]; pass == nil || pass.Match(filter.Log{S: s, LogRef: r}) {
			lines = append(lines, r.Entry.Raw)
		}
	}, func() error {
		for _, l := range lines {
			if _, err := fmt.Fprintln(w, l); err != nil {
				return err
			}
		}
		lines = lines[:0]
		return nil
	})
}

// writeFindings writes findings as Markdown. Their fixes are configuration, so
// they stand in fences that no text of theirs can close.
func writeFindings(w io.Writer, all []diagnose.Finding) error {
	for i := range all {
		f := &all[i]
		fmt.Fprintf(w, "## %s: %s\n\n", f.Severity, printable.String(f.Title))
		for _, e := range f.Evidence {
			fmt.Fprintf(w, "- `%s`\n", strings.ReplaceAll(printable.String(e), "`", "'"))
		}
		if f.Fix != "" {
			fmt.Fprintln(w, "\n````nginx")
			for text := range strings.Lines(f.Fix) {
				fmt.Fprintln(w, strings.ReplaceAll(printable.String(strings.TrimRight(text, "\n")), "````", "'"))
			}
			fmt.Fprintln(w, "````")
		}
		if _, err := fmt.Fprintf(w, "\n%s [%s]\n\n", printable.String(f.Reference), f.ID); err != nil {
			return err
		}
	}
	return nil
}
