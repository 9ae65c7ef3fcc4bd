package demo

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	firstDeploy    = 2500 * time.Millisecond
	deployInterval = 8 * time.Second
)

// server is the proxied server. Each path is a temperament; see temperaments.
type server struct {
	d        *Demo
	ctx      context.Context // ends all sessions
	upgrader websocket.Upgrader

	mu       sync.Mutex
	sessions sync.WaitGroup
	closed   bool          // no session may begin any more
	count    uint64        // numbers the dice of sessions
	deploy   chan struct{} // closed when the process is deployed, then replaced
}

// StartServer starts the WebSocket server and returns its address. It ends with ctx.
func (d *Demo) StartServer(ctx context.Context) (addr string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &server{d: d, ctx: ctx, deploy: make(chan struct{})}
	s.upgrader = websocket.Upgrader{
		CheckOrigin:       func(*http.Request) bool { return true },
		Subprotocols:      []string{"graphql-transport-ws", "chat.v2", "bearer"},
		EnableCompression: true,
	}
	d.running.Go(func() { s.run(ln) })
	return ln.Addr().String(), nil
}

// run owns the HTTP server and all sessions and returns when they have ended.
func (s *server) run(ln net.Listener) {
	web := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headTimeout,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(ln) // until Close; should the listener fail, the proxy's log says that nobody answers
	}()
	s.deployments()
	web.Close()
	<-served
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.sessions.Wait()
}

// deployments sends all clients of /deploy away now and then, and returns when the demo ends.
func (s *server) deployments() {
	timer := time.NewTimer(firstDeploy)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			s.mu.Lock()
			close(s.deploy)
			s.deploy = make(chan struct{})
			s.mu.Unlock()
			timer.Reset(deployInterval)
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "wstap-demo-server")
	t, ok := temperaments[temperamentOf(r.URL.Path)]
	switch {
	case t.refuse != nil:
		t.refuse(w, r)
		return
	case !ok || t.serve == nil:
		http.NotFound(w, r)
		return
	}
	n, deploy, ok := s.begin()
	if !ok {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	defer s.sessions.Done()
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	session := newSession(s.ctx, conn, s.d.dice(roleServer, n), s.d.idleTimeout())
	defer session.end()
	t.serve(session, deploy)
}

// begin counts a session in, unless the server is ending.
func (s *server) begin() (n uint64, deploy <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, nil, false
	}
	s.sessions.Add(1)
	s.count++
	return s.count, s.deploy, true
}

// What the server does on each path. deploy is closed when the process is to be replaced.

func serveChat(s *session, _ <-chan struct{}) {
	for n := 0; ; n++ {
		timer := time.NewTimer(s.dice.between(400*time.Millisecond, 1800*time.Millisecond))
		select {
		case <-s.heard:
		case <-timer.C:
		case <-s.gone:
			timer.Stop()
			return
		}
		timer.Stop()
		if !s.say(fmt.Sprintf(`{"type":"message","n":%d,"text":%q}`, n, pick(s.dice, sentences))) {
			return
		}
	}
}

func serveNothing(s *session, _ <-chan struct{}) { s.untilGone() }

func serveTicks(s *session, _ <-chan struct{}) {
	s.tick(24 * time.Hour)
}

// tick pushes prices for d.
func (s *session) tick(d time.Duration) bool {
	return s.sayFor(d, 300*time.Millisecond, time.Second, func() string {
		return fmt.Sprintf(`{"type":"tick","symbol":"EURUSD","price":%.5f}`, 1.08+s.dice.Float64()/100)
	})
}

func serveHeartbeat(s *session, _ <-chan struct{}) {
	for s.wait(min(2*time.Second, s.idle/3)) && s.ping() {
	}
}

func serveKick(s *session, _ <-chan struct{}) {
	kick := pick(s.dice, []struct {
		code   int
		reason string
	}{
		{websocket.ClosePolicyViolation, "rate limit exceeded"},
		{4401, "session expired"},
		{websocket.CloseTryAgainLater, "overloaded, try again later"},
		{websocket.CloseServiceRestart, "service restart"},
	})
	if s.tick(s.dice.between(800*time.Millisecond, 2500*time.Millisecond)) {
		s.close(kick.code, kick.reason)
	}
}

func serveCrash(s *session, _ <-chan struct{}) {
	if s.tick(s.dice.between(800*time.Millisecond, 2500*time.Millisecond)) {
		s.resetTCP()
	}
}

func serveDeploy(s *session, deploy <-chan struct{}) {
	for {
		timer := time.NewTimer(s.dice.between(300*time.Millisecond, 900*time.Millisecond))
		select {
		case <-timer.C:
			if !s.say(`{"type":"state","ok":true}`) {
				return
			}
		case <-deploy:
			timer.Stop()
			s.close(pick(s.dice, []int{websocket.CloseGoingAway, websocket.CloseServiceRestart}), "deploying, please reconnect")
			return
		case <-s.gone:
			timer.Stop()
			return
		}
	}
}

var sentences = []string{
	"hello", "anyone here?", "the build is green", "who restarted the proxy?", "typing…", "そろそろ昼休み", "👍", "see the runbook",
}
