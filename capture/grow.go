package capture

import (
	"io"
	"slices"

	"github.com/wstap/wstap/monitor"
)

// Grow is Reader.Grow for one recording.
func (r *recording) Grow() (to monitor.Time, grown bool) {
	last := len(r.parts) - 1
	if last >= 0 && (r.err == nil || r.err == io.EOF) {
		p := r.parts[last]
		had := len(p.chunks)
		grown = p.grow()
		if grown && r.part == len(r.parts) {
			r.place = place{part: last, chunk: had, opened: true}
			r.err = nil
		}
	}
	for _, p := range r.parts {
		to = max(to, p.To)
	}
	return to, grown
}

// grow looks whether the file became longer; true if there are new chunks, or its
// end.
func (p *part) grow() bool {
	st, err := p.f.Stat()
	if err != nil || p.Complete || st.Size() <= p.Size {
		return false
	}
	p.Size = st.Size()
	had, tail := len(p.chunks), p.walked
	p.damage = slices.DeleteFunc(p.damage, func(d Damage) bool { return d.Offset == tail })
	if !p.readSummary() {
		p.walkFrom(tail)
	}
	p.span()
	return len(p.chunks) > had || p.Complete
}
