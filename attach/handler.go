package attach

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/wstap/wstap/monitor"
)

// How long a peer may take to ask, and how much it may say.
const (
	requestIn  = 5 * time.Second
	maxHeader  = 8 << 10
	maxPending = 64 // connections that have not asked yet
)

var errEnding = errors.New("the relay is ending")

// Handler answers viewers at Path and health checks at HealthPath. Whose server
// it is mounted on bounds the time and size of request heads.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.answer) }

// newHTTP is an HTTP server that slow and endless requests cannot fill.
func (s *Server) newHTTP() *http.Server {
	p := &pending{since: map[net.Conn]uint64{}}
	return &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: requestIn, ReadTimeout: requestIn, WriteTimeout: requestIn, IdleTimeout: requestIn,
		MaxHeaderBytes: maxHeader, ConnState: p.changed, ErrorLog: log.New(io.Discard, "", 0),
		Protocols: onlyHTTP1(),
	}
}

func onlyHTTP1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// pending are the connections that have not become viewers. When there are too
// many the oldest is closed: an honest one needs milliseconds.
type pending struct {
	mu    sync.Mutex
	n     uint64
	since map[net.Conn]uint64
}

func (p *pending) changed(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.n++
		p.since[c] = p.n
		if len(p.since) > maxPending {
			p.closeOldest()
		}
	case http.StateHijacked, http.StateClosed:
		delete(p.since, c)
	}
}

func (p *pending) closeOldest() {
	var oldest net.Conn
	for c, n := range p.since {
		if oldest == nil || n < p.since[oldest] {
			oldest = c
		}
	}
	delete(p.since, oldest)
	if t, ok := oldest.(*tls.Conn); ok {
		oldest = t.NetConn() // without the goodbye of TLS, which may take time
	}
	oldest.Close()
}

// answer is the handler.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch r.URL.Path {
	case HealthPath:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "ok\n")
	case Path:
		s.upgrade(w, r)
	default:
		refuse(w, http.StatusNotFound, "wstap: viewers connect to "+Path)
	}
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Connection", "close")
	http.Error(w, text, status)
}

// upgrade lets a viewer in that may come in.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	if !s.reserve(isLocal(r)) {
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("wstap: there are %d viewers already (or the relay is ending): try again later", s.o.MaxViewers))
		return
	}
	defer s.release()
	up := websocket.Upgrader{
		HandshakeTimeout: requestIn, ReadBufferSize: 1024, WriteBufferSize: 4096, WriteBufferPool: &s.buffers,
		CheckOrigin: func(*http.Request) bool { return true }, // admit did
		Error: func(w http.ResponseWriter, _ *http.Request, status int, err error) {
			refuse(w, status, "wstap: "+err.Error())
		},
	}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // it was answered
	}
	v := newViewer(s, conn, r.RemoteAddr, isLocal(r))
	if err := s.join(v); err != nil {
		v.cut()
		return
	}
	v.serve()
}

// localRoom is for viewers at a unix socket beyond MaxViewers: a relay can be
// controlled from its machine however many look on.
const localRoom = 8

// reserve makes room for one viewer.
func (s *Server) reserve(local bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.o.MaxViewers
	if local {
		most += localRoom
	}
	if s.closing || s.reserved >= most {
		s.stats.Full++
		return false
	}
	s.reserved++
	return true
}

func (s *Server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved--
}

// isLocal says that a request came over a unix socket.
func isLocal(r *http.Request) bool {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && a.Network() == "unix"
}

// admit says whether a request may become a viewer; if not, it is answered.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	peer, now := peerOf(r), time.Now()
	guarded := s.o.Token != "" && !isLocal(r)
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, "wstap: viewers send GET")
	case r.URL.RawQuery != "" || r.URL.User != nil:
		s.count(func(st *Stats) { st.URLTokens++ })
		refuse(w, http.StatusBadRequest, "wstap: the URL takes no query: a token in it ends up in logs and must be replaced. "+
			"Send it as the header \"Authorization: Bearer TOKEN\"; wstap attach has --token-file")
	case !s.originAllowed(r.Header["Origin"]):
		s.count(func(st *Stats) { st.BadOrigins++ })
		refuse(w, http.StatusForbidden, "wstap: this Origin is not allowed")
	case guarded && s.guard.blocked(peer, now):
		s.count(func(st *Stats) { st.Limited++ })
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusTooManyRequests, "wstap: too many wrong tokens from this address: wait")
	case guarded && !tokenOK(r.Header["Authorization"], s.o.Token):
		s.guard.failed(peer, now)
		s.count(func(st *Stats) { st.BadTokens++ })
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "wstap: the token is wrong or missing: want the header \"Authorization: Bearer TOKEN\"")
	case !websocket.IsWebSocketUpgrade(r):
		w.Header().Set("Upgrade", "websocket")
		refuse(w, http.StatusUpgradeRequired, "wstap: viewers connect with a WebSocket: wstap attach URL")
	default:
		return true
	}
	return false
}

func (s *Server) count(fn func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.stats)
}

func peerOf(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr) // zero for a unix socket
	return ap.Addr()
}

// tokenOK compares in a time that tells nothing, not even the length.
func tokenOK(headers []string, token string) bool {
	if len(headers) != 1 {
		return false
	}
	scheme, given, _ := strings.Cut(headers[0], " ")
	a, b := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}

// originAllowed: who is no browser sends none.
func (s *Server) originAllowed(origins []string) bool {
	for _, o := range origins {
		if !s.origins[normalOrigin(o)] {
			return false
		}
	}
	return true
}

func normalOrigin(o string) string { return strings.ToLower(strings.TrimRight(o, "/")) }

// health says how the serving goes, for OnHealth.
func (s *Server) health(now time.Time) (monitor.HealthStatus, string) {
	s.mu.Lock()
	st, n, slow := s.stats, len(s.viewers), 0
	for v := range s.viewers {
		if !v.slowSince.IsZero() {
			slow++
		}
	}
	s.mu.Unlock()
	status, text := monitor.HealthOK, plural(n, "viewer")
	if slow > 0 {
		status, text = monitor.HealthWarning, fmt.Sprintf("%s, %d too slow", text, slow)
	}
	if peer, ok := s.guard.newest(now, time.Minute); ok {
		status, text = monitor.HealthWarning, fmt.Sprintf("%s; %s so far, the last from %s", text, plural(int(st.BadTokens+st.Limited), "wrong token"), peer)
	}
	return status, text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
