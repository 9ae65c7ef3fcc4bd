package monitor

import "slices"

const (
	// WatchFrames is how many frame records of a watched conn are kept.
	WatchFrames = 4096
	// WatchMost is how many conns are watched at a time; beyond it the one
	// that was asked for longest ago goes.
	WatchMost = 16
)

// watches are the records of the watched conns, the last one asked for at the end.
type watches []watch

type watch struct {
	id      ID
	records []FrameRecord // oldest first; up to twice WatchFrames before the older half goes
}

// Watch keeps as many as WatchFrames frame records of a conn from now on, not
// LastFrames. It is a mark, as Pin is: repeat it for the conn on the screen.
func (s *State) Watch(id ID) {
	c := s.conns[id]
	if c == nil {
		return
	}
	if i := s.watches.place(id); i >= 0 {
		w := s.watches[i]
		copy(s.watches[i:], s.watches[i+1:])
		s.watches[len(s.watches)-1] = w
		return
	}
	if len(s.watches) >= WatchMost {
		s.watches = slices.Delete(s.watches, 0, 1)
	}
	s.watches = append(s.watches, watch{id, slices.Clone(c.Last)})
}

// FramesOf are the newest frame records of c that are kept, oldest first. They
// belong to State, must not be changed, and are valid until the next Apply.
func (s *State) FramesOf(c *Conn) []FrameRecord {
	i := s.watches.place(c.ID)
	if i < 0 {
		return c.Last
	}
	rs := s.watches[i].records
	return rs[max(len(rs)-WatchFrames, 0):]
}

func (ws watches) place(id ID) int {
	for i := range ws {
		if ws[i].id == id {
			return i
		}
	}
	return -1
}

// add keeps records of a conn, if it is watched.
func (ws watches) add(id ID, more []FrameRecord) {
	i := ws.place(id)
	if i < 0 {
		return
	}
	w := &ws[i]
	more = more[max(len(more)-WatchFrames, 0):]
	if len(w.records)+len(more) > 2*WatchFrames {
		keep := WatchFrames - len(more)
		w.records = append(w.records[:0], w.records[len(w.records)-keep:]...)
	}
	w.records = append(w.records, more...)
}

// end adds the records that came with the end of a conn and are not there yet:
// those that are newer than all that are.
func (ws watches) end(id ID, last []FrameRecord) {
	i := ws.place(id)
	if i < 0 {
		return
	}
	rs := ws[i].records
	if len(rs) == 0 {
		ws.add(id, last)
		return
	}
	newest := rs[len(rs)-1].At
	for n := range last {
		if last[n].At > newest {
			ws.add(id, last[n:])
			return
		}
	}
}

// drop forgets an evicted conn.
func (ws *watches) drop(id ID) {
	if i := ws.place(id); i >= 0 {
		*ws = slices.Delete(*ws, i, i+1)
	}
}
