package ws

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// decodeHTTP pushes the parts of a stream and writes down the events, one a line, with where in the stream each came
// ("@12"; HTTPLost, which comes as early as it can, has no place). It checks Next's promises on the way.
func decodeHTTP(t *testing.T, dir Direction, parts ...[]byte) string {
	t.Helper()
	var d HTTPDecoder
	d.Reset(dir)
	var b strings.Builder
	at := 0
	for _, p := range parts {
		limit := len(p) + 4 // a message of two events has more than two bytes
		for calls := 0; ; calls++ {
			if calls > limit {
				t.Fatalf("Next does not come to HTTPNone in %d calls", calls)
			}
			n, ev := d.Next(p)
			if n < 0 || n > len(p) || (ev == HTTPNone || ev == HTTPLost) && n != len(p) || ev == HTTPTunnel && n != 0 {
				t.Fatalf("Next of %d bytes = %d, %v", len(p), n, ev)
			}
			p, at = p[n:], at+n
			if ev == HTTPNone {
				break
			}
			fmt.Fprintln(&b, describe(&d, ev, at))
		}
	}
	if d.Idle() {
		fmt.Fprintln(&b, "idle")
	}
	return b.String()
}

// describe writes one event.
func describe(d *HTTPDecoder, ev HTTPEvent, at int) string {
	switch ev {
	case HTTPLost:
		return "lost: " + d.LostReason()
	case HTTPHead:
		h := d.Head()
		return fmt.Sprintf("head @%d %s %s %s %d %q %q %q", at, h.Method, h.Target, h.Proto, h.Status, h.Reason, h.Fields, h.Raw)
	}
	return fmt.Sprintf("%v @%d", ev, at)
}

// events keeps of what decodeHTTP wrote the events and their places.
func events(text string) string {
	var short []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "head ") {
			line = strings.Join(strings.Fields(line)[:2], " ")
		}
		short = append(short, line)
	}
	return strings.Join(short, ", ")
}

// checkHTTPCuts wants the same events however the stream is cut, and returns them.
func checkHTTPCuts(t *testing.T, dir Direction, stream string) string {
	t.Helper()
	whole := decodeHTTP(t, dir, []byte(stream))
	for _, parts := range cuts([]byte(stream)) {
		if got := decodeHTTP(t, dir, parts...); got != whole {
			t.Fatalf("cut in %d parts, the first of %d bytes:\n%s, want\n%s", len(parts), len(parts[0]), got, whole)
		}
	}
	return whole
}

var (
	longestHead = "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", MaxHead-23) + "\r\n\r\n"
	longerHead  = "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", MaxHead-22) + "\r\n\r\n"
)

var httpStreams = []struct {
	name, stream string
	dir          Direction
	want         string
}{
	{"nothing", "", FromClient, "idle"},
	{"request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", FromClient, "head @27, end @27, idle"},
	{"no fields", "GET / HTTP/1.1\r\n\r\n", FromClient, "head @18, end @18, idle"},
	{"bare LF", "GET / HTTP/1.1\nHost: a\n\n", FromClient, "head @24, end @24, idle"},
	{"blank lines before", "\r\n\n\r\nGET / HTTP/1.1\r\n\r\n", FromClient, "head @23, end @23, idle"},
	{"blank lines after", "GET / HTTP/1.1\r\n\r\n\r\n", FromClient, "head @18, end @18"},
	{"part of a head", "GET / HTTP/1.1\r\nHost: a\r\n", FromClient, ""},
	{"pipelined", "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", FromClient, "head @18, end @18, head @36, end @36, idle"},
	{"request with content", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n", FromClient, "head @38, end @41, head @59, end @59, idle"},
	{"content of 0", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", FromClient, "head @38, end @38, idle"},
	{"content not whole", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", FromClient, "head @38"},
	{"chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3\r\nabc\r\n00A;ext=\"x\"\r\n0123456789\r\n0\r\n\r\n", FromClient, "head @53, end @91, idle"},
	{"chunked with bare LF and trailer", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3 \nabc\n0\nA: b\nC: d\r\n\r\nHTTP/1.1 204 No\r\n\r\n", FromServer, "head @44, end @66, head @85, end @85, idle"},
	{"chunked, not ended", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", FromServer, "head @47"},
	{"upper-case chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", FromServer, "head @47, end @67, idle"},
	{"response", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", FromServer, "head @38, end @40, idle"},
	{"response without reason", "HTTP/1.1 204\r\n\r\n", FromServer, "head @16, end @16, idle"},
	{"HTTP/1.0 response until the end", "HTTP/1.0 200 OK\r\n\r\nHTTP/1.0 200 OK\r\n\r\n", FromServer, "head @19"},
	{"HTTP/1.0 response with length", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", FromServer, "head @38, end @40, idle"},
	{"100 before 200", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", FromServer, "head @25, end @25, head @63, end @65, idle"},
	{"304 with length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No\r\n\r\n", FromServer, "head @48, end @48, head @67, end @67, idle"},
	{"101 and frames", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02Hi", FromServer, "head @56, tunnel @56"},
	{"longest head", longestHead, FromClient, "head @65536, end @65536, idle"},
	{"longer head", longerHead, FromClient, "lost: head over 65536 bytes"},
	{"many blank lines", strings.Repeat("\r\n", MaxHead/2), FromClient, "lost: head over 65536 bytes"},
	{"longest method", strings.Repeat("M", 32) + " / HTTP/1.1\r\n\r\n", FromClient, "head @47, end @47, idle"},
	{"longer method", strings.Repeat("M", 33), FromClient, "lost: not HTTP"},
	{"method only so far", strings.Repeat("M", 32), FromClient, ""},
	{"method with a byte that is no token's", "GE\x00", FromClient, "lost: not HTTP"},
	{"no method", " / HTTP/1.1\r\n", FromClient, "lost: not HTTP"},
	{"no target", "GET  HTTP/1.1\r\n", FromClient, "lost: not HTTP"},
	{"HTTP/0.9", "GET /\r\n", FromClient, "lost: not HTTP"},
	{"HTTP/2 in a line", "GET / HTTP/2.0\r\n", FromClient, "lost: not HTTP"},
	{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FromClient, "lost: HTTP/2 preface"},
	{"TLS record", "\x16\x03\x01\x02\x00", FromClient, "lost: TLS record"},
	{"TLS record from server", "\x15\x03\x01\x00\x02", FromServer, "lost: TLS record"},
	{"first byte of TLS", "\x16", FromClient, ""},
	{"first byte of TLS and another", "\x16\x04", FromClient, "lost: not HTTP"},
	{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", FromClient, "lost: not HTTP"},
	{"CR alone", "\rGET", FromClient, "lost: not HTTP"},
	{"response that is none", "HTTP+", FromServer, "lost: not HTTP"},
	{"beginning of a response", "HTTP", FromServer, ""},
	{"blank line before a response", "\r\nHTTP/1.1 200 OK\r\n\r\n", FromServer, "lost: not HTTP"},
	{"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", FromServer, "lost: not HTTP"},
	{"status below 100", "HTTP/1.1 099 OK\r\n\r\n", FromServer, "lost: not HTTP"},
	{"status no number", "HTTP/1.1 2x0 OK\r\n\r\n", FromServer, "lost: not HTTP"},
	{"HTTP/2 response", "HTTP/2 200 OK\r\n", FromServer, "lost: not HTTP"},
	{"PROXY protocol", "PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nGET / HTTP/1.1\r\n\r\n", FromClient, "lost: not HTTP"},
	{"chunk without size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", FromServer, "head @47, lost: bad chunk size"},
	{"chunk size no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3x", FromServer, "head @47, lost: bad chunk size"},
	{"chunk size of 17 digits", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000001", FromServer, "head @47, lost: bad chunk size"},
	{"chunk size of 16 digits", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab", FromServer, "head @47"},
	{"chunk longer than its size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd", FromServer, "head @47, lost: bad chunk end"},
	{"chunk end with two CR", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\r\n", FromServer, "head @47, lost: bad chunk end"},
	{"bad length", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\nabc", FromClient, `head @38, lost: bad Content-Length "x"`},
	{"bad length after a good message", "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: -1\r\n\r\nabc", FromClient, `head @18, end @18, head @57, lost: bad Content-Length "-1"`},
}

func TestHTTPDecoder(t *testing.T) {
	for _, test := range httpStreams {
		t.Run(test.name, func(t *testing.T) {
			if got := events(checkHTTPCuts(t, test.dir, test.stream)); got != test.want {
				t.Errorf("events %q, want %q", got, test.want)
			}
		})
	}
}

// TestHTTPLostEarly wants no byte to be waited for once it is certain that this is not HTTP.
func TestHTTPLostEarly(t *testing.T) {
	for _, test := range []struct {
		dir    Direction
		stream string
		at     int // the number of bytes that suffice
	}{
		{FromClient, "\x00\x00", 1},
		{FromClient, "\x16\x03\x01", 2},
		{FromClient, "{\"a\"", 1},
		{FromClient, "GET:/ HTTP", 4},
		{FromClient, strings.Repeat("a", 40), 33},
		{FromClient, "\r\n\r\n\x82", 5},
		{FromServer, "\x00\x00\x12\x04", 1},
		{FromServer, "HTTPS/1.1", 5},
		{FromClient, "GET / HTTP/1.1 x\r\nHost: a", 18},
	} {
		var d HTTPDecoder
		d.Reset(test.dir)
		for i := range len(test.stream) {
			if _, ev := d.Next([]byte(test.stream[i : i+1])); (ev == HTTPLost) != (i+1 == test.at) {
				t.Errorf("%q: %v at byte %d, want lost at %d", test.stream, ev, i+1, test.at)
			}
		}
		if d.Idle() {
			t.Errorf("%q: idle when lost", test.stream)
		}
	}
}

func TestHead(t *testing.T) {
	const raw = "\r\nGET /a b?c HTTP/1.1\r\nHost:\t example.org \r\nX-Long: one\r\n  two\r\n\tthree\nno colon\r\nEmpty:\r\n" +
		"a: 1, \"x, \\\"y\", ,2\r\nA:3\r\n\r\n"
	stream := []byte(raw + "next")
	var d HTTPDecoder
	n, ev := d.Next(stream)
	if n != len(raw) || ev != HTTPHead {
		t.Fatalf("Next = %d, %v", n, ev)
	}
	h := d.Head()
	for i := range stream {
		stream[i] = 'x' // the head owns its memory
	}
	if !h.Request || h.Method != "GET" || h.Target != "/a b?c" || h.Proto != "HTTP/1.1" || h.Status != 0 {
		t.Errorf("request line %+v", h)
	}
	if h.Raw != raw || h.Size != len(raw) {
		t.Errorf("raw %q, size %d, want %q", h.Raw, h.Size, raw)
	}
	if got := fmt.Sprintf("%q", h.Fields); got != `[{"Host" "example.org"} {"X-Long" "one two three"} {"Empty" ""} {"a" "1, \"x, \\\"y\", ,2"} {"A" "3"}]` {
		t.Errorf("fields %s", got)
	}
	if h.Get("HOST") != "example.org" || h.Get("none") != "" || h.Get("A") != `1, "x, \"y", ,2` {
		t.Errorf("Get: %q, %q, %q", h.Get("HOST"), h.Get("none"), h.Get("A"))
	}
	if got := fmt.Sprintf("%q", h.Values("A")); got != `["1, \"x, \\\"y\", ,2" "3"]` {
		t.Errorf("Values %s", got)
	}
	if got := fmt.Sprintf("%q", h.Tokens("A")); got != `["1" "\"x, \\\"y\"" "2" "3"]` {
		t.Errorf("Tokens %s", got)
	}
	if !h.HasToken("host", "EXAMPLE.org") || h.HasToken("host", "example") || h.HasToken("none", "") {
		t.Error("HasToken")
	}
}

func TestStatusLine(t *testing.T) {
	var d HTTPDecoder
	d.Reset(FromServer)
	d.Next([]byte("HTTP/1.1 426 Upgrade Required\r\n\r\n"))
	if h := d.Head(); h.Request || h.Proto != "HTTP/1.1" || h.Status != 426 || h.Reason != "Upgrade Required" || h.Method != "" {
		t.Errorf("status line %+v", h)
	}
}

// TestHeadsAreFresh keeps a head while the next message comes.
func TestHeadsAreFresh(t *testing.T) {
	var d HTTPDecoder
	if d.Head() != nil {
		t.Error("a head before the first")
	}
	d.Next([]byte("GET /1 HTTP/1.1\r\n\r\n"))
	first := d.Head()
	d.Next(nil)
	if d.Head() != first {
		t.Error("the head is gone when its message ends")
	}
	d.Next([]byte("GET /2 HTTP/1.1\r\n\r\n"))
	if first.Target != "/1" || first.Raw != "GET /1 HTTP/1.1\r\n\r\n" || d.Head().Target != "/2" {
		t.Errorf("targets %q, %q", first.Target, d.Head().Target)
	}
}

// TestSetBody wants the override to hold for one message, and the events to come with n = 0 from nothing.
func TestSetBody(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	var d HTTPDecoder
	d.Reset(FromServer)
	d.Next([]byte(head))
	d.SetBody(Body{}) // the answer to HEAD
	if n, ev := d.Next(nil); n != 0 || ev != HTTPEnd {
		t.Errorf("after HEAD: %d, %v", n, ev)
	}
	d.Next([]byte(head))
	if n, ev := d.Next([]byte("12345HTTP")); n != 5 || ev != HTTPEnd {
		t.Errorf("the message after: %d, %v", n, ev)
	}
	d.Next([]byte(head))
	d.SetBody(Body{Kind: BodyTunnel}) // the answer to CONNECT
	if n, ev := d.Next(nil); n != 0 || ev != HTTPTunnel {
		t.Errorf("tunnel: %d, %v", n, ev)
	}
	if n, ev := d.Next([]byte("GET ")); n != 4 || ev != HTTPNone {
		t.Errorf("in the tunnel: %d, %v", n, ev)
	}
	if d.Idle() || d.LostReason() != "" {
		t.Errorf("in the tunnel: idle %v, lost %q", d.Idle(), d.LostReason())
	}
}

func TestBody(t *testing.T) {
	const (
		chunked = "Transfer-Encoding: chunked"
		gzip    = "Transfer-Encoding: chunked, gzip"
		five    = "Content-Length: 5"
	)
	for _, test := range []struct {
		fields            string
		request, response string // kind and length, or the error
	}{
		{"", "none", "until end"},
		{five, "length 5", "length 5"},
		{"content-length: 0", "length 0", "length 0"},
		{five + "\n" + five, "length 5", "length 5"},
		{"Content-Length: 5, 5", "length 5", "length 5"},
		{five + "\nContent-Length: 6", `conflicting Content-Length "5" and "6"`, `conflicting Content-Length "5" and "6"`},
		{"Content-Length: 9223372036854775807", "length 9223372036854775807", "length 9223372036854775807"},
		{"Content-Length: 9223372036854775808", `bad Content-Length "9223372036854775808"`, `bad Content-Length "9223372036854775808"`},
		{"Content-Length: +5", `bad Content-Length "+5"`, `bad Content-Length "+5"`},
		{"Content-Length: -5", `bad Content-Length "-5"`, `bad Content-Length "-5"`},
		{"Content-Length: 0x5", `bad Content-Length "0x5"`, `bad Content-Length "0x5"`},
		{"Content-Length: 5_0", `bad Content-Length "5_0"`, `bad Content-Length "5_0"`},
		{"Content-Length:", `bad Content-Length ""`, `bad Content-Length ""`},
		{chunked, "chunked", "chunked"},
		{chunked + "\n" + five, "chunked", "chunked"},
		{gzip, errNoLastChunked.Error(), "until end"},
		{"Transfer-Encoding: gzip\n" + chunked, "chunked", "chunked"},
	} {
		lines := strings.ReplaceAll(test.fields, "\n", "\r\n")
		if lines != "" {
			lines += "\r\n"
		}
		request := parseHead(FromClient, "POST / HTTP/1.1\r\n"+lines+"\r\n")
		if got := framing(request.RequestBody()); got != test.request {
			t.Errorf("request with %q: %s, want %s", test.fields, got, test.request)
		}
		response := parseHead(FromServer, "HTTP/1.1 200 OK\r\n"+lines+"\r\n")
		if got := framing(response.ResponseBody("GET")); got != test.response {
			t.Errorf("response with %q: %s, want %s", test.fields, got, test.response)
		}
	}
}

// framing writes what RequestBody and ResponseBody return.
func framing(b Body, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case b.Kind == BodyLength:
		return fmt.Sprintf("%v %d", b.Kind, b.Length)
	}
	return b.Kind.String()
}

// TestBodyByStatus has a Content-Length in every response, which counts only sometimes.
func TestBodyByStatus(t *testing.T) {
	for _, test := range []struct {
		method string
		status int
		want   string
	}{
		{"GET", 100, "none"}, {"GET", 101, "tunnel"}, {"GET", 103, "none"}, {"GET", 199, "none"},
		{"GET", 200, "length 5"}, {"GET", 204, "none"}, {"GET", 205, "length 5"}, {"GET", 304, "none"}, {"GET", 426, "length 5"},
		{"HEAD", 200, "none"}, {"HEAD", 101, "tunnel"}, {"POST", 200, "length 5"},
		{"CONNECT", 200, "tunnel"}, {"CONNECT", 299, "tunnel"}, {"CONNECT", 407, "length 5"}, {"connect", 200, "length 5"},
	} {
		h := parseHead(FromServer, fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n", test.status))
		if got := framing(h.ResponseBody(test.method)); got != test.want {
			t.Errorf("%d to %s: %s, want %s", test.status, test.method, got, test.want)
		}
	}
	old := parseHead(FromServer, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	if got := framing(old.ResponseBody("GET")); got != "Transfer-Encoding in an HTTP/1.0 message" {
		t.Errorf("chunked HTTP/1.0: %s", got)
	}
}

// TestHTTPAllocates bounds what a handshake costs: head, raw bytes, text, fields.
func TestHTTPAllocates(t *testing.T) {
	stream := []byte(chromeRequest + "\n")
	stream = bytes.ReplaceAll(stream, []byte("\n"), []byte("\r\n"))
	var d HTTPDecoder
	allocs := testing.AllocsPerRun(100, func() {
		d.Reset(FromClient)
		if n, ev := d.Next(stream); n != len(stream) || ev != HTTPHead {
			t.Fatalf("Next = %d, %v", n, ev)
		}
		if _, ev := d.Next(nil); ev != HTTPEnd {
			t.Fatalf("%v after the head", ev)
		}
	})
	if allocs > 5 {
		t.Errorf("%v allocations for a head that arrives whole", allocs)
	}
}

func BenchmarkHandshake(b *testing.B) {
	request := strings.ReplaceAll(chromeRequest+"\n", "\n", "\r\n")
	response := strings.ReplaceAll(goodResponse+"\n", "\n", "\r\n")
	b.SetBytes(int64(len(request) + len(response)))
	b.ReportAllocs()
	var client, server HTTPDecoder
	requestBytes, responseBytes := []byte(request), []byte(response)
	for b.Loop() {
		client.Reset(FromClient)
		server.Reset(FromServer)
		client.Next(requestBytes)
		req, ok := UpgradeRequest(client.Head())
		server.Next(responseBytes)
		if res := UpgradeResponse(&req, server.Head()); !ok || !res.AcceptOK || req.Violations|res.Violations != 0 {
			b.Fatalf("%+v, %+v", req, res)
		}
	}
}
