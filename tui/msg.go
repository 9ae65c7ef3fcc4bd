package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// refreshMsg asks for a new picture. One chain of them runs: each schedules
// the next.
type refreshMsg struct{}

// drainedMsg says that Relay.Drain has returned.
type drainedMsg struct{}

// copiedMsg is what came of Options.Copy.
type copiedMsg struct {
	copyText
	where string
	err   error
}

const (
	// refreshEvery is the time between two pictures: calm enough for a slow line.
	refreshEvery = 125 * time.Millisecond
	// catchUpEvery is that while a big list is still being sorted or filtered.
	catchUpEvery = 25 * time.Millisecond
)

// tick schedules the next refresh.
func (m *Model) tick() tea.Cmd {
	every := refreshEvery
	if m.list.index.stale > 0 && m.at == connectionsScreen {
		every = catchUpEvery
	}
	return tea.Tick(every, func(time.Time) tea.Msg { return refreshMsg{} })
}

// drain runs Relay.Drain, which waits for connections.
func drain(r Relay) tea.Cmd {
	return func() tea.Msg {
		r.Drain()
		return drainedMsg{}
	}
}

// reload asks for the nginx configuration to be read again. What comes of it is
// a health on the status line.
func (m *Model) reload() {
	if m.o.Reload == nil {
		m.say("no nginx configuration was given: start with --nginx-conf")
		return
	}
	m.say("reading the nginx configuration again")
	m.o.Reload()
}

// stop runs Relay.Stop and then quits.
func stop(r Relay) tea.Cmd {
	return tea.Sequence(func() tea.Msg {
		r.Stop()
		return nil
	}, tea.Quit)
}

// count lets what lasts a number of refreshes grow older.
func (m *Model) count() {
	m.grace = max(m.grace-1, 0)
	if m.noticeFor--; m.noticeFor <= 0 {
		m.notice = ""
	}
}

// noticeStays is how many refreshes a notice stays on the status line.
const noticeStays = 24

func (m *Model) say(text string) { m.notice, m.noticeFor = text, noticeStays }
