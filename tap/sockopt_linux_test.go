package tap

import (
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSocketOptions(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		for _, keepAlive := range []time.Duration{0, 30 * time.Second} {
			r := newRig(t, rigOptions{way: way, tap: Options{KeepAlive: keepAlive}})
			client, server := r.pair()
			exchange(t, client, server, "both sockets are there")
			for _, tun := range r.server.connectedTunnels(nil) {
				for _, c := range tun.sockets {
					checkOptions(t, c, keepAlive)
				}
			}
		}
	})
}

func checkOptions(t *testing.T, c io.Closer, keepAlive time.Duration) {
	t.Helper()
	option := func(level, name int) (v int) {
		control(c, func(fd uintptr) { v, _ = unix.GetsockoptInt(int(fd), level, name) })
		return v
	}
	if got := option(unix.IPPROTO_TCP, unix.TCP_NODELAY); got != 1 {
		t.Errorf("TCP_NODELAY is %d", got)
	}
	if got := option(unix.SOL_SOCKET, unix.SO_PROTOCOL); got != unix.IPPROTO_TCP {
		t.Errorf("the protocol is %d, want TCP", got)
	}
	if got := option(unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 0; got != (keepAlive > 0) {
		t.Errorf("SO_KEEPALIVE is %v", got)
	}
	if got := option(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE); keepAlive > 0 && got != int(keepAlive.Seconds()) {
		t.Errorf("TCP_KEEPIDLE is %d s", got)
	}
}
