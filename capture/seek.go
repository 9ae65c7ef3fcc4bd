package capture

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/wstap/wstap/monitor"
)

// Seek is Reader.Seek for one recording.
func (r *recording) Seek(t monitor.Time) ([]monitor.Event, error) {
	if r.err != nil && r.err != io.EOF {
		return nil, r.err
	}
	for i := len(r.parts) - 1; i >= 0; i-- {
		p := r.parts[i]
		for j := len(p.chunks) - 1; j >= 0; j-- {
			if c := p.chunks[j]; c.from > t || !p.beginsKeyframe(j) {
				continue
			}
			if evs, after, ok := r.keyframe(p, j); ok {
				r.goTo(place{part: i, chunk: after, opened: true, skim: t})
				return evs, r.err
			}
		}
	}
	r.goTo(place{skim: t})
	return nil, r.err
}

// goTo makes Next go on somewhere else, after the end too.
func (r *recording) goTo(to place) {
	r.place = to
	if r.err == io.EOF {
		r.err = nil
	}
}

// keyframe reads the parts of the keyframe that begins with chunk first; after
// is the chunk behind it.
func (r *recording) keyframe(p *part, first int) (evs []monitor.Event, after int, ok bool) {
	end := first
	for end < len(p.chunks) && p.chunks[end].key && p.chunks[end].from == p.chunks[first].from {
		end++
	}
	for i, k := range r.keyParts(p, p.chunks[first:end]) {
		r.unread += k.unknown
		if k.err == nil && k.number != uint64(i) {
			k.err = errKeyframe
		}
		if k.err != nil {
			p.hurt(p.chunks[first+i].offset, "%v", k.err)
			return nil, 0, false
		}
		evs = append(evs, k.events...)
		if k.last {
			return evs, first + i + 1, true
		}
	}
	p.hurt(p.chunks[first].offset, "a keyframe without its end")
	return nil, 0, false
}

// keyframePart is one part of a keyframe as it was read.
type keyframePart struct {
	number  uint64
	last    bool
	events  []monitor.Event
	unknown uint64
	err     error
}

// keyParts reads the parts of a keyframe, until its last one or the first fault,
// on all processors: it is what the user waits for.
func (r *recording) keyParts(p *part, refs []chunkRef) []keyframePart {
	r.rest = cursor{} // in the memory of r.un
	k := keyReader{part: p, refs: refs, parts: make([]keyframePart, len(refs))}
	k.end.Store(int64(len(refs)))
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(refs)) - 1 {
		un, err := newUnpacker()
		if err != nil {
			break // then alone
		}
		others.Go(func() {
			defer un.close()
			k.run(un)
		})
	}
	k.run(r.un)
	others.Wait()
	return k.parts[:k.end.Load()]
}

// keyReader is shared by the goroutines that read one keyframe.
type keyReader struct {
	part  *part
	refs  []chunkRef
	parts []keyframePart
	next  atomic.Int64 // part that nobody reads yet
	end   atomic.Int64 // no part from here on is needed
	size  atomic.Int64 // of what was read
	mu    sync.Mutex   // guards what part learns
}

func (k *keyReader) run(un *unpacker) {
	for i := k.next.Add(1) - 1; i < k.end.Load(); i = k.next.Add(1) - 1 {
		k.parts[i] = k.read(un, k.refs[i])
		if k.parts[i].last || k.parts[i].err != nil {
			k.endAt(i + 1)
		}
	}
}

func (k *keyReader) endAt(end int64) {
	for was := k.end.Load(); end < was && !k.end.CompareAndSwap(was, end); was = k.end.Load() {
	}
}

// read reads a chunk that holds one part.
func (k *keyReader) read(un *unpacker, ref chunkRef) (p keyframePart) {
	plain, err := un.load(k.part.f, ref)
	if err != nil {
		p.err = fmt.Errorf("%w; its %d bytes were left out", err, ref.length)
		return p
	}
	if k.size.Add(int64(len(plain))) > maxKeyframe {
		p.err = errors.New("a keyframe larger than any recorder makes")
		return p
	}
	k.mu.Lock()
	m, ok, err := k.part.nextMessage(&cursor{b: plain})
	k.mu.Unlock()
	if err != nil || !ok || m.kind != kindKeyframe {
		p.err = errKeyframe
		return p
	}
	var rest []byte
	if p.number, p.last, rest, err = keyPartHead(m.data); err != nil {
		p.err = errKeyframe
		return p
	}
	p.events, p.unknown, p.err = keyEvents(rest, nil)
	return p
}
