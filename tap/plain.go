package tap

import (
	"io"
	"net"
	"sync"
	"time"
)

// plain moves bytes with Read and Write, through anything that is a net.Conn.
// A connection at rest holds a small buffer.
type plain struct {
	f *flow
}

const (
	bufferSize = 32 << 10
	restSize   = 4 << 10

	// plainPatience is after what time a Write counts as waiting: it does not say
	// when it begins to.
	plainPatience = 10 * time.Millisecond
)

// buffers are lent for one piece of work, never for a wait for bytes to come.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func (m *plain) move() (readErr, writeErr error) {
	src := m.f.source()
	rest := make([]byte, restSize)
	for {
		n, err := src.Read(rest)
		if n > 0 {
			writeErr = m.f.pass(rest[:n])
		}
		if n == len(rest) && err == nil && writeErr == nil {
			err, writeErr = m.burst(src)
		}
		if err != nil || writeErr != nil {
			return err, writeErr
		}
	}
}

// burst moves what is more than the small buffer holds, until a read comes
// back with less.
func (m *plain) burst(src net.Conn) (readErr, writeErr error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			writeErr = m.f.pass(buf[:n])
		}
		if err != nil || writeErr != nil || n < restSize {
			return err, writeErr
		}
	}
}

func (m *plain) write(p []byte) error {
	m.f.wait.begin(m.f, plainPatience)
	defer m.f.wait.end(m.f)
	n, err := m.f.sink().Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

func (m *plain) awaitReset() bool { return false }
