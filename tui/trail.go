package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/monitor"
)

// trail is the places that jumps led away from, the last one at the end: esc
// goes back through them. Choosing a screen by its number begins a new one.
type trail []place

// place is where the viewer was, and what the lists showed there.
type place struct {
	at     screenID
	conn   monitor.ID // of the connection screen
	open   bool       // it had one
	conns  *filter.Filter[filter.Conn]
	lines  *filter.Filter[filter.Log]
	apart  bool // log lines that say the same are not folded
	by     *grouping
	group  window[string]
	row    window[monitor.ID]
	filter bool // the step from here was a filter typed by hand
}

// trailMost bounds the steps that can be undone.
const trailMost = 50

func (t *trail) add(p place) {
	if n := len(*t); p.filter && n > 0 && (*t)[n-1].filter && (*t)[n-1].at == p.at {
		return // one filter after the other is one step
	}
	*t = append(*t, p)
	*t = (*t)[max(len(*t)-trailMost, 0):]
}

// here is where the viewer is.
func (m *Model) here() place {
	g := &m.list.index.groups
	return place{
		at: m.at, conn: m.detail.id, open: m.detail.any,
		conns: m.list.index.wish.filter, lines: m.logs.filter, apart: m.logs.folds.apart,
		by: g.by, group: g.win, row: m.list.win,
	}
}

// leave remembers where the viewer is before a jump.
func (m *Model) leave() { m.trail.add(m.here()) }

// carryOut goes back to where the last jump began. Where there was none it shows
// all that a filter hides, and then the connections.
func (goBack) carryOut(m *Model) tea.Cmd {
	if n := len(m.trail); n > 0 {
		p := m.trail[n-1]
		m.trail = m.trail[:n-1]
		m.restore(p)
		return nil
	}
	switch {
	case m.at == connectionsScreen:
		m.list.index.find(nil)
	case m.at == logScreen && m.logs.filter != nil:
		m.logs.find(nil)
	default:
		m.show(connectionsScreen)
	}
	return nil
}

func (m *Model) restore(p place) {
	if x := m.list.index; x.wish.filter != p.conns {
		x.find(p.conns)
	}
	if m.logs.filter != p.lines || m.logs.folds.apart != p.apart {
		m.logs.folds.apart = p.apart
		m.logs.find(p.lines)
	}
	if g := &m.list.index.groups; g.by != p.by {
		m.list.index.group(p.by)
		g.win = p.group
	}
	m.list.win.sel, m.list.win.any, m.list.win.follow = p.row.sel, p.row.any, p.row.follow
	if p.at == connectionScreen && p.open {
		m.detail.open(p.conn)
	}
	m.show(p.at)
}
