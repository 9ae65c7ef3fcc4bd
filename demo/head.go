package demo

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// head is an HTTP/1.1 head with its header lines as they came: same case, same order, duplicates kept.
type head struct {
	start string
	lines []string
}

const (
	maxHead     = 32 << 10 // as nginx: large_client_header_buffers 4 8k
	maxHeadLine = 8 << 10
)

var errBigHead = errors.New("demo: HTTP head over 32 KiB")

// readHead reads a head up to its empty line.
func readHead(r *bufio.Reader) (head, error) {
	var h head
	size := 0
	for {
		line, err := r.ReadSlice('\n')
		size += len(line)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) || size > maxHead:
			return h, errBigHead
		case err != nil && size > 0 && err == io.EOF:
			return h, io.ErrUnexpectedEOF
		case err != nil:
			return h, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case text == "" && h.start != "":
			return h, nil
		case h.start == "":
			h.start = text
		default:
			h.lines = append(h.lines, text)
		}
	}
}

// get returns the first value of the header called name.
func (h *head) get(name string) (value string, ok bool) {
	for _, line := range h.lines {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// without returns the lines of the headers that are not named.
func (h *head) without(names ...string) []string {
	var kept []string
lines:
	for _, line := range h.lines {
		n, _, _ := strings.Cut(line, ":")
		for _, name := range names {
			if strings.EqualFold(n, name) {
				continue lines
			}
		}
		kept = append(kept, line)
	}
	return kept
}

func (h *head) bytes() []byte {
	return []byte(h.start + "\r\n" + strings.Join(h.lines, "\r\n") + "\r\n\r\n")
}

// target splits a request line.
func (h *head) target() (target string, ok bool) {
	parts := strings.Split(h.start, " ")
	if len(parts) != 3 || !strings.HasPrefix(parts[1], "/") || !strings.HasPrefix(parts[2], "HTTP/1.") {
		return "", false
	}
	return parts[1], true
}

// status returns the three digits of a response's start line.
func (h *head) status() (string, bool) {
	version, rest, _ := strings.Cut(h.start, " ")
	if !strings.HasPrefix(version, "HTTP/1.") || len(rest) < 3 {
		return "", false
	}
	return rest[:3], true
}
