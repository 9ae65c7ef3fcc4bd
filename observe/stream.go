package observe

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// Stream observes one TCP connection through a tap. The two directions may be
// told of concurrently; calls for one direction must be in order.
type Stream struct {
	hub    *Hub
	tunnel atomic.Bool // no more HTTP: see Tunnel

	mu     sync.Mutex // guards this paragraph, which every read touches
	closed bool
	dirty  bool
	lost   [2]bool // that direction is not decoded any more
	conn   *conn   // the conn that bytes count for now; nil on plain HTTP
	frames *[2]ws.FrameDecoder
	answer *tlsAnswer
	http   *httpMode   // nil once the stream is a tunnel
	ends   *[2]sideEnd // made with the first end

	leg                           string
	client, listen, local, server string // unchanging after Dialed
	accepted                      monitor.Time
	place                         int // in the hub's roll, which guards it
}

// sideEnd is how one side ended; a conn may begin after it.
type sideEnd struct {
	at   monitor.Time // 0: not yet
	how  monitor.How
	text string
}

// Tunnel says that the opening handshake is over: from here on the relay may
// write first and tell afterwards. Before, it must tell first, so that a cause
// is always on record before its effect.
func (s *Stream) Tunnel() bool { return s == nil || s.tunnel.Load() }

// Dialed tells our outgoing address and the server's.
func (s *Stream) Dialed(local, server string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.local, s.server = local, server
	s.mu.Unlock()
}

// DialFailed tells that the upstream could not be reached. It makes a conn of
// the connection, which ends with the Close that follows.
func (s *Stream) DialFailed(at monitor.Time, server string, ev monitor.DialError) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = server
	s.conn = s.open(s.accepted, false, "")
	ev.Header = s.conn.head(at)
	s.conn.emit(&ev)
}

// Bytes tells of bytes read from dir at a time. p is not kept.
func (s *Stream) Bytes(dir ws.Direction, at monitor.Time, p []byte) {
	if s == nil || len(p) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.http != nil {
		p = s.httpBytes(dir, at, p)
	}
	if len(p) > 0 && s.conn != nil {
		s.tunnelBytes(dir, at, p)
	}
	s.touch()
}

// tunnelBytes counts and decodes what follows the handshake.
func (s *Stream) tunnelBytes(dir ws.Direction, at monitor.Time, p []byte) {
	c := s.conn
	c.bytes(dir, at, len(p))
	if s.answer != nil && dir == ws.FromServer {
		s.answerTLS(at, p)
	}
	if s.frames == nil || s.lost[dir] {
		return
	}
	d := &s.frames[dir]
	c.frames(dir, at, d, p)
	if d.Lost() {
		s.lost[dir] = true
		for r := range d.Violations().Each() {
			c.violation(dir, at, r)
		}
		c.emit(&monitor.Lost{Header: c.head(at), Dir: dir, Reason: "impossible frame length", Offset: c.sample.Dir[dir].Bytes})
	}
}

// touch puts the stream on the list of the next Collect.
func (s *Stream) touch() {
	if !s.dirty && s.conn != nil {
		s.dirty = true
		s.hub.changed(s)
	}
}

// Blocked tells that a write of dir's bytes begins or ceases to wait for its receiver.
func (s *Stream) Blocked(dir ws.Direction, at monitor.Time, now bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.block(dir, at, now)
		s.touch()
	}
}

// Unacked tells for how long the receiver of dir's bytes has acknowledged
// nothing while some wait for it; zero if none wait, or it does.
func (s *Stream) Unacked(dir ws.Direction, since time.Duration) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || s.conn.sample.Dir[dir].Unacked == monitor.Millis(since) {
		return
	}
	s.conn.sample.Dir[dir].Unacked = monitor.Millis(since)
	s.touch()
}

// End tells that no more will come from dir, how we learnt it, and when.
func (s *Stream) End(dir ws.Direction, at monitor.Time, how monitor.How, errText string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.ends == nil {
		s.ends = new([2]sideEnd)
	}
	if s.ends[dir].at != 0 {
		return
	}
	s.ends[dir] = sideEnd{at, how, errText}
	if s.conn != nil {
		s.conn.end(dir, &s.ends[dir])
	}
}

// Broken tells that decoding failed (a panic of ours): from here on bytes are
// counted and nothing more.
func (s *Stream) Broken(at monitor.Time, reason string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.frames = nil
	s.goOpaque(ws.FromClient, at, reason)
}

// Close tells that both sides are done with. byTap says that the relay itself
// was being stopped. No call may follow.
func (s *Stream) Close(at monitor.Time, byTap bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.http != nil {
		s.closeHTTP(at, byTap)
	}
	if s.conn != nil {
		s.conn.close(at, byTap)
		s.conn = nil
	}
	s.closed = true
	s.frames = nil
	s.hub.roll.remove(s)
	s.hub.streams.Add(-1)
}

// collect appends the sample of the current conn.
func (s *Stream) collect(at monitor.Time, ev *monitor.Samples) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = false
	if s.conn == nil || s.conn.muted {
		return
	}
	s.conn.flushRecords(at)
	ev.Conns = append(ev.Conns, s.conn.n)
	ev.Samples = append(ev.Samples, monitor.Sample{})
	s.conn.snapshot(at, &ev.Samples[len(ev.Samples)-1])
	if s.conn.writes.blocked() {
		s.touch() // its blocked time grows without bytes
	}
}

// open makes a conn and emits its Opened.
func (s *Stream) open(at monitor.Time, opaque bool, reason string) *conn {
	c := &conn{stream: s, n: s.hub.conns.Add(1)}
	c.muted = !s.hub.Emit(&monitor.Opened{
		Header: c.head(at), Client: s.client, Listen: s.listen, Local: s.local, Server: s.server,
		Opaque: opaque, Reason: reason,
	})
	if c.muted {
		s.hub.drop()
	}
	if s.ends == nil {
		return c
	}
	for d := range s.ends {
		if e := &s.ends[d]; e.at != 0 {
			c.end(ws.Direction(d), e)
		}
	}
	return c
}

// goOpaque gives up HTTP: what comes now is relayed, counted and shown as
// opaque, in both directions.
func (s *Stream) goOpaque(dir ws.Direction, at monitor.Time, reason string) {
	if s.conn == nil {
		s.conn = s.open(at, true, reason)
		s.countSwallowed(at)
		if dir == ws.FromClient && reason == reasonTLS {
			s.answer = new(tlsAnswer)
		}
	} else {
		s.conn.emit(&monitor.Lost{Header: s.conn.head(at), Dir: dir, Reason: reason, Offset: s.conn.sample.Dir[dir].Bytes})
	}
	s.lost = [2]bool{true, true}
	s.endHTTP()
}

// countSwallowed gives the current conn what the HTTP decoders had taken.
func (s *Stream) countSwallowed(at monitor.Time) {
	if s.http == nil {
		return
	}
	for d, n := range s.http.size {
		if n > 0 {
			s.conn.bytes(ws.Direction(d), at, int(n))
		}
	}
}

// endHTTP leaves the HTTP mode.
func (s *Stream) endHTTP() {
	s.http = nil
	s.tunnel.Store(true)
}
