package tap

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/observe"
	"github.com/wstap/wstap/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test.
const patience = 20 * time.Second

// rig is a server with one tap before a listening upstream.
type rig struct {
	t      testing.TB
	server *Server
	hub    *observe.Hub
	ln     net.Listener // the upstream
	tls    bool         // both peers speak it

	mu     sync.Mutex // guards what follows
	events []monitor.Event
}

type rigOptions struct {
	way      way
	listen   string // default 127.0.0.1:0
	upstream string // default a new listener on 127.0.0.1
	tap      Options
	spec     func(*Spec)
	prepare  func(*rig) // before Listen
	// listenOnly leaves Serve to the test.
	listenOnly bool
}

func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	r := &rig{t: t}
	if o.upstream == "" {
		r.listenTCP()
		o.upstream = r.ln.Addr().String()
	}
	if o.listen == "" {
		o.listen = "127.0.0.1:0"
	}
	if r.tls = o.way == tlsWay; r.tls && !strings.HasPrefix(o.upstream, "unix:") {
		o.upstream = "https://" + o.upstream
	}
	specs, err := ParseSpecs([]string{o.listen + "=" + o.upstream}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.tls {
		specs[0].TLS = TLS{SelfSigned: true, Insecure: true}
		specs[0].Upstream.TLS = true
	}
	if o.spec != nil {
		o.spec(&specs[0])
	}
	r.hub = &observe.Hub{Instance: 1, Emit: r.emit, Redact: redact.New([]byte("key"))}
	r.server = New(r.hub, specs, o.tap, func() monitor.Time { return monitor.TimeOf(time.Now()) })
	o.way.apply(r.server)
	if o.prepare != nil {
		o.prepare(r)
	}
	if err := r.server.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.server.Close)
	if !o.listenOnly {
		r.server.Serve()
	}
	return r
}

func (r *rig) listenTCP() {
	r.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.useUpstream(ln)
}

func (r *rig) useUpstream(ln net.Listener) {
	r.ln = ln
	r.t.Cleanup(func() { ln.Close() })
}

func (r *rig) emit(ev monitor.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, ev)
	return true
}

// find returns the events of one type so far.
func find[E monitor.Event](r *rig) (found []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range r.events {
		if e, ok := ev.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// opened waits for the first conn on record.
func opened(r *rig) *monitor.Opened {
	r.t.Helper()
	r.until("a conn is on record", func() bool { return len(find[*monitor.Opened](r)) > 0 })
	return find[*monitor.Opened](r)[0]
}

// halfCloser is what TCP and unix connections have in common.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

func (r *rig) dial() halfCloser {
	r.t.Helper()
	c, err := net.Dial(r.server.taps[0].spec.Listen.Network, strings.TrimPrefix(r.server.Taps()[0].Listen, "unix:"))
	if err != nil {
		r.t.Fatal(err)
	}
	return r.ours(c)
}

// dialReset dials a tap that resets, maybe before the dial has returned.
func (r *rig) dialReset() {
	r.t.Helper()
	c, err := net.Dial("tcp", r.server.Taps()[0].Listen)
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		r.t.Fatal(err)
	}
	wantReset(r.t, r.ours(c))
}

func (r *rig) accept() halfCloser {
	r.t.Helper()
	c, err := r.ln.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	return r.ours(c)
}

func (r *rig) ours(c net.Conn) halfCloser {
	c.SetDeadline(time.Now().Add(patience))
	r.t.Cleanup(func() { c.Close() })
	return c.(halfCloser)
}

// tlsPeer is a peer that speaks TLS, and ends it as tidily as it ends TCP.
type tlsPeer struct {
	*tls.Conn
	tcp halfCloser
}

func (p *tlsPeer) CloseWrite() error {
	p.Conn.CloseWrite()
	return p.tcp.CloseWrite()
}

// under is the TCP connection of a peer.
func under(c io.Closer) io.Closer {
	if p, ok := c.(*tlsPeer); ok {
		return p.tcp
	}
	return c
}

var peerCertificate = sync.OnceValue(func() *tls.Certificate {
	c, err := selfSigned("")
	if err != nil {
		panic(err)
	}
	return c
})

// pair is a connection through the tap, by both its ends.
func (r *rig) pair() (client, server halfCloser) {
	r.t.Helper()
	client = r.dial()
	if !r.tls {
		return client, r.accept()
	}
	c := &tlsPeer{tls.Client(client, &tls.Config{InsecureSkipVerify: true}), client}
	if err := c.Handshake(); err != nil {
		r.t.Fatal(err)
	}
	server = r.accept()
	s := &tlsPeer{tls.Server(server, &tls.Config{Certificates: []tls.Certificate{*peerCertificate()}}), server}
	if err := s.Handshake(); err != nil {
		r.t.Fatal(err)
	}
	return c, s
}

// idle waits until no connection is live.
func (r *rig) idle() {
	r.t.Helper()
	r.until("no connection is live", func() bool { return r.server.Live() == 0 })
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			r.t.Fatalf("waited %v until %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// way is how connections are made and bytes moved.
type way string

const (
	polledWay way = ""      // where there is a loop, all by it
	takenWay  way = "taken" // Go's net accepts and dials, the loop moves
	copiedWay way = "copied"
	tlsWay    way = "tls" // on both sides
)

func (w way) apply(s *Server) {
	switch w {
	case takenWay:
		if s.opts.Dial == nil {
			s.opts.Dial = s.dialDefault
		}
	case copiedWay:
		s.alwaysCopied = true
	}
}

// tidyEnd is how a peer that closes in order is seen to.
func (w way) tidyEnd() monitor.How {
	if w == tlsWay {
		return monitor.HowCloseNotify
	}
	return monitor.HowFIN
}

// eachWay runs a test over all of them.
func eachWay(t *testing.T, test func(t *testing.T, way way)) {
	t.Run("polled", func(t *testing.T) { test(t, polledWay) })
	t.Run("taken over", func(t *testing.T) { test(t, takenWay) })
	t.Run("copied", func(t *testing.T) { test(t, copiedWay) })
	t.Run("tls", func(t *testing.T) { test(t, tlsWay) })
}

// upgrade takes a pair through an opening handshake.
func upgrade(t testing.TB, client, server net.Conn) {
	t.Helper()
	const request = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	const response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	exchange(t, client, server, request)
	exchange(t, server, client, response)
}

// exchange sends text one way and wants it to arrive.
func exchange(t testing.TB, from, to net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		t.Fatalf("sending %q: %v", text, err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(to, got); err != nil || string(got) != text {
		t.Fatalf("sent %q, got %q, %v", text, got, err)
	}
}

// resetNow closes c so that its peer gets a reset.
func resetNow(c net.Conn) {
	c = under(c).(net.Conn)
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func wantReset(t testing.TB, c net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %v, want a reset", err)
	}
}

func wantEOF(t testing.TB, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("got %d bytes, %v, want the end", n, err)
	}
}

// wantEnds wants these ends since the last call, in any order.
func (r *rig) wantEnds(want map[ws.Direction]monitor.How) {
	r.t.Helper()
	got := map[ws.Direction]monitor.How{}
	for _, e := range find[*monitor.SideEnded](r) {
		got[e.Dir] = e.How
	}
	for dir, how := range want {
		if got[dir] != how {
			r.t.Fatalf("ends %v, want %v", got, want)
		}
	}
	r.mu.Lock()
	r.events = nil
	r.mu.Unlock()
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if len(filepath.Join(dir, "upstream")) > maxUnixPath {
		t.Skip("the temporary directory's path is too long for a unix socket:", dir)
	}
	return dir
}

func withTimeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
