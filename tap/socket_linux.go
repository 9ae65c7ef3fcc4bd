package tap

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a non-blocking kernel socket that a loop has. Its bytes move by the
// loop alone; other goroutines may ask about it with Control.
type socket struct {
	fd  int
	tcp bool

	mu     sync.Mutex // guards what follows, and the descriptor against being reused
	closed bool
}

// dupSocket makes a socket of c's descriptor. One of the two has to be closed.
func dupSocket(c net.Conn) (*socket, error) {
	fd, err := -1, error(net.ErrClosed)
	control(c, func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		return nil, err
	}
	_, tcp := c.(*net.TCPConn)
	return &socket{fd: fd, tcp: tcp}, nil
}

// isKernelSocket: what wraps a socket, as TLS does, has bytes of its own.
func isKernelSocket(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// The calls that move bytes are raw ones: the socket never blocks, so there is
// nothing that Go's scheduler would have to be told of.

// read receives, which costs the kernel a little less than SYS_READ.
func (s *socket) read(p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// write sends without the signal that a dead receiver would raise.
func (s *socket) write(p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// CloseWrite sends a FIN.
func (s *socket) CloseWrite() error { return unix.Shutdown(s.fd, unix.SHUT_WR) }

// SetLinger: 0 makes the coming Close send a reset.
func (s *socket) SetLinger(sec int) error {
	return unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: int32(sec)})
}

// Close closes it. The loop has forgotten it before.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	return unix.Close(s.fd)
}

// SyscallConn is there for control.
func (s *socket) SyscallConn() (syscall.RawConn, error) { return s, nil }

// Control calls f with the descriptor, which is not closed meanwhile.
func (s *socket) Control(f func(fd uintptr)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	f(uintptr(s.fd))
	return nil
}

func (s *socket) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (s *socket) Write(func(uintptr) bool) error { return errors.ErrUnsupported }
