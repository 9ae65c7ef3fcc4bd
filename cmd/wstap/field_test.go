package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/internal/nginxrun"
	"github.com/wstap/wstap/report"
)

// The known problems of this field, each reproduced on real nginx and explained
// end to end: the client's view, the connections' verdicts, the findings and
// what to paste.

// site is clients → front tap → nginx → a back tap before each server, with
// nginx's configuration read by wstap.
type site struct {
	t       *testing.T
	opts    siteOptions
	wstap   *process
	proc    *nginxrun.Process // nginx
	front   string            // for clients
	nginx   string            // its own address
	back    map[string]string // by the server's name: where nginx is to connect
	capture string
}

// siteOptions: http makes the http block; in it ‹nginx› is nginx's address and
// ‹NAME› that of the back tap before a server.
type siteOptions struct {
	servers map[string]string // name → host:port
	http    string
	main    string
	args    []string
	way     way   // where TLS is spoken, with
	pair    *pair // for certificates
	asIs    bool  // http is not changed for the way
}

// overTLS makes the http block one for the way.
func (o *siteOptions) overTLS() string {
	http := o.http
	if o.way.nginx && !o.asIs {
		http = strings.ReplaceAll(http, "listen ‹nginx›;", fmt.Sprintf("listen ‹nginx› ssl; ssl_certificate %s; ssl_certificate_key %s;", o.pair.cert, o.pair.key))
	}
	if o.way.pass && !o.asIs {
		http = strings.ReplaceAll(http, "http://‹", "https://‹")
	}
	return http
}

// tapFlags are those of a tap that has TLS on one side or both: in towards
// whoever connects, out towards its upstream.
func (o *siteOptions) tapFlags(tap string, in, out bool) (flags []string) {
	if in {
		flags = append(flags, "--tls-cert", tap+":"+o.pair.cert, "--tls-key", tap+":"+o.pair.key)
	}
	if out && !slices.Contains(o.args, "--upstream-ca") {
		flags = append(flags, "--upstream-ca", tap+":"+o.pair.cert)
	}
	return flags
}

func newSite(t *testing.T, o siteOptions) *site {
	t.Helper()
	needNginx(t)
	dir := t.TempDir()
	s := &site{t: t, opts: o, nginx: placeFor(t), front: placeFor(t), back: map[string]string{}, capture: filepath.Join(dir, "rec.mcap")}
	args := []string{"tap", "--headless", "--capture", s.capture, "--error-log", filepath.Join(dir, "logs", "error.log"),
		"--nginx-conf", filepath.Join(dir, "nginx.conf"), "front@" + s.front + "=" + scheme(o.way.nginx) + s.nginx}
	args = append(args, o.tapFlags("front", o.way.client, o.way.nginx)...)
	places := []string{"‹nginx›", s.nginx}
	for name, server := range o.servers {
		s.back[name] = placeFor(t)
		places = append(places, "‹"+name+"›", s.back[name])
		args = append(args, "back:"+name+"@"+s.back[name]+"="+scheme(o.way.server)+server)
		args = append(args, o.tapFlags(name, o.way.pass, o.way.server)...)
	}
	conf := nginxrun.Config{Main: "error_log logs/error.log info;\n" + o.main, HTTP: strings.NewReplacer(places...).Replace(o.overTLS())}
	if err := conf.Write(dir); err != nil {
		t.Fatal(err)
	}
	s.wstap = startWstap(t, append(args, o.args...)...)
	s.wstap.addr("front")
	var err error
	if s.proc, err = nginxrun.Start(dir, conf, s.nginx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.proc.Stop)
	return s
}

// placeFor is an address that nobody listens at.
func placeFor(t *testing.T) string {
	t.Helper()
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// dialer is how clients reach a target.
func (s *site) dialer(target string) (d websocket.Dialer, url string) {
	if !s.opts.way.client {
		return d, "ws://" + s.front + target
	}
	d.TLSClientConfig = s.opts.pair.client
	return d, "wss://" + s.front + target
}

func (s *site) dial(target string) *websocket.Conn {
	s.t.Helper()
	d, url := s.dialer(target)
	c, _, err := d.Dial(url, nil)
	if err != nil {
		s.t.Fatalf("dial %s: %v", url, err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// refusedWith dials and wants an answer that is no 101.
func (s *site) refusedWith(target string, status int) {
	s.t.Helper()
	d, url := s.dialer(target)
	_, resp, err := d.Dial(url, nil)
	if err == nil || resp == nil || resp.StatusCode != status {
		s.t.Fatalf("dial %s: %v %v, want status %d", target, err, resp, status)
	}
}

// until waits for a text in the lines of the headless run.
func (s *site) until(n int, text string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d × %q", n, text), func() bool { return strings.Count(s.wstap.out.String(), text) >= n })
}

func (s *site) report() *report.Document {
	s.t.Helper()
	s.wstap.stop()
	return readReport(s.t, s.capture)
}

// found wants a finding whose title, evidence and fix hold all the texts.
func found(t *testing.T, d *report.Document, id string, texts ...string) {
	t.Helper()
	var all []string
	for _, f := range d.Findings {
		whole := fmt.Sprintf("%s [%s] %s\n%s\n%s\n%s:%d", f.ID, f.Severity, f.Title, strings.Join(f.Evidence, "\n"), f.Fix, f.File, f.Line)
		all = append(all, whole)
		if f.ID == id && containsAll(whole, texts) {
			return
		}
	}
	t.Errorf("no finding %s with %q among:\n%s", id, texts, strings.Join(all, "\n\n"))
}

func containsAll(s string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(s, text) {
			return false
		}
	}
	return true
}

const goodHeaders = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header Host $host;`

// TestField502: the server is down; the client gets 502 at the handshake.
func TestField502(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": "127.0.0.1:1"},
		http:    `server { listen ‹nginx›; location / { ` + goodHeaders + ` proxy_pass http://‹app›; } }`,
	})
	s.refusedWith("/ws", 502)
	s.until(1, "connect_failed")
	s.until(1, "handshake_refused")
	d := s.report()
	found(t, d, "server-down", "127.0.0.1:1", "connection refused")
	found(t, d, "handshake-status", "502")
}

// TestFieldDropAfterReadTimeout: a silent connection dies after exactly the
// proxy_read_timeout of its location, and the finding names its line.
func TestFieldDropAfterReadTimeout(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": echoServer(t)},
		http: "server { listen ‹nginx›;\nlocation /ws/ { " + goodHeaders + " proxy_pass http://‹app›;\nproxy_read_timeout 2s; }\n" +
			"location / { " + goodHeaders + " proxy_pass http://‹app›; } }",
	})
	c := dial(t, s.front, "/ws/silent", nil)
	if err := drain(c); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
		t.Errorf("the client saw %v, want 1006", err)
	}
	c.Close() // or the tap waits for it at the end
	s.until(2, "idle_timeout")
	d := s.report()
	for _, c := range d.Conns {
		if c.Close == nil || c.Close.Cause != "idle_timeout" || c.Close.Confidence != "confirmed" || c.LimitSource == nil || !strings.HasSuffix(*c.LimitSource, "nginx.conf:13") {
			t.Errorf("%s: %+v, limit from %q", str(c.Leg), c.Close, str(c.LimitSource))
		}
	}
	found(t, d, "idle-timeout", "nginx.conf:", "proxy_read_timeout", "2.0")
}

// TestField200: no WebSocket route: a single-page application's fallback
// answers the handshake with 200.
func TestField200(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!doctype html>") }))
	t.Cleanup(app.Close)
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": app.Listener.Addr().String()},
		http:    `server { listen ‹nginx›; location / { ` + goodHeaders + ` proxy_pass http://‹app›; } }`,
	})
	s.refusedWith("/socket", 200)
	s.until(2, "handshake_refused")
	found(t, s.report(), "handshake-status", "200", "/socket")
}

// TestFieldMissingHeaders: nginx eats Upgrade; the server says 400 and no log
// line tells.
func TestFieldMissingHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": echoServer(t)},
		http:    `server { listen ‹nginx›; location /ws { proxy_pass http://‹app›; } }`,
	})
	s.refusedWith("/ws", 400)
	s.until(2, "handshake_refused")
	found(t, s.report(), "upgrade-header-stripped", "proxy_set_header Upgrade $http_upgrade;", "proxy_http_version 1.1;")
}

// TestFieldTLSToPlainServer: proxy_pass says https, the server speaks plain HTTP.
func TestFieldTLSToPlainServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": echoServer(t)},
		http:    `server { listen ‹nginx›; location / { ` + goodHeaders + ` proxy_pass https://‹app›; } }`,
	})
	s.refusedWith("/ws", 502)
	s.until(1, "handshake_refused")
	d := s.report()
	found(t, d, "tls-upstream", "wrong version number")
	found(t, d, "tls-on-plain", "back leg")
}

// TestFieldTLSClient: a wss:// client at nginx's plain port.
func TestFieldTLSClient(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": echoServer(t)},
		http:    `server { listen ‹nginx›; location / { ` + goodHeaders + ` proxy_pass http://‹app›; } }`,
	})
	d := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	if _, _, err := d.Dial("wss://"+s.front+"/ws", nil); err == nil {
		t.Fatal("a TLS handshake with a plain port worked")
	}
	s.until(1, "closed")
	found(t, s.report(), "tls-on-plain", "front")
}

// TestFieldTrailingSlash: proxy_pass with a slash cuts the location off the
// path, and the server has no such route.
func TestFieldTrailingSlash(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	up := websocket.Upgrader{}
	mux.HandleFunc("/ws/room", func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r, nil); err == nil {
			c.Close()
		}
	})
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": app.Listener.Addr().String()},
		http:    `server { listen ‹nginx›; location /ws/ { ` + goodHeaders + ` proxy_pass http://‹app›/; } }`,
	})
	s.refusedWith("/ws/room", 404)
	s.refusedWith("/ws", 301)
	s.until(3, "handshake_refused")
	d := s.report()
	found(t, d, "handshake-status", "404", "/ws/room", "/room")
	found(t, d, "handshake-status", "301", "/ws")
}

// TestFieldNotSticky: two servers without stickiness under a polling transport:
// the one that does not know the session says 400.
func TestFieldNotSticky(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{
		servers: map[string]string{"one": engineServer(t, "s1"), "two": engineServer(t, "s2")},
		http: `upstream app { server ‹one›; server ‹two›; }
server { listen ‹nginx›; location /socket.io/ { ` + goodHeaders + ` proxy_pass http://app; } }`,
	})
	base := "http://" + s.front + "/socket.io/?EIO=4&transport=polling"
	refused := 0
	for range 4 {
		if get200(t, base+"&sid=s1") {
			continue
		}
		refused++
	}
	if refused == 0 {
		t.Fatal("round robin sent every request to the server that knows the session")
	}
	found(t, s.report(), "sticky-missing", "/socket.io/", "ip_hash;", "one", "two")
}

// engineServer answers polling requests of its own session alone, as Socket.IO does.
func engineServer(t *testing.T, sid string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("sid") != sid {
			http.Error(w, `{"code":1,"message":"Session ID unknown"}`, http.StatusBadRequest)
			return
		}
		io.WriteString(w, "ok")
	}))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func get200(t *testing.T, url string) bool {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// TestFieldDoubleConnection: Connection is set twice, to keep connections alive
// and to upgrade; both go out, and a strict server refuses.
func TestFieldDoubleConnection(t *testing.T) {
	t.Parallel()
	strict := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Connection") != "upgrade" { // the first of them alone, as some servers look
			http.Error(w, "not a WebSocket handshake", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNotImplemented)
	}))
	t.Cleanup(strict.Close)
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": strict.Listener.Addr().String()},
		http: `server { listen ‹nginx›; location /ws { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Connection close;
proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_pass http://‹app›; } }`,
	})
	s.refusedWith("/ws", 400)
	s.until(2, "handshake_refused")
	found(t, s.report(), "connection-header-conflict", "close", "upgrade")
}

// TestFieldNameGone: the name of a container that no longer resolves, asked at
// run time because proxy_pass has a variable.
func TestFieldNameGone(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{
		servers: map[string]string{"other": echoServer(t)},
		http: `resolver ` + deadNames(t) + ` valid=1s ipv6=off; resolver_timeout 2s;
server { listen ‹nginx›; location / { ` + goodHeaders + ` set $app "chat-backend"; proxy_pass http://$app:8080; } }`,
	})
	s.refusedWith("/ws", 502)
	s.until(1, "handshake_refused")
	found(t, s.report(), "host-not-found", "chat-backend")
}

// deadNames is a name server that knows no name (RFC 1035 §4.1: NXDOMAIN).
func deadNames(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); c.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for ctx.Err() == nil {
			n, from, err := c.ReadFrom(buf)
			if err != nil || n < 12 {
				continue
			}
			binary.BigEndian.PutUint16(buf[2:], 0x8183) // answer, recursion, NXDOMAIN
			c.WriteTo(buf[:n], from)
		}
	}()
	return c.LocalAddr().String()
}

// TestFieldLogLevelBlind: with the log at error nginx writes nothing of an idle
// kill; the wire explains it all the same, and the level is found.
func TestFieldLogLevelBlind(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{server: echoServer(t), level: "error", location: "proxy_read_timeout 1s;", args: []string{"--read-timeout", "1s"}})
	c := dial(t, s.front, "/silent", nil)
	drain(c)
	c.Close()
	eventually(t, "both verdicts", func() bool { return strings.Count(s.wstap.out.String(), "idle_timeout") >= 2 })
	d := s.report()
	for _, c := range d.Conns {
		if c.Close == nil || c.Close.Cause != "idle_timeout" || c.Close.Confidence != "confirmed" {
			t.Errorf("%s: %+v", str(c.Leg), c.Close)
		}
	}
	found(t, d, "log-level-blind", "info;", "reload")
	found(t, d, "idle-timeout", "/silent")
}

// TestCheckOfField: the same configurations, without a connection.
func TestCheckOfField(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nginx.conf")
	text := "events {}\nhttp { server { listen 80; location /ws/ { proxy_pass http://127.0.0.1:9000; } } }\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, code := output(t, "check", file)
	if code != 1 || !containsAll(out, []string{file + ":2", "proxy_set_header Upgrade $http_upgrade;"}) || errs != "" {
		t.Errorf("code %d, %q on standard error:\n%s", code, errs, out)
	}
}
