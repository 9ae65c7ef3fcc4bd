package redact

import "strings"

// words make the name of a header, a query key, a cookie or a JSON member sensitive when they are part of it, by their
// first letter. bearer is ours: ?bearer=… is a token by another name.
var words = [256][]string{
	'a': {"auth", "api-key", "apikey", "api_key"},
	'b': {"bearer"},
	'c': {"cookie"},
	'j': {"jwt"},
	'p': {"passw"},
	's': {"secret", "session", "sid", "signature"},
	't': {"token"},
}

// seconds holds for the first letter of a word, in either case, the second ones as bits: a quick no for most of a name.
var seconds = makeSeconds()

func makeSeconds() (seconds [256]uint32) {
	for c := range seconds {
		for _, w := range words[lower(byte(c))] {
			seconds[c] |= 1 << (w[1] - 'a')
		}
	}
	return seconds
}

// sensitive reports whether name holds one of the words, in any case and also percent-encoded.
func sensitive(name string) bool {
	if strings.IndexByte(name, '%') < 0 {
		return holdsWord(name)
	}
	var room [64]byte // most names: no allocation
	_, end := firstWord(plainName(room[:0], name))
	return end > 0
}

// holdsWord reports whether name holds one of the words, in any case.
func holdsWord(name string) bool {
	for i := range len(name) - 1 {
		if seconds[name[i]]>>(lower(name[i+1])-'a')&1 == 0 {
			continue
		}
		for _, w := range words[lower(name[i])] {
			if len(name)-i >= len(w) && equalLower(name[i:i+len(w)], w) {
				return true
			}
		}
	}
	return false
}

// equalLower reports whether s in lower case is word, which is as long.
func equalLower(s, word string) bool {
	for i := range len(word) {
		if lower(s[i]) != word[i] {
			return false
		}
	}
	return true
}

// plainName appends name in lower case, with its percent-encoding undone once, as a server undoes it.
func plainName(b []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if v, ok := percentByte(name, i); ok {
			c = v
			i += 2
		}
		b = append(b, lower(c))
	}
	return b
}

// firstWord returns where the first of the words begins and ends in name (lower case), or 0, 0.
func firstWord(name []byte) (start, end int) {
	for i, c := range name {
		for _, w := range words[c] {
			if len(name)-i >= len(w) && string(name[i:i+len(w)]) == w {
				return i, i + len(w)
			}
		}
	}
	return 0, 0
}

// percentByte returns the byte that s[i:i+3] stands for, if that is a percent-encoding.
func percentByte(s string, i int) (byte, bool) {
	if i < 0 || i+2 >= len(s) || s[i] != '%' || !isHex(s[i+1]) || !isHex(s[i+2]) {
		return 0, false
	}
	return hexValue(s[i+1])<<4 | hexValue(s[i+2]), true
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= lower(c) && lower(c) <= 'z'
}
