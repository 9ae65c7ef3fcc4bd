package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/internal/printable"
)

func TestPointed(t *testing.T) {
	long := strings.Repeat("é", 200)
	for _, c := range []struct {
		text          string
		from, to      int
		shown, carets string
	}{
		{"state:nere", 6, 10, "state:nere", "      ^^^^"},
		{"", 0, 0, "", "^"},
		{"state:near,", 11, 11, "state:near,", "           ^"},
		{"接続 x:1", 7, 8, "接続 x:1", "     ^"},
		{"\x1b[31m:1", 0, 5, `\e[31m:1`, "^^^^^^"},
		{"a\u202eb x:1", 6, 7, `a\u{202E}b x:1`, "           ^"},
		{long + "x" + long, 400, 401, "…" + strings.Repeat("é", 30) + "x" + strings.Repeat("é", 30) + "…", strings.Repeat(" ", 31) + "^"},
		{"a" + long, 0, 401, "a" + strings.Repeat("é", 30) + strings.Repeat("é", 30) + "…", strings.Repeat("^", 31)},
	} {
		shown, carets := pointed(c.text, c.from, c.to)
		if shown != c.shown || carets != c.carets {
			t.Errorf("%q %d to %d:\n%s\n%s\nwant\n%s\n%s", c.text, c.from, c.to, shown, carets, c.shown, c.carets)
		}
	}
}

// TestFilterFaultsAreSafe: a script may pass on what a peer has sent.
func TestFilterFaultsAreSafe(t *testing.T) {
	const hostile = "\x1b]0;owned\x07\u202e\u009b31m\xff"
	for _, text := range []string{
		"state:" + hostile, "idle:" + hostile, "bytes:" + hostile, "code:" + hostile, "/(" + hostile + "/", "target:~(" + hostile,
		`target:"` + hostile, "! " + hostile, strings.Repeat(hostile, filter.Most), "nofield:" + hostile,
	} {
		_, err := parseConnFilter(text)
		if err == nil {
			t.Errorf("%q is no error", text)
			continue
		}
		var out bytes.Buffer
		printError(&out, err)
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); printable.String(line) != line {
				t.Errorf("%q: raw: %q", text, line)
			}
		}
	}
}
