package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/wstap/wstap/monitor"
)

// viewer is one line to a viewer: its handler's goroutine reads, one goroutine
// writes.
type viewer struct {
	s       *Server
	conn    *websocket.Conn
	peer    string
	local   bool // at a unix socket
	wake    chan struct{}
	ctx     context.Context // done when the line ends
	cancel  context.CancelFunc
	helpers sync.WaitGroup // its writer, and what reads the past or runs a verb
	cutOnce sync.Once
	rate    bucket // of its messages; the reader's

	reading *pastRead     // the reader's
	greeted bool          // the reader's
	verbs   chan struct{} // a place for each verb that may run

	readDone chan struct{} // closed when nothing more is read

	past    chan pastPart // to the writer
	pending *pastPart     // taken from past; the writer's

	// s.mu guards what follows.
	deflate   bool
	bare      bool // wants no events
	welcomed  bool
	watching  map[monitor.ID]bool
	texts     [][]byte // to be sent before anything else
	next      uint64   // number of the next batch for it
	ordinal   uint64   // number of the next lifecycle event for it
	begun     bool     // it has had a snapshot, or went on where it was
	waiting   bool     // for a snapshot
	refresh   bool     // of which the samples are enough
	parts     *partWriter
	thin      bool // behind: no samples, no frames
	stale     bool // it misses samples that nothing makes up for
	slowSince time.Time
	unsent    Dropped // not told yet
	ended     *notice // why the line ends, to be sent last
	code      int     // of the close frame
}

func newViewer(s *Server, conn *websocket.Conn, peer string, local bool) *viewer {
	v := &viewer{
		s: s, conn: conn, peer: peer, local: local,
		wake: make(chan struct{}, 1), past: make(chan pastPart, 1), verbs: make(chan struct{}, verbsAtOnce),
		readDone: make(chan struct{}),
		watching: map[monitor.ID]bool{}, rate: bucket{rate: requestRate, burst: requestBurst},
	}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	return v
}

// A viewer may send so many messages a second, and so many at once.
const (
	requestRate  = 20
	requestBurst = 60
)

// maxTexts bounds the answers that wait.
const maxTexts = 256

// cut ends the line without a word.
func (v *viewer) cut() {
	v.cutOnce.Do(func() {
		v.cancel()
		v.conn.Close()
	})
}

// wakeUp makes the writer look again.
func (v *viewer) wakeUp() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// text queues a notice; s.mu is held.
func (v *viewer) text(n *notice) {
	if len(v.texts) >= maxTexts {
		v.fail(codeRate, websocket.ClosePolicyViolation, "too many answers wait to be read")
		return
	}
	v.texts = append(v.texts, encodeText(n))
	v.wakeUp()
}

// say is text without the lock.
func (v *viewer) say(n *notice) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.text(n)
}

// fail ends the line with an error, the first given; s.mu is held.
func (v *viewer) fail(code string, closeCode int, text string) {
	if v.ended != nil {
		return
	}
	v.ended, v.code = &notice{Type: typeError, Code: code, Text: text}, closeCode
	switch code {
	case codeSlow:
		v.s.stats.Slow++
	case codeSilent:
		v.s.stats.Silent++
	default:
		v.s.stats.BadViewers++
	}
	v.wakeUp()
}

// want asks for a snapshot; s.mu is held.
func (v *viewer) want(refresh bool) {
	if v.waiting {
		v.refresh = v.refresh && refresh
		return
	}
	v.waiting, v.refresh = true, refresh
	v.s.wanted++
}

// wantNot takes that back.
func (v *viewer) wantNot() {
	if v.waiting {
		v.waiting = false
		v.s.wanted--
	}
}

// begin gives it the snapshot it waits for; s.mu is held.
func (v *viewer) begin(snap *snapshot) {
	v.wantNot()
	v.dropParts()
	snap.users++
	v.parts = &partWriter{snap: snap, refresh: v.refresh}
	v.stale = false
	if !v.refresh {
		if v.begun {
			v.unsent.Events += snap.first - v.ordinal
		}
		v.begun = true
		v.next, v.ordinal = snap.seq+1, snap.first
	}
	v.wakeUp()
}

// dropParts ends the sending of a snapshot; s.mu is held.
func (v *viewer) dropParts() {
	if v.parts == nil {
		return
	}
	snap := v.parts.snap
	v.parts = nil
	if snap.users--; snap.users == 0 {
		v.s.alive--
	}
}

// join takes a viewer in, unless there are too many or the end has come.
func (s *Server) join(v *viewer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return errEnding
	}
	s.viewers[v] = struct{}{}
	s.stats.Accepted++
	s.viewing.Add(1)
	return nil
}

// leave forgets it.
func (s *Server) leave(v *viewer) {
	s.mu.Lock()
	v.wantNot()
	v.dropParts()
	s.stats.Unsent.add(v.unsent)
	delete(s.viewers, v)
	if v.deflate {
		s.packing--
	}
	s.leftAt = time.Now()
	s.mu.Unlock()
	for id := range v.watching {
		s.watch.remove(id)
	}
	s.viewing.Done()
}

// serve reads what the viewer sends until its line ends.
func (v *viewer) serve() {
	defer v.s.leave(v)
	v.helpers.Go(v.write)
	v.read()
	v.cancel() // what reads the past or runs a verb
	v.helpers.Wait()
	v.cut()
}

// read handles the viewer's messages until one fails.
func (v *viewer) read() {
	defer close(v.readDone)
	v.conn.SetPingHandler(func(string) error { return v.ping() })
	v.conn.SetPongHandler(func(string) error { return v.ping() })
	v.conn.SetReadDeadline(time.Now().Add(helloIn))
	for {
		typ, msg, err := v.message()
		if err == nil {
			err = v.take(typ, msg)
		}
		if err != nil {
			v.readFailed(err)
			return
		}
		v.conn.SetReadDeadline(time.Now().Add(silentFor))
	}
}

// ping takes control frames, which need no answer: they count as messages.
func (v *viewer) ping() error {
	if !v.rate.take(time.Now()) {
		return &protocolError{codeRate, "too many messages"}
	}
	return nil
}

// readFailed ends the line with a word about it, where one can be received.
func (v *viewer) readFailed(err error) {
	if !v.faulted(err) {
		v.cut()
		return
	}
	// What was not read would make the kernel reset the connection, and the
	// viewer might not get to see what is said to it last.
	v.conn.SetReadDeadline(time.Now().Add(lingerFor))
	io.Copy(io.Discard, io.LimitReader(v.conn.NetConn(), 1<<20))
}

// lingerFor is how long a line that was ended may take to be closed.
const lingerFor = time.Second

// message reads one. The limit is ours, not the library's, which would
// close the line before we can say why.
func (v *viewer) message() (int, []byte, error) {
	typ, r, err := v.conn.NextReader()
	if err != nil {
		return 0, nil, err
	}
	msg, err := io.ReadAll(io.LimitReader(r, maxRequest+1))
	if err == nil && len(msg) > maxRequest {
		err = &protocolError{codeProtocol, fmt.Sprintf("a viewer's message is at most %d bytes long", maxRequest)}
	}
	return typ, msg, err
}

// faulted says that the viewer is still there to be told.
func (v *viewer) faulted(err error) bool {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	var fault *protocolError
	var timeout net.Error
	switch {
	case errors.As(err, &fault):
		v.fail(fault.code, websocket.ClosePolicyViolation, fault.text)
	case errors.As(err, &timeout) && timeout.Timeout():
		v.fail(codeSilent, websocket.ClosePolicyViolation, "nothing was heard from the viewer")
	default:
		if v.ended == nil {
			v.ended = &notice{} // it left
		}
		return false
	}
	return true
}

// protocolError is a viewer's fault that ends its line.
type protocolError struct{ code, text string }

func (e *protocolError) Error() string { return e.text }
