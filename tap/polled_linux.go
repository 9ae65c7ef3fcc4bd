package tap

import (
	"bytes"
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// polled moves the bytes of a tunnel in a loop's goroutine. A connection at
// rest holds no buffer, and is known to nobody but the kernel's epoll.
//
// What is read is written at once. If the sink does not take all of it, the
// rest is kept, and the source is not read any more until the sink has told that
// it takes more and has taken it: so a slow receiver slows its sender down, as it
// would without us.
type polled struct {
	t     *tunnel
	loop  *loop
	sides [2]side // by the direction whose bytes come out of it
	done  bool
}

// side is a socket of a tunnel and the flow whose source it is.
type side struct {
	p    *polled
	dir  ws.Direction
	sock *socket
	slot int32

	phase phase
	most  int    // bytes of the next read, see read
	rest  []byte // read and not yet written; not empty while stalled

	dead  error       // how the source died while its bytes wait
	moved bool        // since the last look
	look  *time.Timer // while dead and stalled
}

// phase is how far a flow is.
type phase uint8

const (
	reading   phase = iota
	stalled         // the rest waits for the sink
	lingering       // a FIN was passed on; the source may still reset
	over
)

// Events of a side, asked for once and told at every change (edge-triggered):
// asking anew for what is wanted just now, and being told of it again and again,
// would cost a system call or more for each message.
const (
	sideEvents = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
	readEvents = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | always
	// lastEvents say that a short read may not have taken all: an end, or urgent
	// data, at whose place the kernel interrupts a read.
	lastEvents = unix.EPOLLPRI | unix.EPOLLRDHUP | always
)

// newPolled makes the mover of a tunnel, with the socket it has so far.
func newPolled(l *loop, t *tunnel, client *socket) *polled {
	p := &polled{t: t, loop: l}
	for d := range p.sides {
		p.sides[d].p, p.sides[d].dir, p.sides[d].most = p, ws.Direction(d), leastRead
	}
	p.use(ws.FromClient, client)
	t.move = p
	return p
}

func (p *polled) use(dir ws.Direction, s *socket) {
	p.sides[dir].sock, p.t.sockets[dir] = s, s
}

// start is the mover's.
func (p *polled) start() {
	p.t.tap.server.wg.Add(1) // until finish
	p.loop.post(p.begin)
}

// begin begins to relay; both sockets are there.
func (p *polled) begin() {
	if p.done {
		return // Close came first
	}
	for d := range p.sides {
		if s := &p.sides[d]; s.slot == 0 && !s.watch() {
			p.t.fail()
		}
	}
}

// watch puts the socket into the epoll. If the kernel has no room the tunnel ends.
func (s *side) watch() bool {
	slot, err := s.p.loop.watch(s.sock.fd, sideEvents, s)
	if err != nil {
		s.p.t.sideEnded(s.dir, s.p.t.now(), monitor.HowError, errText(err))
		return false
	}
	s.slot = slot
	return true
}

func (s *side) flow() *flow { return &s.p.t.flows[s.dir] }
func (s *side) back() *side { return &s.p.sides[s.dir.Other()] }

// ready takes what the kernel tells of the socket: of a sink, then of a source.
func (s *side) ready(events uint32) {
	if events&(unix.EPOLLOUT|always) != 0 && s.back().phase == stalled {
		s.back().flush()
	}
	switch s.phase {
	case reading:
		if events&readEvents != 0 {
			s.read(events)
		}
	case stalled:
		if events&always != 0 {
			s.died()
		}
	case lingering:
		if events&always != 0 {
			s.lingered(events)
		}
	}
	s.p.settle()
}

// leastRead is what a read asks for at first, and after a stall: what is read
// and not taken by the sink stays in memory.
const leastRead = 32 << 10

// read reads once: if that was less than it asked for, there was no more, and
// whatever comes after it is told anew. Only with lastEvents, and on unix
// sockets, where a read may end between two messages, it reads until there is
// nothing. A flow that fills the buffer gets more of it, bulk costs half in big
// pieces, and lets others have their turn.
func (s *side) read(events uint32) {
	untilNothing := events&lastEvents != 0 || !s.sock.tcp
	for {
		n, errno := s.sock.read(s.p.loop.buffer[:s.most])
		switch {
		case errno == unix.EAGAIN:
			if events&unix.EPOLLPRI != 0 {
				s.tellAgain() // a signal, too, ends a read at urgent data: not all may be taken
			}
			return
		case errno != 0:
			s.ended(errno)
			return
		case n == 0:
			s.ended(io.EOF)
			return
		}
		full := n == s.most
		if err := s.flow().pass(s.p.loop.buffer[:n]); err != nil {
			s.sinkFailed(err)
		}
		switch {
		case s.phase != reading:
			return
		case full:
			s.most = min(2*s.most, len(s.p.loop.buffer))
			s.tellAgain()
			return
		case !untilNothing:
			return
		}
	}
}

// tellAgain makes the kernel tell what is there now as if it had just come.
func (s *side) tellAgain() { s.p.loop.change(s.sock.fd, s.slot, sideEvents) }

// ended: no more comes from the source.
func (s *side) ended(err error) {
	t, at := s.p.t, s.p.t.now()
	if s.dead != nil { // the error was taken out of the kernel when it was found
		err = s.dead
	}
	if err != io.EOF {
		s.phase = over
		t.sourceFailed(s.flow(), at, err)
		return
	}
	s.phase = lingering
	t.sourceEnded(s.flow(), at, false)
	if t.fins.Load() == 2 {
		s.phase, s.back().phase = over, over
	}
}

// lingered: something came after the FIN, and only a reset can, or nothing ever
// will.
func (s *side) lingered(events uint32) {
	s.phase = over
	if events&unix.EPOLLERR != 0 {
		s.p.t.fail()
	}
}

// write is the mover's: what the kernel does not take becomes the rest.
func (p *polled) write(f *flow, b []byte) error {
	s := &p.sides[f.dir]
	n, err := s.send(b)
	if err == nil && n < len(b) {
		s.stall(b[n:])
	}
	return err
}

// send writes what the kernel takes of b.
func (s *side) send(b []byte) (n int, err error) {
	sink := s.back().sock
	for n < len(b) {
		some, errno := sink.write(b[n:])
		switch {
		case errno == unix.EAGAIN:
			return n, nil
		case errno != 0:
			return n, errno
		}
		n += some
	}
	return n, nil
}

// stall keeps what the sink does not take now.
func (s *side) stall(rest []byte) {
	s.phase, s.rest, s.most = stalled, bytes.Clone(rest), leastRead
	s.flow().blocked(true)
}

// flush goes on with the rest.
func (s *side) flush() {
	n, err := s.send(s.rest)
	s.rest = s.rest[n:]
	s.moved = s.moved || n > 0
	switch {
	case err != nil:
		s.unstall(over)
		s.sinkFailed(err)
	case len(s.rest) == 0:
		s.unstall(reading)
	}
}

func (s *side) unstall(next phase) {
	s.phase, s.rest = next, nil
	if s.look != nil {
		s.look.Stop()
		s.look = nil
	}
	s.flow().blocked(false)
	if next == reading {
		s.tellAgain() // what came meanwhile
	}
}

// sinkFailed: the source is of no use any more. What still comes from the dead
// sink is read to its end, unless that has come.
func (s *side) sinkFailed(err error) {
	s.phase = over
	s.p.t.sinkFailed(s.flow(), s.p.t.now(), err)
	switch back := s.back(); back.phase {
	case lingering:
		back.phase = over
	case stalled:
		back.dieWaiting(syscall.ECONNRESET)
	}
}

// died: the source of a stalled flow has ended in both directions, or died.
func (s *side) died() {
	if err := pendingError(s.sock); err != nil {
		s.dieWaiting(err)
	}
}

// dieWaiting remembers how the source died. What was read before may still
// arrive, but not for ever: the sink may never read again.
func (s *side) dieWaiting(err error) {
	if s.dead != nil {
		return
	}
	s.dead, s.moved = err, false
	s.look = time.AfterFunc(waitPatience, func() { s.p.loop.post(s.lookAgain) })
}

func (s *side) lookAgain() {
	if s.phase != stalled {
		return
	}
	if s.moved {
		s.moved = false
		s.look.Reset(waitPatience)
		return
	}
	s.unstall(over)
	s.ended(s.dead)
	s.p.settle()
}

// settle ends the tunnel if both its directions are over.
func (p *polled) settle() {
	if p.sides[0].phase == over && p.sides[1].phase == over {
		p.finish()
	}
}

// finish ends the tunnel, once. If it has to wait, a goroutine of its own does.
func (p *polled) finish() {
	if p.done {
		return
	}
	p.done = true
	for d := range p.sides {
		if s := &p.sides[d]; s.slot != 0 {
			p.loop.forget(s.slot)
		}
	}
	wg := &p.t.tap.server.wg
	if !p.t.waitsToReset() {
		defer wg.Done()
		p.t.finish()
		return
	}
	for d := range p.sides {
		p.loop.unwatch(p.sides[d].sock.fd)
	}
	go func() { // until the reset was passed on, resetPatience at most
		defer wg.Done()
		p.t.finish()
	}()
}

// tell is the mover's: the loop has stack enough to decode a handshake.
func (p *polled) tell(f *flow, at monitor.Time, b []byte) { p.t.seen.bytes(f.dir, at, b) }

// abort is the mover's.
func (p *polled) abort() { p.loop.post(p.stop) }

func (p *polled) stop() {
	for d := range p.sides {
		s := &p.sides[d]
		if s.phase == stalled {
			s.unstall(over)
		}
		s.phase = over
	}
	p.finish()
}
