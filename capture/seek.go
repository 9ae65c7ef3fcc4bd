package capture

import (
	"io"

	"github.com/wstap/wstap/monitor"
)

// Seek goes to the last keyframe at or before t and returns its events, to be
// applied to an empty State; Next goes on after them, and the caller applies
// what comes until t. Before the first keyframe it goes to the beginning and
// returns nothing. A damaged keyframe is passed over for the one before it.
func (r *Reader) Seek(t monitor.Time) ([]monitor.Event, error) {
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
				r.goTo(place{part: i, chunk: after, opened: true})
				return evs, r.err
			}
		}
	}
	r.goTo(place{})
	return nil, r.err
}

// goTo makes Next go on somewhere else, after the end too.
func (r *Reader) goTo(to place) {
	r.place = to
	if r.err == io.EOF {
		r.err = nil
	}
}

// keyframe reads the parts of the keyframe that begins with chunk first; after
// is the chunk behind it.
func (r *Reader) keyframe(p *part, first int) (evs []monitor.Event, after int, ok bool) {
	var size int64
	for i := first; i < len(p.chunks); i++ {
		c := p.chunks[i]
		if !c.key || c.from != p.chunks[first].from {
			p.hurt(p.chunks[first].offset, "a keyframe without its end")
			return nil, 0, false
		}
		if !r.loadChunk(p, c) {
			return nil, 0, false
		}
		if size += int64(len(r.rest.b)); size > maxKeyframe {
			p.hurt(c.offset, "a keyframe larger than any recorder makes")
			return nil, 0, false
		}
		var last bool
		if evs, last, ok = r.keyPart(p, evs, uint64(i-first)); !ok {
			return nil, 0, false
		}
		if last {
			return evs, i + 1, true
		}
	}
	p.hurt(p.chunks[first].offset, "a keyframe without its end")
	return nil, 0, false
}

// keyPart reads the chunk loaded, which holds one part.
func (r *Reader) keyPart(p *part, evs []monitor.Event, want uint64) (_ []monitor.Event, last, ok bool) {
	defer func() { r.rest = cursor{} }()
	m, ok, err := p.nextMessage(&r.rest)
	if err != nil || !ok || m.kind != kindKeyframe {
		p.hurt(r.offset, "%v", errKeyframe)
		return nil, false, false
	}
	number, last, rest, err := keyPartHead(m.data)
	if err != nil || number != want {
		p.hurt(r.offset, "%v", errKeyframe)
		return nil, false, false
	}
	evs, unknown, err := keyEvents(rest, evs)
	r.unread += unknown
	if err != nil {
		p.hurt(r.offset, "%v", err)
		return nil, false, false
	}
	return evs, last, true
}
