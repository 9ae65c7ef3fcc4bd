package ws

import (
	"bytes"
	"strings"
)

// Field is one header field as it was on the wire, optional white space around the value trimmed.
type Field struct{ Name, Value string }

// is compares f's name without case. Names are ASCII, so only equal lengths can match.
func (f *Field) is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// Head is a request's or a response's start line and fields, RFC 9112 §2. It owns all of its memory.
type Head struct {
	Request               bool
	Method, Target, Proto string // a request's; Proto is a response's too, such as "HTTP/1.1"
	Status                int    // a response's, 100 to 999
	Reason                string
	Fields                []Field // in order; lines without a colon are only in Raw
	Size                  int     // len(Raw)
	Raw                   []byte  // the bytes as they came: blank lines before a request line, and the one that ends the head
}

// Get returns the value of the first field of that name, "" if there is none. Names are compared without case.
func (h *Head) Get(name string) string {
	for i := range h.Fields {
		if f := &h.Fields[i]; f.is(name) {
			return f.Value
		}
	}
	return ""
}

// Values returns the values of all fields of that name.
func (h *Head) Values(name string) (values []string) {
	for i := range h.Fields {
		if f := &h.Fields[i]; f.is(name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Tokens returns the elements of the comma lists in all fields of that name, trimmed, the empty ones left out: RFC 9110
// §5.6.1. A comma in a quoted string separates nothing.
func (h *Head) Tokens(name string) (tokens []string) {
	for i := range h.Fields {
		if f := &h.Fields[i]; f.is(name) {
			tokens = appendElements(tokens, f.Value)
		}
	}
	return tokens
}

// HasToken says whether the comma list of that name holds token, without case.
func (h *Head) HasToken(name, token string) bool {
	return hasToken(h.Tokens(name), token)
}

// appendElements appends the elements of one comma list.
func appendElements(elements []string, list string) []string {
	quoted, start := false, 0
	add := func(end int) {
		if element := strings.Trim(list[start:end], " \t"); element != "" {
			elements = append(elements, element)
		}
		start = end + 1
	}
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted: // RFC 9110 §5.6.4
			i++
		case c == ',' && !quoted:
			add(i)
		}
	}
	if start < len(list) {
		add(len(list))
	}
	return elements
}

// parseHead makes a Head of raw, which it keeps: blank lines, a start line that startLine accepts, fields, a blank line.
func parseHead(dir Direction, raw []byte) *Head {
	h := &Head{Request: dir == FromClient, Raw: raw, Size: len(raw)}
	text := string(raw)
	line, text := cutLine(text[leadingBlank(raw):])
	h.parseStartLine(line)
	h.Fields = make([]Field, 0, strings.Count(text, "\n"))
	for text != "" {
		line, text = cutLine(text)
		h.addLine(line)
	}
	return h
}

// addLine takes one line after the start line.
func (h *Head) addLine(line string) {
	if line == "" {
		return
	}
	if line[0] == ' ' || line[0] == '\t' { // obsolete folding, RFC 9112 §5.2
		if last := len(h.Fields) - 1; last >= 0 {
			h.Fields[last].Value = strings.Trim(h.Fields[last].Value+" "+strings.Trim(line, " \t"), " \t")
		}
		return
	}
	if name, value, ok := strings.Cut(line, ":"); ok {
		h.Fields = append(h.Fields, Field{name, strings.Trim(value, " \t")})
	}
}

// parseStartLine fills in what the start line says, and reports whether it is one of HTTP/1.x.
func (h *Head) parseStartLine(line string) bool {
	if h.Request {
		return h.parseRequestLine(line)
	}
	return h.parseStatusLine(line)
}

// parseRequestLine takes METHOD SP TARGET SP HTTP/1.x, RFC 9112 §3. A target with blanks in it is kept as it is.
func (h *Head) parseRequestLine(line string) bool {
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if first <= 0 || last <= first+1 {
		return false
	}
	h.Method, h.Target, h.Proto = line[:first], line[first+1:last], line[last+1:]
	return isHTTP1(h.Proto)
}

// parseStatusLine takes HTTP/1.x SP STATUS [SP REASON], RFC 9112 §4.
func (h *Head) parseStatusLine(line string) bool {
	var rest, status string
	h.Proto, rest, _ = strings.Cut(line, " ")
	status, h.Reason, _ = strings.Cut(rest, " ")
	if !isHTTP1(h.Proto) || len(status) != 3 || status[0] == '0' {
		return false
	}
	for _, c := range []byte(status) {
		if !isDigit(c) {
			return false
		}
		h.Status = h.Status*10 + int(c-'0')
	}
	return true
}

// isHTTP1 says whether proto is "HTTP/1." and a digit.
func isHTTP1(proto string) bool {
	return len(proto) == len("HTTP/1.1") && proto[:7] == "HTTP/1." && isDigit(proto[7])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// cutLine cuts text after its first LF and returns the line without LF and the CR before it. A bare LF ends a line too,
// RFC 9112 §2.2.
func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// leadingBlank returns the length of the blank lines at the beginning of raw, RFC 9112 §2.2.
func leadingBlank(raw []byte) int {
	rest := raw
	for {
		after, ok := bytes.CutPrefix(rest, []byte("\r\n"))
		if !ok {
			after, ok = bytes.CutPrefix(rest, []byte("\n"))
		}
		if !ok {
			return len(raw) - len(rest)
		}
		rest = after
	}
}
