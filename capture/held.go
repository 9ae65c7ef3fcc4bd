package capture

import (
	"slices"

	"github.com/wstap/wstap/monitor"
)

// held is the frame records passed on the way to a place in the recording. A
// State keeps the last few of each conn, so all but the newest batches are
// dropped before they are decoded: they are most of a recording.
type held struct {
	conns map[monitor.ID]*heldConn
	order []*heldConn // by first arrival
}

type heldConn struct {
	batches []heldBatch // oldest first; none after the conn's end
	frames  int         // in all of them
}

type heldBatch struct {
	raw    []byte
	frames int
}

// add keeps a batch if it is one of frames.
func (h *held) add(raw []byte) bool {
	id, frames, ok := monitor.FramesIn(raw)
	if !ok {
		return false
	}
	c := h.conns[id]
	if c == nil {
		if h.conns == nil {
			h.conns = map[monitor.ID]*heldConn{}
		}
		c = &heldConn{}
		h.conns[id] = c
		h.order = append(h.order, c)
	}
	c.add(raw, frames)
	return true
}

// add drops the oldest batches that are not needed any more.
func (c *heldConn) add(raw []byte, frames int) {
	c.frames += frames
	old, room := 0, []byte(nil)
	for old < len(c.batches) && c.frames-c.batches[old].frames >= monitor.LastFrames {
		c.frames -= c.batches[old].frames
		room = c.batches[old].raw
		old++
	}
	c.batches = append(slices.Delete(c.batches, 0, old), heldBatch{append(room[:0], raw...), frames})
}

// drop forgets a conn that has ended: its last event brings its last frames.
func (h *held) drop(ev monitor.Event) {
	if _, ended := ev.(*monitor.Closed); ended {
		if c := h.conns[ev.Head().ID()]; c != nil {
			*c = heldConn{}
			delete(h.conns, ev.Head().ID())
		}
	}
}

// take decodes what is held.
func (h *held) take() (evs []monitor.Event, err error) {
	for _, c := range h.order {
		for _, b := range c.batches {
			ev, e := monitor.SkimBatch(b.raw)
			if e != nil {
				err = e
				continue
			}
			evs = append(evs, ev)
		}
	}
	*h = held{}
	return evs, err
}
