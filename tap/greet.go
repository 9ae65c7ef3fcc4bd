package tap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// What comes before a connection's first byte: the PROXY header and TLS, on
// both sides, where the tap's spec asks for them.

// unheardError is why a client failed before its first byte.
type unheardError struct {
	reason string // monitor's
	err    error
}

func (e *unheardError) Error() string { return e.reason + ": " + e.err.Error() }
func (e *unheardError) Unwrap() error { return e.err }

// greet hears the client up to its first byte, and begins the observation.
// from is whose connection it is.
func (t *tunnel) greet(c net.Conn) (from netip.AddrPort, client net.Conn, err error) {
	at := t.tap
	from = addrPortOf(c.RemoteAddr())
	text := addrText(c.RemoteAddr())
	if at.spec.AcceptProxy {
		var named netip.AddrPort
		if named, err = at.hearProxyHeader(c); named.IsValid() {
			from, text = named, named.String()
		}
	}
	t.seen.open(at, t.began, text, at.acceptedAt(c))
	if err != nil {
		return from, c, &unheardError{monitor.ReasonNoProxyHeader, err}
	}
	if at.serverTLS == nil {
		return from, c, nil
	}
	secured, err := at.acceptTLS(at.server.ctx, c)
	if err != nil {
		return from, c, &unheardError{monitor.ReasonTLSFailed, err}
	}
	t.sockets[ws.FromClient] = secured
	return from, secured, nil
}

// proxyHeaderPatience bounds the wait for a PROXY header, which comes at once.
const proxyHeaderPatience = 10 * time.Second

func (t *tap) hearProxyHeader(c net.Conn) (netip.AddrPort, error) {
	stop := context.AfterFunc(t.server.ctx, func() { c.SetReadDeadline(past) })
	defer stop()
	c.SetReadDeadline(time.Now().Add(proxyHeaderPatience))
	defer c.SetReadDeadline(time.Time{})
	return readProxyHeader(c)
}

// unheard ends a tunnel whose client failed before its first byte.
func (t *tunnel) unheard(err error) {
	s := t.tap.server
	defer s.forget(t)
	client := t.sockets[ws.FromClient]
	stopped := s.ctx.Err() != nil
	if e := (*unheardError)(nil); !stopped && errors.As(err, &e) {
		t.seen.unheard(s.now(), e.reason, tlsErrorText(e.err, false))
	}
	t.seen.close(s.now(), stopped)
	closeWrite(client)
	client.Close()
}

// tlsError is a dial that came as far as TCP.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return monitor.DialTLS + tlsErrorText(e.err, true) }
func (e *tlsError) Unwrap() error { return e.err }

// reach dials the upstream, up to where the client's first byte may go.
func (t *tunnel) reach(from netip.AddrPort, client net.Conn) (net.Conn, error) {
	at := t.tap
	s := at.server
	ctx, cancel := context.WithTimeout(s.ctx, s.opts.DialTimeout)
	defer cancel()
	server, err := s.dial(ctx, at.spec.Upstream.Network, at.spec.Upstream.Address)
	if err != nil {
		return nil, err
	}
	t.seen.dialed(addrText(server.LocalAddr()), addrText(server.RemoteAddr()))
	if at.spec.SendProxy {
		if _, err := server.Write(proxyHeader(from, addrPortOf(client.LocalAddr()))); err != nil {
			server.Close()
			return nil, fmt.Errorf("sending the PROXY header: %w", err)
		}
	}
	if at.upstreamTLS != nil {
		secured, err := at.dialTLS(ctx, server)
		if err != nil {
			server.Close()
			return nil, &tlsError{err}
		}
		server = secured
	}
	if at.spec.RewriteHost {
		server = newHostRewriter(server, at.spec.upstreamName(), at.rewritesNoMore)
	}
	return server, nil
}

func (t *tap) rewritesNoMore(reason string) {
	t.server.health(t.spec.Name, monitor.HealthWarning, "a connection passed with its Host unchanged: "+reason)
}
