package tap

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raw moves bytes between two kernel sockets from within one callback of the
// source's syscall.RawConn.Read. The goroutine waits there for bytes without a
// buffer, borrows one while there are some, and gives it back.
//
// The calls are raw ones: the sockets are non-blocking, so there is nothing the
// scheduler would have to be told of. A descriptor is used only inside a
// callback of its own RawConn, which keeps its number from being reused.
type raw struct {
	f        *flow
	src, dst syscall.RawConn

	readable, writable func(fd uintptr) bool // of src, of dst; made once

	readErr, writeErr error
	rest              []byte // not yet written
	waits             bool   // between wait.begin and wait.end
}

// newMover returns the best way of moving f's bytes.
func (s *Server) newMover(f *flow) mover {
	if !s.alwaysPlain && isKernelSocket(f.source()) && isKernelSocket(f.sink()) {
		src, err := f.source().(syscall.Conn).SyscallConn()
		dst, err2 := f.sink().(syscall.Conn).SyscallConn()
		if err == nil && err2 == nil {
			m := &raw{f: f, src: src, dst: dst}
			m.readable, m.writable = m.read, m.flush
			return m
		}
	}
	return &plain{f: f}
}

// isKernelSocket: what wraps a socket, as TLS does, has bytes of its own.
func isKernelSocket(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

func (m *raw) move() (readErr, writeErr error) {
	err := m.src.Read(m.readable)
	if m.writeErr != nil || m.readErr != nil {
		return m.readErr, m.writeErr
	}
	return err, nil // the deadline
}

// yieldEvery is after how many full buffers in a row others get a turn.
const yieldEvery = 16

// read moves all there is. It must not wait (return false) before the kernel
// said EAGAIN: the poller wakes it on changes only, and a FIN or a reset that
// came together with the last bytes is no change any more after a short read.
func (m *raw) read(fd uintptr) bool {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for i := 1; ; i++ {
		n, errno := readFD(fd, buf[:])
		switch {
		case errno == syscall.EAGAIN:
			return false
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			m.readErr = errno
			return true
		case n == 0:
			m.readErr = io.EOF
			return true
		}
		if m.writeErr = m.f.pass(buf[:n]); m.writeErr != nil {
			return true
		}
		if i%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
}

// write returns when all of p is written, however long that takes.
func (m *raw) write(p []byte) error {
	m.rest = p
	err := m.dst.Write(m.writable)
	if m.waits {
		m.waits = false
		m.f.wait.end(m.f)
	}
	if m.writeErr != nil {
		return m.writeErr
	}
	return err // the deadline
}

// flush writes what the kernel takes; false makes dst.Write wait for more room.
func (m *raw) flush(fd uintptr) bool {
	for {
		n, errno := writeFD(fd, m.rest)
		switch {
		case errno == syscall.EAGAIN:
			if !m.waits {
				m.waits = true
				m.f.wait.begin(m.f, 0)
			}
			return false
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			m.writeErr = errno
			return true
		}
		m.rest = m.rest[n:]
		if len(m.rest) == 0 {
			return true
		}
		if m.waits {
			m.f.wait.progress()
		}
	}
}

// awaitReset: the poller wakes us for a reset, also after the FIN.
func (m *raw) awaitReset() (reset bool) {
	m.src.Read(func(fd uintptr) bool {
		reset = pollError(fd)
		return reset
	})
	return reset
}

func readFD(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), errno
}

// writeFD sends without the signal that a dead receiver would raise.
func writeFD(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
