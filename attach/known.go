package attach

import (
	"github.com/wstap/wstap/monitor"
)

// Bounds of what a viewer remembers. Conns beyond are passed on, but told twice
// if a snapshot tells them again.
const (
	knownOpen   = 400_000
	knownClosed = 16_384 // a snapshot brings the newest 1,000
	knownPolls  = 16_384
)

// known is what was passed on so far, so that a snapshot which follows tells
// only what is new: a State counts what it is told twice.
type known struct {
	open   map[monitor.ID]*life
	closed map[monitor.ID]struct{}
	order  []monitor.ID // of closed, a ring
	oldest int
	logN   uint64 // number of the newest log entry
	polls  map[pollKey]uint64

	inSnapshot bool
	repeat     bool   // a snapshot that is not the first
	round      uint32 // of snapshots
	logAt      uint64 // number of the next log entry of the snapshot
}

// life is which events of an open conn were passed on.
type life struct {
	leg                     string
	lastFrame               monitor.Time
	round                   uint32
	request, response, dial bool
	refused                 bool     // its opened was not taken: what follows is left out
	frames                  [2]uint8 // close frames
	told                    [2]uint8 // of this snapshot
	ends, lost              [2]bool
}

type pollKey struct {
	tap     monitor.Instance
	leg     string
	session string
	status  int
}

func newKnown() *known {
	return &known{open: map[monitor.ID]*life{}, closed: map[monitor.ID]struct{}{}, polls: map[pollKey]uint64{}}
}

// begin begins a snapshot.
func (k *known) begin(n *notice) {
	k.inSnapshot, k.repeat = true, k.round > 0
	k.round++
	k.logAt = n.LogN - min(n.LogN, n.Logs)
	for _, l := range k.open {
		l.told = [2]uint8{}
	}
}

// end ends it and gives the conns that were open and are no more: they closed
// while nothing was heard, so long ago that the relay has forgotten them.
func (k *known) end() (gone []monitor.ID) {
	k.inSnapshot = false
	for id, l := range k.open {
		if l.round != k.round {
			gone = append(gone, id)
		}
	}
	return gone
}

// news says whether ev, or how much of it, was not passed on yet, and notes it;
// nil: nothing.
func (k *known) news(ev monitor.Event) monitor.Event {
	switch ev := ev.(type) {
	case *monitor.LogLine:
		return orNil(ev, k.logLine())
	case *monitor.Polling:
		return k.polling(ev)
	case *monitor.Samples:
		return ev
	case *monitor.Opened:
		return orNil(ev, k.opened(ev))
	}
	if ev.Head().Conn == 0 {
		return ev
	}
	id := ev.Head().ID()
	l := k.open[id]
	if l == nil {
		_, over := k.closed[id]
		return orNil(ev, !over)
	}
	if l.refused {
		if _, last := ev.(*monitor.Closed); last {
			k.close(id)
		}
		return nil
	}
	return k.ofConn(id, l, ev)
}

// orNil avoids an interface that holds a nil pointer.
func orNil(ev monitor.Event, yes bool) monitor.Event {
	if !yes {
		return nil
	}
	return ev
}

func (k *known) logLine() bool {
	if !k.inSnapshot {
		k.logN++
		return true
	}
	k.logAt++
	if k.logAt <= k.logN {
		return false
	}
	k.logN = k.logAt
	return true
}

// polling counts are sums in a snapshot, differences elsewhere.
func (k *known) polling(ev *monitor.Polling) monitor.Event {
	key := pollKey{ev.Tap, ev.Leg, ev.Session, ev.Status}
	was, have := k.polls[key]
	if !have && len(k.polls) >= knownPolls {
		return orNil(ev, !k.repeat || !k.inSnapshot)
	}
	if !k.inSnapshot {
		k.polls[key] = was + ev.N
		return ev
	}
	k.polls[key] = max(ev.N, was)
	if ev.N <= was {
		return nil
	}
	more := *ev
	more.N -= was
	return &more
}

func (k *known) opened(ev *monitor.Opened) bool {
	id := ev.ID()
	if l := k.open[id]; l != nil {
		l.round = k.round
		return false
	}
	if _, over := k.closed[id]; over {
		return false
	}
	if len(k.open) < knownOpen {
		k.open[id] = &life{leg: ev.Leg, round: k.round}
	}
	return true
}

// refuse notes that an opened was not taken.
func (k *known) refuse(id monitor.ID) {
	if l := k.open[id]; l != nil {
		l.refused = true
	}
}

func (k *known) ofConn(id monitor.ID, l *life, ev monitor.Event) monitor.Event {
	switch ev := ev.(type) {
	case *monitor.Request:
		return orNil(ev, first(&l.request))
	case *monitor.Response:
		return orNil(ev, first(&l.response))
	case *monitor.DialError:
		return orNil(ev, first(&l.dial))
	case *monitor.Lost:
		return orNil(ev, first(&l.lost[ev.Dir&1]))
	case *monitor.SideEnded:
		return orNil(ev, first(&l.ends[ev.Dir&1]))
	case *monitor.CloseFrame:
		return orNil(ev, k.closeFrame(l, int(ev.Dir&1)))
	case *monitor.Frames:
		return k.newFrames(l, ev)
	case *monitor.Closed:
		k.close(id)
	}
	return ev
}

func first(seen *bool) bool {
	was := *seen
	*seen = true
	return !was
}

// closeFrame: a snapshot tells them in order, so the first ones are known.
func (k *known) closeFrame(l *life, dir int) bool {
	if !k.inSnapshot {
		l.frames[dir] = min(l.frames[dir]+1, 250)
		return true
	}
	l.told[dir] = min(l.told[dir]+1, 250)
	if l.told[dir] <= l.frames[dir] {
		return false
	}
	l.frames[dir] = l.told[dir]
	return true
}

// newFrames leaves out records that are not newer than those known.
func (k *known) newFrames(l *life, ev *monitor.Frames) monitor.Event {
	was := l.lastFrame
	for _, r := range ev.Records {
		l.lastFrame = max(l.lastFrame, r.At)
	}
	if !k.inSnapshot || was == 0 {
		return ev
	}
	some := *ev
	some.Records = nil
	for _, r := range ev.Records {
		if r.At > was {
			some.Records = append(some.Records, r)
		}
	}
	return orNil(&some, len(some.Records) > 0)
}

// close moves a conn to the closed ones.
func (k *known) close(id monitor.ID) {
	delete(k.open, id)
	if len(k.order) < knownClosed {
		k.order = append(k.order, id)
	} else {
		delete(k.closed, k.order[k.oldest])
		k.order[k.oldest] = id
		k.oldest = (k.oldest + 1) % knownClosed
	}
	k.closed[id] = struct{}{}
}
