package ws

import (
	"slices"
	"strings"
)

// Field is one header field as it was on the wire, optional white space around the value trimmed.
type Field struct{ Name, Value string }

// is compares f's name without case. Names are ASCII, so only equal lengths can match.
func (f *Field) is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// Head is a request's or a response's start line and fields, RFC 9112 §2. It keeps nothing of the bytes that it was read
// from.
type Head struct {
	Request               bool
	Method, Target, Proto string // a request's; Proto is a response's too, such as "HTTP/1.1"
	Status                int    // a response's, 100 to 999
	Reason                string
	Fields                []Field // in order; lines without a colon are only in Raw
	Size                  int     // len(Raw)
	Raw                   string  // the bytes as they came: blank lines before a request line, and the one that ends the head
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

// joined returns the values of all fields of that name as one comma list.
func (h *Head) joined(name string) (list string) {
	first := true
	for i := range h.Fields {
		switch f := &h.Fields[i]; {
		case !f.is(name):
		case first:
			list, first = f.Value, false
		default:
			list += ", " + f.Value
		}
	}
	return list
}

// count returns the number of fields of that name.
func (h *Head) count(name string) (n int) {
	for i := range h.Fields {
		if h.Fields[i].is(name) {
			n++
		}
	}
	return n
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
	elements = slices.Grow(elements, 1+strings.Count(list, ","))
	quoted, start := false, 0
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted: // RFC 9110 §5.6.4
			i++
		case c == ',' && !quoted:
			elements = appendElement(elements, list[start:i])
			start = i + 1
		}
	}
	return appendElement(elements, list[start:])
}

// appendElement appends what is between two commas, if it is not blank.
func appendElement(elements []string, s string) []string {
	if s = trimBlanks(s); s != "" {
		elements = append(elements, s)
	}
	return elements
}

// parseHead makes a Head of raw: blank lines, a start line that notStartLine accepts, fields, a blank line.
func parseHead(dir Direction, raw string) *Head {
	h := &Head{Request: dir == FromClient, Raw: raw, Size: len(raw)}
	line, text := cutLine(raw[leadingBlank(raw):])
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
	if isBlank(line[0]) { // obsolete folding, RFC 9112 §5.2
		if last := len(h.Fields) - 1; last >= 0 {
			h.Fields[last].Value = trimBlanks(h.Fields[last].Value + " " + trimBlanks(line))
		}
		return
	}
	if name, value, ok := strings.Cut(line, ":"); ok {
		h.Fields = append(h.Fields, Field{name, trimBlanks(value)})
	}
}

// trimBlanks returns s without the optional white space around it, RFC 9110 §5.6.3.
func trimBlanks(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// parseStartLine fills in what a start line that notStartLine accepts says.
func (h *Head) parseStartLine(line string) {
	if h.Request {
		first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
		h.Method, h.Target, h.Proto = line[:first], line[first+1:last], line[last+1:]
		return
	}
	var rest, status string
	h.Proto, rest, _ = strings.Cut(line, " ")
	status, h.Reason, _ = strings.Cut(rest, " ")
	for _, c := range []byte(status) {
		h.Status = h.Status*10 + int(c-'0')
	}
}

// cutLine cuts text after its first LF and returns the line without LF and the CR before it. A bare LF ends a line too,
// RFC 9112 §2.2.
func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// leadingBlank returns the length of the blank lines at the beginning of raw, RFC 9112 §2.2.
func leadingBlank(raw string) int {
	rest := raw
	for {
		after, ok := strings.CutPrefix(rest, "\r\n")
		if !ok {
			after, ok = strings.CutPrefix(rest, "\n")
		}
		if !ok {
			return len(raw) - len(rest)
		}
		rest = after
	}
}
