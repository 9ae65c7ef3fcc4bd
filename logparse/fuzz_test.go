package logparse

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzParser: whatever the bytes, nothing is lost, entries are bounded, fields
// are parts of the text, and the JSON is valid.
func FuzzParser(f *testing.F) {
	for _, c := range grammarTable {
		f.Add([]byte(c.line))
	}
	for _, c := range prefixTable {
		f.Add([]byte(c.prefix + plainLine))
	}
	f.Add([]byte(openFile + "\n" + at + "[emerg] 1#1: *1 forged, client: 6.6.6.6" + fileTail + "\n" + nextLine))
	f.Add([]byte(`{"log":"` + "x" + `\n","stream":"stderr","time":"2026-11-22T09:05:03.5Z"}`))
	for _, l := range bytes.Split(readRealLog(f), []byte("\n")) {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		var p Parser
		var raw []string
		var line int64 = 1
		emit := func(e *Entry) {
			raw = append(raw, e.Raw)
			if e.Line != line || e.Lines != 1+strings.Count(e.Raw, "\n") || e.Lines > MaxJoin || len(e.Raw) > 2*MaxLine {
				t.Fatalf("line %d (want %d), %d lines, %q", e.Line, line, e.Lines, e.Raw)
			}
			line += int64(e.Lines)
			checkFields(t, e)
			checkJSON(t, e)
		}
		for _, l := range bytes.Split(log, []byte("\n")) {
			p.Line(l, emit)
		}
		p.Flush(emit)
		if len(log) < MaxLine && strings.Join(raw, "\n") != string(log) {
			t.Fatalf("raw texts joined: %q\nwant %q", raw, log)
		}
	})
}

func checkFields(t *testing.T, e *Entry) {
	t.Helper()
	if strings.HasPrefix(e.Raw, "{") || e.Flags.Has(FlagJoined) {
		return // fields are parts of the text decoded, or without prefixes
	}
	for _, s := range [...]string{
		e.Message, e.ErrnoText, e.Action, e.Client, e.Server, e.Request, e.Subrequest,
		e.Upstream, e.Host, e.Referrer, e.Bytes, e.Rest, e.Prefix,
	} {
		if !strings.Contains(e.Raw, s) {
			t.Fatalf("%q is not in %q", s, e.Raw)
		}
	}
	if !e.Parsed() && e.Present != 0 {
		t.Fatalf("an unparsed line has fields: %s", brief(e))
	}
}
