package tui

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
)

// pulses measure the traffic of the rows on the screen. State has only totals,
// so a rate is known a second after a row came into view.
type pulses struct {
	of   map[monitor.ID]*pulse
	turn uint32
}

// pulse is the recent traffic of one conn, by seconds of event time.
type pulse struct {
	began  monitor.Time // of the second being counted
	frames uint64       // totals at its beginning
	bytes  uint64
	rate   float64 // frames a second, of the last full second
	known  bool
	past   [pulseSeconds]uint64 // bytes of each second, the newest last
	turn   uint32               // when it was last seen
}

const (
	pulseSeconds = 20
	// pulsesMost bounds the rows measured; those out of view longest go first.
	pulsesMost = 1024
	// pulseStays is how many refreshes a row out of view is remembered.
	pulseStays = 80
)

// measure takes in the totals of a row that is on the screen.
func (ps *pulses) measure(r *row, now monitor.Time) {
	if ps.of == nil {
		ps.of = map[monitor.ID]*pulse{}
	}
	p := ps.of[r.id]
	if p == nil {
		p = &pulse{began: now, frames: r.frames[0] + r.frames[1], bytes: r.bytes[0] + r.bytes[1]}
		ps.of[r.id] = p
	}
	p.turn = ps.turn
	p.add(now, r.frames[0]+r.frames[1], r.bytes[0]+r.bytes[1])
	r.rate, r.rated, r.pulse = p.rate, p.known, p.past
}

// sweep forgets rows that left the screen some time ago. It is called once a
// refresh.
func (ps *pulses) sweep() {
	ps.turn++
	if ps.turn%pulseStays > 0 && len(ps.of) <= pulsesMost {
		return
	}
	for id, p := range ps.of {
		if ps.turn-p.turn > pulseStays || len(ps.of) > pulsesMost {
			delete(ps.of, id)
		}
	}
}

// add closes the seconds that have passed. Time going back (a seek) or far on
// begins anew: nothing is known of what lies between.
func (p *pulse) add(now monitor.Time, frames, bytes uint64) {
	d := now.Sub(p.began)
	if d < 0 || d > pulseSeconds*time.Second || frames < p.frames || bytes < p.bytes {
		*p = pulse{began: now, frames: frames, bytes: bytes, turn: p.turn}
		return
	}
	n := int(d / time.Second)
	if n == 0 {
		return
	}
	p.rate, p.known = float64(frames-p.frames)/d.Seconds(), true
	copy(p.past[:], p.past[min(n, pulseSeconds):])
	for i := range min(n, pulseSeconds) {
		p.past[pulseSeconds-1-i] = (bytes - p.bytes) / uint64(n)
	}
	p.began, p.frames, p.bytes = now, frames, bytes
}

func rateCell(r *row, _ int) line {
	switch {
	case !r.rated || r.stage == closed || r.stage == refused:
		return nil
	case r.rate == 0:
		return one(stDim, "0")
	case r.rate < 10:
		return one(stPlain, fmt.Sprintf("%.1f", r.rate))
	}
	return one(stPlain, count(uint64(r.rate+0.5)))
}

// blocks are the heights of a sparkline; no traffic is a dot at the ground.
var blocks = [...]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// pulseCell is a sparkline of the last seconds, each row by its own largest.
func pulseCell(r *row, w int) line {
	if !r.rated || r.stage == closed || r.stage == refused {
		return nil
	}
	w = min(w, pulseSeconds)
	past := r.pulse[pulseSeconds-w:]
	var most uint64
	for _, n := range past {
		most = max(most, n)
	}
	s := make([]byte, 0, 3*w)
	for _, n := range past {
		if n == 0 {
			s = append(s, "·"...)
			continue
		}
		s = append(s, blocks[(n*uint64(len(blocks))-1)/most]...)
	}
	return line(nil).draw(stAccent, string(s))
}
