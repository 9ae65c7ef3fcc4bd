package observe

import (
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// frames decodes and counts the frames of dir that p completes. The first one is decoded alone, for most reads bring one
// frame or a part of it; behind it there may be many.
func (c *conn) frames(dir ws.Direction, at monitor.Time, d *ws.FrameDecoder, p []byte) {
	for len(p) > 0 {
		n, done := d.Next(p)
		if !done {
			return
		}
		c.frame(dir, at, d)
		p = p[n:]
		if len(p) > 0 {
			p = p[c.shortMessages(dir, at, d, p):]
		}
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
	c.record(recordOf(at, dir, f))
	if v := d.Violations(); v != 0 {
		for r := range v.Each() {
			c.violation(dir, at, r)
		}
	}
}

// runLength is how many short messages are decoded at a time.
const runLength = 64

// shortMessages is frames for the short messages at the beginning of p, and returns their size.
func (c *conn) shortMessages(dir ws.Direction, at monitor.Time, d *ws.FrameDecoder, p []byte) (size int) {
	var run [runLength]ws.ShortMessage
	for {
		n, count := d.NextShort(p[size:], run[:])
		if count > 0 {
			c.messages(dir, at, run[:count])
		}
		if size += n; count < len(run) {
			return size
		}
	}
}

// messages counts short messages as frame counts each of them.
func (c *conn) messages(dir ws.Direction, at monitor.Time, run []ws.ShortMessage) {
	texts := uint64(0)
	for _, m := range run {
		if m.Opcode() == ws.OpText {
			texts++
		}
	}
	t := &c.sample.Dir[dir]
	t.LastData = at
	t.Messages += uint64(len(run))
	t.Frames.Add(ws.OpText, texts)
	t.Frames.Add(ws.OpBinary, uint64(len(run))-texts)
	c.recordRun(dir, at, run)
}

// recordOf makes the record of a frame. Its fields are copied one by one: a copy as a whole, right after they were
// written one by one, has to wait for the processor's store buffer, for a sixth of the time of a short read.
func recordOf(at monitor.Time, dir ws.Direction, f *ws.Frame) monitor.FrameRecord {
	return monitor.RecordFrame(at, dir, ws.Frame{Length: f.Length, Opcode: f.Opcode, RSV: f.RSV, Fin: f.Fin, Masked: f.Masked})
}

func recordOfShort(at monitor.Time, dir ws.Direction, m ws.ShortMessage) monitor.FrameRecord {
	return monitor.RecordFrame(at, dir, ws.Frame{Length: uint64(m.Length()), Opcode: m.Opcode(), RSV: m.RSV(), Fin: true, Masked: dir == ws.FromClient})
}

// maxRecords bounds the frame records of a conn between two Collects, 50 ms
// apart: above 10,000 a second they collapse into a count.
const maxRecords = 500

func (c *conn) record(r monitor.FrameRecord) {
	c.last.add(r)
	if !c.recorded() {
		return
	}
	if len(c.records) >= maxRecords {
		c.sample.Collapsed++
		return
	}
	c.makeRoom()
	c.records = append(c.records, r)
}

// recorded says whether somebody wants the frame records of c.
func (c *conn) recorded() bool { return (c.stream.hub.Records || c.watched) && !c.muted }

// recordRun is record for each of run; it makes those records only that stay.
func (c *conn) recordRun(dir ws.Direction, at monitor.Time, run []ws.ShortMessage) {
	if c.recorded() {
		c.makeRoom()
		kept := min(len(run), maxRecords-len(c.records))
		for _, m := range run[:kept] {
			c.records = append(c.records, recordOfShort(at, dir, m))
		}
		c.sample.Collapsed += uint64(len(run) - kept)
	}
	for _, m := range run[max(0, len(run)-monitor.LastFrames):] {
		c.last.add(recordOfShort(at, dir, m))
	}
}

// makeRoom makes the records with the room that the last ones needed, within bounds.
func (c *conn) makeRoom() {
	if c.records == nil {
		c.records = make([]monitor.FrameRecord, 0, max(c.usual, leastUsual))
	}
}

// Bounds of the room made for records that may not come.
const (
	leastUsual = 4
	mostUsual  = 64
)

// flushRecords emits the frame records since the last call.
func (c *conn) flushRecords(at monitor.Time) {
	if len(c.records) == 0 {
		return
	}
	c.usual = uint8(min(len(c.records), mostUsual))
	c.emit(&monitor.Frames{Header: c.head(at), Records: c.records, Collapsed: c.sample.Collapsed - c.collapsed})
	c.records, c.collapsed = nil, c.sample.Collapsed
}

// lastFrames is a ring of the last frame records of a conn, grown to LastFrames: most conns at rest have seen few.
type lastFrames struct {
	ring []monitor.FrameRecord
	next uint8 // the oldest, once the ring is full
}

func (l *lastFrames) add(r monitor.FrameRecord) {
	if len(l.ring) < monitor.LastFrames {
		if l.ring == nil {
			l.ring = make([]monitor.FrameRecord, 0, 2) // one each way
		}
		l.ring = append(l.ring, r)
		return
	}
	l.ring[l.next] = r
	l.next = (l.next + 1) % monitor.LastFrames
}

// inOrder returns the records, oldest first.
func (l *lastFrames) inOrder() []monitor.FrameRecord {
	out := make([]monitor.FrameRecord, 0, len(l.ring))
	return append(append(out, l.ring[l.next:]...), l.ring[:l.next]...)
}
