package diagnose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/internal/nginxrun"
)

// rig is a real nginx between real clients and real servers.
type rig struct {
	t           *testing.T
	port, spare int
	one, other  *backend
	nginx       *nginxrun.Process
	tls         bool
}

// backend is a gorilla server that keeps the requests it got.
type backend struct {
	*httptest.Server
	mu  sync.Mutex
	got []*http.Request
}

func newBackend(t *testing.T) *backend {
	b := &backend{}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Server.Close)
	return b
}

// ServeHTTP upgrades what asks for it, with gorilla's own check of Origin, and
// reads on until the end; it answers the rest with 200.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.got = append(b.got, r)
	b.mu.Unlock()
	if r.Header.Get("Sec-WebSocket-Key") == "" {
		return
	}
	up := websocket.Upgrader{}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		if _, _, err := c.NextReader(); err != nil {
			return
		}
	}
}

// last is the last request that it got, nil if none.
func (b *backend) last() *http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.got) == 0 {
		return nil
	}
	return b.got[len(b.got)-1]
}

func (b *backend) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, one: newBackend(t), other: newBackend(t)}
	for _, p := range []*int{&r.port, &r.spare} {
		port, err := nginxrun.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		*p = port
	}
	return r
}

// fill puts addresses into a configuration.
func (r *rig) fill(conf string) string {
	r.tls = strings.Contains(conf, "PORT ssl")
	return strings.NewReplacer("OTHERPORT", strconv.Itoa(r.spare), "PORT", strconv.Itoa(r.port),
		"BACKEND", r.one.Listener.Addr().String(), "OTHER", r.other.Listener.Addr().String()).Replace(conf)
}

func (r *rig) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// dir is a new prefix for nginx, with a certificate.
func (r *rig) dir() string {
	dir := r.t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ws.test"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		r.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		r.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	return dir
}

func (r *rig) start(conf string) {
	r.t.Helper()
	c, _ := split(conf)
	p, err := nginxrun.Start(r.dir(), c, r.addr())
	if err != nil {
		r.t.Fatalf("%v\n%s", err, conf)
	}
	r.nginx = p
}

func (r *rig) stop() { r.nginx.Stop() }

// open dials a WebSocket through nginx; the answer is nil if there was none.
func (r *rig) open(target, origin string) (*websocket.Conn, *http.Response) {
	r.t.Helper()
	d := websocket.Dialer{HandshakeTimeout: 5 * time.Second, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	scheme := "ws://"
	if r.tls {
		scheme = "wss://"
	}
	head := http.Header{}
	if origin != "" {
		head.Set("Origin", strings.Replace(origin, "HOST", r.addr(), 1))
	}
	c, resp, err := d.Dial(scheme+r.addr()+target, head)
	if err != nil && !errors.Is(err, websocket.ErrBadHandshake) {
		return nil, nil
	}
	return c, resp
}

// handshake is "101 TARGET" as the server saw it, or the status that came instead.
func handshake(target string) func(*testing.T, *rig) string { return handshakeOf(target, "") }

func handshakeOf(target, origin string) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		c, resp := r.open(target, origin)
		switch {
		case c != nil:
			c.Close()
			return "101 " + r.one.last().RequestURI
		case resp == nil:
			return "no answer"
		}
		return strconv.Itoa(resp.StatusCode)
	}
}

// handshakeLogged is the status, if nginx logs text with it; "" if it does not.
func handshakeLogged(target, text string) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		got := ""
		if c, resp := r.open(target, ""); c != nil {
			c.Close()
		} else if resp != nil {
			got = strconv.Itoa(resp.StatusCode)
		}
		if !strings.Contains(r.errorLog("start.log"), text) {
			return ""
		}
		return got + " logged"
	}
}

func (r *rig) errorLog(name string) string {
	text, err := os.ReadFile(filepath.Join(r.nginx.Dir, "logs", name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// seen is what a header of a handshake is at the server; ":proto" the version.
func seen(target, header string) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		c, _ := r.open(target, "")
		if c == nil {
			t.Fatal("the handshake fails")
		}
		defer c.Close()
		if header == ":proto" {
			return r.one.last().Proto
		}
		return strings.Join(r.one.last().Header.Values(header), "|")
	}
}

// ordinary is what a header of a plain GET is at the server.
func ordinary(target, header string) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		r.get(target)
		return strings.Join(r.one.last().Header.Values(header), "|")
	}
}

func (r *rig) get(target string) {
	r.t.Helper()
	resp, err := http.Get("http://" + r.addr() + target)
	if err != nil {
		r.t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// servers counts the servers that four requests of one client reach.
func servers(target string) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		one, other := r.one.count(), r.other.count()
		for range 4 {
			r.get(target)
		}
		n := 0
		if r.one.count() > one {
			n++
		}
		if r.other.count() > other {
			n++
		}
		return fmt.Sprintf("%d servers", n)
	}
}

// silence opens a tunnel, says nothing for d, and tells whether it lived.
func silence(d time.Duration) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string {
		c, _ := r.open("/ws/room", "")
		if c == nil {
			t.Fatal("the handshake fails")
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(d))
		_, _, err := c.ReadMessage()
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return "open"
		}
		return "ended"
	}
}

// idleKillLogged waits for an idle kill and looks for its line.
func idleKillLogged(t *testing.T, r *rig) string {
	if got := silence(5*time.Second)(t, r); got != "ended" {
		return got
	}
	if strings.Contains(r.errorLog("error.log"), "upstream timed out") {
		return "a line"
	}
	return "no line"
}
