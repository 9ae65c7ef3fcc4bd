package main

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/report"
)

// connFilter is the value of a --filter flag: it is parsed before any file is
// opened.
type connFilter struct {
	f *filter.Filter[filter.Conn] // nil: none given
}

// filterHelp is the help of --filter; the dashboard's `/` lists the fields.
const filterHelp = `only the connections that pass, such as "target:/socket !code:1000,1001 maxgap:>30s" (the dashboard's / language)`

// parseConnFilter reads the text of the flag. An error shows the place in it.
func parseConnFilter(text string) (connFilter, error) {
	f, err := filter.Conns.Parse(text)
	var at *filter.Error
	switch {
	case errors.As(err, &at):
		shown, carets := pointed(text, at.From, at.To)
		return connFilter{}, hint(usagef("--filter: %s", printable.String(at.Text)), "  "+shown, "  "+carets)
	case err != nil:
		return connFilter{}, err
	case f.Empty():
		return connFilter{}, nil
	}
	return connFilter{f}, nil
}

// apply makes a report one of the conns that pass.
func (c connFilter) apply(o *report.Options, s *monitor.State) {
	if c.f == nil {
		return
	}
	o.Filter = c.f.String()
	o.Keep = func(conn *monitor.Conn) bool { return c.f.Match(filter.Conn{S: s, Conn: conn}) }
	o.Findings = report.Touching(o.Findings, s, o.Keep)
}

// pointedMost is how many bytes before and behind a place are shown with it.
const pointedMost = 60

// pointed is a line with bytes from to to of a text in it, and a line with
// carets under these; a place of no length has one caret.
func pointed(text string, from, to int) (shown, carets string) {
	to = min(to, from+pointedMost)
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	before, after := text[:from], text[to:]
	if len(before) > pointedMost {
		before = "…" + strings.ToValidUTF8(before[len(before)-pointedMost:], "")
	}
	if len(after) > pointedMost {
		after = strings.ToValidUTF8(after[:pointedMost], "") + "…"
	}
	before, at := printable.String(before), printable.String(text[from:to])
	width := max(printable.Width(at), 1)
	return before + at + printable.String(after), strings.Repeat(" ", printable.Width(before)) + strings.Repeat("^", width)
}
