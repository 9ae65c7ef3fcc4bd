package main

import (
	"crypto/tls"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/report"
)

// TestIdleKillBetweenTwoTaps: real nginx with proxy_read_timeout 3s ends a
// silent connection; both legs and the log agree.
func TestIdleKillBetweenTwoTaps(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{server: echoServer(t), location: "proxy_read_timeout 3s;", args: []string{"--read-timeout", "3s"}})
	c := dial(t, s.front, "/silent", nil)
	if err := drain(c); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
		t.Errorf("the client saw %v, want 1006", err)
	}
	eventually(t, "the verdict", func() bool { return strings.Contains(s.wstap.out.String(), "idle_timeout") })
	d := s.report()
	if len(d.Conns) != 2 {
		t.Fatalf("%d conns, want 2", len(d.Conns))
	}
	for _, c := range d.Conns {
		if c.Close == nil || c.Close.Cause != "idle_timeout" || c.Close.Confidence != "confirmed" {
			t.Errorf("%s: %+v", str(c.Leg), c.Close)
			continue
		}
		if !strings.Contains(joined(c.Close.Evidence), "upstream timed out (110: Connection timed out) while proxying upgraded connection") {
			t.Errorf("%s: the log line is not among the evidence:\n%s", str(c.Leg), joined(c.Close.Evidence))
		}
		if c.Link == nil || *c.Link != *d.Conns[0].Link {
			t.Errorf("%s: not linked", str(c.Leg))
		}
		if c.LimitMS == nil || c.LimitMS.Std() != 3*time.Second || c.Close.Code == nil || *c.Close.Code != 1006 || !c.Close.CodeDerived {
			t.Errorf("%s: limit %v close %+v", str(c.Leg), c.LimitMS, c.Close)
		}
		if len(c.LogLines) != 1 {
			t.Errorf("%s: %d log lines", str(c.Leg), len(c.LogLines))
		}
	}
}

// TestEndsThroughNginx: one WebSocket after the other ends in every way that
// nginx lets through, and the two legs tell who did it.
func TestEndsThroughNginx(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{server: echoServer(t), location: "proxy_read_timeout 20s;", args: []string{"--read-timeout", "20s"}})
	for _, tt := range []struct {
		target string
		end    func(c *websocket.Conn)
	}{
		{"/close", func(c *websocket.Conn) {
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4401, "go away"))
			drain(c)
		}},
		{"/fin", func(c *websocket.Conn) { c.Close() }},
		{"/reset", func(c *websocket.Conn) {
			c.NetConn().(interface{ SetLinger(int) error }).SetLinger(0)
			c.Close()
		}},
	} {
		c := dial(t, s.front, tt.target, nil)
		c.WriteMessage(websocket.TextMessage, []byte("hello"))
		if _, _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
		tt.end(c)
	}
	eventually(t, "six ends", func() bool { return strings.Count(s.wstap.out.String(), "(confirmed)") >= 6 })
	want := map[string]string{"/close": "close_handshake", "/fin": "client_fin", "/reset": "client_reset"}
	for _, c := range s.report().Conns {
		if c.Close == nil || string(c.Close.Cause) != want[str(c.Target)] || c.Close.Confidence != "confirmed" {
			t.Errorf("%s %s: %+v", str(c.Leg), str(c.Target), c.Close)
		}
	}
}

// TestRefusedThroughNginx: without the two headers the server refuses; nothing
// of it is in nginx's log, and both legs show it.
func TestRefusedThroughNginx(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{server: echoServer(t), bare: true})
	_, resp, err := websocket.DefaultDialer.Dial("ws://"+s.front+"/ws", nil)
	if err == nil || resp == nil {
		t.Fatalf("upgraded without the headers: %v", err)
	}
	eventually(t, "both verdicts", func() bool { return strings.Count(s.wstap.out.String(), "handshake_refused") >= 2 })
	d := s.report()
	for _, c := range d.Conns {
		if c.Close == nil || c.Close.Cause != "handshake_refused" || c.Close.Confidence != "confirmed" || c.Status == nil || *c.Status != resp.StatusCode {
			t.Errorf("%s: %+v", str(c.Leg), c.Close)
		}
		if c.Close != nil && !strings.Contains(joined(c.Close.Evidence), "without an Upgrade header") {
			t.Errorf("%s: not a word about the header that nginx dropped:\n%s", str(c.Leg), joined(c.Close.Evidence))
		}
	}
}

// TestServerDown: the tap behind nginx cannot dial; nginx logs 104 where it
// would have logged 111, and the verdict knows better.
func TestServerDown(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{server: "127.0.0.1:1"})
	_, resp, _ := websocket.DefaultDialer.Dial("ws://"+s.front+"/ws", nil)
	if resp == nil || resp.StatusCode != 502 {
		t.Fatalf("response %v, want 502", resp)
	}
	eventually(t, "both verdicts", func() bool {
		out := s.wstap.out.String()
		return strings.Contains(out, "connect_failed") && strings.Contains(out, "handshake_refused")
	})
	d := s.report()
	back := byLeg(d, "back")
	if len(back) != 1 || back[0].Close.Cause != "connect_failed" || back[0].Close.Confidence != "confirmed" {
		t.Fatalf("back: %+v", back)
	}
	// recv() while reading the response header, or connect() if the reset was that quick
	if !strings.Contains(joined(back[0].Close.Evidence), "failed (104: Connection reset by peer) while") {
		t.Errorf("the log line is not joined:\n%s", joined(back[0].Close.Evidence))
	}
}

// TestPeers: clients in three languages, through both taps and nginx; what the
// report counts is what was sent.
func TestPeers(t *testing.T) {
	t.Parallel()
	eachPeer(t, nil, func(t *testing.T) *stack {
		return newStack(t, stackOptions{server: nodeServer(t, filepath.Join("..", "..", "testdata", "peers", "node", "server.js"))})
	})
}

// TestPeersOverTLS: the same over wss, with nginx encrypting anew.
func TestPeersOverTLS(t *testing.T) {
	pair := newPair(t)
	t.Setenv("NODE_EXTRA_CA_CERTS", pair.cert)
	t.Setenv("SSL_CERT_FILE", pair.cert) // OpenSSL's, for Python
	eachPeer(t, pair.client, func(t *testing.T) *stack {
		return newStack(t, stackOptions{
			server: "https://" + serveOver(t, pair.server, echoMessages), tls: fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s", pair.cert, pair.key),
			args: []string{"--tls-cert", pair.cert, "--tls-key", pair.key, "--upstream-ca", pair.cert},
		})
	})
}

// echoMessages is a server's part of a connection.
func echoMessages(c *websocket.Conn, _ string) {
	for {
		typ, p, err := c.ReadMessage()
		if err != nil || c.WriteMessage(typ, p) != nil {
			return
		}
	}
}

// eachPeer runs every client against a stack of its own, over TLS if there is a
// configuration.
func eachPeer(t *testing.T, config *tls.Config, start func(*testing.T) *stack) {
	scheme := "ws://"
	if config != nil {
		scheme = "wss://"
	}
	const texts, binaries, pings = 12, 9, 5
	args := []string{fmt.Sprint(texts), fmt.Sprint(binaries), fmt.Sprint(pings)}
	peers := filepath.Join("..", "..", "testdata", "peers")
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, url string)
	}{
		{"node", func(t *testing.T, url string) {
			runPeer(t, "node", append([]string{filepath.Join(peers, "node", "client.js"), url}, args...)...)
		}},
		{"python", func(t *testing.T, url string) {
			runPeer(t, "/usr/bin/python3", append([]string{filepath.Join(peers, "python", "client.py"), url}, args...)...)
		}},
		{"go", func(t *testing.T, url string) { goPeer(t, url, config, texts, binaries, pings) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if config == nil { // TLS has an environment of its own
				t.Parallel()
			}
			s := start(t)
			tt.run(t, scheme+s.front+"/"+tt.name)
			eventually(t, "both ends", func() bool { return strings.Count(s.wstap.out.String(), "close_handshake") >= 2 })
			d := s.report()
			if len(d.Conns) != 2 {
				t.Fatalf("%d conns", len(d.Conns))
			}
			for _, c := range d.Conns {
				wantClient := report.Frames{Text: texts, Binary: binaries, Ping: pings, Close: 1}
				wantServer := report.Frames{Text: texts, Binary: binaries, Pong: pings, Close: 1}
				if c.FromClient.Frames != wantClient || c.FromServer.Frames != wantServer {
					t.Errorf("%s: from client %+v, from server %+v", str(c.Leg), c.FromClient.Frames, c.FromServer.Frames)
				}
				if c.FromClient.Messages != texts+binaries || c.FromServer.Messages != texts+binaries {
					t.Errorf("%s: messages %d, %d", str(c.Leg), c.FromClient.Messages, c.FromServer.Messages)
				}
				if len(c.Violations) > 0 {
					t.Errorf("%s: violations %+v", str(c.Leg), c.Violations)
				}
			}
		})
	}
}

func runPeer(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("skipped: %v (make deps installs it)", err)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if strings.Contains(string(out), "Cannot find module") || strings.Contains(string(out), "No module named") {
		t.Skipf("skipped: %s (make deps installs it)", out)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// nodeServer is an echo server of the ws package.
func nodeServer(t *testing.T, script string) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		return echoServer(t)
	}
	cmd := exec.Command("node", script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	eventually(t, "the Node.js server's port", func() bool { return strings.Contains(out.String(), "\n") })
	port := strings.TrimSpace(out.String())
	if strings.Contains(port, "Error") {
		t.Skipf("skipped: %.200s (make deps installs it)", port)
	}
	return "127.0.0.1:" + port
}

func goPeer(t *testing.T, url string, config *tls.Config, texts, binaries, pings int) {
	d := websocket.Dialer{TLSClientConfig: config, WriteBufferSize: 1 << 20} // a smaller one makes continuation frames
	c, _, err := d.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	pongs := 0
	c.SetPongHandler(func(string) error { pongs++; return nil })
	for i := range texts + binaries {
		typ := websocket.TextMessage
		if i >= texts {
			typ = websocket.BinaryMessage
		}
		if err := c.WriteMessage(typ, []byte(strings.Repeat("x", 1000*i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range pings {
		if err := c.WriteMessage(websocket.PingMessage, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	for range texts + binaries {
		if _, _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	// The pongs came before the echoes' end or come before the close frame.
	c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "done"))
	if err := drain(c); !websocket.IsCloseError(err, 1000) {
		t.Errorf("ended with %v", err)
	}
	if pongs != pings {
		t.Errorf("%d pongs, want %d", pongs, pings)
	}
}

// TestSlowConsumer: a client that does not read, and a log at level error that
// says nothing of it: nginx's end of the back leg and our own blocked write do.
func TestSlowConsumer(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{server: floodServer(t), level: "error", location: "send_timeout 2s; proxy_read_timeout 30s;", args: []string{"--read-timeout", "30s"}})
	c := dial(t, s.front, "/flood", nil) // and never reads
	eventually(t, "nginx gives up", func() bool { return strings.Contains(s.wstap.out.String(), "slow_consumer") })
	c.NetConn().(interface{ SetLinger(int) error }).SetLinger(0)
	c.Close() // long after: it is not the one who ended it
	eventually(t, "both verdicts", func() bool { return strings.Count(s.wstap.out.String(), " closed ") >= 2 })
	for _, c := range s.report().Conns {
		if c.Close == nil || c.Close.Cause != "slow_consumer" {
			t.Errorf("%s: %+v", str(c.Leg), c.Close)
		}
	}
}

// TestReloadCutsBusyTunnels: worker_shutdown_timeout ends tunnels that are not
// idle at all; no line names them, only the worker's exit.
func TestReloadCutsBusyTunnels(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{server: echoServer(t), main: "worker_shutdown_timeout 1s;", location: "proxy_read_timeout 30s;", args: []string{"--read-timeout", "30s"}})
	const n = 5
	var ended sync.WaitGroup
	for i := range n {
		c := dial(t, s.front, fmt.Sprintf("/busy/%d", i), nil)
		every := time.Duration(30+17*i) * time.Millisecond
		ended.Go(func() {
			defer c.Close()
			for c.WriteMessage(websocket.TextMessage, []byte("x")) == nil {
				if _, _, err := c.ReadMessage(); err != nil {
					return
				}
				time.Sleep(every) // the pace of the traffic
			}
		})
	}
	eventually(t, "all are open", func() bool { return strings.Count(s.wstap.out.String(), "upgraded 101") == 2*n })
	s.nginx.Signal(syscall.SIGHUP)
	ended.Wait()
	eventually(t, "the verdicts", func() bool { return strings.Count(s.wstap.out.String(), " closed ") >= 2*n })
	for _, c := range s.report().Conns {
		if c.Close == nil || c.Close.Cause != "proxy_shutdown" || c.Close.Confidence != "confirmed" {
			t.Errorf("%s %s: %+v", str(c.Leg), str(c.Target), c.Close)
		}
	}
}

// floodServer sends without end.
func floodServer(t *testing.T) string {
	return serve(t, func(c *websocket.Conn, _ string) {
		for payload := make([]byte, 64<<10); c.WriteMessage(websocket.BinaryMessage, payload) == nil; {
		}
	})
}
