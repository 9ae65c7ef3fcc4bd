package tap

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// tunnel is one accepted connection and the one we dialled for it.
//
// Two copy loops move its bytes, one for each direction, and the one that
// returns last ends it. No descriptor is closed before that: its number would
// be given to the next connection while a loop may still use it. To make the
// loops return, abort sets a deadline that is past.
type tunnel struct {
	tap   *tap
	seen  observed
	began monitor.Time

	conns     [2]net.Conn // by the direction whose bytes come out of it
	flows     [2]flow
	connected bool     // guarded by Server.mu
	acked     [2]acked // by direction; used by watchAcks alone

	running atomic.Int32 // copy loops
	fins    atomic.Int32 // directions that ended with a FIN
	failed  atomic.Bool  // a side is dead: the other has to learn it by a reset
	stopped atomic.Bool  // Server.Close
}

// flow is one direction of a tunnel. Its source is where its bytes come from,
// its sink where they go.
type flow struct {
	t    *tunnel
	dir  ws.Direction
	move mover
	wait waiting

	finSent   atomic.Bool  // its end was passed on to the sink
	sinkLost  atomic.Bool  // a write found the sink dead
	sinkReset bool         // and was told of a reset, or its like; read when both loops are done
	deadAt    monitor.Time // when the source's end was read off a dead socket, see sourceEnded
}

// mover is a way of moving the bytes of one flow.
type mover interface {
	// move hands what it reads to flow.pass until the source ends, which is
	// io.EOF, or one of the two fails.
	move() (readErr, writeErr error)
	// write writes all of p to the sink.
	write(p []byte) error
	// awaitReset waits, after the source's FIN, for its reset. It returns false
	// when the source's read deadline passes, or at once if it cannot know.
	awaitReset() bool
}

// start begins to relay; both conns are there.
func (t *tunnel) start() {
	for dir := range t.flows {
		f := &t.flows[dir]
		f.t, f.dir = t, ws.Direction(dir)
		f.move = t.tap.server.newMover(f)
	}
	t.running.Store(2)
	t.tap.server.wg.Add(2)
	go t.copyFromClient()
	go t.copyFromServer()
}

// The loops are ended by their source, or by abort.
func (t *tunnel) copyFromClient() { t.copy(&t.flows[ws.FromClient]) }
func (t *tunnel) copyFromServer() { t.copy(&t.flows[ws.FromServer]) }

func (t *tunnel) copy(f *flow) {
	defer t.tap.server.wg.Done()
	readErr, writeErr := f.move.move()
	at := t.now()
	switch {
	case writeErr != nil:
		t.sinkFailed(f, at, writeErr)
	case readErr == io.EOF:
		t.sourceEnded(f, at)
	default:
		t.sourceFailed(f, at, readErr)
	}
	if t.running.Add(-1) == 0 {
		t.finish()
	}
}

// pass takes what was just read: on it goes, and the stream is told. During
// the opening handshake it is told first, so that a cause is on record before
// its effect; later, telling must not delay the bytes.
func (f *flow) pass(p []byte) error {
	at := f.t.now()
	if !f.t.seen.tunnel() {
		f.tellApart(at, p)
		return f.move.write(p)
	}
	err := f.move.write(p)
	f.t.seen.bytes(f.dir, at, p)
	return err
}

// tellApart tells the stream from a goroutine of its own and waits for it.
// Decoding a handshake needs 8 KiB of stack, and a stack that has once grown
// does not get small again: the loop would keep it for as long as it lives.
func (f *flow) tellApart(at monitor.Time, p []byte) {
	told := make(chan struct{})
	go f.tell(at, p, told)
	<-told
}

func (f *flow) tell(at monitor.Time, p []byte, told chan<- struct{}) {
	defer close(told)
	f.t.seen.bytes(f.dir, at, p)
}

// sourceEnded passes a FIN on. The other direction may go on for long, so it
// stays to see whether the source, which sends no more, resets instead.
func (t *tunnel) sourceEnded(f *flow, at monitor.Time) {
	back := t.back(f)
	// The kernel reports a reset once, to whoever calls next. If a write of the
	// other loop got it, our read finds a plain end: no FIN, and not to be
	// passed on as one. Such a socket is closed although we never sent our FIN.
	// (The flag is looked at second: it is set before the FIN is sent.)
	if isClosed(f.source()) && !back.finSent.Load() || back.sinkLost.Load() {
		f.deadAt = at
		t.fail()
		return
	}
	t.sideEnded(f.dir, at, monitor.HowFIN, "")
	f.finSent.Store(true)
	closeWrite(f.sink())
	if t.fins.Add(1) == 2 {
		wakeReader(f.sink()) // the other loop, which stayed
		return
	}
	if !back.sinkLost.Load() && f.move.awaitReset() {
		t.fail()
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
// way through the other loop, which comes to its end by itself.
func (t *tunnel) sinkFailed(f *flow, at monitor.Time, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if err := f.wait.sourceError(); err != nil {
			t.sourceFailed(f, at, err)
		}
		return
	}
	back := t.back(f)
	// EPIPE says that the end was known before: the other loop tells how.
	if f.sinkReset = !errors.Is(err, syscall.EPIPE); f.sinkReset {
		how, text := howEnded(err)
		t.sideEnded(back.dir, at, how, text)
	}
	t.failed.Store(true)
	f.sinkLost.Store(true)
	if back.finSent.Load() {
		wakeReader(f.sink()) // it waits for the reset that this write has taken
	}
}

// finish ends a tunnel whose loops have returned, or never began.
func (t *tunnel) finish() {
	at := t.now()
	for i := range t.flows {
		if f := &t.flows[i]; f.deadAt != 0 && !t.back(f).sinkReset {
			t.sideEnded(f.dir, f.deadAt, monitor.HowFIN, "")
			closeWrite(f.sink())
		}
	}
	stopped := t.stopped.Load()
	t.seen.close(at, stopped)
	switch {
	case t.failed.Load():
		t.resetBoth()
	case stopped:
		for _, c := range t.conns {
			closeWrite(c) // Close alone makes a reset if something is unread
		}
	}
	for _, c := range t.conns {
		c.Close()
	}
	t.tap.server.forget(t)
}

// resetBoth passes a reset on: one side is dead, and the other gets one as
// soon as it has everything we wrote to it, for a reset empties our queue.
func (t *tunnel) resetBoth() {
	deadline := time.Now().Add(resetPatience)
	for _, c := range t.conns {
		for pause := time.Millisecond; hasUnsent(c) && time.Now().Before(deadline); pause = min(2*pause, 50*time.Millisecond) {
			if !t.tap.server.pause(pause) {
				break
			}
		}
		setReset(c)
	}
}

// fail ends the tunnel because a side is dead.
func (t *tunnel) fail() {
	t.failed.Store(true)
	t.abort()
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

// stop ends the tunnel for Server.Close, which holds Server.mu.
func (t *tunnel) stop() {
	if t.connected {
		t.abort()
	}
}

// abort makes both loops return.
func (t *tunnel) abort() {
	for _, c := range t.conns {
		c.SetDeadline(past)
	}
}

var past = time.Unix(1, 0)

func wakeReader(c net.Conn) { c.SetReadDeadline(past) }

func (t *tunnel) now() monitor.Time    { return t.tap.server.now() }
func (t *tunnel) back(f *flow) *flow   { return &t.flows[f.dir.Other()] }
func (f *flow) source() net.Conn       { return f.t.conns[f.dir] }
func (f *flow) sink() net.Conn         { return f.t.conns[f.dir.Other()] }
func (f *flow) sourceUnwritable() bool { return f.t.back(f).sinkLost.Load() }
