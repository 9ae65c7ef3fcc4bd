package attach

import (
	"encoding/binary"
	"time"

	"github.com/wstap/wstap/monitor"
)

// snapshot is the State at one place in the stream. Viewers that need one at
// the same time share it.
type snapshot struct {
	events []monitor.Event
	logN   uint64 // number of the newest log entry
	logs   uint64 // log entries in it

	// Set where it stands in the stream.
	seq   uint64 // of the last batch before it
	first uint64 // lifecycle events before it
	users int    // viewers it is being sent to
}

func newSnapshot(events []monitor.Event) *snapshot {
	s := &snapshot{events: events}
	for _, ev := range events {
		switch ev := ev.(type) {
		case *monitor.LogLine:
			s.logs++
		case *monitor.Baseline:
			s.logN = ev.LogN
		}
	}
	return s
}

// snapshotsAtOnce bounds the snapshots being sent, which are large.
const snapshotsAtOnce = 2

// snapshotShare: at most one part in so many of the feed's time goes to snapshots.
const snapshotShare = 10

const snapshotPause = 200 * time.Millisecond

// takeSnapshot takes one within Events, if some viewer waits for it and it is
// time; s.mu is not held.
func (s *Server) takeSnapshot() {
	if !s.snapshotDue() {
		return
	}
	began := time.Now()
	events := s.snapshotEvents()
	took := time.Since(began)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextSnapshot = began.Add(max(snapshotPause, snapshotShare*took))
	if s.in.hole {
		s.asked = false
		s.alive--
		return // its place is behind the hole; the next one
	}
	s.stats.Snapshots++
	s.in.items = append(s.in.items, waiting{snap: newSnapshot(events)})
}

// snapshotDue says so and makes room for it.
func (s *Server) snapshotDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.in.hole || s.wanted == 0 || s.asked || s.alive >= snapshotsAtOnce || time.Now().Before(s.nextSnapshot) {
		return false
	}
	s.asked = true
	s.alive++
	return true
}

func (s *Server) snapshotEvents() []monitor.Event {
	switch {
	case s.o.Snapshot != nil:
		return s.o.Snapshot()
	case s.o.Hello != nil:
		return []monitor.Event{s.o.Hello}
	}
	return nil
}

// partWriter sends a snapshot in parts, encoded when their turn comes.
type partWriter struct {
	snap    *snapshot
	refresh bool // samples only
	told    bool // the notice went out
	place   int
	part    uint64
	done    bool
	rec     recorder
}

// notice begins the snapshot.
func (p *partWriter) notice(now monitor.Time) *notice {
	s := p.snap
	return &notice{Type: typeSnapshot, Now: now, Seq: s.seq, Events: s.first, Refresh: p.refresh, LogN: s.logN, Logs: s.logs}
}

// next makes the next part.
func (p *partWriter) next() []byte {
	msg := binary.AppendUvarint([]byte{kindSnapshot}, p.part)
	flag := len(msg)
	msg = append(msg, 0)
	p.part++
	for ; p.place < len(p.snap.events) && len(msg) < partSize; p.place++ {
		ev := p.snap.events[p.place]
		if _, sample := ev.(*monitor.Samples); (p.refresh && !sample) || !travels(ev) {
			continue
		}
		msg = p.rec.append(msg, ev)
	}
	if p.place == len(p.snap.events) {
		msg[flag], p.done = lastPart, true
	}
	return msg
}
