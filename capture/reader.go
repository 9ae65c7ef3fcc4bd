package capture

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/wstap/wstap/monitor"
)

// Reader reads the files of a recording as one. It is not safe for concurrent use.
type Reader struct {
	parts  []*part
	un     *unpacker
	missed []Damage // between files
	unread uint64   // events and messages of unknown kinds
	err    error    // for good, or io.EOF
	count  func(at monitor.Time, frames int)
	place
}

// place is where Next is.
type place struct {
	part    int
	chunk   int    // of the part, the next to load
	rest    cursor // of the chunk loaded
	opened  bool   // the part was entered
	lead    []monitor.Event
	batch   []byte // of the message at hand
	batchAt monitor.Time
	skim    monitor.Time // until when only a State is wanted: see Seek
	held    held         // while skimming
	offset  int64        // of the chunk loaded
}

// Info describes what was opened. Events counts lifecycle events, log lines and
// the like; Damage grows while reading.
type Info struct {
	Files     []FileInfo
	From, To  monitor.Time
	Events    uint64
	Size      int64
	Complete  bool // every file was closed properly
	Damage    []Damage
	Keyframes []monitor.Time
}

// Open opens the files of a recording, in any order. They are read in the order
// in which they were begun.
func Open(paths ...string) (*Reader, error) {
	if len(paths) == 0 {
		return nil, errors.New("capture: no file to open")
	}
	un, err := newUnpacker()
	if err != nil {
		return nil, err
	}
	r := &Reader{un: un}
	for _, path := range paths {
		p, err := openPart(path)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.parts = append(r.parts, p)
	}
	slices.SortStableFunc(r.parts, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.Started, b.Started), cmp.Compare(a.Part, b.Part))
	})
	r.findHoles()
	return r, nil
}

// findHoles notes which files of a recording were not given.
func (r *Reader) findHoles() {
	for i, p := range r.parts[1:] {
		prev := r.parts[i]
		if p.Recording == prev.Recording && p.Part > prev.Part+1 {
			r.missed = append(r.missed, Damage{p.Path, 0, fmt.Sprintf(
				"the files of this recording between %q and this one were not given: %d of them", prev.Path, p.Part-prev.Part-1)})
		}
	}
}

// Close closes the files.
func (r *Reader) Close() error {
	r.err, r.place = errors.New("capture: reading from a closed Reader"), place{}
	r.un.close()
	var errs []error
	for _, p := range r.parts {
		errs = append(errs, p.f.Close())
	}
	return errors.Join(errs...)
}

// Info describes the recording.
func (r *Reader) Info() Info {
	in := Info{Complete: true, Damage: slices.Clone(r.missed)}
	for _, p := range r.parts {
		in.Files = append(in.Files, p.FileInfo)
		in.Size += p.Size
		in.Complete = in.Complete && p.Complete
		in.Damage = append(in.Damage, p.damage...)
		if p.From != 0 && (in.From == 0 || p.From < in.From) {
			in.From = p.From
		}
		in.To = max(in.To, p.To)
		for id, n := range p.counts {
			if p.kinds[id] == kindEvents {
				in.Events += n
			}
		}
		in.Keyframes = append(in.Keyframes, p.keyTimes()...)
	}
	return in
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

// Skipped is how many records, messages and events of unknown kinds were passed over.
func (r *Reader) Skipped() uint64 {
	n := r.unread
	for _, p := range r.parts {
		n += p.skip
	}
	return n
}

// Next returns the next recorded event in order; io.EOF at the end. Ticks are
// not recorded: who applies the events makes them, until Info.To. Damaged
// places are left out and listed in Info.
func (r *Reader) Next() (monitor.Event, error) {
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
func (r *Reader) arrived(ev monitor.Event) (monitor.Event, error) {
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

// CountFrames makes Next leave out frame records, which are most of a recording:
// fn is told how many there were in the second before at. No verdict needs them,
// the samples have what they amount to.
func (r *Reader) CountFrames(fn func(at monitor.Time, frames int)) { r.count = fn }

func (r *Reader) next() (monitor.Event, error) {
	if len(r.lead) > 0 {
		ev := r.lead[0]
		r.lead = r.lead[1:]
		return ev, nil
	}
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
func (r *Reader) advance() {
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

func (r *Reader) loadChunk(p *part, ref chunkRef) bool {
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
func (r *Reader) enter(p *part) {
	if len(p.chunks) == 0 || !p.chunks[0].key {
		return
	}
	if r.part > 0 {
		prev := r.parts[r.part-1]
		if prev.Recording == p.Recording && prev.Part+1 == p.Part {
			return
		}
	}
	evs, after, ok := r.keyframe(p, 0)
	if ok {
		r.lead, r.chunk = evs, after
	}
}

func (r *Reader) nextInChunk() monitor.Event {
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
func (r *Reader) event(data []byte) monitor.Event {
	ev, err := decodeJSON(data, maxEvent)
	if err != nil {
		r.bad(err)
		return nil
	}
	return ev
}

func (r *Reader) nextBatch() monitor.Event {
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
func (r *Reader) bad(err error) {
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
