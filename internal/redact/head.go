package redact

import "strings"

// Head redacts a whole HTTP head: the target of the start line and the value of each header line. Everything else
// stays byte for byte: line ends, case, order, blanks, also of a head that is malformed or cut off. What follows
// the empty line is redacted as Text.
func (r *Redactor) Head(raw string) string {
	if r == nil {
		return raw
	}
	h := headScanner{rewriter: rewriter{s: raw}, r: r}
	for start := 0; start < len(raw); {
		end, next := lineEnd(raw, start)
		switch {
		case start == 0:
			h.startLine(start, end)
		case start == end:
			h.replace(next, len(raw), r.Text(raw[next:]))
			return h.result()
		default:
			h.headerLine(start, end)
		}
		start = next
	}
	return h.result()
}

// headScanner goes over a head line by line.
type headScanner struct {
	rewriter
	r    *Redactor
	name string // of the last header
}

// lineEnd returns where the line that begins at start ends, and where the next one begins.
func lineEnd(s string, start int) (end, next int) {
	end = indexFrom(s, start, '\n')
	if end == len(s) {
		return end, end
	}
	if end > start && s[end-1] == '\r' {
		return end - 1, end + 1
	}
	return end, end + 1
}

// startLine redacts a request line. The target is everything between the method and the version, because a client
// may send a blank in it; a status line has no target.
func (h *headScanner) startLine(start, end int) {
	line := h.s[start:end]
	blank := strings.IndexByte(line, ' ')
	if blank < 0 || strings.HasPrefix(line, "HTTP/") {
		h.replace(start, end, h.r.Text(line))
		return
	}
	target := start + blank + 1
	if version := strings.LastIndex(h.s[target:end], " HTTP/"); version >= 0 {
		end = target + version
	}
	h.replace(target, end, h.r.Target(h.s[target:end]))
}

// headerLine redacts one line after the start line.
func (h *headScanner) headerLine(start, end int) {
	value := start
	if h.name == "" || !isAny(h.s[start], " \t") { // else it continues the header before it: RFC 9112 §5.2
		value = headerNameEnd(h.s, start, end)
		h.headerName(start, value)
	}
	start, end = trim(h.s, value, end)
	if start < end {
		h.replace(start, end, h.r.Header(h.name, h.s[start:end]))
	}
}

// headerNameEnd returns where the name of a header line ends, behind its first colon that is not part of a mark. A line
// without a colon has no name and is all value.
func headerNameEnd(s string, start, end int) int {
	for i := start; ; i++ {
		i = indexFrom(s[:end], i, ':')
		switch {
		case i == end:
			return start
		case !strings.HasSuffix(s[start:i+1], markStart):
			return i + 1
		}
	}
}

// headerName takes the name of a header, colon and all, and redacts what a malformed line holds there; names proper
// stay.
func (h *headScanner) headerName(start, end int) {
	if start == end {
		h.name = ""
		return
	}
	end--
	h.replace(start, end, h.r.Text(h.s[start:end]))
	h.name = h.s[start:end]
	if end > start && (isBlank(h.s[start]) || isBlank(h.s[end-1])) {
		h.name = strings.Trim(h.name, " \t")
	}
}
