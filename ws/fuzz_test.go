package ws

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// FuzzFrameDecoder wants of any bytes: the same outcome whole, in single bytes and in two parts; frames that fill the
// stream without a gap; and agreement with gorilla/websocket about what is a legal stream and what is in it.
func FuzzFrameDecoder(f *testing.F) {
	for _, test := range frameStreams {
		if len(test.stream) < 4096 {
			f.Add(test.stream, test.dir == FromServer, test.deflate, uint(3))
		}
	}
	f.Add(buildFrame(frameSpec{opcode: OpPing, length: 1 << 63}), true, false, uint(1))
	f.Add(join(part(OpBinary, "12"), s(OpPing, "x"), part(OpContinuation, ""), s(OpContinuation, "345")), true, false, uint(9))
	f.Fuzz(func(t *testing.T, stream []byte, fromServer, deflate bool, cut uint) {
		dir := FromClient
		if fromServer {
			dir = FromServer
		}
		whole := decodeParts(t, dir, deflate, stream)
		checkFilled(t, whole, stream)
		at := int(cut % uint(len(stream)+1))
		for _, parts := range [][][]byte{slices.Collect(slices.Chunk(stream, 1)), {stream[:at], stream[at:]}} {
			if got := decodeParts(t, dir, deflate, parts...); got.text() != whole.text() {
				t.Fatalf("in %d parts:\n%s, want\n%s", len(parts), got.text(), whole.text())
			}
		}
		want, end := legalEvents(decodeParts(t, dir, false, stream))
		got, err := gorillaEvents(t, dir, stream)
		if !slices.Equal(got, want) {
			t.Fatalf("gorilla/websocket reads %q, then %v; want %q", got, err, want)
		}
		if end != endClose && end != endHeader && isEOF(err) == (end == endBroken) {
			t.Fatalf("gorilla/websocket ends with %v after %q; we with %v", err, got, end)
		}
	})
}

// checkFilled wants the frames to lie one behind the other from the first byte on.
func checkFilled(t *testing.T, o outcome, stream []byte) {
	t.Helper()
	filled := uint64(0)
	for _, s := range o.frames {
		filled += uint64(s.frame.HeaderLen) + s.frame.Length
	}
	if all := filled == uint64(len(stream)); filled > uint64(len(stream)) || all == (o.lost || o.inFrame) {
		t.Fatalf("frames fill %d of %d bytes: %s", filled, len(stream), o.text())
	}
}

// isEOF says whether gorilla/websocket was in order when the stream ended: it makes 1006 of that.
func isEOF(err error) bool {
	return websocket.IsCloseError(err, websocket.CloseAbnormalClosure) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// The ways in which a legal beginning of a stream ends.
const (
	endStream = "the stream's end"
	endClose  = "a close frame"
	endBroken = "a broken rule"
	endHeader = "half a header" // which gorilla/websocket may refuse already
)

// legalEvents lists the control frames and messages before the first frame that breaks a rule. Not counted is what
// gorilla/websocket does not refuse.
func legalEvents(o outcome) (events []string, end string) {
	size, opcode := uint64(0), OpContinuation
	for _, s := range o.frames {
		if refused(s.frame, s.rules) {
			return events, endBroken
		}
		switch {
		case s.frame.Opcode == OpClose:
			if s.code != CloseBadGateway { // registered after gorilla/websocket's list was made
				events = append(events, fmt.Sprintf("close %d %q", s.code, s.reason))
			}
			return events, endClose
		case s.frame.Opcode.IsControl():
			events = append(events, fmt.Sprintf("%v %q", s.frame.Opcode, s.control))
			continue
		case s.frame.Opcode != OpContinuation:
			size, opcode = 0, s.frame.Opcode
		}
		if size += s.frame.Length; s.frame.Fin {
			events = append(events, fmt.Sprintf("%v %d", opcode, size))
		}
	}
	switch {
	case refused(o.last, o.rules):
		return events, endBroken
	case o.inFrame && o.last.HeaderLen == 0:
		return events, endHeader
	}
	return events, endStream
}

// refused says whether gorilla/websocket fails the connection for one of the rules.
func refused(f Frame, s RuleSet) bool {
	for r := range s.Each() {
		switch r {
		case RuleTextNotUTF8, RuleClosePayloadOneByte:
		case RuleLengthNotMinimal:
			if f.Opcode.IsControl() { // it takes any longer form for too long
				return true
			}
		default:
			return true
		}
	}
	return false
}

// gorillaEvents lists what gorilla/websocket reads in a stream, and its error at the end.
func gorillaEvents(t *testing.T, dir Direction, stream []byte) (events []string, err error) {
	conn := gorillaConn(t, dir, stream)
	conn.SetPingHandler(func(p string) error { events = append(events, fmt.Sprintf("ping %q", p)); return nil })
	conn.SetPongHandler(func(p string) error { events = append(events, fmt.Sprintf("pong %q", p)); return nil })
	conn.SetCloseHandler(func(code int, reason string) error {
		events = append(events, fmt.Sprintf("close %d %q", code, reason))
		return nil
	})
	for {
		kind, r, err := conn.NextReader()
		if err != nil {
			return events, err
		}
		size, err := io.Copy(io.Discard, r)
		if err != nil {
			return events, err
		}
		events = append(events, fmt.Sprintf("%v %d", Opcode(kind), size))
	}
}

// gorillaConn makes the endpoint that receives the stream.
func gorillaConn(t *testing.T, dir Direction, stream []byte) *websocket.Conn {
	t.Helper()
	var conn *websocket.Conn
	var err error
	if dir == FromServer {
		peer := &fakePeer{stream: stream}
		dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return peer, nil }}
		conn, _, err = dialer.Dial("ws://localhost/", nil)
	} else {
		request, _ := http.ReadRequest(bufio.NewReader(strings.NewReader(chromeRequest + "\n")))
		upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		conn, err = upgrader.Upgrade(&fakePeer{in: bytes.NewReader(stream)}, request, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// fakePeer is the connection at whose other end a stream comes from: a server that answers any request with a 101
// first, or a client that was hijacked.
type fakePeer struct {
	net.Conn // nil: nothing else is called
	in       io.Reader
	request  bytes.Buffer
	stream   []byte
}

func (f *fakePeer) Read(p []byte) (int, error) {
	if f.in == nil {
		var d HTTPDecoder
		d.Next(f.request.Bytes())
		head := "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
		head += Accept(d.Head().Get("Sec-WebSocket-Key")) + "\r\n\r\n"
		f.in = io.MultiReader(strings.NewReader(head), bytes.NewReader(f.stream))
	}
	return f.in.Read(p)
}

func (f *fakePeer) Write(p []byte) (int, error)      { return f.request.Write(p) }
func (f *fakePeer) Close() error                     { return nil }
func (f *fakePeer) SetDeadline(time.Time) error      { return nil }
func (f *fakePeer) SetWriteDeadline(time.Time) error { return nil }
func (f *fakePeer) Header() http.Header              { return nil }
func (f *fakePeer) WriteHeader(int)                  {}
func (f *fakePeer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return f, bufio.NewReadWriter(bufio.NewReader(f), bufio.NewWriter(f)), nil
}

// FuzzHTTPDecoder wants of any bytes: the same events whole, in single bytes and in two parts; heads that are the bytes
// of the stream at their place and parse to themselves again; and a head wherever net/http reads a request.
func FuzzHTTPDecoder(f *testing.F) {
	for _, test := range httpStreams {
		if len(test.stream) < 4096 {
			f.Add([]byte(test.stream), test.dir == FromServer, uint(3))
		}
	}
	f.Add([]byte(strings.ReplaceAll(chromeRequest+"\n", "\n", "\r\n")), false, uint(100))
	f.Add([]byte("GET / HTTP/1.0\nA: folded\n \n\n"), false, uint(9))
	f.Add([]byte("GET / HTTP/1.0\nPragma: no-cache\n\n"), false, uint(9))
	f.Fuzz(func(t *testing.T, stream []byte, fromServer bool, cut uint) {
		dir := FromClient
		if fromServer {
			dir = FromServer
		}
		whole := decodeHTTP(t, dir, stream)
		at := int(cut % uint(len(stream)+1))
		for _, parts := range [][][]byte{slices.Collect(slices.Chunk(stream, 1)), {stream[:at], stream[at:]}} {
			if got := decodeHTTP(t, dir, parts...); got != whole {
				t.Fatalf("in %d parts:\n%s, want\n%s", len(parts), got, whole)
			}
		}
		first := checkHeads(t, dir, stream)
		if dir == FromClient {
			checkAgainstNetHTTP(t, first, stream)
		}
	})
}

// checkHeads holds every head against the stream and returns the first.
func checkHeads(t *testing.T, dir Direction, stream []byte) (first *Head) {
	t.Helper()
	var d HTTPDecoder
	d.Reset(dir)
	for at := 0; ; {
		n, ev := d.Next(stream[at:])
		if ev == HTTPHead {
			h := d.Head()
			if h.Raw != string(stream[at:at+n]) || h.Size != n || n > MaxHead {
				t.Fatalf("head %q, size %d, is not %q", h.Raw, h.Size, stream[at:at+n])
			}
			if again := parseHead(dir, h.Raw); fmt.Sprint(again) != fmt.Sprint(h) {
				t.Fatalf("head %v parses to %v", h, again)
			}
			if req, ok := UpgradeRequest(h); ok {
				UpgradeResponse(&req, h)
			}
			if first == nil {
				first = h
			}
		}
		if at += n; ev == HTTPNone {
			return first
		}
	}
}

// checkAgainstNetHTTP wants a head with the same fields where net/http reads a request of HTTP/1.x.
func checkAgainstNetHTTP(t *testing.T, h *Head, stream []byte) {
	t.Helper()
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(stream)))
	if err != nil || request.ProtoMajor != 1 || len(request.Method) > maxMethod || len(stream) > MaxHead {
		return
	}
	if h == nil {
		t.Fatalf("no head; net/http reads %+v", request)
	}
	if h.Method != request.Method || h.Target != request.RequestURI || h.Proto != request.Proto {
		t.Fatalf("request line %q %q %q; net/http reads %+v", h.Method, h.Target, h.Proto, request)
	}
	for name, values := range request.Header {
		if name == "Cache-Control" && len(h.Values(name)) == 0 && len(h.Values("Pragma")) > 0 {
			continue // it makes one of Pragma: no-cache
		}
		for i := range values {
			values[i] = strings.Trim(values[i], " \t") // it does not trim what a blank folded line leaves
		}
		if got := h.Values(name); !slices.Equal(got, values) {
			t.Fatalf("%s is %q; net/http reads %q", name, got, values)
		}
	}
}
