package tui

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/wstap/wstap/monitor"
)

// savedBy presses e and returns what was written.
func savedBy(t *testing.T, m *Model) (name, text string) {
	t.Helper()
	var out bytes.Buffer
	m.o.Save = func(n string, write func(io.Writer) error) (string, error) {
		name = n
		return "/tmp/wstap-" + n + hostile, write(&out)
	}
	cmd := press(m, "e")
	if cmd == nil {
		t.Fatalf("nothing is saved: %s", m.notice)
	}
	m.Update(cmd())
	if !strings.Contains(m.notice, "saved ") {
		t.Errorf("notice %q", m.notice)
	}
	checkPicture(t, m, m.w, m.h)
	return name, out.String()
}

func TestExportOfConnections(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 12)
	name, text := savedBy(t, m)
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if name != "connections.csv" || err != nil || len(rows) != 17 || len(rows[0]) != len(connFields) {
		t.Fatalf("%s: %d rows, error %v", name, len(rows), err)
	}
	if rows[1][0] != "11" { // in the order of the screen
		t.Errorf("first row %q", rows[1])
	}
	for _, r := range rows[1:] {
		for _, cell := range r {
			if strings.ContainsAny(cell, "\x1b\x07\u202e") {
				t.Errorf("raw text in %q", cell)
			}
		}
	}
	press(m, "/", "c", "h", "a", "t", "enter")
	if _, text = savedBy(t, m); strings.Count(text, "\n") != 3 {
		t.Errorf("filtered: %s", text)
	}
}

func TestExportOfLogAndFindings(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	press(m, "4")
	if name, text := savedBy(t, m); name != "error.log" || strings.Count(text, "77#77") != 2 || !strings.HasSuffix(text, " else\n") {
		t.Errorf("%s: %q", name, text)
	}
	press(m, "3")
	for range 20 {
		m.Update(refreshMsg{})
	}
	if name, text := savedBy(t, m); name != "findings.md" || !strings.Contains(text, "proxy_read_timeout 3600s;") || strings.Contains(text, "\x1b") {
		t.Errorf("%s: %q", name, text)
	}
}

func TestExportThatFails(t *testing.T) {
	m := screenOf(t, Options{Save: func(string, func(io.Writer) error) (string, error) { return "", errors.New("disk full") }}, fixed(), 120, 40)
	m.Update(press(m, "e")())
	if !strings.Contains(text(t, m), "disk full") {
		t.Error("the error is not shown")
	}
}

func TestSpreadsheetsGetNoFormula(t *testing.T) {
	for in, want := range map[string]string{"=1+1": "'=1+1", "+x": "'+x", "@x": "'@x", "-x": "'-x", "-12": "-12", "/chat": "/chat", "": ""} {
		if got := inertCell(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestExportSkipsWhatIsGone(t *testing.T) {
	var out bytes.Buffer
	s := fixed()
	read := func(f func(*monitor.State)) { f(s) }
	if err := writeConns(&out, read, []monitor.ID{idOf(1), idOf(999_999)}); err != nil || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%v: %q", err, out.String())
	}
}
