package observe

import (
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// conn counts one conn. Guarded by its stream's mutex. What most conns never
// need is made when they do; what every read touches stands together.
type conn struct {
	stream   *Stream
	upgraded monitor.Time
	lastByte monitor.Time // either direction; the gap runs from here
	muted    bool         // refused by a full queue: relayed, not recorded
	watched  bool         // its frame records are wanted though others' may not be
	endSeen  bool
	usual    uint8 // records of the last batch, or mostUsual
	// closeFrames are those told, by direction.
	closeFrames [2]uint8

	last      lastFrames
	records   []monitor.FrameRecord // since the last Collect
	collapsed uint64                // of sample.Collapsed, already told
	sample    monitor.Sample

	n      uint64
	opened monitor.Time
	pings  [2]*pings // made with the first ping
	writes *writes   // made with the first that waits
}

func (c *conn) head(at monitor.Time) monitor.Header {
	if c.opened == 0 {
		c.opened = at
	}
	return monitor.Header{At: at, Tap: c.stream.hub.Instance, Leg: c.stream.leg, Conn: c.n}
}

func (c *conn) emit(ev monitor.Event) {
	if !c.muted {
		c.stream.hub.Emit(ev)
	}
}

// bytes counts n bytes of dir read at a time, and the gap before them.
func (c *conn) bytes(dir ws.Direction, at monitor.Time, n int) {
	t := &c.sample.Dir[dir]
	t.Bytes += uint64(n)
	t.LastByte = max(t.LastByte, at)
	if c.upgraded != 0 {
		c.gap(at)
	}
	c.lastByte = max(c.lastByte, at)
}

func (c *conn) gap(at monitor.Time) {
	g := at.Sub(c.lastByte)
	if g < time.Millisecond { // no gap, as with GapBucket
		return
	}
	c.sample.Gaps[monitor.GapBucket(g)]++
	if g > c.sample.LongestGap.Std() {
		c.sample.LongestGap, c.sample.LongestGapAt = monitor.Millis(g), c.lastByte
	}
}

func (c *conn) control(dir ws.Direction, at monitor.Time, op ws.Opcode, d *ws.FrameDecoder) {
	switch op {
	case ws.OpClose:
		c.closeFrame(dir, at, d)
	case ws.OpPing:
		if c.pings[dir] == nil {
			c.pings[dir] = new(pings)
		}
		c.pings[dir].sent(&c.sample.Dir[dir], at, d.Control())
	case ws.OpPong:
		from := dir.Other()
		if p := c.pings[from]; p != nil {
			p.answered(&c.sample.Dir[from], at, d.Control())
		}
	}
}

// closeFramesTold bounds the close frames of a direction that become events.
const closeFramesTold = 2

func (c *conn) closeFrame(dir ws.Direction, at monitor.Time, d *ws.FrameDecoder) {
	if c.closeFrames[dir] >= closeFramesTold {
		return
	}
	c.closeFrames[dir]++
	code, reason := d.Close()
	c.emit(&monitor.CloseFrame{
		Header: c.head(at), Dir: dir, Code: code,
		Derived: code == ws.CloseNoStatus && len(d.Control()) == 0,
		Reason:  c.stream.hub.Redact.Text(string(reason)),
	})
}

// violation counts a broken rule; the first of each direction is an event.
func (c *conn) violation(dir ws.Direction, at monitor.Time, r ws.Rule) {
	before := len(c.sample.Violations)
	c.sample.AddViolation(r.String(), dir, 1)
	if len(c.sample.Violations) > before {
		c.emit(&monitor.Violation{Header: c.head(at), Dir: dir, Rule: r.String(), Section: r.Section(), Count: 1})
	}
}

// end tells that a side ended. With the first, it remembers who was stuck: the
// writes themselves come back soon after, with an error.
func (c *conn) end(dir ws.Direction, e *sideEnd) {
	if !c.endSeen {
		c.endSeen = true
		c.writes.noteEnd(e.at)
		if c.upgraded != 0 { // the silence before the end is a gap like others, often the one that counts
			c.gap(e.at)
		}
	}
	c.emit(&monitor.SideEnded{Header: c.head(e.at), Dir: dir, How: e.how, Error: e.text, Gap: c.silence(e.at)})
}

// silence is how long no byte has come.
func (c *conn) silence(at monitor.Time) monitor.Millis {
	if c.lastByte == 0 {
		return 0
	}
	return monitor.Millis(max(at.Sub(c.lastByte), 0))
}

// snapshot makes s the sample as of now. Violations travel with the last one only.
func (c *conn) snapshot(at monitor.Time, s *monitor.Sample) {
	*s = c.sample
	s.Violations = nil
	for d := range s.Dir {
		s.Dir[d].Frames = c.sample.Dir[d].Frames.Clone()
	}
	c.writes.report(s, at, c.endSeen)
}

func (c *conn) close(at monitor.Time, byTap bool) {
	if c.upgraded != 0 && !c.endSeen {
		c.gap(at)
	}
	c.flushRecords(at)
	ev := &monitor.Closed{Header: c.head(at), ByTap: byTap, Last: c.last.inOrder()}
	c.snapshot(at, &ev.Sample)
	ev.Sample.Violations = c.sample.Violations
	c.emit(ev)
}
