package tap

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// copied moves bytes with Read and Write, through anything that is a net.Conn:
// a goroutine for each direction, and the one that returns last ends the
// tunnel. A connection at rest holds a small buffer.
type copied struct {
	t       *tunnel
	conns   [2]net.Conn // the tunnel's sockets
	waits   [2]waiting  // by direction
	running atomic.Int32
}

const (
	bufferSize = 32 << 10
	restSize   = 4 << 10

	// writePatience is after what time a Write counts as waiting: it does not say
	// when it begins to.
	writePatience = 10 * time.Millisecond
)

// buffers are lent for one piece of work, never for a wait for bytes to come.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// newCopied makes the mover of a tunnel's two connections.
func newCopied(t *tunnel, client, server net.Conn) {
	m := &copied{t: t, conns: [2]net.Conn{ws.FromClient: client, ws.FromServer: server}}
	t.move = m
	t.sockets = [2]io.Closer{ws.FromClient: client, ws.FromServer: server}
}

// start is the mover's.
func (m *copied) start() {
	m.running.Store(2)
	for dir := range m.t.flows {
		m.t.tap.server.wg.Go(func() { m.copy(&m.t.flows[dir]) }) // ended by its source, or by abort
	}
}

func (m *copied) copy(f *flow) {
	readErr, writeErr := m.move(f)
	at := m.t.now()
	switch {
	case writeErr != nil:
		m.writeFailed(f, at, writeErr)
	case readErr == io.EOF:
		m.t.sourceEnded(f, at, m.isDead(f))
	default:
		m.t.sourceFailed(f, at, readErr)
	}
	if m.running.Add(-1) == 0 {
		m.t.finish()
	}
}

// isDead says that f's source is closed although we never sent our FIN. (The
// flag is looked at second: it is set before the FIN is sent.)
func (m *copied) isDead(f *flow) bool {
	return isClosed(f.source()) && !m.t.back(f).finSent.Load()
}

// writeFailed tells a dead sink from a dead source: the wait for the sink was
// given up then.
func (m *copied) writeFailed(f *flow, at monitor.Time, err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		m.t.sinkFailed(f, at, err)
	} else if err := m.waits[f.dir].sourceError(); err != nil {
		m.t.sourceFailed(f, at, err)
	}
}

// move hands what it reads to flow.pass until the source ends, which is
// io.EOF, or one of the two fails.
func (m *copied) move(f *flow) (readErr, writeErr error) {
	src := m.conns[f.dir]
	rest := make([]byte, restSize)
	for {
		n, err := src.Read(rest)
		if n > 0 {
			writeErr = f.pass(rest[:n])
		}
		if n == len(rest) && err == nil && writeErr == nil {
			err, writeErr = burst(f, src)
		}
		if err != nil || writeErr != nil {
			return err, writeErr
		}
	}
}

// burst moves what is more than the small buffer holds, until a read comes
// back with less.
func burst(f *flow, src net.Conn) (readErr, writeErr error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			writeErr = f.pass(buf[:n])
		}
		if err != nil || writeErr != nil || n < restSize {
			return err, writeErr
		}
	}
}

func (m *copied) write(f *flow, p []byte) error {
	w := &m.waits[f.dir]
	sink := m.conns[f.dir.Other()]
	w.begin(f, sink)
	defer w.end(f)
	n, err := sink.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// tell tells the stream from a goroutine of its own and waits for it. Decoding
// a handshake needs 8 KiB of stack, and a stack that has once grown does not
// get small again: the loop would keep it for as long as it lives.
func (m *copied) tell(f *flow, at monitor.Time, p []byte) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		m.t.seen.bytes(f.dir, at, p)
	}()
	<-told
}

// abort makes both loops return.
func (m *copied) abort() {
	for _, c := range m.conns {
		c.SetDeadline(past)
	}
}

var past = time.Unix(1, 0)
