package tap

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// TestHastyPeers: clients and servers that end at any moment, a listener that
// comes and goes: whatever happens must be on record in an order that can be.
func TestHastyPeers(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		addr := r.server.Taps()[0].Listen
		upstream := r.ln.Addr().String()
		var stop atomic.Bool
		var wg sync.WaitGroup
		wg.Go(func() { r.serveHastily(upstream, &stop) })
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for range 300 {
					hastyClient(addr)
				}
			})
		}
		clients.Wait()
		stop.Store(true)
		if c, err := net.Dial("tcp", upstream); err == nil {
			c.Close() // it looks at stop now
		}
		wg.Wait()
		r.server.Close()
		r.idle()
		r.checkOrder()
	})
}

// serveHastily accepts until stop, and now and then refuses for a moment.
func (r *rig) serveHastily(addr string, stop *atomic.Bool) {
	ln := r.ln
	var conns sync.WaitGroup
	defer conns.Wait()
	for n := 1; !stop.Load(); n++ {
		c, err := ln.Accept()
		if err != nil {
			r.t.Error(err)
			return
		}
		conns.Go(func() { hastyServer(c) })
		if n%50 == 0 {
			ln.Close()
			r.until("the port is free again", func() bool {
				ln, err = net.Listen("tcp", addr)
				return err == nil
			})
		}
	}
	ln.Close()
}

const (
	hastyRequest  = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	hastyResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

func hastyClient(addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	switch rand.IntN(6) {
	case 0:
		resetNow(c)
	case 1:
	case 2:
		io.WriteString(c, hastyRequest[:20])
	case 3:
		io.WriteString(c, hastyRequest)
		resetNow(c)
	default:
		io.WriteString(c, hastyRequest)
		io.ReadFull(c, make([]byte, len(hastyResponse)))
		io.WriteString(c, "\x88\x80\x00\x00\x00\x00")
	}
}

func hastyServer(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	switch rand.IntN(4) {
	case 0:
		resetNow(c)
	default:
		io.ReadFull(c, make([]byte, len(hastyRequest)))
		io.WriteString(c, hastyResponse)
		c.Read(make([]byte, 100))
	}
}

// checkOrder wants that a State finds nothing odd in the events.
func (r *rig) checkOrder() {
	r.t.Helper()
	s := monitor.NewState(monitor.Bounds{})
	byConn := map[uint64][]monitor.Event{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range r.events {
		before := s.Totals.Oddities
		s.Apply(ev)
		id := ev.Head().Conn
		byConn[id] = append(byConn[id], ev)
		if s.Totals.Oddities > before {
			for _, e := range byConn[id] {
				r.t.Logf("%T %+v", e, e)
			}
			r.t.Fatalf("the last of these cannot be")
		}
	}
	r.t.Logf("%d events of %d conns", len(r.events), len(byConn))
}
