package monitor

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// jsonText appends JSON as encoding/json writes it, byte for byte, without
// looking at types at run time: encode.go uses it for the events that every
// conn has, for which that was the cost of recording. Members are appended in
// order; the opt functions leave out what is zero, as omitempty does.
type jsonText struct {
	b []byte
	// The whole second appended last: the times of one event hardly differ.
	second int64
	around [32]byte // it, in RFC 3339: the fraction goes in after dateLength bytes
	length int      // of around, 0 before the first time
}

const dateLength = len("2006-01-02T15:04:05")

// key begins a member.
func (j *jsonText) key(name string) {
	if j.b[len(j.b)-1] != '{' {
		j.b = append(j.b, ',')
	}
	j.b = append(j.b, '"')
	j.b = append(j.b, name...)
	j.b = append(j.b, '"', ':')
}

func (j *jsonText) open(bracket byte)  { j.b = append(j.b, bracket) }
func (j *jsonText) close(bracket byte) { j.b = append(j.b, bracket) }

// comma parts the elements of an array.
func (j *jsonText) comma(i int) {
	if i > 0 {
		j.b = append(j.b, ',')
	}
}

func (j *jsonText) text(name, v string) {
	j.key(name)
	j.b = appendQuoted(j.b, v)
}

func (j *jsonText) optText(name, v string) {
	if v != "" {
		j.text(name, v)
	}
}

func (j *jsonText) optTexts(name string, vs []string) {
	if len(vs) == 0 {
		return
	}
	j.key(name)
	j.open('[')
	for i, v := range vs {
		j.comma(i)
		j.b = appendQuoted(j.b, v)
	}
	j.close(']')
}

func (j *jsonText) number(name string, v uint64) {
	j.key(name)
	j.b = strconv.AppendUint(j.b, v, 10)
}

func (j *jsonText) optNumber(name string, v uint64) {
	if v != 0 {
		j.number(name, v)
	}
}

func (j *jsonText) flag(name string, v bool) {
	j.key(name)
	j.b = strconv.AppendBool(j.b, v)
}

func (j *jsonText) optFlag(name string, v bool) {
	if v {
		j.flag(name, v)
	}
}

func (j *jsonText) time(name string, t Time) {
	j.key(name)
	if t == 0 {
		j.b = append(j.b, "null"...)
		return
	}
	second, fraction := int64(t)/1e9, int64(t)%1e9
	if fraction < 0 {
		second, fraction = second-1, fraction+1e9
	}
	if second != j.second || j.length == 0 {
		j.second, j.length = second, len(time.Unix(second, 0).AppendFormat(j.around[:0], time.RFC3339))
	}
	j.b = append(j.b, '"')
	j.b = append(j.b, j.around[:dateLength]...)
	j.b = appendFraction(j.b, uint64(fraction), 9)
	j.b = append(j.b, j.around[dateLength:j.length]...)
	j.b = append(j.b, '"')
}

// appendFraction appends a fraction of that many decimals with the point before
// it and without trailing zeros: nothing if it is zero.
func appendFraction(b []byte, fraction uint64, decimals int) []byte {
	if fraction == 0 {
		return b
	}
	var digits [9]byte
	for i := decimals - 1; i >= 0; i-- {
		digits[i] = byte('0' + fraction%10)
		fraction /= 10
	}
	end := decimals
	for digits[end-1] == '0' {
		end--
	}
	b = append(b, '.')
	return append(b, digits[:end]...)
}

func (j *jsonText) millis(name string, m Millis) {
	j.key(name)
	j.b = m.append(j.b)
}

func (j *jsonText) optMillis(name string, m Millis) {
	if m != 0 {
		j.millis(name, m)
	}
}

const hexDigits = "0123456789abcdef"

// safeASCII is what encoding/json leaves as it is; HTML's characters are not.
var safeASCII = func() (safe [utf8.RuneSelf]bool) {
	for c := range safe {
		safe[c] = c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return safe
}()

// appendQuoted appends a JSON string. What is not UTF-8 becomes U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	begin := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if i++; safeASCII[c] {
				continue
			}
			b = append(b, s[begin:i-1]...)
			b = appendEscaped(b, c)
			begin = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, s[begin:i]...), `\ufffd`...)
			begin = i + n
		case r == '\u2028' || r == '\u2029': // no line ends in JavaScript's strings
			b = append(append(b, s[begin:i]...), `\u202`...)
			b = append(b, hexDigits[r&15])
			begin = i + n
		}
		i += n
	}
	return append(append(b, s[begin:]...), '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
