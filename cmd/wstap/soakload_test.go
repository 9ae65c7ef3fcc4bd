//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// churn opens, uses and ends conns through a tap, at random.
type churn struct {
	addr string
	seed uint64

	conns, refused, messages atomic.Uint64 // upgrades asked for, of which refused; echoed messages
	ends                     [churnEndings]atomic.Uint64
	flooding                 sync.Mutex // one at a time: it takes all there is

	mu  sync.Mutex
	err error // the first
}

// How a conn of the churn ends.
const (
	byHandshake = iota
	byFIN
	byReset
	byServer
	byServerReset
	churnEndings
)

var churnEndingNames = [churnEndings]string{"close handshake", "FIN", "reset", "server's close frame", "server's reset"}

// Targets of the churn's server.
const (
	pathTalk        = "/talk"         // echoes
	pathFlood       = "/flood"        // sends without end
	pathServerClose = "/server-close" // echoes one and sends a close frame
	pathServerReset = "/server-reset" // echoes one and resets
	pathRefused     = "/refused"      // answers 403
)

// churnServer is what the churn talks to.
func churnServer(t *testing.T) string {
	t.Helper()
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pathRefused {
			w.Header().Set("Connection", "close")
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		if c, err := up.Upgrade(w, r, nil); err == nil {
			defer c.Close()
			answerChurn(c, r.URL.Path)
		}
	})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-served })
	return ln.Addr().String()
}

func answerChurn(c *websocket.Conn, path string) {
	if path == pathFlood {
		for err := error(nil); err == nil; {
			err = c.WriteMessage(websocket.BinaryMessage, floodMessage)
		}
		return
	}
	for {
		typ, p, err := c.ReadMessage()
		if err != nil || c.WriteMessage(typ, p) != nil {
			return
		}
		switch path {
		case pathServerClose:
			c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, "soak"), time.Now().Add(time.Second))
			c.ReadMessage() // its answer
			return
		case pathServerReset:
			c.ReadMessage() // nothing is under way any more
			reset(c)
			return
		}
	}
}

var floodMessage = bytes.Repeat([]byte("flood "), 5)

// reset ends c by RST.
func reset(c *websocket.Conn) {
	c.NetConn().(*net.TCPConn).SetLinger(0)
	c.Close()
}

// run lets workers churn until ctx is done or most upgrades were asked for; 0 is
// no limit. A hurried one neither rests nor floods. All its conns have ended then.
func (s *churn) run(ctx context.Context, workers int, most uint64, hurried bool) {
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(s.seed, uint64(i)))
			for ctx.Err() == nil && (most == 0 || s.conns.Load() < most) {
				if err := s.life(ctx, r, hurried); err != nil {
					s.failed(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func (s *churn) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *churn) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// life is one conn from its beginning to its end.
func (s *churn) life(ctx context.Context, r *rand.Rand, hurried bool) error {
	switch n := r.IntN(100); {
	case n < 5:
		return s.refusedOne()
	case n < 15:
		return s.endedByServer(pathServerClose, byServer)
	case n < 25:
		return s.endedByServer(pathServerReset, byServerReset)
	case n < 28 && !hurried:
		return s.flood(ctx, r)
	case n < 45 && !hurried:
		return s.talk(ctx, r, 1, time.Duration(1+r.IntN(4))*time.Second)
	}
	if hurried {
		return s.talk(ctx, r, 1, 0)
	}
	return s.talk(ctx, r, 1+r.IntN(30), 30*time.Millisecond)
}

func (s *churn) open(path string) (*websocket.Conn, error) {
	s.conns.Add(1)
	c, _, err := websocket.DefaultDialer.Dial("ws://"+s.addr+path, nil)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", path, err)
	}
	c.SetReadDeadline(time.Now().Add(time.Minute))
	return c, nil
}

func (s *churn) refusedOne() error {
	s.conns.Add(1)
	s.refused.Add(1)
	c, resp, err := websocket.DefaultDialer.Dial("ws://"+s.addr+pathRefused, nil)
	if err == nil {
		c.Close()
		return errors.New("what the server refuses was upgraded")
	}
	if resp == nil || resp.StatusCode != http.StatusForbidden {
		return fmt.Errorf("refused: %w", err)
	}
	return nil
}

// echo sends random bytes and wants them back.
func (s *churn) echo(c *websocket.Conn, r *rand.Rand) error {
	sent := make([]byte, 1+r.IntN(2000))
	for i := range sent {
		sent[i] = byte(r.Uint32())
	}
	if err := c.WriteMessage(websocket.BinaryMessage, sent); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	_, got, err := c.ReadMessage()
	if err != nil {
		return fmt.Errorf("the echo: %w", err)
	}
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("sent %d bytes, other %d came back", len(sent), len(got))
	}
	s.messages.Add(1)
	return nil
}

// talk echoes messages with a pause after each, and ends in one of three ways.
func (s *churn) talk(ctx context.Context, r *rand.Rand, messages int, pause time.Duration) error {
	c, err := s.open(pathTalk)
	if err != nil {
		return err
	}
	defer c.Close()
	for range messages {
		if err := s.echo(c, r); err != nil {
			return err
		}
		rest(ctx, pause)
	}
	end := r.IntN(3)
	s.ends[end].Add(1)
	switch end {
	case byReset:
		reset(c)
	case byHandshake:
		c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			return fmt.Errorf("the end of a close handshake: %w", err)
		}
	}
	return nil
}

// rest is the idleness of a conn, which the end of the soak cuts short.
func rest(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *churn) endedByServer(path string, end int) error {
	c, err := s.open(path)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.WriteMessage(websocket.TextMessage, []byte(path)); err != nil {
		return err
	}
	if _, _, err := c.ReadMessage(); err != nil {
		return fmt.Errorf("%s: the echo: %w", path, err)
	}
	if path == pathServerReset {
		c.WriteMessage(websocket.TextMessage, []byte("now"))
	}
	_, _, err = c.ReadMessage()
	s.ends[end].Add(1)
	if closed := websocket.IsCloseError(err, websocket.CloseGoingAway); closed != (end == byServer) || err == nil {
		return fmt.Errorf("%s: ended by %v", path, err)
	}
	return nil
}

// flood takes what the server sends without end for a while.
func (s *churn) flood(ctx context.Context, r *rand.Rand) error {
	if !s.flooding.TryLock() {
		return s.talk(ctx, r, 1, 0)
	}
	defer s.flooding.Unlock()
	c, err := s.open(pathFlood)
	if err != nil {
		return err
	}
	for range 1000 + r.IntN(20_000) {
		if _, p, err := c.ReadMessage(); err != nil || !bytes.Equal(p, floodMessage) {
			return fmt.Errorf("of the flood: %.40q, %w", p, err)
		}
	}
	s.ends[byReset].Add(1)
	reset(c)
	return nil
}

// String says what was done.
func (s *churn) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d conns, %d refused, %d messages echoed; ended by", s.conns.Load(), s.refused.Load(), s.messages.Load())
	for i, name := range churnEndingNames {
		fmt.Fprintf(&b, " %s %d,", name, s.ends[i].Load())
	}
	return strings.TrimSuffix(b.String(), ",")
}
