package ws

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// BodyKind is how the end of a message is found, RFC 9112 §6.3.
type BodyKind uint8

const (
	BodyNone     BodyKind = iota // the head is all
	BodyLength                   // Content-Length bytes
	BodyChunked                  // chunks and a trailer, RFC 9112 §7.1
	BodyUntilEnd                 // until the connection ends
	BodyTunnel                   // what follows is not HTTP: after a 101, or a 2xx to CONNECT
)

// String returns the kind in a word or two.
func (k BodyKind) String() string {
	switch k {
	case BodyNone:
		return "none"
	case BodyLength:
		return "length"
	case BodyChunked:
		return "chunked"
	case BodyUntilEnd:
		return "until end"
	case BodyTunnel:
		return "tunnel"
	}
	return "unknown"
}

// Body is the framing of a message's content.
type Body struct {
	Kind   BodyKind
	Length uint64 // bytes, for BodyLength
}

var errNoLastChunked = errors.New("request with a Transfer-Encoding that does not end in chunked")

// RequestBody returns the framing of a request's content, RFC 9112 §6.3. An error says why the end of the request
// cannot be known: a Content-Length that is no number or not always the same, a Transfer-Encoding that a server must
// refuse.
func (h *Head) RequestBody() (Body, error) {
	body, ok, err := h.framing()
	switch {
	case err != nil || !ok:
		return Body{}, err
	case body.Kind == BodyUntilEnd:
		return Body{}, errNoLastChunked
	}
	return body, nil
}

// ResponseBody returns the framing of the content of a response to a request with that method, RFC 9112 §6.3. Errors
// are those of RequestBody.
func (h *Head) ResponseBody(method string) (Body, error) {
	switch {
	case h.Status == 101, method == "CONNECT" && h.Status/100 == 2:
		return Body{Kind: BodyTunnel}, nil
	case method == "HEAD", h.Status/100 == 1, h.Status == 204, h.Status == 304:
		return Body{}, nil
	}
	body, ok, err := h.framing()
	if err == nil && !ok {
		body.Kind = BodyUntilEnd
	}
	return body, err
}

// framing reads Transfer-Encoding, which goes before, and Content-Length. ok is false if there is neither. A
// Transfer-Encoding that does not end in chunked gives BodyUntilEnd.
func (h *Head) framing() (body Body, ok bool, err error) {
	if codings := h.Tokens("Transfer-Encoding"); len(codings) > 0 {
		if h.Proto == "HTTP/1.0" { // RFC 9112 §6.1
			return Body{}, false, errors.New("Transfer-Encoding in an HTTP/1.0 message")
		}
		if strings.EqualFold(codings[len(codings)-1], "chunked") {
			return Body{Kind: BodyChunked}, true, nil
		}
		return Body{Kind: BodyUntilEnd}, true, nil
	}
	lengths := h.Tokens("Content-Length")
	if len(lengths) == 0 {
		return Body{}, false, h.emptyLength()
	}
	body.Kind = BodyLength
	if body.Length, err = parseLength(lengths[0]); err != nil {
		return Body{}, false, err
	}
	for _, other := range lengths[1:] {
		if other != lengths[0] {
			return Body{}, false, fmt.Errorf("conflicting Content-Length %q and %q", lengths[0], other)
		}
	}
	return body, true, nil
}

// emptyLength is the error of a Content-Length without a value.
func (h *Head) emptyLength() error {
	if len(h.Values("Content-Length")) > 0 {
		return errors.New(`bad Content-Length ""`)
	}
	return nil
}

// parseLength takes decimal digits only, RFC 9110 §8.6.
func parseLength(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63) // takes no sign
	if err != nil {
		return 0, fmt.Errorf("bad Content-Length %q", s)
	}
	return n, nil
}

// beginBody decides the framing and enters the body, of which p is the beginning.
func (d *HTTPDecoder) beginBody(p []byte) (int, HTTPEvent, bool) {
	if err := d.frameBody(); err != nil {
		return d.lose(p, err.Error())
	}
	d.remaining = d.body.Length
	switch d.body.Kind {
	case BodyLength:
		if d.remaining == 0 {
			return d.end(0)
		}
		d.phase = httpLength
	case BodyChunked:
		d.beginChunk()
	case BodyUntilEnd:
		d.phase = httpUntilEnd
	case BodyTunnel:
		d.phase = httpPassing
		return 0, HTTPTunnel, false
	default:
		return d.end(0)
	}
	return 0, HTTPNone, true
}

// frameBody sets body unless SetBody did.
func (d *HTTPDecoder) frameBody() (err error) {
	switch {
	case d.framed:
	case d.dir == FromClient:
		d.body, err = d.head.RequestBody()
	default:
		d.body, err = d.head.ResponseBody("GET")
	}
	return err
}

// skip passes over the content.
func (d *HTTPDecoder) skip(p []byte) (int, HTTPEvent, bool) {
	if uint64(len(p)) < d.remaining {
		d.remaining -= uint64(len(p))
		return len(p), HTTPNone, false
	}
	n := int(d.remaining)
	if d.phase == httpLength {
		return d.end(n)
	}
	d.phase, d.cr = httpChunkEnd, false
	return n, HTTPNone, true
}

const (
	reasonChunkSize = "bad chunk size"
	reasonChunkEnd  = "bad chunk end"
	maxChunkDigits  = 16 // hexadecimal, of 64 bits
)

func (d *HTTPDecoder) beginChunk() {
	d.phase, d.remaining, d.digits = httpChunkSize, 0, 0
}

// readChunkSize reads hexadecimal digits, RFC 9112 §7.1.
func (d *HTTPDecoder) readChunkSize(p []byte) (int, HTTPEvent, bool) {
	for i, c := range p {
		digit, ok := hexDigit(c)
		switch {
		case ok && d.digits < maxChunkDigits:
			d.remaining = d.remaining<<4 | digit
			d.digits++
		case !ok && d.digits > 0 && strings.IndexByte("\r\n; \t", c) >= 0:
			d.phase = httpChunkExt
			return i, HTTPNone, true
		default:
			return d.lose(p, reasonChunkSize)
		}
	}
	return len(p), HTTPNone, false
}

func hexDigit(c byte) (uint64, bool) {
	switch {
	case isDigit(c):
		return uint64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return uint64(c - 'a' + 10), true
	case 'A' <= c && c <= 'F':
		return uint64(c - 'A' + 10), true
	}
	return 0, false
}

// skipChunkExt passes over the rest of the line of a chunk size. A size of 0 is the last chunk.
func (d *HTTPDecoder) skipChunkExt(p []byte) (int, HTTPEvent, bool) {
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		return len(p), HTTPNone, false
	}
	d.phase = httpChunkData
	if d.remaining == 0 {
		d.phase, d.cr = httpTrailer, true
	}
	return i + 1, HTTPNone, true
}

// readChunkEnd takes the CRLF after a chunk's data, or a bare LF.
func (d *HTTPDecoder) readChunkEnd(p []byte) (int, HTTPEvent, bool) {
	for i, c := range p {
		switch {
		case c == '\n':
			d.beginChunk()
			return i + 1, HTTPNone, true
		case c == '\r' && !d.cr:
			d.cr = true
		default:
			return d.lose(p, reasonChunkEnd)
		}
	}
	return len(p), HTTPNone, false
}

// readTrailer passes over the trailer up to a blank line, RFC 9112 §7.1.2.
func (d *HTTPDecoder) readTrailer(p []byte) (int, HTTPEvent, bool) {
	for i, c := range p {
		switch {
		case c == '\n' && d.cr:
			return d.end(i + 1)
		case c == '\n':
			d.cr = true
		case c != '\r':
			d.cr = false
		}
	}
	return len(p), HTTPNone, false
}
