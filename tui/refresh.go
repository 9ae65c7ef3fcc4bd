package tui

import "github.com/wstap/wstap/monitor"

// refresh copies out of State what the screen shows.
func (m *Model) refresh() {
	if m.w <= 0 || m.h <= 0 || m.o.Read == nil {
		return
	}
	m.ask()
	body := m.bodyHeight()
	m.o.Read(func(s *monitor.State) { m.copy(s, body) })
	m.pin = nil
	switch m.at {
	case connectionsScreen:
		m.refreshList(body - 1)
	case overviewScreen:
		m.over.arrange(m.w, body, m.list.stamps, m.list.codes)
	}
	m.watchShown()
	if m.front() == helpOverlay {
		m.help.refresh(m.keys, m.o.Mode, m.at, m.w, body)
	}
}

func (m *Model) copy(s *monitor.State, body int) {
	if c := m.pinned(s); c != nil {
		s.Pin(c.ID, !c.Pinned)
		m.list.index.touch(s, c)
	}
	m.status.refresh(s)
	m.list.stamps = stamps{m.times, s.Now()}
	m.logs.stamps, m.found.stamps = m.list.stamps, m.list.stamps
	m.list.index.update(s, m.paused)
	if !m.paused {
		m.found.scanSome(s, m.o.Diagnose)
	}
	switch m.at {
	case connectionScreen:
		m.detail.refresh(s, m.detailView(body))
	case findingsScreen:
		m.found.refresh(s, body)
	case logScreen:
		m.logs.refresh(s, body-1-rawHeight(body), m.paused)
	case overviewScreen:
		m.over.refresh(s, m.paused)
	}
}

func (m *Model) detailView(h int) detailView {
	v := detailView{w: m.w, h: h, times: m.times, codes: m.list.codes, found: m.found.all}
	if m.paused {
		v.paused, v.since = m.pin == nil, m.pausedAt.at
	}
	return v
}

// refreshList arranges the list and then copies its rows. State is held only
// for the latter, which is short, so it may be repeated where rows proved to
// stand in wrong places.
func (m *Model) refreshList(height int) {
	again := true
	m.chase()
	for i := 0; i < 3 && again; i++ {
		m.list.arrange(height)
		m.o.Read(func(s *monitor.State) { again = m.list.copy(s, m.paused) })
	}
}
