package tui

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

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
	in     textinput.Model
	before string // what esc goes back to
}

// maxFilter bounds what can be typed or pasted.
const maxFilter = 200

func newFilterLine() filterLine {
	in := textinput.New()
	in.Prompt, in.CharLimit = "", maxFilter
	in.KeyMap.Paste.SetEnabled(false) // it would run a program; the terminal's own paste works
	in.Focus()
	return filterLine{in: in}
}

func (f *filterLine) begin(text string) {
	f.before = text
	f.in.SetValue(text)
	f.in.CursorEnd()
}

func (f *filterLine) text() string { return f.in.Value() }

// edit gives a key or a paste to the line, and keeps of it what can be shown.
func (f *filterLine) edit(msg tea.Msg) {
	f.in, _ = f.in.Update(msg) // the command is the cursor's blinking, which we do not want
	var clean strings.Builder
	for _, r := range f.in.Value() {
		if s := string(r); printable.String(s) == s {
			clean.WriteRune(r)
		}
	}
	if clean.String() != f.in.Value() {
		f.in.SetValue(clean.String())
	}
}

// view draws the line ourselves: all text of the screen goes through the same
// cutting and colouring.
func (f *filterLine) view() line {
	runes := []rune(f.in.Value())
	at := min(f.in.Position(), len(runes))
	under, rest := " ", ""
	if at < len(runes) {
		under, rest = string(runes[at]), string(runes[at+1:])
	}
	return one(stKey, "/").add(stPlain, string(runes[:at])).add(stSelected, under).add(stPlain, rest).add(stDim, "  enter, esc")
}
