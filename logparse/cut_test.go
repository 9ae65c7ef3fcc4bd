package logparse

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// cutCases are lines whose every beginning is parsed.
func cutCases(t *testing.T) []string {
	var lines []string
	for _, c := range grammarTable {
		lines = append(lines, strings.TrimSuffix(c.line, "\r"))
	}
	for i, l := range bytes.Split(readRealLog(t), []byte("\n")) {
		if forged := i == 208; forged {
			continue // all its fields are made up
		}
		if i%7 == 0 || i > 120 && i < 230 { // all would take a second
			lines = append(lines, string(l))
		}
	}
	for _, c := range prefixTable {
		lines = append(lines, c.prefix+plainLine)
	}
	return lines
}

// A line cut anywhere has no field that the whole one has not, and each is a
// beginning of the true one. Only Message may hold more where its end cannot be
// told: it is a beginning of the text then.
func TestCutAnywhereInventsNothing(t *testing.T) {
	for _, line := range cutCases(t) {
		whole := parse(line)[0]
		if !whole.Has(HasStamp) {
			continue
		}
		_, text, _ := strings.Cut(line, "#")
		_, text, _ = strings.Cut(text, ": ")
		for n := range line {
			e := parse(line[:n])[0]
			if !e.Has(HasStamp) {
				continue
			}
			if bad := invented(&e, &whole); bad != "" {
				t.Fatalf("%s\ncut at %d: %q\ngot   %s\nwhole %s", bad, n, line[:n], brief(&e), brief(&whole))
			}
			if !strings.Contains(text, e.Message) {
				t.Fatalf("cut at %d: message %q is not in %q", n, e.Message, text)
			}
		}
	}
}

func invented(e, whole *Entry) string {
	if e.Level != whole.Level || e.PID != whole.PID || e.TID != whole.TID || e.Stamp != whole.Stamp {
		return "another head"
	}
	if extra := e.Present &^ whole.Present; extra != 0 {
		return "fields that the whole line has not"
	}
	if e.Has(HasConnection) && e.Connection != whole.Connection || e.Has(HasErrno) && e.Errno != whole.Errno {
		return "another number"
	}
	for _, f := range [...][2]string{
		{e.ErrnoText, whole.ErrnoText}, {e.Action, whole.Action},
		{e.Client, whole.Client}, {e.Server, whole.Server}, {e.Request, whole.Request},
		{e.Subrequest, whole.Subrequest}, {e.Upstream, whole.Upstream}, {e.Host, whole.Host},
		{e.Referrer, whole.Referrer}, {e.Bytes, whole.Bytes}, {e.Rest, whole.Rest},
	} {
		if !strings.HasPrefix(f[1], f[0]) {
			return "not a beginning: " + f[0]
		}
	}
	return ""
}

// Keys over and over must not cost the square of the length.
func TestManyKeys(t *testing.T) {
	text := at + "[error] 1#1: *1 x" + strings.Repeat(", client: 1.1.1.1, server: a", MaxLine/40)
	began := time.Now()
	for range 10 {
		parse(text)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("ten lines of %d bytes took %v", len(text), took)
	}
}

// The log in pieces, however cut, gives the same entries.
func TestReadDoesNotDependOnPieces(t *testing.T) {
	log := readRealLog(t)
	want := briefAll(readAll(t, log))
	for _, size := range []int{1, 2, 3, 100, 4095, 4096, 4097, 65536} {
		var got []Entry
		if err := Read(&pieces{log, size}, "real", func(e *Entry) { got = append(got, *e) }); err != nil {
			t.Fatal(err)
		}
		if briefAll(got) != want {
			t.Errorf("in pieces of %d bytes the entries differ", size)
		}
	}
}

func briefAll(all []Entry) string {
	var b strings.Builder
	for i := range all {
		b.WriteString(brief(&all[i]) + "\n")
	}
	return b.String()
}
