package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var stringCases = []struct{ name, in, want string }{
	{"empty", "", ""},
	{"ascii", "GET /ws?room=1 HTTP/1.1", "GET /ws?room=1 HTTP/1.1"},
	{"backslash stays", `a\nb`, `a\nb`},
	{"latin", "café", "café"},
	{"cjk", "接続が切れました", "接続が切れました"},
	{"emoji", "deploy 🚀", "deploy 🚀"},
	{"redaction mark", "token=‹redacted:3fa9›", "token=‹redacted:3fa9›"},
	{"replacement character", "a\uFFFDb", "a\uFFFDb"},
	{"newline tab return", "a\n\t\rb", `a\n\t\rb`},
	{"escape sequence", "\x1b[31mred\x1b[0m", `\e[31mred\e[0m`},
	{"osc title", "\x1b]0;pwned\x07", `\e]0;pwned\u{07}`},
	{"nul and delete", "\x00\x7f", `\u{00}\u{7F}`},
	{"c1 csi", "\u009b31m", `\u{9B}31m`},
	{"c1 as a bare byte", "\x9b31m", `\x9B31m`},
	{"invalid utf-8", "a\xffb\xc3", `a\xFFb\xC3`},
	{"overlong", "\xc0\xaf", `\xC0\xAF`},
	{"surrogate", "\xed\xa0\x80", `\xED\xA0\x80`},
	{"bidi override", "user\u202Etxt.exe", `user\u{202E}txt.exe`},
	{"bidi isolates and marks", "\u2066\u2069\u200e\u200f\u061c", `\u{2066}\u{2069}\u{200E}\u{200F}\u{61C}`},
	{"zero width", "a\u200bb\u200dc\ufeffd", `a\u{200B}b\u{200D}c\u{FEFF}d`},
	{"soft hyphen", "a\u00adb", `a\u{AD}b`},
	{"no-break space", "a\u00a0b", `a\u{A0}b`},
	{"line separators", "a\u2028b\u2029c\u0085d", `a\u{2028}b\u{2029}c\u{85}d`},
	{"tags", "a\U000E0041", `a\u{E0041}`},
	{"private use", "\ue000\U000F0000", `\u{E000}\u{F0000}`},
	{"noncharacter", "\uffff\ufdd0", `\u{FFFF}\u{FDD0}`},
	{"variation selector", "❤\ufe0f", `❤\u{FE0F}`},
	{"joined emoji", "👩\u200d💻", `👩\u{200D}💻`},
	{"flag", "🇩🇪", `\u{1F1E9}\u{1F1EA}`},
	{"combining mark", "e\u0301", "e\u0301"},
	{"three marks", "e\u0301\u0302\u0303x", "e\u0301\u0302\u0303x"},
	{"fourth mark", "e\u0301\u0302\u0303\u0304", "e\u0301\u0302\u0303" + `\u{304}`},
	{"mark first", "\u0301a", `\u{301}a`},
	{"mark after a space", "a \u0301", `a \u{301}`},
	{"mark after an escape", "\n\u0301", `\n\u{301}`},
	{"hangul filler", "a\u3164b", `a\u{3164}b`},
	{"prepended mark", "\u0d4e", `\u{D4E}`},
}

func TestString(t *testing.T) {
	for _, c := range stringCases {
		t.Run(c.name, func(t *testing.T) {
			if got := String(c.in); got != c.want {
				t.Errorf("String(%q) = %q, want %q", c.in, got, c.want)
			}
			if got := Bytes([]byte(c.in)); got != c.want {
				t.Errorf("Bytes(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestStringOfCleanTextDoesNotAllocate(t *testing.T) {
	s := strings.Repeat("GET /ws HTTP/1.1 ", 20)
	if n := testing.AllocsPerRun(100, func() { String(s) }); n != 0 {
		t.Errorf("String of ASCII allocates %v times, want 0", n)
	}
}

// Every rune must come out safe, and alone or between others take the cells that it takes alone: no character
// that is let through may join another one (marks, which need a base, aside).
func TestEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r == 0x40000 {
			r = 0xDFF00 // ten planes with nothing in them
		}
		s := String(string(r))
		checkSafe(t, s)
		if !utf8.ValidRune(r) || unicode.Is(unicode.M, r) || !safeRune(r) {
			continue
		}
		if got, want := Width("x"+s+" "), Width(s)+2; got != want && !joinsByDesign(r) {
			t.Errorf("U+%04X between letters: width %d, want %d", r, got, want)
		}
	}
}

// joinsByDesign names the two vowels that are letters to Unicode but part of the character before them; terminals
// agree about their width after the consonant they need.
func joinsByDesign(r rune) bool { return r == 0x0E33 || r == 0x0EB3 }

func checkSafe(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not valid UTF-8", s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			t.Errorf("%q holds U+%04X", s, r)
		}
	}
}

func TestMultiline(t *testing.T) {
	got := Multiline("GET / HTTP/1.1\r\nHost: a\x1b\n\r\nX: 1\rY\r\n\r\n")
	want := []string{"GET / HTTP/1.1", `Host: a\e`, "", `X: 1\rY`}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Multiline("\r\n"); got != nil {
		t.Errorf("only line ends: got %q, want none", got)
	}
}

func FuzzString(f *testing.F) {
	for _, c := range stringCases {
		f.Add(c.in, 5)
	}
	f.Fuzz(func(t *testing.T, in string, w int) {
		s := String(in)
		checkSafe(t, s)
		if again := String(s); again != s {
			t.Errorf("String is not stable: %q, then %q", s, again)
		}
		checkWidths(t, s, w%300)
	})
}
