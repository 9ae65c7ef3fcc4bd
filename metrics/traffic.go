package metrics

import "github.com/wstap/wstap/monitor"

// carried is what of a live conn is counted already. Samples are cumulative, so
// what a new one has more is what passed since, whatever was lost between.
type carried struct {
	bytes    [2]uint64
	frames   [2]monitor.FrameCounts
	gaps     [monitor.GapBuckets]uint32
	tap      uint8 // in counts.taps
	upgraded bool
}

// maxConns bounds the conns that are followed; the traffic of one beyond it
// counts when it ends.
const maxConns = 1 << 20

func (m *Metrics) opened(ev *monitor.Opened) {
	i := m.counts.tapIndex(ev.Leg)
	m.counts.at(i).opened++
	if id := ev.ID(); m.conns[id] == nil && len(m.conns) < maxConns {
		m.conns[id] = &carried{tap: i}
	}
}

// samples counts what passed on conns that are open. A sample of another one,
// refused or ended, counts nothing: Closed brings, or has brought, its last.
func (m *Metrics) samples(ev *monitor.Samples) {
	for i, n := range ev.Conns {
		if c := m.conns[monitor.ID{Tap: ev.Tap, Conn: n}]; c != nil {
			m.counts.at(c.tap).pass(c, &ev.Samples[i])
		}
	}
}

func (m *Metrics) closed(ev *monitor.Closed) {
	c := m.conns[ev.ID()]
	if c == nil {
		c = &carried{tap: m.counts.tapIndex(ev.Leg)}
	}
	t := m.counts.at(c.tap)
	t.pass(c, &ev.Sample)
	if c.upgraded {
		t.open--
	}
	delete(m.conns, ev.ID())
}

// pass counts what a sample has more than c, and keeps it in c. An older sample
// than the last counts nothing.
func (t *tapCounts) pass(c *carried, s *monitor.Sample) {
	if s.Dir[0].Bytes < c.bytes[0] || s.Dir[1].Bytes < c.bytes[1] {
		return
	}
	for dir := range s.Dir {
		now := &s.Dir[dir]
		t.bytes[dir] += now.Bytes - c.bytes[dir]
		c.bytes[dir] = now.Bytes
		if now.Frames != c.frames[dir] {
			t.frames[dir].add(byOpcode(&now.Frames), byOpcode(&c.frames[dir]))
			c.frames[dir] = now.Frames
		}
	}
	if s.Gaps != c.gaps {
		for i, n := range s.Gaps {
			t.gaps[i] += more(uint64(n), uint64(c.gaps[i]))
		}
		c.gaps = s.Gaps
	}
}

// frameCounts are by the place in opcodes; the last is all that are reserved.
type frameCounts [len(opcodes)]uint64

// opcodes are the names of RFC 6455 §5.2, in the order of byOpcode.
var opcodes = [...]string{"continuation", "text", "binary", "close", "ping", "pong", "reserved"}

func byOpcode(f *monitor.FrameCounts) frameCounts {
	n := frameCounts{f.Of(0x0), f.Of(0x1), f.Of(0x2), f.Of(0x8), f.Of(0x9), f.Of(0xA)}
	reserved := f.Total()
	for _, named := range n {
		reserved -= named
	}
	n[len(n)-1] = reserved
	return n
}

func (f *frameCounts) add(now, before frameCounts) {
	for i, n := range now {
		f[i] += more(n, before[i])
	}
}

// more is how much n is above what it was: a counter never falls.
func more(n, was uint64) uint64 {
	if n <= was {
		return 0
	}
	return n - was
}
