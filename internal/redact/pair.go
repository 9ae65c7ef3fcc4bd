package redact

import "strings"

// valueRule says where a value ends beside the usual places.
type valueRule struct {
	quote   byte // the value is inside this quote: blanks belong to it
	matrix  bool // a ;parameter of a path: ends at / and ?
	encoded bool // key%3Dvalue: ends at %26 and its like
}

// pair looks at key=value; eq is where the key ends, start where the value begins. The key reaches back to where
// any query, form or sentence would begin it, so that no odd character in it hides a sensitive part.
func (sc *scanner) pair(eq, start int) found {
	k := eq
	for k > 0 && !isAny(sc.s[k-1], "&;?#= \t\r\n\"`<>") {
		k--
	}
	if !sensitive(sc.s[k:eq]) {
		return found{}
	}
	start = sc.skipScheme(start)
	rule := valueRule{matrix: sc.isMatrix(k, eq)}
	if !sc.target {
		start, rule.quote = openQuote(sc.s, start)
	}
	return sc.secret(start, sc.valueEnd(start, rule))
}

// encodedPair looks at key%3Dvalue, a query inside a query (a redirect target, say).
func (sc *scanner) encodedPair(eq, start int) found {
	k := eq
	for k > 0 && !isAny(sc.s[k-1], "&;?#= \t\r\n\"`<>") && !endsEncoded(sc.s, k-3) {
		k--
	}
	if !sensitive(sc.s[k:eq]) {
		return found{}
	}
	return sc.secret(start, sc.valueEnd(start, valueRule{encoded: true}))
}

// endsEncoded reports whether the percent-encoding at i is of a character that ends a key or a value.
func endsEncoded(s string, i int) bool {
	c, ok := percentByte(s, i)
	return ok && isAny(c, "&?;#= \"")
}

// skipScheme steps over an authentication scheme in front of a value: auth=Bearer abc. In a request line the word
// is the value, and the version follows.
func (sc *scanner) skipScheme(i int) int {
	n := schemeLen(sc.s[i:])
	if sc.target || strings.HasPrefix(sc.s[i+n:], "HTTP/") {
		return i
	}
	return i + n
}

// openQuote steps over a quote, escaped or not, in front of a value.
func openQuote(s string, i int) (start int, quote byte) {
	j := i
	for j < len(s) && s[j] == '\\' {
		j++
	}
	if j < len(s) && isQuote(s[j]) {
		return j + 1, s[j]
	}
	return i, 0
}

// valueEnd returns where the value that begins at i ends.
func (sc *scanner) valueEnd(i int, rule valueRule) int {
	for ; i < len(sc.s); i++ {
		if sc.endsValue(i, rule) {
			return i
		}
	}
	return i
}

func (sc *scanner) endsValue(i int, rule valueRule) bool {
	c := sc.s[i]
	if rule.quote != 0 {
		return (c == rule.quote || c == '\\') && quoteCloses(sc.s, i)
	}
	switch c {
	case '&', '#':
		return true
	case ';':
		return parameterFollows(sc.s, i+1)
	case ',':
		return i+1 == len(sc.s) || !sc.target && (isBlank(sc.s[i+1]) || quoteCloses(sc.s, i+1))
	case ' ', '\t', '\r', '\n':
		return !sc.target
	case '"', '\'', '`', '\\':
		return !sc.target && quoteCloses(sc.s, i)
	case '/', '?':
		return rule.matrix
	case '%':
		return rule.encoded && endsEncoded(sc.s, i)
	}
	return false
}

// parameterFollows reports whether a semicolon before i separates: a name and = follow, or nothing. Else it is
// taken for a part of the value, as servers that know only & take it.
func parameterFollows(s string, i int) bool {
	if i == len(s) || isBlank(s[i]) {
		return true
	}
	for ; i < len(s) && !isAny(s[i], "&;#/ \t\r\n\""); i++ {
		if s[i] == '=' {
			return true
		}
	}
	return false
}

// quoteCloses reports whether the quote at i, escaped or not, ends something: what follows it is punctuation or
// nothing. Clients may send a quote inside a value, and nginx logs it as it is. Of a run of backslashes only the
// first is asked, or long runs would cost their square.
func quoteCloses(s string, i int) bool {
	if s[i] == '\\' && i > 0 && s[i-1] == '\\' {
		return false
	}
	for i < len(s) && s[i] == '\\' {
		i++
	}
	if i == len(s) || !isQuote(s[i]) {
		return false
	}
	return i+1 == len(s) || isBlank(s[i+1]) || isAny(s[i+1], ",}])>;:&\\\"'")
}

// word is what the scanner knows about the blank-separated word around an offset.
type word struct {
	at     int // everything before this offset has been looked at
	path   bool
	query  bool
	inside bool // at least one byte of the word is before at
}

// isMatrix reports whether the pair whose key is s[k:eq] is a parameter of a path segment (RFC 3986 §3.3) and not
// of a query: the word around it is a path or URL that has had no question mark.
func (sc *scanner) isMatrix(k, eq int) bool {
	for ; sc.word.at < k; sc.word.at++ {
		sc.word.step(sc.s, sc.word.at, sc.target)
	}
	lead := k > 0 && sc.s[k-1] == ';' && sc.word.path
	return (lead || isPathStart(sc.s[k:eq], sc.word)) && !sc.word.query
}

func isPathStart(key string, w word) bool {
	return strings.Contains(key, "/") && (w.path || key[0] == '/' || strings.Contains(key, "://"))
}

func (w *word) step(s string, i int, target bool) {
	c := s[i]
	switch {
	case !target && (isBlank(c) || isQuote(c)):
		*w = word{at: w.at}
		return
	case c == '?':
		w.query = true
	case c == '/' && (!w.inside || strings.HasPrefix(s[i:], "//") && i > 0 && s[i-1] == ':'):
		w.path = true
	}
	w.inside = true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }
