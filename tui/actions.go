package tui

import (
	"math"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// action is what a screen asks the root to do. Screens change nothing but
// themselves; nil asks for nothing.
type action interface{ carryOut(m *Model) tea.Cmd }

type (
	openConn  struct{ id monitor.ID }
	goTo      struct{ screen screenID }
	goBack    struct{}
	copyText  struct{ what, text string }
	togglePin struct{ id monitor.ID }
	askFilter struct{ text string }
	say       struct{ text string }
)

func (a openConn) carryOut(m *Model) tea.Cmd {
	m.detail.open(a.id)
	m.show(connectionScreen)
	return nil
}

func (a goTo) carryOut(m *Model) tea.Cmd {
	m.show(a.screen)
	return nil
}

func (goBack) carryOut(m *Model) tea.Cmd {
	m.show(m.before)
	return nil
}

func (a copyText) carryOut(m *Model) tea.Cmd {
	m.say("copied " + a.what + " (if the terminal allows OSC 52)")
	return tea.SetClipboard(a.text)
}

func (a togglePin) carryOut(m *Model) tea.Cmd {
	m.pin = &a.id // done in the one Read of the refresh that follows
	return nil
}

func (a askFilter) carryOut(m *Model) tea.Cmd {
	m.filter.begin(a.text)
	m.push(filterOverlay)
	return nil
}

func (a say) carryOut(m *Model) tea.Cmd {
	m.say(a.text)
	return nil
}

// show changes the screen and tells which conn is watched from now on.
func (m *Model) show(id screenID) {
	if id == connectionScreen {
		if m.at != connectionScreen {
			m.before = m.at
		}
		if !m.detail.any {
			if sel, ok := m.selected(); ok {
				m.detail.open(sel)
			}
		}
	}
	m.at = id
	m.watchShown()
}

// selected is the conn selected on the list.
func (m *Model) selected() (monitor.ID, bool) { return m.list.win.sel, m.list.win.any }

func (m *Model) watchShown() {
	var now monitor.ID
	if m.at == connectionScreen && m.detail.any {
		now = m.detail.id
	}
	if now == m.watched || m.o.Watch == nil {
		return
	}
	if m.watched != (monitor.ID{}) {
		m.o.Watch(m.watched, false)
	}
	if m.watched = now; now != (monitor.ID{}) {
		m.o.Watch(now, true)
	}
}

// speeds are the steps of + and -.
var speeds = []float64{0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, math.Inf(1)}

func nextSpeed(now float64, faster bool) float64 {
	if faster {
		for _, s := range speeds {
			if s > now {
				return s
			}
		}
		return now
	}
	for _, s := range slices.Backward(speeds) {
		if s < now {
			return s
		}
	}
	return now
}

// play carries out the keys of the replay bar; false if it is none of them.
func (m *Model) play(c command) bool {
	if m.o.Replay == nil {
		return false
	}
	p := m.o.Replay
	st := p.Status()
	by, isSeek := seekSteps[c]
	switch {
	case isSeek:
		p.Seek(min(max(st.At.Add(by), st.From), st.To))
	case c == cmdPlay:
		p.Pause(!st.Paused)
	case c == cmdFaster || c == cmdSlower:
		p.SetSpeed(nextSpeed(st.Speed, c == cmdFaster))
	default:
		return false
	}
	return true
}

// switchTo changes the screen; the help is left by it, too.
func (m *Model) switchTo(c command) tea.Cmd {
	m.overlays = nil
	n := screenID(len(screenNames))
	switch c {
	case cmdNextScreen:
		m.show((m.at + 1) % n)
	case cmdLastScreen:
		m.show((m.at + n - 1) % n)
	case cmdConnection:
		if id, ok := m.selected(); ok && m.at == connectionsScreen {
			m.detail.open(id)
		}
		m.show(connectionScreen)
	default:
		m.show(screenID(c - cmdConnections))
	}
	return nil
}

// pinned is the conn whose pin is to be changed.
func (m *Model) pinned(s *monitor.State) *monitor.Conn {
	if m.pin == nil {
		return nil
	}
	return s.Conn(*m.pin)
}

// ask copies what the relay, the replay and the recorder say.
func (m *Model) ask() {
	if m.o.Relay != nil {
		m.passing = m.o.Relay.Live()
	}
	if m.o.Replay != nil {
		m.player = m.o.Replay.Status()
	}
	if m.o.Recording != nil {
		m.rec = printable.String(m.o.Recording())
	}
}
