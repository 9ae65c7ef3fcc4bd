package demo

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBuffer is an error log in memory.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// line returns the first line that holds all parts, waiting for it.
func (l *logBuffer) line(t *testing.T, parts ...string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
	lines:
		for _, line := range strings.Split(l.String(), "\n") {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return line
		}
	}
	t.Fatalf("no log line with %q in:\n%s", parts, l.String())
	return ""
}

const testIdle = 1500 * time.Millisecond

// world starts a server with a proxy in front and ends both when the test is over.
func world(t *testing.T, idle time.Duration) (addr string, log *logBuffer) {
	t.Helper()
	log = &logBuffer{}
	d := &Demo{IdleTimeout: idle, Log: log, Seed: 1}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); d.Wait() })
	server, err := d.StartServer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	addr, err = d.StartProxy(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	return addr, log
}

func dial(t *testing.T, addr, target string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+addr+target, http.Header{"User-Agent": {"test"}})
	if err != nil {
		t.Fatalf("dial %s: %v", target, err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// untilError reads messages until the WebSocket ends.
func untilError(conn *websocket.Conn) (messages int, err error) {
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return messages, err
		}
		messages++
	}
}

func wantCode(t *testing.T, err error, codes ...int) {
	t.Helper()
	if !websocket.IsCloseError(err, codes...) {
		t.Errorf("ended with %v, want one of the codes %v", err, codes)
	}
}

// lineFormat is nginx's grammar for the lines that the proxy writes.
var lineFormat = regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(info|error)\] \d+#\d+: \*\d+ [^"]+, client: 127\.0\.0\.1, ` +
	`server: demo, request: "GET /\S* HTTP/1\.1", upstream: "http://127\.0\.0\.1:\d+/\S*", host: "127\.0\.0\.1:\d+"(, referrer: ".*")?$`)

func wantFormat(t *testing.T, log *logBuffer) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n") {
		if line != "" && !lineFormat.MatchString(line) {
			t.Errorf("not in nginx's format: %s", line)
		}
	}
}

func TestTemperaments(t *testing.T) {
	addr, log := world(t, testIdle)
	t.Run("all", func(t *testing.T) {
		for name, check := range temperamentChecks {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				check(t, addr, log)
			})
		}
	})
	for name := range temperaments {
		if temperamentChecks[name] == nil {
			t.Errorf("no check for /%s", name)
		}
	}
	wantFormat(t, log)
	for _, silent := range []string{"/leave", "/kick", "/goodbye", "/deploy", "/badproto", "/nope", "/old"} {
		if strings.Contains(log.String(), `"GET `+silent+" ") {
			t.Errorf("nginx leaves no line for %s:\n%s", silent, log.String())
		}
	}
}

var temperamentChecks = map[string]func(t *testing.T, addr string, log *logBuffer){
	"chat": func(t *testing.T, addr string, _ *logBuffer) {
		conn := dial(t, addr, "/chat/7?token=x")
		if err := conn.WriteMessage(websocket.TextMessage, []byte("hi")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); err != nil {
			t.Error("no answer:", err)
		}
	},
	"quiet": func(t *testing.T, addr string, log *logBuffer) {
		conn := dial(t, addr, "/quiet")
		start := time.Now()
		_, err := untilError(conn)
		wantCode(t, err, websocket.CloseAbnormalClosure)
		if took := time.Since(start); took < testIdle-50*time.Millisecond || took > testIdle+time.Second {
			t.Errorf("ended after %v, want %v", took, testIdle)
		}
		log.line(t, "[info]", "upstream timed out (110: Connection timed out) while proxying upgraded connection, client", `"GET /quiet HTTP/1.1"`)
	},
	"slowping": func(t *testing.T, addr string, log *logBuffer) {
		conn := dial(t, addr, "/slowping")
		pongs := 0
		conn.SetPongHandler(func(string) error { pongs++; return nil })
		time.AfterFunc(testIdle*3/4, func() { _ = conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)) })
		start := time.Now()
		_, err := untilError(conn)
		wantCode(t, err, websocket.CloseAbnormalClosure)
		if took := time.Since(start); pongs != 1 || took < testIdle*7/4-50*time.Millisecond {
			t.Errorf("%d pongs, ended after %v, want 1 and %v", pongs, took, testIdle*7/4)
		}
		log.line(t, "[info] ", "upstream timed out", "/slowping")
	},
	"ticker": func(t *testing.T, addr string, _ *logBuffer) {
		conn := dial(t, addr, "/ticker")
		for range 3 {
			if _, _, err := conn.ReadMessage(); err != nil {
				t.Fatal(err)
			}
		}
	},
	"heartbeat": func(t *testing.T, addr string, _ *logBuffer) {
		conn := dial(t, addr, "/heartbeat")
		pings := make(chan struct{}, 8)
		conn.SetPingHandler(func(string) error { pings <- struct{}{}; return nil })
		go func() { _, _ = untilError(conn) }()
		for range 2 {
			select {
			case <-pings:
			case <-time.After(5 * time.Second):
				t.Fatal("no ping")
			}
		}
	},
	"kick": func(t *testing.T, addr string, _ *logBuffer) {
		_, err := untilError(dial(t, addr, "/kick"))
		wantCode(t, err, 1008, 4401, 1013, 1012)
	},
	"crash": func(t *testing.T, addr string, log *logBuffer) {
		_, err := untilError(dial(t, addr, "/crash"))
		wantCode(t, err, websocket.CloseAbnormalClosure)
		log.line(t, "[error] ", "recv() failed (104: Connection reset by peer) while proxying upgraded connection", "/crash")
	},
	"deploy": func(t *testing.T, addr string, _ *logBuffer) {
		_, err := untilError(dial(t, addr, "/deploy"))
		wantCode(t, err, 1001, 1012)
	},
	"goodbye": func(t *testing.T, addr string, _ *logBuffer) {
		conn := dial(t, addr, "/goodbye")
		message := websocket.FormatCloseMessage(1000, "done")
		_ = conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(time.Second))
		_, err := untilError(conn)
		wantCode(t, err, 1000)
	},
	"leave": func(t *testing.T, addr string, _ *logBuffer) {
		dial(t, addr, "/leave").NetConn().Close()
	},
	"badproto": func(t *testing.T, addr string, _ *logBuffer) {
		conn := dial(t, addr, "/badproto")
		if _, err := conn.NetConn().Write([]byte{0x81, 2, 'h', 'i'}); err != nil {
			t.Fatal(err)
		}
		_, err := untilError(conn)
		wantCode(t, err, 1002)
	},
	"nope": func(t *testing.T, addr string, _ *logBuffer) {
		wantRefused(t, addr, "/nope", http.StatusNotFound)
		wantRefused(t, addr, "/nope?token=x", http.StatusForbidden)
	},
	"old": func(t *testing.T, addr string, _ *logBuffer) {
		wantRefused(t, addr, "/old", http.StatusUpgradeRequired)
	},
	"flaky": func(t *testing.T, addr string, log *logBuffer) {
		wantRefused(t, addr, "/flaky", http.StatusBadGateway)
		log.line(t, "[error] ", "connect() failed (111: Connection refused) while connecting to upstream, client", `"http://127.0.0.1:1/flaky"`)
	},
}

func wantRefused(t *testing.T, addr, target string, status int) {
	t.Helper()
	_, response, err := websocket.DefaultDialer.Dial("ws://"+addr+target, nil)
	if !errors.Is(err, websocket.ErrBadHandshake) {
		t.Fatalf("%s: %v, want a refused handshake", target, err)
	}
	if response.StatusCode != status || response.Header.Get("Server") != proxyName {
		t.Errorf("%s: %s from %q, want %d from %q", target, response.Status, response.Header.Get("Server"), status, proxyName)
	}
}

// In the first four seconds everything that the dashboard can show has happened, and the crowd ends at once.
func TestCrowd(t *testing.T) {
	log := &logBuffer{}
	d := &Demo{IdleTimeout: 2 * time.Second, Log: log, Seed: 7}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server, err := d.StartServer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := d.StartProxy(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan error, 1)
	start := time.Now()
	go func() { left <- d.RunCrowd(ctx, "ws://"+proxy) }()

	log.line(t, "connect() failed (111")
	log.line(t, "recv() failed (104", "[error]", "/crash")
	log.line(t, "upstream timed out (110", "/quiet")
	if took := time.Since(start); took > 6*time.Second {
		t.Errorf("it took %v until all had happened, want about 4 s", took)
	}
	wantFormat(t, log)

	cancel()
	ended := time.Now()
	if err := <-left; err != nil {
		t.Error("crowd:", err)
	}
	d.Wait()
	if took := time.Since(ended); took > time.Second {
		t.Errorf("ending took %v, want less than a second", took)
	}
}

func TestCrowdNeedsAnAddress(t *testing.T) {
	if err := new(Demo).RunCrowd(context.Background(), "ws://"); err == nil {
		t.Error("no error without an address")
	}
}

// The dice of a client decide what it asks for; the same seed makes the same crowd.
func TestSeedRepeats(t *testing.T) {
	a := &client{dice: (&Demo{Seed: 3}).dice(roleClient, 1)}
	b := &client{dice: (&Demo{Seed: 3}).dice(roleClient, 1)}
	c := &client{dice: (&Demo{Seed: 4}).dice(roleClient, 1)}
	x, y, z := a.newcomer("chat"), b.newcomer("chat"), c.newcomer("chat")
	if x.target != y.target || x.header.Get("User-Agent") != y.header.Get("User-Agent") {
		t.Errorf("seed 3 gave %q and %q", x.target, y.target)
	}
	if x.target == z.target && x.header.Get("Cookie") == z.header.Get("Cookie") {
		t.Errorf("seeds 3 and 4 both gave %q", x.target)
	}
}

// listen is a server of raw bytes for tests of the proxy alone.
func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.(*net.TCPListener)
}
