// Package printable turns text from the wire or from a log into text that is safe to show in a terminal.
//
// It is the only way for such text to reach the screen: escape sequences, control characters, bidirectional
// controls, invisible characters and broken UTF-8 come out as visible escapes (\e, \n, \xFF, \u{202E}). What is
// left has the same width for every terminal, so that columns stay aligned. It does not style, wrap or
// translate, and the escaping is for people: a backslash stays a backslash, so it cannot be undone.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks one character may carry. Living scripts need three at the most; more of
// them ("zalgo" text) draw over the lines above and below.
const maxMarks = 3

// String returns s as one line of safe text. Text that is safe already is returned as it is, without allocation.
func String(s string) string {
	n := safePrefix(s)
	if n == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:n])
	escapeRest(&b, s, n)
	return b.String()
}

// Bytes is String for bytes.
func Bytes(b []byte) string { return String(string(b)) }

// Multiline splits a head or another text of several lines at CRLF or LF and makes each line safe. Empty lines at
// the end are left out.
func Multiline(s string) []string {
	s = strings.TrimRight(s, "\r\n")
	if s == "" {
		return nil
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = String(strings.TrimSuffix(line, "\r"))
	}
	return lines
}

// safePrefix returns the length of the printable ASCII that s begins with: all of s for almost every input. It
// stops one byte short of anything else, because that may be a mark that belongs to this byte.
func safePrefix(s string) int {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7E {
			return max(i-1, 0)
		}
	}
	return len(s)
}

// escapeRest writes s[from:] to b. marks counts the combining marks since the last base character; -1 says that
// there is no base to carry one: at the start, after a space and after an escape, where the mark would land on
// something that is not text of the peer.
func escapeRest(b *strings.Builder, s string, from int) {
	marks := -1
	for i := from; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			writeByteEscape(b, s[i])
			marks = -1
		case unicode.Is(unicode.M, r) && (marks < 0 || marks >= maxMarks), !safeRune(r):
			writeRuneEscape(b, r)
			marks = -1
		default:
			b.WriteString(s[i : i+size])
			marks = countMarks(marks, r)
		}
		i += size
	}
}

func countMarks(marks int, r rune) int {
	switch {
	case r == ' ':
		return -1
	case unicode.Is(unicode.M, r):
		return marks + 1
	default:
		return 0
	}
}

const hexDigits = "0123456789ABCDEF"

func writeByteEscape(b *strings.Builder, c byte) {
	b.WriteString(`\x`)
	b.WriteByte(hexDigits[c>>4])
	b.WriteByte(hexDigits[c&15])
}

func writeRuneEscape(b *strings.Builder, r rune) {
	switch r {
	case 0x1B:
		b.WriteString(`\e`)
	case '\n':
		b.WriteString(`\n`)
	case '\r':
		b.WriteString(`\r`)
	case '\t':
		b.WriteString(`\t`)
	default:
		b.WriteString(`\u{`)
		if r < 0x10 {
			b.WriteByte('0')
		}
		b.WriteString(strings.ToUpper(strconv.FormatInt(int64(r), 16)))
		b.WriteByte('}')
	}
}
