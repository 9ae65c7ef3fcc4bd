package tap

import (
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
			t.server.pause(acceptPause)
			continue
		case failures > 0:
			t.acceptsAgain(failures)
			failures = 0
		}
		t.accepted(conn)
	}
}

func (t *tap) acceptFailed(failures int, err error) {
	t.server.acceptErrors.Add(1)
	t.server.health(t.spec.Name, monitor.HealthWarning, fmt.Sprintf("cannot accept connections (%d times): %v", failures, err))
}

func (t *tap) acceptsAgain(failures int) {
	t.server.health(t.spec.Name, monitor.HealthOK, fmt.Sprintf("accepting again after %d failures", failures))
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
	tun := newTunnel(t)
	tun.sockets[ws.FromClient] = client
	if !t.server.begin(tun) {
		client.Close()
		return
	}
	t.server.wg.Go(func() { tun.connect(client) }) // ends by itself within the patience for each step
}

// acceptedAt is the address that the peer dialled: of a wildcard listener it is
// one of many, and nginx's log names that one.
func (t *tap) acceptedAt(client net.Conn) string {
	if t.spec.Listen.Network == "unix" {
		return t.listen
	}
	if at := addrText(client.LocalAddr()); at != t.listen {
		return at
	}
	return t.listen // the one string for all
}

// connect hears what comes before the client's first byte, dials the upstream
// and hands over to a mover. It has a goroutine of its own, which ends with it,
// because that needs a larger stack than an idle connection should keep.
func (t *tunnel) connect(client net.Conn) {
	s := t.tap.server
	from, client, err := t.greet(client)
	if err != nil {
		t.unheard(err)
		return
	}
	server, err := t.reach(from, client)
	if err != nil {
		t.dialFailed(err)
		return
	}
	if !s.takeOver(t, client, server) {
		newCopied(t, client, server)
	}
	if !s.connected(t) {
		t.stopped.Store(true)
		t.finish()
		return
	}
	t.move.start()
}

// dialFailed tells why and resets the client, which is what a refused
// connection would have looked like to it.
func (t *tunnel) dialFailed(err error) {
	s := t.tap.server
	defer s.forget(t)
	client := t.sockets[ws.FromClient]
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
