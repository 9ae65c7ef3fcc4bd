package printable

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

const ellipsis = "…"

// Width returns how many terminal cells s takes, measured as lipgloss measures it. s has been through String.
func Width(s string) int { return displaywidth.String(s) }

// Truncate cuts s to at most w cells; text that was cut ends in an ellipsis. It never cuts a character in two, so
// the result may be a cell short before a wide one.
func Truncate(s string, w int) string {
	if w <= 0 {
		return ""
	}
	if len(s) <= w && isASCII(s) {
		return s
	}
	return displaywidth.TruncateString(s, w, ellipsis)
}

// Middle cuts s to at most w cells by leaving out its middle, for targets and paths, whose two ends tell most.
func Middle(s string, w int) string {
	total := Width(s)
	if total <= w {
		return s
	}
	if w < 3 {
		return Truncate(s, w)
	}
	front := w / 2
	return prefix(s, front) + ellipsis + suffix(s, total, w-1-front)
}

// PadRight makes s exactly w cells: cut if it is longer, filled with spaces behind if it is shorter.
func PadRight(s string, w int) string {
	s = Truncate(s, w)
	return s + blanks(w-Width(s))
}

// PadLeft makes s exactly w cells with the spaces in front, for numbers.
func PadLeft(s string, w int) string {
	s = Truncate(s, w)
	return blanks(w-Width(s)) + s
}

// prefix returns the longest start of s of at most w cells.
func prefix(s string, w int) string {
	return displaywidth.TruncateString(s, w, "")
}

// suffix returns the longest end of s of at most w cells; total is the width of s.
func suffix(s string, total, w int) string {
	start := 0
	g := displaywidth.StringGraphemes(s)
	for total > w && g.Next() {
		total -= g.Width()
		start += len(g.Value())
	}
	return s[start:]
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func blanks(n int) string {
	if n <= 0 {
		return ""
	}
	return strings.Repeat(" ", n)
}
