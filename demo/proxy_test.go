package demo

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const upgradeHead = "GET /raw?token=abc HTTP/1.1\r\nhOST: example.com\r\nsec-websocket-KEY: k\r\nX-Dup: 1\r\nConnection: keep-alive, Upgrade\r\n" +
	"X-Dup: 2\r\nUpgrade: websocket\r\nReferer: https://r/\r\n\r\n"

// pair opens a tunnel through the proxy and returns its two ends, and the request as the server got it.
func pair(t *testing.T, idle time.Duration) (client, server *net.TCPConn, request string, log *logBuffer) {
	t.Helper()
	ln := listen(t)
	log = &logBuffer{}
	d := &Demo{IdleTimeout: idle, Log: log}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); d.Wait() })
	addr, err := d.StartProxy(ctx, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client = connect(t, addr)
	write(t, client, upgradeHead)
	server, err = ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	_ = server.SetReadDeadline(time.Now().Add(10 * time.Second))
	request = readRawHead(t, server)
	write(t, server, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\n")
	if got := readRawHead(t, client); !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.Contains(got, "\r\nSec-WebSocket-Accept: a\r\n") ||
		!strings.Contains(got, "Server: "+proxyName) || !strings.Contains(got, "Connection: upgrade\r\n") {
		t.Fatalf("the client got %q", got)
	}
	return client, server, request, log
}

func connect(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	return conn.(*net.TCPConn)
}

func write(t *testing.T, conn net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(conn, s); err != nil {
		t.Fatal(err)
	}
}

// readRawHead reads bytes up to the empty line and not one more.
func readRawHead(t *testing.T, conn net.Conn) string {
	t.Helper()
	var b strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		if _, err := conn.Read(one); err != nil {
			t.Fatalf("after %q: %v", b.String(), err)
		}
		b.WriteByte(one[0])
	}
	return b.String()
}

func wantBytes(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

func wantFIN(t *testing.T, who string, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%s got %d bytes, %v, want a FIN", who, n, err)
	}
}

func TestRequestPassesAsNginxPassesIt(t *testing.T) {
	_, _, request, _ := pair(t, time.Minute)
	want := "GET /raw?token=abc HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX-Forwarded-For: 127.0.0.1\r\n" +
		"sec-websocket-KEY: k\r\nX-Dup: 1\r\nX-Dup: 2\r\nReferer: https://r/\r\n\r\n"
	if request != want {
		t.Errorf("got  %q\nwant %q", request, want)
	}
}

// A byte of either side re-arms the one timer, and its end is a FIN to both.
func TestIdleTimerIsOfTheWholeTunnel(t *testing.T) {
	const idle = 600 * time.Millisecond
	client, server, _, log := pair(t, idle)
	ticks := time.NewTicker(idle / 3)
	defer ticks.Stop()
	for n := range 8 {
		<-ticks.C
		from, to := client, server
		if n >= 4 {
			from, to = server, client
		}
		write(t, from, "x")
		wantBytes(t, to, "x")
	}
	last := time.Now()
	wantFIN(t, "client", client)
	wantFIN(t, "server", server)
	if took := time.Since(last); took < idle-50*time.Millisecond || took > idle+time.Second {
		t.Errorf("ended %v after the last byte, want %v", took, idle)
	}
	got := log.line(t, "upstream timed out")
	if want := `, request: "GET /raw?token=abc HTTP/1.1", upstream: "http://` + server.LocalAddr().String() +
		`/raw?token=abc", host: "example.com", referrer: "https://r/"`; !strings.HasSuffix(got, want) || !strings.Contains(got, "[info]") {
		t.Errorf("the line is %q, want it to end in %q", got, want)
	}
}

func TestFINEndsBothSidesSilently(t *testing.T) {
	client, server, _, log := pair(t, time.Minute)
	write(t, server, "last words")
	_ = server.CloseWrite()
	wantBytes(t, client, "last words")
	wantFIN(t, "client", client)
	wantFIN(t, "server, which could still read", server)
	if got := log.String(); got != "" {
		t.Errorf("nginx leaves no line, got %q", got)
	}
}

func TestResetIsLoggedAtTheLevelOfItsSide(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		client, server, _, log := pair(t, time.Minute)
		_ = server.SetLinger(0)
		server.Close()
		wantFIN(t, "client", client)
		log.line(t, "[error]", "recv() failed (104: Connection reset by peer) while proxying upgraded connection, client")
	})
	t.Run("client", func(t *testing.T) {
		client, server, _, log := pair(t, time.Minute)
		_ = client.SetLinger(0)
		client.Close()
		wantFIN(t, "server", server)
		log.line(t, "[info]", "recv() failed (104: Connection reset by peer) while proxying upgraded connection, client")
	})
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	for _, c := range []struct {
		name, status, line string
		act                func(*net.TCPConn)
	}{
		{"closes", "502", "upstream prematurely closed connection while reading response header", func(c *net.TCPConn) { c.Close() }},
		{"resets", "502", "recv() failed (104: Connection reset by peer) while reading response header", func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() }},
		{"is silent", "504", "upstream timed out (110: Connection timed out) while reading response header", func(*net.TCPConn) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t)
			log := &logBuffer{}
			d := &Demo{IdleTimeout: 300 * time.Millisecond, Log: log}
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(func() { cancel(); d.Wait() })
			addr, err := d.StartProxy(ctx, ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			client := connect(t, addr)
			write(t, client, upgradeHead)
			server, err := ln.AcceptTCP()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			readRawHead(t, server)
			c.act(server)
			if got, err := io.ReadAll(client); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 "+c.status+" ") {
				t.Errorf("the client got %q, %v", got, err)
			}
			log.line(t, "[error]", c.line)
		})
	}
}

func TestProxyEndsWithItsContext(t *testing.T) {
	ln := listen(t)
	d := &Demo{}
	ctx, cancel := context.WithCancel(context.Background())
	addr, err := d.StartProxy(ctx, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	silent := connect(t, addr) // a connection without a request must not hold it up
	cancel()
	d.Wait()
	wantFIN(t, "client", silent)
}

func TestReadHead(t *testing.T) {
	cases := []struct {
		name, in string
		lines    int
		fails    bool
	}{
		{"crlf", "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\nrest", 2, false},
		{"lf", "GET / HTTP/1.1\nA: 1\n\n", 1, false},
		{"empty lines first", "\r\nGET / HTTP/1.1\r\n\r\n", 0, false},
		{"cut", "GET / HTTP/1.1\r\nA: 1", 0, true},
		{"nothing", "", 0, true},
		{"long line", "GET /" + strings.Repeat("x", maxHeadLine), 0, true},
		{"many lines", "GET / HTTP/1.1\r\n" + strings.Repeat("A: 1\r\n", maxHead/6+1), 0, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, err := readHead(bufio.NewReaderSize(strings.NewReader(c.in), maxHeadLine))
			if (err != nil) != c.fails || err == nil && (h.start != "GET / HTTP/1.1" || len(h.lines) != c.lines) {
				t.Errorf("got %q, %v", h, err)
			}
		})
	}
}
