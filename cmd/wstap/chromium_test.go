//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"embed"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/report"
)

//go:embed testdata/chromium
var pageFiles embed.FS

// forPages is an nginx that serves a page and its WebSockets: gorilla compares
// Origin with Host, hence the port in it.
const forPages = `map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server { listen ‹nginx›; location / { proxy_pass http://‹app›; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade; proxy_set_header Host $http_host; proxy_read_timeout 1h; } }`

// TestChromium: a page in a real browser, over wss through both taps and nginx;
// what the page says of its WebSockets is what the recording says of both legs.
func TestChromium(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		way  way
		args []string
	}{
		{"in", way{}, []string{"--tls-self-signed=front"}},
		{"anew", tlsWays[5], nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pair := newPair(t)
			app := newPageServer(t, pair.serverIf(test.way.server))
			s := newSite(t, siteOptions{servers: map[string]string{"app": app.addr}, http: forPages, way: test.way, pair: pair, args: test.args})
			b := startChromium(t, "https://"+s.front+"/")
			told := map[string]told{}
			for range scenes {
				scene := app.next(b)
				told[scene.Name] = scene
			}
			b.kill()
			s.until(2*len(scenes), " closed ") // and maybe one that came to no request
			d := s.report()
			judgeScenes(t, d, told)
			judgePlainHTTP(t, d, app)
		})
	}
}

// told is what the page says of a WebSocket.
type told struct {
	Name, Error string
	Code        uint16
	Reason      string
	Clean       bool
	Extensions  string
	Protocol    string
}

// scene is what the recording is to say of a WebSocket of page.js.
type scene struct {
	cause           string
	code            uint16
	reason          string
	from            string // who sent the first close frame
	texts, binaries uint64 // each way
	more            uint64 // texts from the client alone
	protocol        string
	plain           bool // the server declined permessage-deflate
	silent          bool // the page is gone before it could tell how it ended
}

// scenes are those of page.js, by name: the target without its slash. Chromium
// sends 1001 when a page is left (the HTML standard's "make disappear"), and not
// before it has forgotten the page: hence the cache for going back is off.
var scenes = map[string]scene{
	"deflated": {cause: "close_handshake", code: 1000, reason: "done", from: "client", texts: 5, binaries: 8, protocol: "chat.v2"},
	"plain":    {cause: "close_handshake", code: 1000, reason: "done", from: "client", texts: 5, binaries: 8, protocol: "chat.v2", plain: true},
	"leave":    {cause: "close_handshake", code: 4001, reason: "tired of waiting ✓", from: "client", texts: 1},
	"deploy":   {cause: "close_handshake", code: 1012, reason: "deploy", from: "server", texts: 1, more: 1},
	"away":     {cause: "close_handshake", code: 1001, from: "client", texts: 1, silent: true},
	"killed":   {cause: "client_fin", code: 1006, from: "none", texts: 1, more: 1, silent: true},
}

// judgeScenes wants each scene on both legs, linked, as it was played and as the
// page itself saw it.
func judgeScenes(t *testing.T, d *report.Document, told map[string]told) {
	t.Helper()
	legs := map[string][]report.Conn{}
	for _, c := range d.Conns {
		if c.Target == nil && c.Close != nil && c.Close.Cause == monitor.CauseTLSFailed {
			continue // Chromium connects anew once it has seen a certificate that it only puts up with
		}
		name := strings.TrimPrefix(str(c.Target), "/")
		if _, ok := scenes[name]; !ok {
			b, _ := json.Marshal(c)
			t.Errorf("a conn that is no WebSocket of the page: %s", b)
		}
		legs[name] = append(legs[name], c)
	}
	for name, want := range scenes {
		cs := legs[name]
		if len(cs) != 2 || cs[0].Tap == cs[1].Tap || cs[0].Link == nil || cs[1].Link == nil || *cs[0].Link != *cs[1].Link {
			t.Errorf("%s: %d conns, want the two legs of one link", name, len(cs))
			continue
		}
		for _, c := range cs {
			if wrong := want.differs(c); wrong != "" {
				b, _ := json.Marshal(c)
				t.Errorf("%s on the %s leg: %s\n%s", name, str(c.Leg), wrong, b)
			}
			if page := told[name]; !want.silent && (page.Code != want.code || !page.Clean || page.Extensions != "" && page.Extensions != str(c.Extensions)) {
				t.Errorf("%s: the page saw %+v, wanted is %+v, the %s leg had %q", name, page, want, str(c.Leg), str(c.Extensions))
			}
		}
	}
}

// differs says in what a recorded leg is not as wanted.
func (w scene) differs(c report.Conn) string {
	v, up, down := c.Close, &c.FromClient, &c.FromServer
	deflated := strings.HasPrefix(str(c.Extensions), "permessage-deflate")
	switch {
	case v == nil || string(v.Cause) != w.cause || v.Confidence != monitor.Confirmed:
		return "the verdict"
	case v.Code == nil || *v.Code != w.code || v.CodeDerived != (w.from == "none") || str(v.Reason) != w.reason:
		return "the close code or its reason"
	case v.CloseFrom != w.from:
		return "who closed"
	case up.Messages != w.texts+w.binaries+w.more || up.Frames.Text != w.texts+w.more || up.Frames.Binary != w.binaries:
		return "messages of the client"
	case down.Messages != w.texts+w.binaries || down.Frames.Text != w.texts || down.Frames.Binary != w.binaries:
		return "messages of the server"
	case deflated == w.plain || w.plain && c.Extensions != nil:
		return "extensions"
	case str(c.Subprotocol) != w.protocol:
		return "the subprotocol"
	case len(c.Violations) > 0:
		return "a rule of the protocol is said to be broken"
	}
	return ""
}

// judgePlainHTTP: the page, its script and its reports passed both taps, and are
// counted as what the server answered.
func judgePlainHTTP(t *testing.T, d *report.Document, app *pageServer) {
	t.Helper()
	app.mu.Lock()
	defer app.mu.Unlock()
	want := map[string]uint64{}
	for status, n := range app.answered {
		want[strconv.Itoa(status)] = 2 * n
	}
	if len(want) != 3 || !maps.Equal(d.Totals.HTTP, want) {
		t.Errorf("plain HTTP %v, want %v: both legs, each of 200, 204 and 404", d.Totals.HTTP, want)
	}
}

// pageServer serves the page and its WebSockets.
type pageServer struct {
	addr  string
	tells chan told

	mu       sync.Mutex
	answered map[int]uint64 // plain requests by status
}

func newPageServer(t *testing.T, config *tls.Config) *pageServer {
	t.Helper()
	p := &pageServer{tells: make(chan told, len(scenes)+1), answered: map[int]uint64{}}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			p.upgrade(w, r)
			return
		}
		body, status := p.answer(r)
		p.mu.Lock()
		p.answered[status]++
		p.mu.Unlock()
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		}
		w.WriteHeader(status)
		w.Write(body)
	}))
	if srv.TLS = config; config != nil {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.CloseClientConnections)
	t.Cleanup(srv.Close)
	p.addr = srv.Listener.Addr().String()
	return p
}

// answer is what plain HTTP gets.
func (p *pageServer) answer(r *http.Request) (body []byte, status int) {
	file := strings.TrimPrefix(r.URL.Path, "/")
	switch file {
	case "told":
		var what told
		if err := json.NewDecoder(r.Body).Decode(&what); err != nil {
			what.Error = err.Error()
		}
		p.tells <- what
		return nil, http.StatusNoContent
	case "", "next":
		file = "page.html"
	}
	body, err := pageFiles.ReadFile("testdata/chromium/" + file)
	if err != nil {
		return nil, http.StatusNotFound
	}
	return body, http.StatusOK
}

// upgrade echoes; "go" asks the server to close, "ready" tells the test.
func (p *pageServer) upgrade(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{EnableCompression: r.URL.Path != "/plain", Subprotocols: []string{"chat.v2"}}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		typ, msg, err := c.ReadMessage()
		if err != nil {
			return
		}
		switch string(msg) {
		case "go":
			c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseServiceRestart, "deploy"), time.Now().Add(time.Minute))
			continue
		case "ready":
			p.tells <- told{Name: strings.TrimPrefix(r.URL.Path, "/")}
			continue
		}
		if c.WriteMessage(typ, msg) != nil {
			return
		}
	}
}

// next waits for what the page tells.
func (p *pageServer) next(b *browser) told {
	b.t.Helper()
	select {
	case what := <-p.tells:
		if what.Error != "" {
			b.t.Fatalf("the page: %s: %s\n%s", what.Name, what.Error, b.out.String())
		}
		return what
	case <-b.done:
		b.t.Fatalf("Chromium ended:\n%s", b.out.String())
	case <-time.After(2 * time.Minute):
		b.t.Fatalf("the page tells nothing more; Chromium says:\n%s", b.out.String())
	}
	panic("unreachable")
}

// browser is a Chromium with a process group and a profile of its own.
type browser struct {
	t       *testing.T
	cmd     *exec.Cmd
	profile string
	out     lockedBuffer
	done    chan struct{}
	once    sync.Once
}

func startChromium(t *testing.T, url string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("skipped: %v (make deps installs it)", err)
	}
	b := &browser{t: t, profile: t.TempDir(), done: make(chan struct{})}
	b.cmd = exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors",
		"--user-data-dir="+b.profile, "--no-first-run", "--no-proxy-server", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-breakpad", "--disable-features=BackForwardCache",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", // it calls nobody
		"--enable-logging=stderr", url)
	// All that it writes is removed with the profile.
	b.cmd.Env = append(os.Environ(), "HOME="+b.profile, "TMPDIR="+b.profile, "XDG_CONFIG_HOME="+b.profile, "XDG_CACHE_HOME="+b.profile)
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.out
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { b.cmd.Wait(); close(b.done) }()
	t.Cleanup(b.kill)
	return b
}

// kill ends it as a crash does, and waits until none of its processes is left.
func (b *browser) kill() {
	b.once.Do(func() {
		syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
		<-b.done
		eventually(b.t, "no process of Chromium is left", func() bool { return len(b.left()) == 0 })
	})
}

// left are its processes that live: those of the group, and those that know the
// profile, should one have left the group.
func (b *browser) left() (commands []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		stat, _ := os.ReadFile(file) // it may have ended since
		// proc(5): pid (comm) state ppid pgrp …; comm may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 3 || fields[0] == "Z" {
			continue
		}
		dir := filepath.Dir(file)
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if fields[2] == strconv.Itoa(b.cmd.Process.Pid) || bytes.Contains(command, []byte(b.profile)) || bytes.Contains(environ, []byte(b.profile)) {
			commands = append(commands, string(command))
		}
	}
	return commands
}
