package tui

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// matches says whether a conn has text somewhere in what the list can show of
// it: client, target, host, tap, status, code, cause. text is lower case.
func matches(c *monitor.Conn, text string) bool {
	if text == "" {
		return true
	}
	if contains(c.Target(), text) || contains(c.Client, text) || contains(c.Host(), text) || contains(c.Tap, text) {
		return true
	}
	v := &c.Verdict
	if contains(statusOf(c), text) || contains(string(v.Cause), text) || contains(v.Cause.Short(), text) {
		return true
	}
	return v.Code != 0 && (strings.Contains(fmt.Sprint(uint16(v.Code)), text) || contains(v.CodeName, text))
}

// contains looks for lower-case text in s as it is shown, in any case. Nearly
// all text is ASCII, and that costs no allocation.
func contains(s, text string) bool {
	s = printable.String(s)
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.Contains(strings.ToLower(s), text)
		}
	}
	for i := 0; i+len(text) <= len(s); i++ {
		if hasPrefixFold(s[i:], text) {
			return true
		}
	}
	return false
}

func hasPrefixFold(s, text string) bool {
	for j := range len(text) {
		b := s[j]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != text[j] {
			return false
		}
	}
	return true
}

// filterLine is the line a filter is typed into.
type filterLine struct {
	text   string
	before string // what esc goes back to
}

// maxFilter bounds what can be typed or pasted.
const maxFilter = 200

func (f *filterLine) begin(text string) { f.text, f.before = text, text }

// insert adds typed or pasted text, as far as it can be shown.
func (f *filterLine) insert(text string) {
	for _, r := range text {
		if s := string(r); printable.String(s) == s && len(f.text)+len(s) <= maxFilter {
			f.text += s
		}
	}
}

func (f *filterLine) backspace() {
	_, n := utf8.DecodeLastRuneInString(f.text)
	f.text = f.text[:len(f.text)-n]
}

func (f *filterLine) deleteWord() {
	t := strings.TrimRight(f.text, " ")
	f.text = t[:strings.LastIndexByte(t, ' ')+1]
}

func (f *filterLine) view() line {
	return one(stKey, "/").add(stPlain, f.text).add(stSelected, " ").
		add(stDim, "  enter, esc")
}
