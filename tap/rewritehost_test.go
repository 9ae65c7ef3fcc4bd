package tap

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// TestRewriteHost: heads change, everything else passes, in whatever pieces it comes.
func TestRewriteHost(t *testing.T) {
	const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
	long := "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n"
	for _, test := range []struct {
		name, in, want string
		lost           bool
	}{
		{"one", "GET / HTTP/1.1\r\nHost: here:8080\r\nX: 1\r\n\r\n", "GET / HTTP/1.1\r\nHost: staging.example\r\nX: 1\r\n\r\n", false},
		{"case and bare LF", "GET / HTTP/1.1\nhOsT:here\n\n", "GET / HTTP/1.1\nhOsT: staging.example\n\n", false},
		{"origin of the old host", "GET / HTTP/1.1\r\nOrigin: http://HERE:8080\r\nHost: here:8080\r\n" + upgrade, "GET / HTTP/1.1\r\nOrigin: http://staging.example\r\nHost: staging.example\r\n" + upgrade, false},
		{"another origin", "GET / HTTP/1.1\r\nHost: here\r\nOrigin: https://app.example\r\n\r\n", "GET / HTTP/1.1\r\nHost: staging.example\r\nOrigin: https://app.example\r\n\r\n", false},
		{"body and the next request", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nHost: a\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: staging.example\r\nContent-Length: 9\r\n\r\nHost: a\r\nGET /2 HTTP/1.1\r\nHost: staging.example\r\n\r\n", false},
		{"chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHost:\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: staging.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHost:\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: staging.example\r\n\r\n", false},
		{"frames after an upgrade", "GET / HTTP/1.1\r\nHost: a\r\n" + upgrade + "\x81\x86\x00\x00\x00\x00Host: ", "GET / HTTP/1.1\r\nHost: staging.example\r\n" + upgrade + "\x81\x86\x00\x00\x00\x00Host: ", false},
		{"no HTTP", "\x16\x03\x01 Host: a\r\n\r\n", "\x16\x03\x01 Host: a\r\n\r\n", true},
		{"a head over 64 KiB", long, long, true},
	} {
		splits := []int{1, 2, 3, 7, 16, 1 << 20}
		if len(test.in) > 1000 {
			splits = []int{1000, 64 << 10, 1 << 20}
		}
		for _, size := range splits {
			lost := 0
			var out bytes.Buffer
			r := newHostRewriter(bufferConn{w: &out}, "staging.example", func(string) { lost++ })
			for piece := range slices.Chunk([]byte(test.in), size) {
				if n, err := r.Write(piece); n != len(piece) || err != nil {
					t.Fatalf("%s: wrote %d of %d, %v", test.name, n, len(piece), err)
				}
			}
			r.CloseWrite()
			if got := out.String(); got != test.want || (lost > 0) != test.lost || lost > 1 {
				t.Errorf("%s in pieces of %d: %.300q, lost %d times, want %.300q", test.name, size, got, lost, test.want)
			}
		}
	}
}

func TestRewriteHostPassesAHeadCutShort(t *testing.T) {
	var out bytes.Buffer
	r := newHostRewriter(bufferConn{w: &out}, "b", nil)
	io.WriteString(r, "GET / HTTP/1.1\r\nHos")
	r.CloseWrite()
	if out.String() != "GET / HTTP/1.1\r\nHos" {
		t.Errorf("passed on %q", out.String())
	}
}

// bufferConn is a connection of which only what is written to it counts.
type bufferConn struct {
	net.Conn
	w io.Writer
}

func (c bufferConn) Write(p []byte) (int, error) { return c.w.Write(p) }

func TestRewriteHostThrough(t *testing.T) {
	r := newRig(t, rigOptions{spec: func(s *Spec) { s.RewriteHost = true }})
	client, server := r.pair()
	io.WriteString(client, "GET / HTTP/1.1\r\nHost: here\r\n\r\n")
	want := "GET / HTTP/1.1\r\nHost: " + r.ln.Addr().String() + "\r\n\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(server, got); err != nil || string(got) != want {
		t.Errorf("the server got %q, %v", got, err)
	}
	exchange(t, server, client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	client.CloseWrite()
	wantEOF(t, server)
}
