package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// summed is a connection that knows the SHA-256 of all bytes of each direction.
// One goroutine reads and one writes.
type summed struct {
	net.Conn
	read, written hash.Hash
	ended         chan struct{} // closed with the connection; the sums are complete
	once          sync.Once
}

func sum(c net.Conn) *summed {
	return &summed{Conn: c, read: sha256.New(), written: sha256.New(), ended: make(chan struct{})}
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.read.Write(p[:n])
	return n, err
}

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.written.Write(p[:n])
	return n, err
}

func (s *summed) Close() error {
	err := s.Conn.Close()
	s.once.Do(func() { close(s.ended) })
	return err
}

type summing struct{ net.Listener }

func (l summing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return sum(c), nil
}

// traffic is conns that echo random bytes all the time, summed at both ends.
type traffic struct {
	t       *testing.T
	addr    string // of the server
	talkers []*talker

	mu    sync.Mutex
	peers map[string]*summed // the server's ends, by target
}

// talker is the client of one conn.
type talker struct {
	target string
	echoes atomic.Uint64
	err    error   // after done
	end    *summed // likewise
	done   chan struct{}
}

// newTraffic starts the server.
func newTraffic(t *testing.T) *traffic {
	t.Helper()
	f := &traffic{t: t, peers: map[string]*summed{}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	type connKey struct{}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	srv := &http.Server{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			f.peers[r.URL.Path] = r.Context().Value(connKey{}).(*summed)
			f.mu.Unlock()
			c, err := up.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer c.Close()
			for {
				typ, p, err := c.ReadMessage()
				if err != nil || c.WriteMessage(typ, p) != nil {
					return
				}
			}
		}),
	}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(summing{ln}) }()
	t.Cleanup(func() { srv.Close(); <-served })
	f.addr = ln.Addr().String()
	return f
}

// start opens n conns at addr, which talk until ctx is done and then close.
func (f *traffic) start(ctx context.Context, addr string, n int) {
	f.t.Helper()
	seed := rand.Uint64()
	f.t.Logf("seed %d", seed)
	for i := range n {
		talker := &talker{target: fmt.Sprintf("/talk/%d", i), done: make(chan struct{})}
		f.talkers = append(f.talkers, talker)
		go func() {
			defer close(talker.done)
			talker.err = talker.talk(ctx, addr, rand.New(rand.NewPCG(seed, uint64(i))))
		}()
	}
	f.t.Cleanup(func() {
		for _, talker := range f.talkers {
			<-talker.done
		}
	})
}

// talkEvery paces a conn.
const talkEvery = 10 * time.Millisecond

func (k *talker) talk(ctx context.Context, addr string, r *rand.Rand) error {
	d := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err != nil {
			return nil, err
		}
		k.end = sum(c)
		return k.end, nil
	}}
	c, _, err := d.Dial("ws://"+addr+k.target, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	tick := time.NewTicker(talkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return hangUp(c)
		case <-tick.C:
		}
		if err := echoRandom(c, r); err != nil {
			return fmt.Errorf("after %d echoes: %w", k.echoes.Load(), err)
		}
		k.echoes.Add(1)
	}
}

// echoRandom sends up to 8 KiB of random bytes and wants them back.
func echoRandom(c *websocket.Conn, r *rand.Rand) error {
	sent := make([]byte, 1+r.IntN(8<<10))
	for i := range sent {
		sent[i] = byte(r.Uint32())
	}
	if err := c.WriteMessage(websocket.BinaryMessage, sent); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	c.SetReadDeadline(time.Now().Add(time.Minute))
	_, got, err := c.ReadMessage()
	if err != nil {
		return fmt.Errorf("the echo: %w", err)
	}
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("sent %d bytes, other %d came back", len(sent), len(got))
	}
	return nil
}

// hangUp does the close handshake.
func hangUp(c *websocket.Conn) error {
	if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second)); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		return fmt.Errorf("the end of the close handshake: %w", err)
	}
	return nil
}

// passes waits until every conn has made so many more echoes.
func (f *traffic) passes(while string, more uint64) {
	f.t.Helper()
	before := make([]uint64, len(f.talkers))
	for i, k := range f.talkers {
		before[i] = k.echoes.Load()
	}
	eventually(f.t, "all conns go on: "+while, func() bool {
		for i, k := range f.talkers {
			select {
			case <-k.done:
				f.t.Fatalf("%s: conn %s ended: %v", while, k.target, k.err)
			default:
			}
			if k.echoes.Load() < before[i]+more {
				return false
			}
		}
		return true
	})
}

// identical waits for all ends, and compares the sums of what each end wrote and
// the other read. ctx of start is done.
func (f *traffic) identical() (echoes uint64) {
	f.t.Helper()
	for _, k := range f.talkers {
		<-k.done
		if k.err != nil {
			f.t.Errorf("conn %s: %v", k.target, k.err)
			continue
		}
		f.mu.Lock()
		peer := f.peers[k.target]
		f.mu.Unlock()
		<-peer.ended
		same := func(a, b hash.Hash) bool { return bytes.Equal(a.Sum(nil), b.Sum(nil)) }
		if !same(k.end.written, peer.read) || !same(peer.written, k.end.read) {
			f.t.Errorf("conn %s: other bytes arrived than were sent", k.target)
		}
		echoes += k.echoes.Load()
	}
	return echoes
}
