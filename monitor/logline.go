package monitor

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/logparse"
)

// NewLogLine makes the event of a followed log entry that arrived at a time,
// secrets taken out. Its stamp is read in loc.
func NewLogLine(h Header, source string, e *logparse.Entry, r *redact.Redactor, loc *time.Location) *LogLine {
	ev := &LogLine{Header: h, Source: source, Stamp: TimeOf(e.Time(loc)), Entry: *e}
	if clean := r.Text(e.Raw); clean != e.Raw {
		ev.Entry = reparse(clean, e)
	}
	return ev
}

// reparse reads the fields of an entry again from its (redacted) raw text, so
// that all of them agree with it; what only the context told is taken from e.
func reparse(raw string, e *logparse.Entry) logparse.Entry {
	var p logparse.Parser
	var out *logparse.Entry
	keep := func(n *logparse.Entry) {
		if out == nil {
			c := *n
			out = &c
		}
	}
	for line := range strings.SplitSeq(raw, "\n") {
		p.Line([]byte(line), keep)
	}
	p.Flush(keep)
	if out == nil {
		out = &logparse.Entry{Kind: logparse.KindUnparsed}
	}
	out.Raw, out.Line, out.Lines, out.File = raw, e.Line, e.Lines, e.File
	out.Flags |= e.Flags
	if out.SourceTime.IsZero() {
		out.SourceTime = e.SourceTime
	}
	return *out
}

type logLineJSON struct {
	Header
	Source string          `json:"source"`
	Stamp  Time            `json:"stamp"`
	Entry  json.RawMessage `json:"entry"`
}

// MarshalJSON writes the entry in the form of `wstap logs --json`.
func (l *LogLine) MarshalJSON() ([]byte, error) {
	entry := l.Entry.AppendJSON(nil, time.Local)
	return json.Marshal(logLineJSON{l.Header, l.Source, l.Stamp, entry})
}

// UnmarshalJSON reads the entry's fields again from its raw text.
func (l *LogLine) UnmarshalJSON(b []byte) error {
	var j logLineJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	var e struct {
		Line       int64     `json:"line"`
		File       string    `json:"file"`
		Raw        string    `json:"raw"`
		RawBase64  string    `json:"raw_base64"`
		Flags      []string  `json:"flags"`
		SourceTime time.Time `json:"source_time"`
	}
	if err := json.Unmarshal(j.Entry, &e); err != nil {
		return fmt.Errorf("monitor: bad log entry: %w", err)
	}
	if e.RawBase64 != "" {
		raw, err := base64.StdEncoding.DecodeString(e.RawBase64)
		if err != nil {
			return fmt.Errorf("monitor: bad log entry: %w", err)
		}
		e.Raw = string(raw)
	}
	was := &logparse.Entry{Line: e.Line, Lines: 1 + strings.Count(e.Raw, "\n"), File: e.File, SourceTime: e.SourceTime}
	for _, name := range e.Flags {
		was.Flags |= logparse.FlagByName(name)
	}
	l.Header, l.Source, l.Stamp = j.Header, j.Source, j.Stamp
	l.Entry = reparse(e.Raw, was)
	return nil
}
