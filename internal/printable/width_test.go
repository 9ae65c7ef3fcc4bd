package printable

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

func TestTruncateAndPad(t *testing.T) {
	cases := []struct {
		name, in          string
		w                 int
		cut, right, middl string
	}{
		{"fits", "abc", 5, "abc", "abc  ", "abc"},
		{"exact", "abcde", 5, "abcde", "abcde", "abcde"},
		{"cut", "abcdef", 5, "abcd…", "abcd…", "ab…ef"},
		{"one cell", "abc", 1, "…", "…", "…"},
		{"two cells", "abc", 2, "a…", "a…", "a…"},
		{"no room", "abc", 0, "", "", ""},
		{"negative", "abc", -3, "", "", ""},
		{"wide fits", "日本", 4, "日本", "日本", "日本"},
		{"wide cut", "日本語", 5, "日本…", "日本…", "日…語"},
		{"wide cut a cell short", "日本語", 4, "日… ", "日… ", "日… "},
		{"empty", "", 3, "", "   ", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Truncate(c.in, c.w); got != strings.TrimRight(c.cut, " ") {
				t.Errorf("Truncate(%q, %d) = %q, want %q", c.in, c.w, got, c.cut)
			}
			if got := PadRight(c.in, c.w); got != c.right {
				t.Errorf("PadRight(%q, %d) = %q, want %q", c.in, c.w, got, c.right)
			}
			if got := Middle(c.in, c.w); got != strings.TrimRight(c.middl, " ") {
				t.Errorf("Middle(%q, %d) = %q, want %q", c.in, c.w, got, c.middl)
			}
		})
	}
	if got := PadLeft("42", 5); got != "   42" {
		t.Errorf("PadLeft: got %q", got)
	}
}

func TestWidthsForManySizes(t *testing.T) {
	for _, c := range stringCases {
		for w := -1; w < 30; w++ {
			checkWidths(t, String(c.in), w)
		}
	}
}

// Terminals and renderers measure in two ways, by character and by rune. For the text that ordinary traffic holds
// the two must agree, or columns drift.
func TestBothWaysOfMeasuringAgree(t *testing.T) {
	c := &runewidth.Condition{StrictEmojiNeutral: true}
	for _, in := range []string{
		"plain", "café", "e\u0301", "接続が切れました", "한국어", "Привет", "שלום", "สวัสดี", "🚀 ✓ ✗ ● ▲ …", "‹redacted:3fa9›",
	} {
		s := String(in)
		sum := 0
		for _, r := range s {
			sum += c.RuneWidth(r)
		}
		if sum != Width(s) {
			t.Errorf("%q: %d cells by rune, %d by character", s, sum, Width(s))
		}
	}
}

func checkWidths(t *testing.T, s string, w int) {
	t.Helper()
	cells := max(w, 0)
	if got := Width(Truncate(s, w)); got > cells {
		t.Errorf("Truncate(%q, %d) takes %d cells", s, w, got)
	}
	if got := Width(Middle(s, w)); got > cells {
		t.Errorf("Middle(%q, %d) takes %d cells", s, w, got)
	}
	if got := Width(PadRight(s, w)); got != cells {
		t.Errorf("PadRight(%q, %d) takes %d cells", s, w, got)
	}
	if got := Width(PadLeft(s, w)); got != cells {
		t.Errorf("PadLeft(%q, %d) takes %d cells", s, w, got)
	}
}
