package observe

import (
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// conn counts one conn. Guarded by its stream's mutex.
type conn struct {
	stream   *Stream
	n        uint64
	muted    bool // refused by a full queue: relayed, not recorded
	opened   monitor.Time
	upgraded monitor.Time
	lastByte monitor.Time // either direction; the gap runs from here

	sample       monitor.Sample
	pings        [2]*pings // made with the first ping
	blockedSince [2]monitor.Time
	blockedAtEnd [2]bool           // when the first side ended
	waitedAtEnd  [2]monitor.Millis // for so long
	lastWait     [2]wait           // that is over
	endSeen      bool
	closeFrames  [2]uint8

	last      []monitor.FrameRecord // ring, grown to LastFrames
	frameN    uint64
	records   []monitor.FrameRecord // since the last Collect
	collapsed uint64                // of sample.Collapsed, already told
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
	b := monitor.GapBucket(max(g, 0))
	if b < 0 {
		return
	}
	c.sample.Gaps[b]++
	if g > c.sample.LongestGap.Std() {
		c.sample.LongestGap, c.sample.LongestGapAt = monitor.Millis(g), c.lastByte
	}
}

// frame counts the frame that d has just completed.
func (c *conn) frame(dir ws.Direction, at monitor.Time, d *ws.FrameDecoder) {
	f := d.Frame()
	t := &c.sample.Dir[dir]
	t.Frames.Add(f.Opcode, 1)
	if f.Opcode.IsData() {
		t.LastData = at
		if f.Fin {
			t.Messages++
		}
	} else {
		c.control(dir, at, f.Opcode, d)
	}
	c.record(monitor.RecordFrame(at, dir, f))
	if v := d.Violations(); v != 0 {
		for r := range v.Each() {
			c.violation(dir, at, r)
		}
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

// maxRecords bounds the frame records of a conn between two Collects, 50 ms
// apart: above 10,000 a second they collapse into a count.
const maxRecords = 500

func (c *conn) record(r monitor.FrameRecord) {
	if len(c.last) < monitor.LastFrames { // most conns at rest have seen few
		c.last = append(c.last, r)
	} else {
		c.last[c.frameN%monitor.LastFrames] = r
	}
	c.frameN++
	if !c.stream.hub.Records || c.muted {
		return
	}
	if len(c.records) >= maxRecords {
		c.sample.Collapsed++
		return
	}
	c.records = append(c.records, r)
}

// flushRecords emits the frame records since the last call.
func (c *conn) flushRecords(at monitor.Time) {
	if len(c.records) == 0 {
		return
	}
	c.emit(&monitor.Frames{Header: c.head(at), Records: c.records, Collapsed: c.sample.Collapsed - c.collapsed})
	c.records, c.collapsed = nil, c.sample.Collapsed
}

// lastRecords is the ring in order.
func (c *conn) lastRecords() []monitor.FrameRecord {
	n := min(c.frameN, monitor.LastFrames)
	out := make([]monitor.FrameRecord, 0, n)
	for i := c.frameN - n; i < c.frameN; i++ {
		out = append(out, c.last[i%monitor.LastFrames])
	}
	return out
}

// block notes that a write of dir's bytes begins or ceases to wait.
func (c *conn) block(dir ws.Direction, at monitor.Time, now bool) {
	since := &c.blockedSince[dir]
	switch {
	case now && *since == 0:
		*since = at
	case !now && *since != 0:
		c.lastWait[dir] = wait{at, monitor.Millis(at.Sub(*since))}
		c.sample.Dir[dir].Blocked += c.lastWait[dir].took
		*since = 0
	}
}

// wait is a write that waited for its receiver.
type wait struct {
	until monitor.Time
	took  monitor.Millis
}

// withEnd is how shortly before an end a wait may be over and still belong to
// it: a reset lets the write come back before its own news is told.
const withEnd = 100 * time.Millisecond

func (c *conn) blocked() bool { return c.blockedSince[0] != 0 || c.blockedSince[1] != 0 }

// end tells that a side ended. With the first, it remembers who was stuck: the
// writes themselves come back soon after, with an error.
func (c *conn) end(dir ws.Direction, e *sideEnd) {
	if !c.endSeen {
		c.endSeen = true
		c.noteBlocked(e.at)
		if c.upgraded != 0 { // the silence before the end is a gap like others, often the one that counts
			c.gap(e.at)
		}
	}
	c.emit(&monitor.SideEnded{Header: c.head(e.at), Dir: dir, How: e.how, Error: e.text, Gap: c.silence(e.at)})
}

func (c *conn) noteBlocked(at monitor.Time) {
	for d, since := range c.blockedSince {
		last := c.lastWait[d]
		switch {
		case since != 0:
			c.blockedAtEnd[d], c.waitedAtEnd[d] = true, monitor.Millis(max(at.Sub(since), 0))
		case last.until != 0 && at.Sub(last.until) <= withEnd:
			c.blockedAtEnd[d], c.waitedAtEnd[d] = true, last.took
		}
	}
}

// silence is how long no byte has come.
func (c *conn) silence(at monitor.Time) monitor.Millis {
	if c.lastByte == 0 {
		return 0
	}
	return monitor.Millis(max(at.Sub(c.lastByte), 0))
}

// snapshot is the sample as of now. Violations travel with the last one only.
func (c *conn) snapshot(at monitor.Time) monitor.Sample {
	s := c.sample
	s.Violations = nil
	for d := range s.Dir {
		s.Dir[d].Frames = c.sample.Dir[d].Frames.Clone()
		if since := c.blockedSince[d]; since != 0 {
			waiting := monitor.Millis(max(at.Sub(since), 0))
			s.Dir[d].Blocked += waiting
			s.Dir[d].BlockedNow, s.Dir[d].Waiting = true, waiting
		}
		if c.endSeen {
			s.Dir[d].BlockedNow, s.Dir[d].BlockedAtEnd, s.Dir[d].Waiting = c.blockedAtEnd[d], c.waitedAtEnd[d], 0
		}
	}
	return s
}

func (c *conn) close(at monitor.Time, byTap bool) {
	if c.upgraded != 0 && !c.endSeen {
		c.gap(at)
	}
	c.flushRecords(at)
	s := c.snapshot(at)
	s.Violations = c.sample.Violations
	c.emit(&monitor.Closed{Header: c.head(at), ByTap: byTap, Sample: s, Last: c.lastRecords()})
}
