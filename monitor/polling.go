package monitor

import (
	"slices"
)

// PollSession is a session of a polling transport: each of its requests must
// come to the server that holds it.
type PollSession struct {
	Session   string
	Transport string
	Path      string
	First     Time
	Last      Time
	Seen      []PollSeen // by tap and status, in order of first sight
}

// PollSeen counts a session's requests at one tap by their answer.
type PollSeen struct {
	Tap    Instance
	Leg    string // the tap's name
	Role   Role
	Status int
	N      uint64
}

const (
	pollsMost    = 4096 // sessions kept, see forgetPolls
	pollSeenMost = 32   // taps and statuses of one session
)

// Polls calls yield for each session kept, oldest first.
func (s *State) Polls(yield func(*PollSession) bool) {
	for _, p := range s.polled {
		if !yield(p) {
			return
		}
	}
}

// forgetPolls makes room for a quarter of the sessions at once: first those that
// no server knew, for anybody can make up ids, then the oldest.
func (s *State) forgetPolls() {
	drop := len(s.polled) - 3*pollsMost/4
	for _, evict := range []func(*PollSession) bool{(*PollSession).unknown, func(*PollSession) bool { return true }} {
		s.polled = slices.DeleteFunc(s.polled, func(p *PollSession) bool {
			if drop == 0 || !evict(p) {
				return false
			}
			drop--
			delete(s.polls, p.Session)
			s.Totals.Dropped["polling sessions"]++
			return true
		})
	}
}

// unknown says that no server has answered the session as one it knows.
func (p *PollSession) unknown() bool {
	return !slices.ContainsFunc(p.Seen, func(o PollSeen) bool { return o.Status < 300 })
}

func (s *State) applyPolling(ev *Polling) {
	p := s.polls[ev.Session]
	if p == nil {
		if s.polls == nil {
			s.polls = map[string]*PollSession{}
		}
		if len(s.polled) >= pollsMost {
			s.forgetPolls()
		}
		path, _ := kept(ev.Path, false)
		p = &PollSession{Session: ev.Session, Transport: ev.Transport, Path: path, First: ev.At}
		s.polls[ev.Session] = p
		s.polled = append(s.polled, p)
	}
	p.Last = max(p.Last, ev.At)
	for i := range p.Seen {
		if o := &p.Seen[i]; o.Tap == ev.Tap && o.Leg == ev.Leg && o.Status == ev.Status {
			o.N += ev.N
			return
		}
	}
	if len(p.Seen) < pollSeenMost {
		p.Seen = append(p.Seen, PollSeen{ev.Tap, ev.Leg, s.roles[roleKey{ev.Tap, ev.Leg}], ev.Status, ev.N})
	}
}

// pollEvents rebuild the sessions.
func (s *State) pollEvents() (evs []Event) {
	for _, p := range s.polled {
		for i, o := range p.Seen {
			at := p.First
			if i == len(p.Seen)-1 {
				at = p.Last
			}
			evs = append(evs, &Polling{
				Header: Header{At: at, Tap: o.Tap, Leg: o.Leg}, Session: p.Session, Transport: p.Transport, Path: p.Path, Status: o.Status, N: o.N,
			})
		}
	}
	return evs
}

// settingsMost bounds the configurations kept; each relay has one.
const settingsMost = 64

func (s *State) applySettings(ev *Settings) {
	same := func(o *Settings) bool { return o.Tap == ev.Tap && o.Source == ev.Source }
	if i := slices.IndexFunc(s.Settings, same); i >= 0 {
		s.Settings[i] = ev
		return
	}
	if len(s.Settings) < settingsMost {
		s.Settings = append(s.Settings, ev)
	}
}
