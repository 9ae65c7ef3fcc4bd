package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

func TestCausesFitTheColumn(t *testing.T) {
	for _, c := range monitor.Causes() {
		if printable.Width(c.Short()) > 14 {
			t.Errorf("%s: %q has more than 14 cells", c, c.Short())
		}
	}
}

func TestMarksDifferWithoutColour(t *testing.T) {
	seen := map[string]string{}
	for _, g := range markGlyphs {
		seen[g.sign] = g.help
	}
	for _, g := range stageGlyphs {
		if was, again := seen[g.sign]; again && g.sign != "×" { // closing and closed: the cause tells
			t.Errorf("%q is %q and %q", g.sign, was, g.help)
		}
		seen[g.sign] = g.help
	}
}

func TestRowHasAsManyCellsAsColumns(t *testing.T) {
	s := fixed()
	for w := 1; w <= 240; w++ {
		set := defaultColumns()
		cols := set.layout(w)
		s.Conns(func(c *monitor.Conn) bool {
			r := makeRow(s, c)
			row := cells(cols, &r)
			if len(row) != len(cols) {
				t.Fatalf("%d columns at width %d: %d cells", len(cols), w, len(row))
			}
			for i, c := range row {
				if c.width() != cols[i].w {
					t.Fatalf("width %d: column %q is %d wide, want %d", w, cols[i].title, c.width(), cols[i].w)
				}
			}
			return true
		})
		if h := heads(cols, &orders[0], false); h.width() != needed(cols) {
			t.Fatalf("width %d: heads take %d cells, want %d", w, h.width(), needed(cols))
		}
		if w >= 39 && needed(cols) > w {
			t.Errorf("width %d: columns need %d", w, needed(cols))
		}
	}
}

func TestColumnIDsAreInOrder(t *testing.T) {
	for i, c := range columns {
		if int(c.id) != i {
			t.Errorf("column %q has id %d, want %d", c.title, c.id, i)
		}
	}
	for _, o := range orders {
		if !strings.Contains(columns[o.column].title, o.word) {
			t.Errorf("order %q is no word of its column's title %q", o.word, columns[o.column].title)
		}
	}
}

func TestShortNumbersFit(t *testing.T) {
	for _, n := range []uint64{0, 9999, 10_000, 999_499, 999_999, 1e6, 9_949_999, 999_999_999, 1e9, 1e12, 1e15} {
		if s := count(n); len(s) > 5 {
			t.Errorf("count(%d) = %q, over 5 cells", n, s)
		}
	}
	for _, d := range []time.Duration{-time.Second, 0, 9999 * time.Millisecond, 59 * time.Second, 59*time.Minute + 59*time.Second, 23 * time.Hour, 99 * 24 * time.Hour} {
		if s := span5(d); len(s) > 5 {
			t.Errorf("span5(%v) = %q, over 5 cells", d, s)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in   string
		w    int
		want string
	}{
		{"", 5, ""}, {"abc", 5, "abc"}, {"ab cd ef", 5, "ab cd|ef"}, {"abcdefgh", 3, "abc|def|gh"}, {"日本語", 4, "日本|語"}, {"日本", 1, "日|本"},
		{"a bcdefghij", 5, "a bcd|efghi|j"}, {"abcd efgh", 4, "abcd|efgh"},
	} {
		if got := strings.Join(wrap(c.in, c.w), "|"); got != c.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.in, c.w, got, c.want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in   line
		w    int
		want string
	}{
		{nil, 2, "  "}, {one(0, "abc"), 3, "abc"}, {one(0, "abc"), 2, "a…"}, {one(0, "ab").add(0, "cd"), 3, "ab…"}, {one(0, "ab").add(0, "cd"), 2, "a…"},
		{one(0, "ab").add(0, "").add(0, "c"), 3, "abc"}, {one(0, "日本"), 3, "日…"}, {one(0, "abc"), 0, ""},
	} {
		got := ""
		for _, s := range c.in.fit(c.w) {
			got += s.text
		}
		if got != c.want {
			t.Errorf("fit(%v, %d) = %q, want %q", c.in, c.w, got, c.want)
		}
	}
}
