package redact

import (
	"bytes"
	"strings"
)

// Head redacts a whole HTTP head: the target of the start line and the value of each header line. Everything else
// stays byte for byte: line ends, case, order, blanks, also of a head that is malformed or cut off. What follows
// the empty line is redacted as Text.
func (r *Redactor) Head(raw []byte) []byte {
	if r == nil {
		return raw
	}
	out := make([]byte, 0, len(raw)+2*markLen)
	name := ""
	for first := true; len(raw) > 0; first = false {
		line, end, rest := cutLine(raw)
		switch {
		case first:
			out = append(out, r.startLine(line)...)
		case line == "":
			return append(append(out, end...), r.Text(string(rest))...)
		case isAny(line[0], " \t") && name != "": // a folded line continues the header before it: RFC 9112 §5.2
			out = append(out, r.headerValue(name, line)...)
		default:
			before, value := cutHeader(line)
			name = strings.Trim(strings.TrimSuffix(before, ":"), " \t")
			out = append(append(out, r.headerName(before)...), r.headerValue(name, value)...)
		}
		out = append(out, end...)
		raw = rest
	}
	return out
}

// cutLine splits raw after its first line; end is the line's end as it was sent.
func cutLine(raw []byte) (line string, end, rest []byte) {
	i := bytes.IndexByte(raw, '\n')
	if i < 0 {
		return string(raw), nil, nil
	}
	n := i
	if n > 0 && raw[n-1] == '\r' {
		n--
	}
	return string(raw[:n]), raw[n : i+1], raw[i+1:]
}

// startLine redacts a request line. The target is everything between the method and the version, because a client
// may send a blank in it; a status line has no target.
func (r *Redactor) startLine(line string) string {
	method, rest, ok := strings.Cut(line, " ")
	if !ok || strings.HasPrefix(method, "HTTP/") {
		return r.Text(line)
	}
	end := strings.LastIndex(rest, " HTTP/")
	if end < 0 {
		end = len(rest)
	}
	return method + " " + r.Target(rest[:end]) + rest[end:]
}

// cutHeader splits a header line at its first colon that is not part of a mark. A line without a colon has no name
// and is all value.
func cutHeader(line string) (before, value string) {
	for i := range len(line) {
		if line[i] == ':' && !strings.HasSuffix(line[:i+1], markStart) {
			return line[:i+1], line[i+1:]
		}
	}
	return "", line
}

// headerName redacts what a malformed line holds before its colon; names proper stay.
func (r *Redactor) headerName(before string) string {
	if before == "" {
		return ""
	}
	return r.Text(before[:len(before)-1]) + ":"
}

func (r *Redactor) headerValue(name, value string) string {
	core := strings.Trim(value, " \t\r")
	if core == "" {
		return value
	}
	at := strings.Index(value, core)
	return value[:at] + r.Header(name, core) + value[at+len(core):]
}
