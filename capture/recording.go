package capture

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/wstap/wstap/monitor"
)

// recording reads the files of one recording as one.
type recording struct {
	parts  []*part
	un     *unpacker
	missed []Damage // between files
	unread uint64   // events and messages of unknown kinds
	err    error    // for good, or io.EOF
	count  func(at monitor.Time, frames int)
	asOf   monitor.Time // leadAt of the event told last
	place
}

// place is where Next is.
type place struct {
	part    int
	chunk   int    // of the part, the next to load
	rest    cursor // of the chunk loaded
	opened  bool   // the part was entered
	lead    []monitor.Event
	leadAt  monitor.Time // the moment that lead tells of, by events of many times; zero: theirs
	batch   []byte       // of the message at hand
	batchAt monitor.Time
	skim    monitor.Time // until when only a State is wanted: see Seek
	held    held         // while skimming
	offset  int64        // of the chunk loaded
}

// sort puts the files in the order in which they were begun.
func (r *recording) sort() {
	slices.SortStableFunc(r.parts, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.Started, b.Started), cmp.Compare(a.Part, b.Part))
	})
	r.findHoles()
}

// Path is the name of its first file.
func (r *recording) Path() string { return r.parts[0].Path }

// span is the time it covers.
func (r *recording) span() (from, to monitor.Time) {
	for _, p := range r.parts {
		if p.From != 0 && (from == 0 || p.From < from) {
			from = p.From
		}
		to = max(to, p.To)
	}
	return from, to
}

// findHoles notes which files were not given.
func (r *recording) findHoles() {
	for i, p := range r.parts[1:] {
		prev := r.parts[i]
		if p.Part > prev.Part+1 {
			r.missed = append(r.missed, Damage{p.Path, 0, fmt.Sprintf(
				"the files of this recording between %q and this one were not given: %d of them", prev.Path, p.Part-prev.Part-1)})
		}
	}
}

func (r *recording) close() error {
	r.err, r.place = errors.New("capture: reading from a closed Reader"), place{}
	r.un.close()
	var errs []error
	for _, p := range r.parts {
		errs = append(errs, p.f.Close())
	}
	return errors.Join(errs...)
}

// keyTimes lists the keyframes; one may take several chunks.
func (p *part) keyTimes() (ts []monitor.Time) {
	for i, c := range p.chunks {
		if p.beginsKeyframe(i) {
			ts = append(ts, c.from)
		}
	}
	return ts
}

func (p *part) beginsKeyframe(i int) bool {
	c := p.chunks[i]
	return c.key && (i == 0 || !p.chunks[i-1].key || p.chunks[i-1].from != c.from)
}

// Next is Reader.Next for one recording.
func (r *recording) Next() (monitor.Event, error) {
	ev, err := r.next()
	if r.skim == 0 {
		return ev, err
	}
	if err == nil && ev.Head().At <= r.skim {
		r.held.drop(ev)
		return ev, nil
	}
	return r.arrived(ev)
}

// arrived ends the skimming: what was held comes before ev, the first event
// behind the place that was wanted, or before the end.
func (r *recording) arrived(ev monitor.Event) (monitor.Event, error) {
	r.skim = 0
	evs, err := r.held.take()
	if err != nil {
		r.bad(err)
	}
	if ev != nil {
		evs = append(evs, ev)
	}
	r.lead = append(evs, r.lead...)
	return r.next()
}

func (r *recording) next() (monitor.Event, error) {
	r.asOf = 0
	if len(r.lead) > 0 {
		ev := r.lead[0]
		r.lead, r.asOf = r.lead[1:], r.leadAt
		return ev, nil
	}
	r.leadAt = 0
	for r.err == nil {
		switch {
		case len(r.lead) > 0:
			return r.next()
		case len(r.batch) > 0:
			if ev := r.nextBatch(); ev != nil {
				return ev, nil
			}
		case len(r.rest.b) > 0:
			if ev := r.nextInChunk(); ev != nil {
				return ev, nil
			}
		default:
			r.advance()
		}
	}
	return nil, r.err
}

// advance loads the next chunk, or goes on to the next file, or to the end.
func (r *recording) advance() {
	if r.part == len(r.parts) {
		r.err = io.EOF
		return
	}
	p := r.parts[r.part]
	if !r.opened {
		r.opened = true
		r.enter(p)
		return
	}
	if r.chunk == len(p.chunks) {
		r.part, r.chunk, r.opened = r.part+1, 0, false
		return
	}
	ref := p.chunks[r.chunk]
	r.chunk++
	if ref.key {
		return // what it holds was told by the messages before it
	}
	r.loadChunk(p, ref)
}

func (r *recording) loadChunk(p *part, ref chunkRef) bool {
	plain, err := r.un.load(p.f, ref)
	if err != nil {
		p.hurt(ref.offset, "%v; its %d bytes were left out", err, ref.length)
		return false
	}
	r.rest, r.offset = cursor{b: plain}, ref.offset
	return true
}

// enter begins a file. Its first keyframe is told only if what it stands for
// was not: when the file before it was not read.
func (r *recording) enter(p *part) {
	if len(p.chunks) == 0 || !p.chunks[0].key {
		return
	}
	if r.part > 0 && r.parts[r.part-1].Part+1 == p.Part {
		return
	}
	evs, after, ok := r.keyframe(p, 0)
	if ok {
		r.lead, r.chunk = evs, after
		for _, ev := range evs {
			r.leadAt = max(r.leadAt, ev.Head().At)
		}
	}
}

func (r *recording) nextInChunk() monitor.Event {
	p := r.parts[r.part]
	m, ok, err := p.nextMessage(&r.rest)
	if err != nil {
		r.bad(err)
	}
	if !ok {
		r.rest = cursor{}
		return nil
	}
	switch m.kind {
	case kindEvents:
		return r.event(m.data)
	case kindFrames, kindSamples:
		r.batch, r.batchAt = m.data, m.at
	case kindMark, kindKeyframe:
	default:
		r.unread++
	}
	return nil
}

// event decodes one; what this build does not know is counted.
func (r *recording) event(data []byte) monitor.Event {
	ev, err := decodeJSON(data, maxEvent)
	if err != nil {
		r.bad(err)
		return nil
	}
	return ev
}

func (r *recording) nextBatch() monitor.Event {
	body, rest, ok := prefixed(r.batch)
	if !ok {
		r.batch = nil
		r.bad(errBatch)
		return nil
	}
	r.batch = rest
	if r.batchAt <= r.skim && r.held.add(body) {
		return nil
	}
	if r.count != nil {
		if _, n, ok := monitor.FramesIn(body); ok {
			r.count(r.batchAt, n)
			return nil
		}
	}
	ev, err := monitor.DecodeBatch(body)
	if err != nil {
		r.bad(err)
		return nil
	}
	return ev
}

// bad sorts a fault inside of a chunk: of a newer version, of an unknown type,
// or damage that the CRC did not see.
func (r *recording) bad(err error) {
	p := r.parts[r.part]
	var newer *monitor.VersionError
	var refused *VersionError
	switch {
	case errors.As(err, &refused):
		r.err = err
	case errors.As(err, &newer):
		r.err = &VersionError{Path: p.Path, What: "event encoding", Version: fmt.Sprint(newer.Version), Reads: fmt.Sprint(monitor.EventVersion), Tool: p.Version}
	case errors.Is(err, monitor.ErrUnknownType):
		r.unread++
	default:
		p.hurt(r.offset, "in this chunk: %v", err)
	}
}
