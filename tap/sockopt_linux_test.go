package tap

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// capturingListener hands out what it accepts.
type capturingListener struct {
	net.Listener
	accepted chan net.Conn
}

func (l *capturingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- c
	}
	return c, err
}

func TestSocketOptions(t *testing.T) {
	for _, keepAlive := range []time.Duration{0, 30 * time.Second} {
		ours := make(chan net.Conn, 2)
		r := newRig(t, rigOptions{tap: Options{KeepAlive: keepAlive}, prepare: func(r *rig) {
			s := r.server
			s.opts.Listen = func(network, address string) (net.Listener, error) {
				ln, err := s.listenDefault(network, address)
				return &capturingListener{ln, ours}, err
			}
			s.opts.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := s.dialDefault(ctx, network, address)
				ours <- c
				return c, err
			}
		}})
		r.pair()
		for range 2 {
			checkOptions(t, <-ours, keepAlive)
		}
	}
}

func checkOptions(t *testing.T, c net.Conn, keepAlive time.Duration) {
	t.Helper()
	option := func(level, name int) (v int) {
		control(c, func(fd uintptr) { v, _ = unix.GetsockoptInt(int(fd), level, name) })
		return v
	}
	if got := option(unix.IPPROTO_TCP, unix.TCP_NODELAY); got != 1 {
		t.Errorf("%v: TCP_NODELAY is %d", c.LocalAddr(), got)
	}
	if got := option(unix.SOL_SOCKET, unix.SO_PROTOCOL); got != unix.IPPROTO_TCP {
		t.Errorf("%v: the protocol is %d, want TCP", c.LocalAddr(), got)
	}
	if got := option(unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 0; got != (keepAlive > 0) {
		t.Errorf("%v: SO_KEEPALIVE is %v", c.LocalAddr(), got)
	}
	if got := option(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE); keepAlive > 0 && got != int(keepAlive.Seconds()) {
		t.Errorf("%v: TCP_KEEPIDLE is %d s", c.LocalAddr(), got)
	}
}
