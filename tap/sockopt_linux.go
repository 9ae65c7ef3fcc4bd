package tap

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control calls f with c's descriptor, and reports whether it has one.
func control(c net.Conn, f func(fd uintptr)) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	return err == nil && rc.Control(f) == nil
}

// tcpClose is TCP_CLOSE of the kernel's include/net/tcp_states.h.
const tcpClose = 7

// isClosed says that a TCP connection is over: reset, given up, or ended in
// both directions.
func isClosed(c net.Conn) (closed bool) {
	if _, ok := c.(*net.TCPConn); !ok {
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
func progressOf(c net.Conn) (p ackProgress, ok bool) {
	if _, tcp := c.(*net.TCPConn); !tcp {
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
func hasUnsent(c net.Conn) (unsent bool) {
	if _, ok := c.(*net.TCPConn); !ok {
		return false // a unix peer has what was written
	}
	control(c, func(fd uintptr) {
		n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		unsent = err == nil && n > 0
	})
	return unsent && !isClosed(c)
}

// pollError says that an error, a reset say, waits at a descriptor. It does
// not take it.
func pollError(fd uintptr) bool {
	p := []unix.PollFd{{Fd: int32(fd)}}
	_, err := unix.Poll(p, 0)
	return err == nil && p[0].Revents&unix.POLLERR != 0
}

// pendingError takes the error that waits at c, if there is one.
func pendingError(c net.Conn) (pending error) {
	control(c, func(fd uintptr) {
		n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && n != 0 {
			pending = syscall.Errno(n)
		}
	})
	return pending
}
