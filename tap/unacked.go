package tap

import (
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// A peer that vanished without FIN or RST, a lost route or a dead NAT entry,
// looks like a quiet one until TCP gives up, a quarter of an hour later. The
// kernel knows better: what we wrote is not acknowledged. So every connection's
// two sockets are asked now and then.

const (
	// ackCycle is how often each connection is looked at, as long as there are
	// no more than ackCycle/ackEvery*acksAtOnce of them.
	ackCycle   = 5 * time.Second
	ackEvery   = 250 * time.Millisecond
	acksAtOnce = 1000
)

// acked is what one socket's receiver had acknowledged when it was last asked.
type acked struct {
	bytes uint64
	since monitor.Time // of the first look at which bytes waited and this was acknowledged; 0: none wait
	clear monitor.Time // of the last look at which none waited
}

// idle says that nothing can wait: all was acknowledged, and nothing has been
// sent since. Most connections are so at most times, and asking the kernel costs
// more than all else here. A byte's time is that of its reading: one read before
// a look may have been written after it.
func (a *acked) idle(lastByte monitor.Time) bool {
	return a.since == 0 && lastByte != 0 && lastByte < a.clear.Add(-time.Second)
}

// ackProgress is what the kernel says of a socket now.
type ackProgress struct {
	waiting bool          // bytes were sent and are not acknowledged
	acked   uint64        // bytes acknowledged since the connection began
	heard   time.Duration // since anything came from the peer, a bare acknowledgement included
}

// next compares with the look before and says for how long nothing was
// acknowledged. A receiver that does not read answers the kernel's probes of
// its window: it is slow, not gone.
func (a *acked) next(p ackProgress, now monitor.Time) time.Duration {
	switch {
	case !p.waiting:
		*a = acked{clear: now}
	case a.since == 0 || a.bytes != p.acked:
		*a = acked{bytes: p.acked, since: now}
	}
	if a.since == 0 {
		return 0
	}
	return min(now.Sub(a.since), p.heard).Truncate(time.Second)
}

// watchAcks looks at all connections in turn until Close.
func (s *Server) watchAcks() {
	tick := time.NewTicker(ackEvery)
	defer tick.Stop()
	var r ackRound
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		for _, t := range r.next(s.connectedTunnels) {
			t.askAcks(s.now())
		}
	}
}

// ackRound shares the connections out over the ticks of a cycle.
type ackRound struct {
	list  []*tunnel // of this cycle
	at    int       // the next one
	share int       // a tick's
}

// next is the share of a tick. It is valid until the next call.
func (r *ackRound) next(all func([]*tunnel) []*tunnel) []*tunnel {
	if r.at == len(r.list) {
		clear(r.list) // they have ended, or are in the new list
		r.list, r.at = all(r.list[:0]), 0
		const ticks = int(ackCycle / ackEvery)
		r.share = min((len(r.list)+ticks-1)/ticks, acksAtOnce)
	}
	from := r.at
	r.at = min(from+r.share, len(r.list))
	return r.list[from:r.at]
}

func (s *Server) connectedTunnels(list []*tunnel) []*tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.live {
		if t.connected {
			list = append(list, t)
		}
	}
	return list
}

// askAcks asks both sockets: what is written to one came from the other.
func (t *tunnel) askAcks(now monitor.Time) {
	for d := range t.sockets {
		from := ws.Direction(d)
		if t.acked[d].idle(t.seen.lastByte(from)) {
			continue
		}
		if p, ok := progressOf(t.sockets[from.Other()]); ok {
			t.seen.unacked(from, t.acked[d].next(p, now))
		}
	}
}
