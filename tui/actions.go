package tui

import (
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
	goBack    struct{}
	copyText  struct{ what, text string }
	copyJSON  struct{ id monitor.ID }
	togglePin struct{ id monitor.ID }
	askFilter struct{} // of the screen that is shown
	say       struct{ text string }

	// showFiltered shows the connections that pass a filter; "" is all.
	showFiltered struct{ text string }
	showLog      struct{ text string } // the same of log lines
	openOverlay  struct{ front overlay }
)

func (a openConn) carryOut(m *Model) tea.Cmd {
	if m.at != connectionScreen { // else it is the other leg
		m.leave()
	}
	m.detail.open(a.id)
	m.show(connectionScreen)
	return nil
}

func (a copyText) carryOut(m *Model) tea.Cmd {
	if m.o.Copy == nil {
		return m.copied(copiedMsg{copyText: a})
	}
	return func() tea.Msg {
		where, err := m.o.Copy(a.text)
		return copiedMsg{a, where, err}
	}
}

// copied says where a text was copied to. Where that failed, or there is nothing
// but the terminal, that is asked, which never answers.
func (m *Model) copied(msg copiedMsg) tea.Cmd {
	if msg.where != "" && msg.err == nil {
		m.say("copied " + msg.what + " " + printable.String(msg.where))
		return nil
	}
	m.say("copied " + msg.what + ", if the terminal allows it (OSC 52); e saves to a file")
	return tea.SetClipboard(msg.text)
}

func (a copyJSON) carryOut(m *Model) tea.Cmd {
	var text []byte
	if m.o.ConnJSON != nil {
		m.o.Read(func(s *monitor.State) { text = m.o.ConnJSON(s, a.id) })
	}
	if len(text) == 0 {
		m.say("no JSON of this connection: it is not kept, or not to be had here")
		return nil
	}
	return copyText{"the connection as JSON", string(text)}.carryOut(m)
}

func (a togglePin) carryOut(m *Model) tea.Cmd {
	m.pin = &a.id // done in the one Read of the refresh that follows
	return nil
}

func (a askFilter) carryOut(m *Model) tea.Cmd {
	m.filter.begin(m.filterText(), m.here())
	m.filter.rows = slices.Clone(m.list.rows)
	m.push(filterOverlay)
	return nil
}

func (a showFiltered) carryOut(m *Model) tea.Cmd {
	m.leave()
	m.list.index.group(&groupings[0])
	m.show(connectionsScreen)
	if err := m.applyFilter(a.text); err != nil {
		m.say(printable.String(err.Error()))
	}
	return nil
}

func (a showLog) carryOut(m *Model) tea.Cmd {
	m.leave()
	m.show(logScreen)
	m.logs.folds.apart = true // each connection has its own
	if err := m.applyFilter(a.text); err != nil {
		m.say(printable.String(err.Error()))
	}
	return nil
}

func (a openOverlay) carryOut(m *Model) tea.Cmd {
	m.push(a.front)
	return nil
}

func (a openCells) carryOut(m *Model) tea.Cmd {
	m.cells = cellList{number: a.r.seq, cells: cellsOf(&a.r)}
	m.push(cellsOverlay)
	return nil
}

func (a say) carryOut(m *Model) tea.Cmd {
	m.say(a.text)
	return nil
}

// show changes the screen and tells which conn is watched from now on.
func (m *Model) show(id screenID) {
	if id == connectionScreen && !m.detail.any {
		if sel, ok := m.selected(); ok {
			m.detail.open(sel)
		}
	}
	m.at = id
	m.watchShown()
}

// selected is the conn selected on the list.
func (m *Model) selected() (monitor.ID, bool) { return m.list.win.sel, m.list.win.any }

// watchShown asks for the frames of the conn on the screen and of its other leg,
// and no longer for those that were there before.
func (m *Model) watchShown() {
	var now []monitor.ID
	if m.at == connectionScreen {
		now = m.detail.watched()
	}
	if m.o.Watch == nil || slices.Equal(now, m.watched) {
		return
	}
	for _, id := range m.watched {
		if !slices.Contains(now, id) {
			m.o.Watch(id, false)
		}
	}
	for _, id := range now {
		if !slices.Contains(m.watched, id) {
			m.o.Watch(id, true)
		}
	}
	m.watched = now
}

// switchTo changes the screen; the help is left by it, too. From a connection
// esc leads back to the screen it was opened from.
func (m *Model) switchTo(c command) tea.Cmd {
	m.overlays = nil
	from := m.here()
	defer func() {
		if m.trail = nil; m.at == connectionScreen && from.at != connectionScreen {
			m.trail.add(from)
		}
	}()
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
		m.replay.ask(m.o.Replay)
	}
	if m.o.Recording != nil {
		m.rec = printable.String(m.o.Recording())
	}
}
