package tap

import (
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control calls f with c's descriptor, and reports whether it has one.
func control(c io.Closer, f func(fd uintptr)) bool {
	if r, ok := c.(*hostRewriter); ok {
		c = r.Conn
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	return err == nil && rc.Control(f) == nil
}

func isTCP(c io.Closer) bool {
	switch c := c.(type) {
	case *socket:
		return c.tcp
	case *secured:
		return isTCP(c.raw.Conn)
	case *hostRewriter:
		return isTCP(c.Conn)
	}
	_, ok := c.(*net.TCPConn)
	return ok
}

// tcpClose is TCP_CLOSE of the kernel's include/net/tcp_states.h.
const tcpClose = 7

// isClosed says that a TCP connection is over: reset, given up, or ended in
// both directions.
func isClosed(c io.Closer) (closed bool) {
	if !isTCP(c) {
		return false
	}
	control(c, func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		closed = err == nil && info.State == tcpClose
	})
	return closed
}

// progressOf asks how far a TCP peer has acknowledged what was sent to it
// (struct tcp_info, linux/tcp.h).
func progressOf(c io.Closer) (p ackProgress, ok bool) {
	if !isTCP(c) {
		return p, false
	}
	control(c, func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || info.State == tcpClose {
			return
		}
		p = ackProgress{info.Unacked > 0, info.Bytes_acked, time.Duration(min(info.Last_ack_recv, info.Last_data_recv)) * time.Millisecond}
		ok = true
	})
	return p, ok
}

// hasUnsent says that bytes wait which c's living peer has not acknowledged.
func hasUnsent(c io.Closer) (unsent bool) {
	if !isTCP(c) {
		return false // a unix peer has what was written
	}
	control(c, func(fd uintptr) {
		n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		unsent = err == nil && n > 0
	})
	return unsent && !isClosed(c)
}

// pendingError takes the error that waits at c, if there is one.
func pendingError(c io.Closer) (pending error) {
	control(c, func(fd uintptr) {
		n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && n != 0 {
			pending = syscall.Errno(n)
		}
	})
	return pending
}
