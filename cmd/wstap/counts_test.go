package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/internal/nginxrun"
	"github.com/wstap/wstap/report"
)

// frame makes a masked frame of RFC 6455 §5.2 with a payload of n bytes.
func frame(first byte, n int) []byte {
	b := []byte{first}
	switch {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	default:
		b = append(b, 0x80|127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	b = append(b, 1, 2, 3, 4)
	for i := range n {
		b = append(b, 'x'^byte(1+i%4))
	}
	return b
}

// countingServer answers 101, then counts what it gets.
type countingServer struct {
	net.Listener
	got atomic.Int64
}

func newCountingServer(t *testing.T, config *tls.Config) *countingServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	s := &countingServer{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Read(buf)
			s.got.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	return s
}

const upgradeHead = "GET /split HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// TestCountsWhateverTheSplits: every frame in two pieces, at every offset, then
// all frames in one piece; the report counts what was sent.
func TestCountsWhateverTheSplits(t *testing.T) {
	t.Parallel()
	countWhateverTheSplits(t, newCountingServer(t, nil), "", func(c net.Conn) net.Conn { return c })
}

// TestCountsOverTLS: the same through a tap that speaks TLS on both sides.
func TestCountsOverTLS(t *testing.T) {
	t.Parallel()
	pair := newPair(t)
	countWhateverTheSplits(t, newCountingServer(t, pair.server), "https://", func(c net.Conn) net.Conn { return tls.Client(c, pair.client) },
		"--tls-cert", pair.cert, "--tls-key", pair.key, "--upstream-ca", pair.cert)
}

func countWhateverTheSplits(t *testing.T, srv *countingServer, scheme string, over func(net.Conn) net.Conn, args ...string) {
	rec := filepath.Join(t.TempDir(), "rec.mcap")
	args = append([]string{"tap", "--headless", "--capture", rec, "back@127.0.0.1:0=" + scheme + srv.Addr().String()}, args...)
	p := startWstap(t, args...)
	c := over(rawDial(t, p.addr("back")))
	io.WriteString(c, upgradeHead)
	br := bufio.NewReader(c)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %v", resp, err)
	}
	frames := [][]byte{frame(0x81, 5), frame(0x82, 130), frame(0x89, 3), frame(0x01, 2), frame(0x8a, 0), frame(0x80, 2)}
	var want report.Frames
	sent := int64(0)
	send := func(b []byte) {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		sent += int64(len(b))
		eventually(t, "the server has it", func() bool { return srv.got.Load() == sent })
	}
	count := func() {
		want.Text += 2
		want.Binary++
		want.Ping++
		want.Pong++
		want.Continuation++
	}
	all := bytes.Join(frames, nil)
	for i := 1; i < len(all); i++ {
		send(all[:i])
		send(all[i:])
		count()
	}
	for range 50 {
		send(bytes.Repeat(all, 20))
		for range 20 {
			count()
		}
	}
	c.Close()
	eventually(t, "the end", func() bool { return strings.Contains(p.out.String(), "closed client_fin") })
	p.stop()
	d := readReport(t, rec)
	if len(d.Conns) != 1 {
		t.Fatalf("%d conns", len(d.Conns))
	}
	got := d.Conns[0].FromClient
	if got.Frames != want {
		t.Errorf("frames %+v, want %+v", got.Frames, want)
	}
	if got.Bytes != uint64(sent)+uint64(len(upgradeHead)) {
		t.Errorf("bytes %d, want %d", got.Bytes, int(sent)+len(upgradeHead))
	}
	if len(d.Conns[0].Violations) != 0 {
		t.Errorf("violations: %+v", d.Conns[0].Violations)
	}
}

// TestUpgradeOnReusedConnections: on both legs the handshake is not the first
// request of its connection; real nginx with upstream keepalive.
func TestUpgradeOnReusedConnections(t *testing.T) {
	t.Parallel()
	needNginx(t)
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !websocket.IsWebSocketUpgrade(r) {
			fmt.Fprint(w, "plain")
			return
		}
		if c, err := up.Upgrade(w, r, nil); err == nil {
			c.WriteMessage(websocket.TextMessage, []byte("hello"))
			c.Close()
		}
	}))
	t.Cleanup(srv.Close)
	port, err := nginxrun.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	rec := filepath.Join(t.TempDir(), "rec.mcap")
	p := startWstap(t, "tap", "--headless", "--capture", rec, "front@127.0.0.1:0="+addr, "back@127.0.0.1:0="+srv.Listener.Addr().String())
	ng, err := nginxrun.Start(t.TempDir(), nginxrun.Config{HTTP: fmt.Sprintf(`
		map $http_upgrade $conn { default upgrade; '' ''; }
		upstream app { server %s; keepalive 4; }
		server { listen %s; location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $conn; proxy_pass http://app; } }`,
		p.addr("back"), addr)}, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ng.Stop)

	c := rawDial(t, p.addr("front"))
	br := bufio.NewReader(c)
	for range 3 {
		io.WriteString(c, "GET /page HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != "plain" {
			t.Fatalf("body %q", body)
		}
	}
	io.WriteString(c, upgradeHead)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %v", resp, err)
	}
	if _, err := io.ReadAll(br); err != nil {
		t.Fatal(err)
	}
	c.Close()
	eventually(t, "both ends", func() bool { return strings.Count(p.out.String(), " closed ") >= 2 })
	p.stop()
	d := readReport(t, rec)
	if len(d.Conns) != 2 || d.Totals.HTTP["200"] != 6 {
		t.Fatalf("%d conns, plain HTTP %v, want 2 and 3 on each leg", len(d.Conns), d.Totals.HTTP)
	}
	for _, c := range d.Conns {
		if c.Status == nil || *c.Status != 101 || c.FromServer.Frames.Text != 1 || c.Link == nil {
			t.Errorf("%s: %+v", str(c.Leg), c)
		}
	}
}
