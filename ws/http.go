package ws

import (
	"bytes"
	"strings"
)

// MaxHead is how long a head may be, in bytes. nginx by default takes 32 KiB (large_client_header_buffers).
const MaxHead = 64 << 10

// maxMethod is how long a method may be. The longest registered one, UPDATEREDIRECTREF, has 17 bytes.
const maxMethod = 32

// HTTPEvent is what HTTPDecoder.Next came to.
type HTTPEvent uint8

const (
	HTTPNone   HTTPEvent = iota // all of p is consumed, nothing became complete
	HTTPHead                    // a head is complete: see Head
	HTTPEnd                     // the message is complete, body included
	HTTPTunnel                  // the bytes from here on are not HTTP; none was consumed
	HTTPLost                    // the bytes cannot be followed: see LostReason
)

// String returns the event in a word.
func (ev HTTPEvent) String() string {
	switch ev {
	case HTTPNone:
		return "none"
	case HTTPHead:
		return "head"
	case HTTPEnd:
		return "end"
	case HTTPTunnel:
		return "tunnel"
	case HTTPLost:
		return "lost"
	}
	return "unknown"
}

// httpPhase is where in a message the decoder stands.
type httpPhase uint8

const (
	httpHead      httpPhase = iota // in a head, or before its first byte
	httpFraming                    // after HTTPHead: the framing of the body is to be decided
	httpLength                     // remaining bytes of the body are to come
	httpChunkSize                  // in the digits of a chunk size
	httpChunkExt                   // behind them, up to LF
	httpChunkData                  // remaining bytes of the chunk are to come
	httpChunkEnd                   // at the CRLF after a chunk's data
	httpTrailer                    // after the last chunk, up to a blank line
	httpUntilEnd                   // in a body that ends with the connection
	httpPassing                    // after HTTPTunnel or HTTPLost: nothing is looked at any more
)

// HTTPDecoder follows the HTTP/1.x messages of one direction. The zero value is a decoder of FromClient.
type HTTPDecoder struct {
	// The head being read.
	partial   []byte // its bytes so far, if it came in pieces
	lineStart int    // where its current line begins
	scanned   int    // up to where it was searched for LF
	started   bool   // its start line is complete and good

	// The body being read.
	framed    bool // body was given by SetBody
	cr        bool // between chunks: CR was seen; in a trailer: the line is blank so far
	digits    uint8
	remaining uint64 // bytes of the body or chunk not seen yet
	body      Body

	dir   Direction
	phase httpPhase
	head  *Head
	lost  string
}

// Reset makes d ready for the first message of a direction: requests from the client, responses from the server.
func (d *HTTPDecoder) Reset(dir Direction) { *d = HTTPDecoder{dir: dir} }

// Head returns the head last completed, nil before the first. Each message has its own, which may be kept.
func (d *HTTPDecoder) Head() *Head { return d.head }

// SetBody overrides the framing of the message whose HTTPHead was just returned, before the next call of Next. Without
// it, the framing is RequestBody, or ResponseBody("GET").
func (d *HTTPDecoder) SetBody(b Body) { d.body, d.framed = b, true }

// LostReason says in a few words why the decoder is lost, "" if it is not.
func (d *HTTPDecoder) LostReason() string { return d.lost }

// Idle says whether d stands between messages, with no byte of a next one seen.
func (d *HTTPDecoder) Idle() bool { return d.phase == httpHead && len(d.partial) == 0 }

// Next consumes bytes of p up to the next event. HTTPHead, HTTPEnd and HTTPTunnel leave the rest of p to the next call;
// HTTPEnd and HTTPTunnel may come with n = 0, even if p is empty; so call Next until it returns HTTPNone. HTTPTunnel
// and HTTPLost come once; from then on, whatever is given is consumed and not looked at. HTTPLost consumes all of p.
// Next keeps no reference to p and does not change it.
func (d *HTTPDecoder) Next(p []byte) (n int, ev HTTPEvent) {
	for {
		used, ev, again := d.step(p[n:])
		n += used
		if !again {
			return n, ev
		}
	}
}

// step goes on in one phase. again asks for another step, in another phase, with the rest of p.
func (d *HTTPDecoder) step(p []byte) (n int, ev HTTPEvent, again bool) {
	switch d.phase {
	case httpHead:
		return d.readHead(p)
	case httpFraming:
		return d.beginBody(p)
	case httpLength, httpChunkData:
		return d.skip(p)
	case httpChunkSize:
		return d.readChunkSize(p)
	case httpChunkExt:
		return d.skipChunkExt(p)
	case httpChunkEnd:
		return d.readChunkEnd(p)
	case httpTrailer:
		return d.readTrailer(p)
	}
	return len(p), HTTPNone, false
}

// lose gives up: p is consumed and so is whatever comes.
func (d *HTTPDecoder) lose(p []byte, reason string) (int, HTTPEvent, bool) {
	*d = HTTPDecoder{dir: d.dir, phase: httpPassing, head: d.head, lost: reason}
	return len(p), HTTPLost, false
}

// end completes the message.
func (d *HTTPDecoder) end(n int) (int, HTTPEvent, bool) {
	*d = HTTPDecoder{dir: d.dir, head: d.head}
	return n, HTTPEnd, false
}

// readHead consumes p up to the end of the head. A head that lies whole in p is copied once.
func (d *HTTPDecoder) readHead(p []byte) (int, HTTPEvent, bool) {
	if len(p) == 0 {
		return 0, HTTPNone, false
	}
	before := len(d.partial)
	head := p[:min(len(p), MaxHead-before)]
	if before > 0 {
		d.partial = append(d.partial, head...)
		head = d.partial
	}
	end, reason := d.scan(head)
	switch {
	case reason != "":
		return d.lose(p, reason)
	case end > 0:
		d.head = parseHead(d.dir, string(head[:end]))
		d.partial, d.phase = nil, httpFraming
		return end - before, HTTPHead, false
	case len(head) == MaxHead:
		return d.lose(p, "head over 65536 bytes")
	case before == 0:
		d.partial = append(d.partial, head...)
	}
	return len(p), HTTPNone, false
}

// scan looks for the end of head in what it has not seen of it. end is 0 if it is not there yet; a reason says that
// this is no head of HTTP/1.x.
func (d *HTTPDecoder) scan(head []byte) (end int, reason string) {
	for d.lineStart < len(head) {
		if !d.started {
			if reason = notHTTP(d.dir, head[d.lineStart:]); reason != "" {
				return 0, reason
			}
		}
		i := bytes.IndexByte(head[d.scanned:], '\n')
		if i < 0 {
			d.scanned = len(head)
			return 0, ""
		}
		line := bytes.TrimSuffix(head[d.lineStart:d.scanned+i], []byte("\r"))
		d.scanned += i + 1
		d.lineStart = d.scanned
		switch {
		case len(line) == 0 && d.started:
			return d.scanned, ""
		case len(line) != 0 && !d.started:
			if reason = notStartLine(d.dir, line); reason != "" {
				return 0, reason
			}
			d.started = true
		}
	}
	return 0, ""
}

// Reasons for which a start line is none.
const (
	reasonNotHTTP = "not HTTP"
	reasonTLS     = "TLS record"
	reasonHTTP2   = "HTTP/2 preface"
)

// TLS records as they begin on a connection, RFC 8446 §5.1.
const (
	tlsAlert     = 0x15
	tlsHandshake = 0x16
	tlsMajor     = 0x03
)

const statusPrefix = "HTTP/" // RFC 9112 §4

// notHTTP says as early as possible why p, one or more bytes, does not begin a start line: "" if it may. Blank lines
// before a request are tolerated, RFC 9112 §2.2.
func notHTTP(dir Direction, p []byte) string {
	switch first := p[0]; {
	case first == tlsAlert, first == tlsHandshake:
		if len(p) == 1 {
			return ""
		}
		if p[1] == tlsMajor {
			return reasonTLS
		}
		return reasonNotHTTP
	case dir == FromServer:
		if n := min(len(p), len(statusPrefix)); string(p[:n]) != statusPrefix[:n] {
			return reasonNotHTTP
		}
		return ""
	case first == '\n', first == '\r' && (len(p) == 1 || p[1] == '\n'):
		return ""
	}
	return notMethod(p)
}

// notMethod is notHTTP for a request's method and the blank after it.
func notMethod(p []byte) string {
	for i, c := range p {
		switch {
		case c == ' ' && i > 0:
			return ""
		case i == maxMethod || !isTokenByte(c):
			return reasonNotHTTP
		}
	}
	return ""
}

// isTokenByte says whether c may be in a token, RFC 9110 §5.6.2.
func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', isDigit(c):
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// notStartLine says why line is no start line of HTTP/1.x: "" if it is.
func notStartLine(dir Direction, line []byte) string {
	switch {
	case dir == FromClient && isRequestLine(line), dir == FromServer && isStatusLine(line):
		return ""
	case string(line) == "PRI * HTTP/2.0": // RFC 9113 §3.4
		return reasonHTTP2
	}
	return reasonNotHTTP
}

// isRequestLine says whether line is METHOD SP TARGET SP HTTP/1.x, RFC 9112 §3. The target may have blanks in it.
func isRequestLine(line []byte) bool {
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	return first > 0 && last > first+1 && isHTTP1(line[last+1:])
}

// isStatusLine says whether line is HTTP/1.x SP STATUS [SP REASON], RFC 9112 §4.
func isStatusLine(line []byte) bool {
	proto, rest, _ := bytes.Cut(line, []byte(" "))
	status, _, _ := bytes.Cut(rest, []byte(" "))
	return isHTTP1(proto) && len(status) == 3 && status[0] != '0' && isDigit(status[0]) && isDigit(status[1]) && isDigit(status[2])
}

// isHTTP1 says whether proto is "HTTP/1." and a digit.
func isHTTP1(proto []byte) bool {
	return len(proto) == len("HTTP/1.1") && string(proto[:7]) == "HTTP/1." && isDigit(proto[7])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
