package main

import "github.com/wstap/wstap/monitor"

// nearAtOnce is how many conns are looked at under one hold of the State: well
// below a millisecond.
const nearAtOnce = 2000

// nearLimit is how many conns are past 75 % of the limit that will end them,
// those past all of it included. Each is looked at when its turn comes.
func nearLimit(read func(func(*monitor.State)), atOnce int) (near int) {
	for seq, more := uint64(0), true; more; {
		more = false
		read(func(s *monitor.State) {
			n := 0
			for c := range s.ConnsAfter(seq) {
				if n == atOnce {
					more = true
					return
				}
				n++
				seq = c.Seq
				if d, ok := s.Countdown(c); ok && d.Mark >= monitor.MarkNear {
					near++
				}
			}
		})
	}
	return near
}
