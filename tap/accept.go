package tap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// acceptPause is how long to wait after a failed accept. It fails when there
// are no more descriptors or memory; what waits in the backlog is not lost.
const acceptPause = 500 * time.Millisecond

// acceptLoop accepts until the listener is closed, and never gives up before.
func (t *tap) acceptLoop() {
	failures := 0
	for {
		conn, err := t.ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			failures++
			t.acceptFailed(failures, err)
			continue
		case failures > 0:
			t.server.health(t.spec.Name, monitor.HealthOK, fmt.Sprintf("accepting again after %d failures", failures))
			failures = 0
		}
		t.accepted(conn)
	}
}

func (t *tap) acceptFailed(failures int, err error) {
	t.server.acceptErrors.Add(1)
	t.server.health(t.spec.Name, monitor.HealthWarning, fmt.Sprintf("cannot accept connections (%d times): %v", failures, err))
	t.server.pause(acceptPause)
}

// pause waits for d, or until Close; then it returns false.
func (s *Server) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (t *tap) accepted(client net.Conn) {
	s := t.server
	at := s.now()
	tun := &tunnel{tap: t, began: at}
	tun.conns[ws.FromClient] = client
	if !s.begin(tun) {
		client.Close()
		return
	}
	tun.seen.open(t, at, client)
	s.wg.Go(tun.connect) // ends by itself within the dial timeout
}

// connect dials the upstream and hands over to the two copy loops. It has a
// goroutine of its own, which ends with it, because dialling needs a larger
// stack than an idle connection should keep.
func (t *tunnel) connect() {
	s := t.tap.server
	upstream := t.tap.spec.Upstream
	ctx, cancel := context.WithTimeout(s.ctx, s.opts.DialTimeout)
	defer cancel()
	server, err := s.opts.Dial(ctx, upstream.Network, upstream.Address)
	if err != nil {
		t.dialFailed(err)
		return
	}
	t.conns[ws.FromServer] = server
	t.seen.dialed(addrText(server.LocalAddr()), addrText(server.RemoteAddr()))
	if !s.connected(t) {
		t.stopped.Store(true)
		t.finish()
		return
	}
	t.start()
}

// dialFailed tells why and resets the client, which is what a refused
// connection would have looked like to it.
func (t *tunnel) dialFailed(err error) {
	s := t.tap.server
	defer s.forget(t)
	client := t.conns[ws.FromClient]
	if s.ctx.Err() != nil { // given up because of Close, not because of the server
		t.seen.close(s.now(), true)
		closeWrite(client)
		client.Close()
		return
	}
	at := s.now()
	text, errno := dialErrorText(err, s.opts.DialTimeout)
	t.seen.dialFailed(at, t.tap.upstreamText(), monitor.DialError{Error: text, Errno: errno, Took: monitor.Millis(at.Sub(t.began))})
	t.seen.close(at, false)
	setReset(client)
	client.Close()
}

// upstreamText is where we dial, as events write it.
func (t *tap) upstreamText() string {
	a := t.spec.Upstream
	if a.Network == "unix" {
		return "unix:" + a.Address
	}
	return a.Address
}
