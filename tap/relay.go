package tap

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// tunnel is one accepted connection and the one we dialled for it.
//
// A mover moves its bytes and tells the tunnel how each direction ends; the
// tunnel passes that on, and finishes when both directions are over. No
// descriptor is closed before that: its number would be given to the next
// connection while the mover may still use it.
type tunnel struct {
	tap   *tap
	seen  observed
	began monitor.Time
	move  mover

	sockets   [2]io.Closer // by the direction whose bytes come out of it
	flows     [2]flow
	abortable bool     // move is there; guarded by Server.mu
	connected bool     // both sockets are; guarded by Server.mu
	acked     [2]acked // by direction; used by watchAcks alone

	fins    atomic.Int32 // directions that ended with a FIN
	failed  atomic.Bool  // a side is dead: the other has to learn it by a reset
	stopped atomic.Bool  // Server.Close
}

// flow is one direction of a tunnel. Its source is where its bytes come from,
// its sink where they go.
type flow struct {
	t   *tunnel
	dir ws.Direction

	finSent   atomic.Bool  // its end was passed on to the sink
	sinkLost  atomic.Bool  // a write found the sink dead
	sinkReset bool         // and was told of a reset, or its like; read when both directions are over
	deadAt    monitor.Time // when the source's end was read off a dead socket, see sourceEnded
}

// mover is a way of moving the bytes of a tunnel: polled for plain sockets on
// Linux, copied for everything else.
type mover interface {
	// start begins to relay; both sockets are there.
	start()
	// write writes all of p to f's sink, or takes care that it will be.
	write(f *flow, p []byte) error
	// tell tells the stream of bytes of the opening handshake.
	tell(f *flow, at monitor.Time, p []byte)
	// abort makes both directions end. It returns before they have, and any
	// goroutine may call it.
	abort()
}

// newTunnel makes the tunnel of a connection that was just accepted.
func newTunnel(at *tap) *tunnel {
	t := &tunnel{tap: at, began: at.server.now()}
	for dir := range t.flows {
		t.flows[dir].t, t.flows[dir].dir = t, ws.Direction(dir)
	}
	return t
}

// pass takes what was just read: on it goes, and the stream is told. During
// the opening handshake it is told first, so that a cause is on record before
// its effect; later, telling must not delay the bytes.
func (f *flow) pass(p []byte) error {
	t := f.t
	at := t.now()
	if !t.seen.tunnel() {
		t.move.tell(f, at, p)
		return t.move.write(f, p)
	}
	err := t.move.write(f, p)
	t.seen.bytes(f.dir, at, p)
	return err
}

// sourceEnded passes an end on, a FIN or TLS's: the other direction may go on
// for long. dead says that the socket is known to be.
func (t *tunnel) sourceEnded(f *flow, at monitor.Time, dead bool) {
	// The kernel reports a reset once, to whoever calls next. If a write of the
	// other direction got it, our read finds a plain end: no FIN, and not to be
	// passed on as one.
	if dead || t.back(f).sinkLost.Load() {
		f.deadAt = at
		t.fail()
		return
	}
	t.sideEnded(f.dir, at, endOf(f.source()), "")
	f.finSent.Store(true)
	if t.fins.Add(1) == 1 { // with the second, the close that follows sends it
		passEnd(f.source(), f.sink())
	}
}

// sourceFailed: nothing can be delivered to a dead source either.
func (t *tunnel) sourceFailed(f *flow, at monitor.Time, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return // abort
	}
	how, text := howEnded(err)
	t.sideEnded(f.dir, at, how, text)
	t.fail()
}

// sinkFailed: the sink is dead, but what it sent before may still be on its
// way in the other direction, which comes to its end by itself.
func (t *tunnel) sinkFailed(f *flow, at monitor.Time, err error) {
	back := t.back(f)
	// EPIPE says that the end was known before: the other direction tells how.
	if f.sinkReset = !errors.Is(err, syscall.EPIPE); f.sinkReset {
		how, text := howEnded(err)
		t.sideEnded(back.dir, at, how, text)
	}
	t.failed.Store(true)
	f.sinkLost.Store(true)
}

// waitPatience is for how long the bytes of a dead source may make no progress
// towards a sink that lives.
const waitPatience = time.Second

// blocked tells that f's bytes begin or cease to wait for the sink.
func (f *flow) blocked(now bool) {
	n := int64(1)
	if !now {
		n = -1
	}
	f.t.tap.server.stalled.Add(n)
	f.t.seen.blocked(f.dir, f.t.now(), now)
}

// finish ends a tunnel whose directions are over, or never began. It may wait,
// see resetBoth.
func (t *tunnel) finish() {
	at := t.now()
	for i := range t.flows {
		if f := &t.flows[i]; f.deadAt != 0 && !t.back(f).sinkReset {
			t.sideEnded(f.dir, f.deadAt, endOf(f.source()), "")
			passEnd(f.source(), f.sink())
		}
	}
	stopped := t.stopped.Load()
	t.seen.close(at, stopped)
	switch {
	case t.failed.Load():
		t.resetBoth()
	case stopped:
		for _, c := range t.sockets {
			closeWrite(c) // Close alone makes a reset if something is unread
		}
	}
	for _, c := range t.sockets {
		c.Close()
	}
	t.tap.server.forget(t)
}

// resetBoth passes a reset on: one side is dead, and the other gets one as
// soon as it has everything we wrote to it, for a reset empties our queue.
func (t *tunnel) resetBoth() {
	deadline := time.Now().Add(resetPatience)
	for _, c := range t.sockets {
		for pause := time.Millisecond; hasUnsent(c) && time.Now().Before(deadline); pause = min(2*pause, 50*time.Millisecond) {
			if !t.tap.server.pause(pause) {
				break
			}
		}
		setReset(c)
	}
}

// waitsToReset says that finish has to wait.
func (t *tunnel) waitsToReset() bool {
	return t.failed.Load() && (hasUnsent(t.sockets[0]) || hasUnsent(t.sockets[1]))
}

// fail ends the tunnel because a side is dead.
func (t *tunnel) fail() {
	t.failed.Store(true)
	t.move.abort()
}

// sideEnded tells how a side ended. Once the relay is being stopped the ends are
// its own doing, also those that come back from other tunnels.
func (t *tunnel) sideEnded(dir ws.Direction, at monitor.Time, how monitor.How, text string) {
	if !t.stopped.Load() {
		t.seen.end(dir, at, how, text)
	}
}

// markStopped says that from now on the end is the relay's own doing, unless it
// has come already.
func (t *tunnel) markStopped() {
	if !t.failed.Load() && t.fins.Load() < 2 {
		t.stopped.Store(true)
	}
}

// stop ends the tunnel for Server.Close, which holds Server.mu. One for which Go
// dials ends with its dial.
func (t *tunnel) stop() {
	if t.abortable {
		t.move.abort()
	}
}

func (t *tunnel) now() monitor.Time  { return t.tap.server.now() }
func (t *tunnel) back(f *flow) *flow { return &t.flows[f.dir.Other()] }
func (f *flow) source() io.Closer    { return f.t.sockets[f.dir] }
func (f *flow) sink() io.Closer      { return f.t.sockets[f.dir.Other()] }
