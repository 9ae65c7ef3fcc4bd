package attach

import (
	"encoding/binary"

	"github.com/wstap/wstap/monitor"
)

// encoder makes batches of what the feed gave. It runs on one goroutine.
type encoder struct {
	s    *Server
	rec  recorder
	kind byte
	conn monitor.ID // of frames
	buf  []byte     // records of the batch being made
	n    uint64     // events, samples or frame records in it
	pack bool
}

// run encodes until the server closes and all is encoded.
func (e *encoder) run() {
	defer close(e.s.encoded)
	var spare []waiting
	for {
		select {
		case <-e.s.wake:
		case <-e.s.ending:
			e.all(&spare)
			return
		}
		e.all(&spare)
	}
}

// all encodes what waits.
func (e *encoder) all(spare *[]waiting) {
	e.s.mu.Lock()
	in := e.s.in.take(*spare)
	e.s.encoding, e.pack = true, e.s.packing > 0
	e.s.mu.Unlock()
	for _, w := range in.items {
		if w.snap != nil {
			e.flush()
			e.s.place(w.snap)
			continue
		}
		e.add(w.ev)
	}
	e.flush()
	e.s.encodedAll(&in)
	clear(in.items)
	*spare = in.items
}

func (e *encoder) add(ev monitor.Event) {
	kind, conn := byte(kindEvents), monitor.ID{}
	switch ev.(type) {
	case *monitor.Samples:
		kind = kindSamples
	case *monitor.Frames:
		kind, conn = kindFrames, ev.Head().ID()
	}
	if kind != e.kind || conn != e.conn || len(e.buf) >= batchSize {
		e.flush()
		e.kind, e.conn = kind, conn
	}
	e.buf = e.rec.append(e.buf, ev)
	e.n += rows(ev)
}

// flush adds the batch to the ring.
func (e *encoder) flush() {
	if e.n == 0 {
		return
	}
	entry := entry{kind: e.kind, conn: e.conn, n: e.n}
	seq, first := e.s.nextNumbers() // only this goroutine uses them up
	head := binary.AppendUvarint([]byte{e.kind}, seq)
	head = binary.AppendUvarint(head, uint64(e.s.o.Now()))
	if e.kind == kindEvents {
		entry.first = first
		head = binary.AppendUvarint(head, entry.first)
	}
	entry.raw = append(append(make([]byte, 0, len(head)+len(e.buf)), head...), e.buf...)
	if e.pack {
		entry.packed = pack(entry.raw)
	}
	e.s.publish(entry)
	e.buf, e.n = e.buf[:0], 0
	if cap(e.buf) > 1<<20 {
		e.buf = nil
	}
}
