package report

import (
	"bufio"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/printable"
)

// writeSafeJSON writes JSON so that a terminal may show it: what encoding/json
// lets through and printable does not (DEL, the C1 controls, bidirectional and
// invisible characters) becomes \uXXXX, which means the same to a reader. In
// JSON such characters stand inside strings only.
func writeSafeJSON(w *bufio.Writer, b []byte) {
	begin := 0
	for i := 0; i < len(b); {
		if b[i] < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r != 0x7f && safeInText(r) {
			i += n
			continue
		}
		w.Write(b[begin:i])
		writeEscape(w, r)
		i += n
		begin = i
	}
	w.Write(b[begin:])
}

// safeInText asks printable, after a letter that can carry a combining mark.
func safeInText(r rune) bool {
	s := "a" + string(r)
	return printable.String(s) == s
}

func writeEscape(w *bufio.Writer, r rune) {
	if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
		writeUnit(w, hi)
		r = lo
	}
	writeUnit(w, r)
}

func writeUnit(w *bufio.Writer, u rune) {
	const digits = "0123456789abcdef"
	w.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		w.WriteByte(digits[u>>shift&15])
	}
}
