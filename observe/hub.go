// Package observe turns the bytes of proxied TCP connections into events.
//
// A tap opens a Stream for each connection it accepts and tells it what it
// reads, when, and how each side ended; the stream follows HTTP/1.x until an
// upgrade and RFC 6455 frames after it, counts, and emits what happened.
//
// It reads no clock and no socket and starts no goroutine: times come with the
// bytes, and whoever owns the Hub calls Collect when samples are due.
package observe

import (
	"sync"
	"sync/atomic"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
)

// DefaultMaxConns is how many TCP connections are decoded at a time; beyond it
// they are relayed undecoded and counted.
const DefaultMaxConns = 200_000

// Hub is what all streams of one relay share. Set the fields before the first
// Open.
type Hub struct {
	Instance monitor.Instance
	// Emit takes an event; it must not block. False, which is heeded for Opened
	// only, refuses a conn: it is relayed and not recorded.
	Emit func(monitor.Event) bool
	// Redact takes the secrets out of everything that is stored.
	Redact *redact.Redactor
	// Records says whether the frame records of all conns are wanted (somebody
	// records). Those of watched conns are in any case: see Watch.
	Records  bool
	MaxConns int // 0: DefaultMaxConns

	streams atomic.Int64
	conns   atomic.Uint64 // numbers given out
	roll    roll
	watches watches

	mu      sync.Mutex // guards what follows
	dirty   []*Stream  // changed since the last Collect
	http    map[string]map[string]uint64
	polls   map[pollKey]uint64
	dropped uint64 // connections not decoded
}

// Open begins the observation of one accepted connection: leg is the tap's
// name, client and listen its two addresses. It returns nil past the conn
// limit; a nil Stream takes every call and does nothing.
func (h *Hub) Open(leg string, at monitor.Time, client, listen string) *Stream {
	most := h.MaxConns
	if most == 0 {
		most = DefaultMaxConns
	}
	if h.streams.Add(1) > int64(most) {
		h.streams.Add(-1)
		h.drop()
		return nil
	}
	s := &Stream{hub: h, leg: leg, client: client, listen: listen, accepted: at}
	s.startHTTP()
	h.roll.add(s)
	return s
}

// Live is how many streams are open.
func (h *Hub) Live() int { return int(h.streams.Load()) }

func (h *Hub) drop() {
	h.mu.Lock()
	h.dropped++
	h.mu.Unlock()
}

// Collect emits one sample of each conn that changed since the last call, with
// their frame records, and the counts of plain HTTP.
func (h *Hub) Collect(at monitor.Time) {
	h.mu.Lock()
	dirty, http, polls, dropped := h.dirty, h.http, h.polls, h.dropped
	h.dirty, h.http, h.polls, h.dropped = nil, nil, nil, 0
	h.mu.Unlock()
	h.collectSamples(at, dirty)
	for leg, counts := range http {
		h.Emit(&monitor.HTTP{Header: monitor.Header{At: at, Tap: h.Instance, Leg: leg}, Counts: counts})
	}
	h.emitPolls(at, polls)
	if dropped > 0 {
		h.Emit(&monitor.Dropped{Header: monitor.Header{At: at, Tap: h.Instance}, What: "conns", N: dropped})
	}
}

// sampleBatch is how many samples go into one event.
const sampleBatch = 1024

func (h *Hub) collectSamples(at monitor.Time, dirty []*Stream) {
	for len(dirty) > 0 {
		n := min(len(dirty), sampleBatch)
		ev := &monitor.Samples{Header: monitor.Header{At: at, Tap: h.Instance}}
		ev.Conns = make([]uint64, 0, n)
		ev.Samples = make([]monitor.Sample, 0, n)
		for _, s := range dirty[:n] {
			s.collect(at, ev)
		}
		if len(ev.Conns) > 0 {
			h.Emit(ev)
		}
		dirty = dirty[n:]
	}
}

// changed puts s on the list of the next Collect.
func (h *Hub) changed(s *Stream) {
	h.mu.Lock()
	h.dirty = append(h.dirty, s)
	h.mu.Unlock()
}

// plain counts one plain HTTP exchange.
func (h *Hub) plain(leg, status string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.http == nil {
		h.http = map[string]map[string]uint64{}
	}
	if h.http[leg] == nil {
		h.http[leg] = map[string]uint64{}
	}
	h.http[leg][status]++
}
