package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wstap/wstap/internal/nginxrun"
	"github.com/wstap/wstap/report"
)

// TestMain makes the test binary a wstap when it is asked to: the tests run the
// real program, with the race detector if they have it themselves.
func TestMain(m *testing.M) {
	if os.Getenv("WSTAP_TEST_MAIN") == "1" {
		os.Exit(run(os.Args[1:]))
	}
	dir, err := os.MkdirTemp("", "wstap-state-")
	if err != nil {
		panic(err)
	}
	// Relays of the tests are listed apart from the user's.
	os.Setenv("XDG_STATE_HOME", dir)
	os.Setenv("XDG_RUNTIME_DIR", dir)
	testscript.Main(cleaning{m, dir}, map[string]func(){"wstap": main})
}

// cleaning removes a folder after the tests.
type cleaning struct {
	*testing.M
	dir string
}

func (c cleaning) Run() int {
	defer os.RemoveAll(c.dir)
	return c.M.Run()
}

// command is a wstap that has not been started.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, args...)
	c.Env = append(os.Environ(), "WSTAP_TEST_MAIN=1", "TZ=UTC", "NO_COLOR=1")
	return c
}

// output runs wstap to its end.
func output(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := command(t, args...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

// process is a wstap that runs.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  lockedBuffer
	err  lockedBuffer
	done chan struct{}
	once sync.Once
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func startWstap(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: command(t, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() { p.end(os.Kill) })
	return p
}

// end sends a signal and waits.
func (p *process) end(s os.Signal) {
	p.once.Do(func() {
		p.cmd.Process.Signal(s)
		select {
		case <-p.done:
		case <-time.After(30 * time.Second):
			p.cmd.Process.Signal(syscall.SIGQUIT)
			<-p.done
			p.t.Errorf("wstap did not end:\n%s", p.err.String())
		}
	})
}

// stop ends wstap as Ctrl-C does, and wants exit code 0.
func (p *process) stop() {
	p.t.Helper()
	p.end(os.Interrupt)
	if c := p.cmd.ProcessState.ExitCode(); c != 0 {
		p.t.Errorf("exit code %d\n%s", c, p.err.String())
	}
}

var listens = regexp.MustCompile(`tap (\S+)(?: \(\w+\))? listens at (\S+),`)

// addr waits for the line that tells where a tap listens.
func (p *process) addr(name string) string {
	p.t.Helper()
	var found string
	eventually(p.t, "tap "+name+" listens", func() bool {
		for _, m := range listens.FindAllStringSubmatch(p.out.String(), -1) {
			if m[1] == name {
				found = m[2]
			}
		}
		select {
		case <-p.done:
			p.t.Fatalf("wstap ended: %s", p.err.String())
		default:
		}
		return found != ""
	})
	return found
}

// eventually polls, with a deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// stack is client → front tap → nginx → back tap → server, all real.
type stack struct {
	t       *testing.T
	wstap   *process
	nginx   *nginxrun.Process
	front   string // host:port for clients
	back    string
	errlog  string
	capture string
}

// wsHeaders is what a location needs to proxy WebSockets.
const wsHeaders = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header Host $host;`

type stackOptions struct {
	server   string // host:port, or https://host:port
	tls      string // certificate and key for nginx: clients, the taps and nginx speak TLS to it
	level    string // of nginx's error log; info
	location string // directives of location /
	bare     bool   // without the headers that WebSockets need
	main     string // directives of the top level
	args     []string
}

// passScheme is how nginx speaks to the back tap.
func (o stackOptions) passScheme() string {
	if strings.HasPrefix(o.server, "https://") {
		return "https://"
	}
	return "http://"
}

func newStack(t *testing.T, o stackOptions) *stack {
	t.Helper()
	needNginx(t)
	if o.level == "" {
		o.level = "info"
	}
	port, err := nginxrun.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &stack{t: t, errlog: filepath.Join(dir, "logs", "error.log"), capture: filepath.Join(dir, "rec.mcap")}
	nginx, scheme, secure := fmt.Sprintf("127.0.0.1:%d", port), "", ""
	if o.tls != "" {
		scheme, secure = "https://", " ssl; "+o.tls
	}
	args := append([]string{"tap", "--headless", "--capture", s.capture, "--error-log", s.errlog,
		"front@127.0.0.1:0=" + scheme + nginx, "back@127.0.0.1:0=" + o.server}, o.args...)
	s.wstap = startWstap(t, args...)
	s.front, s.back = s.wstap.addr("front"), s.wstap.addr("back")
	headers := wsHeaders
	if o.bare {
		headers = ""
	}
	conf := nginxrun.Config{
		Main: fmt.Sprintf("error_log logs/error.log %s; %s", o.level, o.main),
		HTTP: fmt.Sprintf("server { listen %s%s; server_name ws.test; location / { %s %s proxy_pass %s%s; } }", nginx, secure, headers, o.location, o.passScheme(), s.back),
	}
	s.nginx, err = nginxrun.Start(dir, conf, nginx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.nginx.Stop)
	return s
}

func needNginx(t *testing.T) {
	t.Helper()
	if _, err := nginxrun.Binary(); err != nil {
		t.Skipf("skipped: %v", err)
	}
}

// report ends wstap and reads what it recorded.
func (s *stack) report() *report.Document {
	s.t.Helper()
	s.wstap.stop()
	return readReport(s.t, s.capture)
}

func readReport(t *testing.T, files ...string) *report.Document {
	t.Helper()
	out, errs, code := output(t, append([]string{"report", "--json"}, files...)...)
	if code != 0 {
		t.Fatalf("report: exit code %d: %s", code, errs)
	}
	var d report.Document
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("report: %v\n%s", err, out)
	}
	return &d
}

// serve runs a WebSocket server of gorilla's; each gets a connection and its path.
func serve(t *testing.T, each func(c *websocket.Conn, path string)) string {
	return serveOver(t, nil, each)
}

// serveOver is serve, over TLS if there is a configuration.
func serveOver(t *testing.T, config *tls.Config, each func(c *websocket.Conn, path string)) string {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		each(c, r.URL.Path)
	}))
	if srv.TLS = config; config != nil {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.CloseClientConnections)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// echoServer echoes; /silent never speaks.
func echoServer(t *testing.T) string {
	return serve(t, func(c *websocket.Conn, path string) {
		for {
			typ, p, err := c.ReadMessage()
			if err != nil {
				return
			}
			if path == "/silent" {
				continue
			}
			if err := c.WriteMessage(typ, p); err != nil {
				return
			}
		}
	})
}

func dial(t *testing.T, addr, target string, h http.Header) *websocket.Conn {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial("ws://"+addr+target, h)
	if err != nil {
		body := ""
		if resp != nil {
			body = resp.Status
		}
		t.Fatalf("dial %s%s: %v %s", addr, target, err, body)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// drain reads until the connection ends, and returns how.
func drain(c *websocket.Conn) error {
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			return err
		}
	}
}

func rawDial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

func byLeg(d *report.Document, leg string) (cs []report.Conn) {
	for _, c := range d.Conns {
		if str(c.Leg) == leg {
			cs = append(cs, c)
		}
	}
	return cs
}

func joined(evidence []string) string { return strings.Join(evidence, "\n") }

// str is what a string that may be null holds.
func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
