package redact

import "strings"

// member looks at "key":value of JSON, also of JSON that is quoted once more. A string keeps its quotes, true, false
// and null say nothing secret, an object or an array goes as a whole.
func (sc *scanner) member(i int) found {
	key, ok := sc.quotedKey(i)
	if !ok || strings.Contains(key, "/") || !sensitive(key) {
		return found{}
	}
	start := i + 1
	for start < len(sc.s) && isBlank(sc.s[start]) {
		start++
	}
	if in, quote := openQuote(sc.s, start); quote != 0 {
		end := stringEnd(sc.s, in, quote, in-1-start)
		return found{in, end, sc.r.credentials(sc.s[in:end])}
	}
	if start < len(sc.s) && isAny(sc.s[start], "[{") {
		return sc.secret(start, balancedEnd(sc.s, start))
	}
	end := start
	for end < len(sc.s) && !isBlank(sc.s[end]) && !isAny(sc.s[end], ",}]\"'\\&;") {
		end++
	}
	switch sc.s[start:end] {
	case "", "true", "false", "null":
		return found{}
	}
	return sc.secret(start, end)
}

// quotedKey returns the text between the quotes that end right before the colon at i.
func (sc *scanner) quotedKey(i int) (string, bool) {
	end := i
	for end > 0 && isBlank(sc.s[end-1]) {
		end--
	}
	if end == 0 || !isQuote(sc.s[end-1]) {
		return "", false
	}
	quote := sc.s[end-1]
	open := strings.LastIndexByte(sc.s[:end-1], quote)
	if open < 0 {
		return "", false
	}
	return strings.TrimRight(sc.s[open+1:end-1], `\`), true
}

// stringEnd returns where the string that begins at i ends: before the quote that has no more backslashes in front
// than the opening one had, or an even number of them.
func stringEnd(s string, i int, quote byte, escapes int) int {
	run := 0
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			run++
			continue
		case s[i] == quote && (run <= escapes || escapes == 0 && run%2 == 0):
			return i - min(run, escapes)
		}
		run = 0
	}
	return i
}

// balancedEnd returns where the object or array that begins at i ends, at the end of s if it was cut off.
func balancedEnd(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch c := s[i]; c {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
			if depth == 0 {
				return i + 1
			}
		case '"':
			run := 0
			for i-run > 0 && s[i-run-1] == '\\' {
				run++
			}
			i = stringEnd(s, i+1, c, run)
			for i < len(s) && s[i] == '\\' {
				i++
			}
		}
		i++
	}
	return len(s)
}

// quotedHeader looks at the header lines that nginx quotes in its messages: header line: "Name: value". The
// colon at i is the one after the name.
func (sc *scanner) quotedHeader(i int) found {
	open := i
	for open > 0 && (isAlnum(sc.s[open-1]) || isAny(sc.s[open-1], "-_")) {
		open--
	}
	if open == i || open == 0 || sc.s[open-1] != '"' || !quotesHeader(sc.s[:open-1]) {
		return found{}
	}
	name := sc.s[open:i]
	if !hidesHeader(name) {
		return found{}
	}
	start := i + 1
	for start < len(sc.s) && isBlank(sc.s[start]) {
		start++
	}
	end := sc.valueEnd(start, valueRule{quote: '"'})
	return found{start, end, sc.r.Header(name, sc.s[start:end])}
}

func quotesHeader(before string) bool {
	return strings.HasSuffix(before, "header line: ") || strings.HasSuffix(before, "header: ") ||
		strings.HasSuffix(before, "previous value: ")
}
