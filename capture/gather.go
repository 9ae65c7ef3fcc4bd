package capture

import (
	"encoding/binary"

	"github.com/wstap/wstap/monitor"
)

const (
	// maxGathered is how many frame records wait for the mark at most (1 MiB).
	maxGathered = 1 << 16
	// messageSize is about how large a message of batches gets.
	messageSize = 256 << 10
	// sparesKept bounds what is kept for the next second.
	sparesKept = 4096
)

// gather holds what came in numbers since the last mark: the frame records of
// each conn, in order, and the newest sample of each. One batch a conn and
// second instead of twenty is what makes the file small.
type gather struct {
	runs    map[monitor.ID]*run
	order   []*run // by first arrival; a run taken out early is empty
	spare   []*run
	records int

	slots   map[monitor.ID]int
	sampled []sampled

	framesAt, samplesAt monitor.Time // newest of the batches gathered

	buf   []byte
	batch []byte
}

// run is the frame records of one conn.
type run struct {
	monitor.Frames
}

// sampled is the newest sample of one conn; Conn is zero when it was taken back.
type sampled struct {
	head   monitor.Header
	sample monitor.Sample
}

// emit takes a message of batches; it is valid until emit returns.
type emit func(k kind, at monitor.Time, msg []byte) error

func (g *gather) empty() bool { return len(g.order) == 0 && len(g.sampled) == 0 }

func (g *gather) addFrames(ev *monitor.Frames) {
	r := g.runs[ev.ID()]
	if r == nil {
		r = g.newRun(ev)
	}
	r.At = max(r.At, ev.At)
	r.Records = append(r.Records, ev.Records...)
	r.Collapsed += ev.Collapsed
	g.records += len(ev.Records)
	g.framesAt = max(g.framesAt, ev.At)
}

func (g *gather) newRun(ev *monitor.Frames) *run {
	var r *run
	if n := len(g.spare); n > 0 {
		r, g.spare = g.spare[n-1], g.spare[:n-1]
	} else {
		r = new(run)
	}
	r.Header, r.Records, r.Collapsed = ev.Header, r.Records[:0], 0
	if g.runs == nil {
		g.runs = map[monitor.ID]*run{}
	}
	g.runs[ev.ID()] = r
	g.order = append(g.order, r)
	return r
}

func (g *gather) addSamples(ev *monitor.Samples) {
	if g.slots == nil {
		g.slots = map[monitor.ID]int{}
	}
	for i, conn := range ev.Conns {
		id := monitor.ID{Tap: ev.Tap, Conn: conn}
		at, ok := g.slots[id]
		if !ok {
			at = len(g.sampled)
			g.slots[id] = at
			g.sampled = append(g.sampled, sampled{head: ev.Header})
			g.sampled[at].head.Conn = conn
		}
		g.sampled[at].sample = ev.Samples[i]
	}
	g.samplesAt = max(g.samplesAt, ev.At)
}

// closed emits what waits of a conn whose last event comes next: nothing of a
// conn may follow that. Its sample is left out: the event brings a newer one.
func (g *gather) closed(id monitor.ID, out emit) error {
	if at, ok := g.slots[id]; ok {
		g.sampled[at].head.Conn = 0
		delete(g.slots, id)
	}
	r := g.runs[id]
	if r == nil {
		return nil
	}
	delete(g.runs, id)
	g.buf = g.appendRun(g.buf[:0], r, r.At)
	r.Records, r.Collapsed = r.Records[:0], 0
	return out(kindFrames, r.At, g.buf)
}

// flush emits all.
func (g *gather) flush(out emit) error {
	if err := g.flushFrames(out); err != nil {
		return err
	}
	return g.flushSamples(out)
}

// flushFrames gives all batches one time: their heads are then equal but for
// the conn, and cost next to nothing once compressed.
func (g *gather) flushFrames(out emit) error {
	at := g.framesAt
	g.buf = g.buf[:0]
	for _, r := range g.order {
		g.buf = g.appendRun(g.buf, r, at)
		if len(g.buf) >= messageSize {
			if err := out(kindFrames, at, g.buf); err != nil {
				return err
			}
			g.buf = g.buf[:0]
		}
	}
	g.recycle()
	if len(g.buf) == 0 {
		return nil
	}
	return out(kindFrames, at, g.buf)
}

func (g *gather) recycle() {
	for _, r := range g.order {
		if len(g.spare) < sparesKept && cap(r.Records) <= sparesKept {
			g.spare = append(g.spare, r)
		}
	}
	clear(g.order)
	clear(g.runs)
	g.order, g.records, g.framesAt = g.order[:0], 0, 0
}

func (g *gather) appendRun(b []byte, r *run, at monitor.Time) []byte {
	ev := r.Frames
	ev.At = at
	for rest := ev.Records; len(rest) > 0 || ev.Collapsed > 0; {
		n := min(len(rest), maxBatchFrames)
		ev.Records, rest = rest[:n], rest[n:]
		b = g.appendBatch(b, &ev)
		ev.Collapsed = 0
	}
	return b
}

// appendBatch appends a batch with its length before it.
func (g *gather) appendBatch(b []byte, ev monitor.Event) []byte {
	g.batch, _ = monitor.AppendBatch(g.batch[:0], ev) // fails for other types only
	b = binary.AppendUvarint(b, uint64(len(g.batch)))
	return append(b, g.batch...)
}

func (g *gather) flushSamples(out emit) error {
	at := g.samplesAt
	var ev *monitor.Samples
	send := func() error {
		g.buf = g.appendBatch(g.buf[:0], ev)
		return out(kindSamples, at, g.buf)
	}
	for i := range g.sampled {
		s := &g.sampled[i]
		if s.head.Conn == 0 {
			continue
		}
		if ev != nil && (len(ev.Conns) == maxBatchSamples || ev.Tap != s.head.Tap || ev.Leg != s.head.Leg) {
			if err := send(); err != nil {
				return err
			}
			ev = nil
		}
		if ev == nil {
			ev = &monitor.Samples{Header: monitor.Header{At: at, Tap: s.head.Tap, Leg: s.head.Leg}}
		}
		ev.Conns = append(ev.Conns, s.head.Conn)
		ev.Samples = append(ev.Samples, s.sample)
	}
	g.forgetSamples()
	if ev == nil {
		return nil
	}
	return send()
}

// forgetSamples keeps the room unless far less of it was used.
func (g *gather) forgetSamples() {
	if n := len(g.sampled); cap(g.sampled) > sparesKept && n < cap(g.sampled)/4 {
		g.sampled, g.slots = nil, nil
	} else {
		clear(g.sampled)
		g.sampled = g.sampled[:0]
		clear(g.slots)
	}
	g.samplesAt = 0
}
