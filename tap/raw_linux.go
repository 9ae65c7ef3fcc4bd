package tap

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raw moves bytes between two kernel sockets with read and write calls of its
// own. It waits for bytes in a callback of the source's syscall.RawConn, without
// a buffer, and borrows one while there are some.
//
// The calls are raw ones: the sockets are non-blocking, so there is nothing the
// scheduler would have to be told of. A descriptor is used only inside a
// callback of its own RawConn, which keeps its number from being reused. Bytes
// are passed on outside of the callbacks, to keep the goroutine's stack small:
// half of what an idle connection costs is the stacks of its two loops.
type raw struct {
	f        *flow
	src, dst syscall.RawConn

	fillFunc, flushFunc func(fd uintptr) bool // callbacks of src and dst, made once

	readErr, writeErr error
	buf               *[bufferSize]byte // nil while waiting for bytes
	n                 int               // bytes in buf
	rest              []byte            // not yet written
	waits             bool              // between wait.begin and wait.end
}

// newMover returns the best way of moving f's bytes.
func (s *Server) newMover(f *flow) mover {
	if !s.alwaysPlain && isKernelSocket(f.source()) && isKernelSocket(f.sink()) {
		src, err := f.source().(syscall.Conn).SyscallConn()
		dst, err2 := f.sink().(syscall.Conn).SyscallConn()
		if err == nil && err2 == nil {
			m := &raw{f: f, src: src, dst: dst}
			m.fillFunc, m.flushFunc = m.fill, m.flush
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

// yieldEvery is after how many reads in a row others get a turn.
const yieldEvery = 16

func (m *raw) move() (readErr, writeErr error) {
	defer m.release()
	for i := 1; ; i++ {
		if err := m.src.Read(m.fillFunc); err != nil {
			return err, nil // the deadline
		}
		if m.readErr != nil {
			return m.readErr, nil
		}
		if err := m.f.pass(m.buf[:m.n]); err != nil {
			return nil, err
		}
		if i%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
}

// fill reads once. False makes src.Read wait, and only the kernel's EAGAIN may
// do that: the poller tells of changes only, and a FIN or a reset that came
// together with the last bytes is no change any more after a short read.
func (m *raw) fill(fd uintptr) bool {
	if m.buf == nil {
		m.buf = buffers.Get().(*[bufferSize]byte)
	}
	for {
		n, errno := readFD(fd, m.buf[:])
		switch {
		case errno == syscall.EAGAIN:
			m.release()
			return false
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			m.readErr = errno
		case n == 0:
			m.readErr = io.EOF
		}
		m.n = n
		return true
	}
}

func (m *raw) release() {
	if m.buf != nil {
		buffers.Put(m.buf)
		m.buf = nil
	}
}

// write returns when all of p is written, however long that takes.
func (m *raw) write(p []byte) error {
	m.rest = p
	err := m.dst.Write(m.flushFunc)
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
