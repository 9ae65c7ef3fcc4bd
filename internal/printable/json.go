package printable

import (
	"unicode/utf16"
	"unicode/utf8"
)

// AppendJSON appends the JSON text b so that a terminal may show it: what
// encoding/json lets through and String does not (DEL, the C1 controls,
// bidirectional and invisible characters) becomes \uXXXX, which means the same
// to a reader. In JSON such characters stand inside strings only.
func AppendJSON(dst, b []byte) []byte {
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
		dst = append(dst, b[begin:i]...)
		dst = appendEscape(dst, r)
		i += n
		begin = i
	}
	return append(dst, b[begin:]...)
}

// safeInText asks String, after a letter that can carry a combining mark.
func safeInText(r rune) bool {
	s := "a" + string(r)
	return String(s) == s
}

func appendEscape(dst []byte, r rune) []byte {
	if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
		dst = appendUnit(dst, hi)
		r = lo
	}
	return appendUnit(dst, r)
}

func appendUnit(dst []byte, u rune) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '\\', 'u')
	for shift := 12; shift >= 0; shift -= 4 {
		dst = append(dst, digits[u>>shift&15])
	}
	return dst
}
