// Package report turns a State into the text and the JSON that people and
// scripts read after, or without, the dashboard: JSON, Text and Summary of a
// whole State, Lines of events as they come, LogText of an error log's summary.
//
// It only reads: no clock, no file, no verdict of its own. Every text of the
// wire or of a log passes internal/printable on its way into text, and what
// JSON holds is escaped so that even a terminal may show it (printable.AppendJSON).
package report

import (
	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/monitor"
)

// Options of all reports. The zero value is usable.
type Options struct {
	// Source says what was read: a file name, "demo", "tap". It is shown, and
	// is "source" in JSON.
	Source string
	// From and To stand in for the State's first and last event; zero keeps them.
	From, To monitor.Time
	// Width is the number of columns of text; zero is DefaultWidth. Tables are
	// cut to it, sentences of evidence wrapped; numbers and verdicts never cut.
	Width int
	// Color allows SGR sequences. Nothing is said by colour alone.
	Color bool
	// Findings are what package diagnose concluded, gravest first. With Keep,
	// Touching chooses those to give.
	Findings []diagnose.Finding
	// Keep says which conns the report is of; nil: all. Lists and totals are of
	// these; log, plain HTTP and what was missed are of the whole State.
	Keep func(*monitor.Conn) bool
	// Filter is Keep in words. It is shown, and is "filter" in JSON.
	Filter string
	// All lists every unusual connection in Text, not only the first ones of a cause.
	All bool
}

// DefaultWidth is the width of a text report when none is asked for: what fits
// a terminal of an incident channel's screenshot and a page of a ticket.
const DefaultWidth = 110

func (o Options) width() int {
	if o.Width <= 0 {
		return DefaultWidth
	}
	return max(o.Width, minWidth)
}

// minWidth is the least that tables are laid out for.
const minWidth = 40
