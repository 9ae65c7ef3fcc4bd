package tui

import (
	"time"

	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/monitor"
)

// ageing is when a closed conn leaves the list. It stays in State, and pinned
// ones stay on the list.
type ageing struct {
	after time.Duration // 0: never
	name  string
}

// ageings in the sequence that `a` goes through.
var ageings = []ageing{
	{0, ""},
	{10 * time.Minute, "closed ≤ 10m"},
	{time.Minute, "closed ≤ 1m"},
	{time.Nanosecond, "live only"},
}

func nextAgeing(now ageing) ageing {
	for i, a := range ageings {
		if a == now {
			return ageings[(i+1)%len(ageings)]
		}
	}
	return ageings[0]
}

// wants says whether a conn is to be on the list.
func (w *wish) wants(c *monitor.Conn, s *monitor.State) bool {
	if w.ageing.after > 0 && c.IsClosed() && !c.Pinned && s.Now().Sub(c.EndAt()) >= w.ageing.after {
		return false
	}
	return w.filter == nil || w.filter.Match(filter.Conn{S: s, Conn: c})
}

// text is the filter as it was typed.
func (w *wish) text() string {
	if w.filter == nil {
		return ""
	}
	return w.filter.String()
}
