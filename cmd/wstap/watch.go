package main

import "github.com/wstap/wstap/monitor"

// bothLegs watches, with the conn on the screen, its other leg, which is shown
// beside it. What it returns is for one goroutine.
func bothLegs(read func(func(*monitor.State)), watch func(monitor.ID, bool)) func(monitor.ID, bool) {
	others := map[monitor.ID]monitor.ID{}
	return func(id monitor.ID, on bool) {
		watch(id, on)
		if !on {
			if other, had := others[id]; had {
				watch(other, false)
				delete(others, id)
			}
			return
		}
		read(func(s *monitor.State) {
			if c := s.Conn(id); c != nil && c.Other() != nil {
				others[id] = c.Other().ID
			}
		})
		if other, has := others[id]; has {
			watch(other, true)
		}
	}
}
