package tui

import tea "charm.land/bubbletea/v2"

// choose gives a command to the chooser of columns or of values.
func (m *Model) choose(c command) tea.Cmd {
	if c == cmdCancel {
		m.pop()
		return nil
	}
	var a action
	if m.front() == columnsOverlay {
		a = m.chooser.key(c, &m.list.cols)
	} else {
		a = m.cells.key(c)
	}
	if a == nil {
		return nil
	}
	m.pop()
	return a.carryOut(m)
}
