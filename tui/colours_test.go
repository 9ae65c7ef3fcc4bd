package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/wstap/wstap/internal/printable"
)

// looksOf are the themes that every screen is held in.
var looksOf = []struct {
	name string
	o    Options
}{
	{"dark", Options{Dark: true}},
	{"light", Options{Light: true}},
	{"no colour", Options{NoColor: true}},
}

// TestGoldenColours holds the styles of every screen, at every size and in every
// theme, as "column+cells SGR" a line; their text is the same in all.
func TestGoldenColours(t *testing.T) {
	for _, g := range golden {
		for _, size := range sizes {
			name := fmt.Sprintf("%s-%dx%d", g.name, size.w, size.h)
			t.Run(name, func(t *testing.T) {
				var b strings.Builder
				text := ""
				for _, l := range looksOf {
					o := goldenOptions(g.mode)
					o.Dark, o.Light, o.NoColor = l.o.Dark, l.o.Light, l.o.NoColor
					m := screenOf(t, o, fixed(), size.w, size.h)
					press(m, g.keys...)
					content := m.View().Content
					if plain := ansi.Strip(content); text == "" {
						text = plain
					} else if plain != text {
						t.Errorf("the text in %s is another one", l.name)
					}
					fmt.Fprintf(&b, "%s\n", l.name)
					for i, line := range strings.Split(content, "\n") {
						if r := runs(line); r != "" {
							fmt.Fprintf(&b, "%3d: %s\n", i, r)
						}
					}
				}
				holdGolden(t, filepath.Join("testdata", "colours", name+".txt"), b.String())
			})
		}
	}
}

// runs are the styled parts of a line.
func runs(line string) string {
	var out []string
	col, sgr := 0, ""
	for line != "" {
		esc := strings.Index(line, "\x1b[")
		if esc < 0 {
			break
		}
		n := printable.Width(line[:esc])
		if sgr != "" && n > 0 {
			out = append(out, fmt.Sprintf("%d+%d %s", col, n, sgr))
		}
		col += n
		end := esc + strings.IndexByte(line[esc:], 'm')
		sgr, line = line[esc+2:end], line[end+1:]
	}
	return strings.Join(out, ", ")
}

// holdGolden holds a text against a file.
func holdGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./tui -update writes it):\n%s\nwant:\n%s", name, got, want)
	}
}
