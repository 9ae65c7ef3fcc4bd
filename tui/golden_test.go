package tui

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/wstap/wstap/internal/printable"
)

var sizes = []struct{ w, h int }{{40, 10}, {80, 24}, {120, 40}, {200, 60}}

// golden are the screens held as files, with the keys that lead to them.
var golden = []struct {
	name string
	mode Mode
	keys []string
}{
	{"connections", Live, nil},
	{"connections-filtered", Live, []string{"/", "c", "h", "a", "t", "enter"}},
	{"connection-live", Live, []string{"j", "enter"}},
	{"connection-ended", Live, []string{"/", "c", "h", "a", "t", "enter", "enter"}},
	{"findings", Live, []string{"3"}},
	{"log", Live, []string{"4"}},
	{"overview", Live, []string{"5"}},
	{"groups", Live, []string{"o"}},
	{"columns", Live, []string{"c"}},
	{"values", Live, []string{"v"}},
	{"filtering", Live, []string{"/", "s", "t", "a", "tab"}},
	{"filter-fault", Live, []string{"/", "s", "t", ":", "x"}},
	{"help", Live, []string{"?"}},
	{"quit", Live, []string{"q"}},
	{"replay", Replay, nil},
}

func TestGoldenScreens(t *testing.T) {
	for _, g := range golden {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s-%dx%d", g.name, size.w, size.h), func(t *testing.T) {
				m := screenOf(t, goldenOptions(g.mode), fixed(), size.w, size.h)
				press(m, g.keys...)
				compare(t, m, size.w, size.h)
			})
		}
	}
}

// goldenOptions are those of the golden screens, live or replayed.
func goldenOptions(mode Mode) Options {
	o := Options{Mode: mode, Title: "2 taps", Version: "0.1.0"}
	if mode == Replay {
		o.Title, o.Replay = "incident.wstap", &fakePlayer{st: fakeStatus(), line: fakeTimeline()}
		return o
	}
	o.Recording, o.Relay = func() string { return "rec 1.2 MB" }, &fakeRelay{live: 12}
	return o
}

// compare holds the screen against its file.
func compare(t *testing.T, m *Model, w, h int) {
	t.Helper()
	got := checkPicture(t, m, w, h)
	name := filepath.Join("testdata", strings.ReplaceAll(strings.TrimPrefix(t.Name(), "TestGoldenScreens/"), "/", "-")+".txt")
	holdGolden(t, name, trimLines(got))
}

// trimLines leaves the blanks at line ends out of the files; that lines have
// their full width is checked apart.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// checkPicture holds the promises that every screen keeps: the exact size, and
// nothing on it but our own SGR sequences and safe text. It returns the text.
func checkPicture(t testing.TB, m *Model, w, h int) string {
	t.Helper()
	raw := m.View().Content
	plain := ansi.Strip(raw)
	lines := strings.Split(plain, "\n")
	if len(lines) != h {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), h, plain)
	}
	for i, l := range lines {
		if n := printable.Width(l); n != w {
			t.Fatalf("line %d takes %d cells, want %d: %q", i, n, w, l)
		}
		if printable.String(l) != l {
			t.Fatalf("line %d is not safe: %q", i, l)
		}
	}
	rest := raw
	for _, sgr := range m.theme {
		rest = strings.ReplaceAll(rest, "\x1b["+sgr+"m", "")
	}
	if rest = strings.ReplaceAll(rest, "\x1b[m", ""); rest != plain {
		t.Fatalf("something raw is on the screen: %q", rest)
	}
	return plain
}
