package redact

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

// sensitive reports whether name holds one of the words, in any case and also percent-encoded.
func sensitive(name string) bool {
	var room [64]byte // most names: no allocation
	_, end := firstWord(plainName(room[:0], name))
	return end > 0
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
