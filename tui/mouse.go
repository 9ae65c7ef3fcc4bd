package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/monitor"
)

// mouse is what the viewer is doing with the mouse. Where things are follows from
// the same functions that draw them.
type mouse struct {
	off    bool // the terminal has it, to select text
	scrubs bool // the button went down on the timeline and is held
	clicks int
	row    clicked // the last click, for a moment
}

// clicked is a row of a list that was clicked.
type clicked struct {
	at    screenID
	place int
	any   bool
}

// clickOver says that a click is no longer the first half of a double click.
type clickOver struct{ n int }

// doubleClick is how long a second click may come after the first.
const doubleClick = 400 * time.Millisecond

// awaitSecond lets a click grow old.
func (m *Model) awaitSecond() tea.Cmd {
	m.mouse.clicks++
	n := m.mouse.clicks
	return tea.Tick(doubleClick, func(time.Time) tea.Msg { return clickOver{n} })
}

func (m *Model) forgetClick(over clickOver) {
	if over.n == m.mouse.clicks {
		m.mouse.row = clicked{}
	}
}

// wheelRows is how far a notch of the wheel goes.
const wheelRows = 3

// pointed handles the mouse.
func (m *Model) pointed(msg tea.MouseMsg) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		return m.wheel(at)
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft {
			return m.click(at.X, at.Y)
		}
	case tea.MouseMotionMsg:
		if m.mouse.scrubs {
			m.scrub(at.X)
		}
	case tea.MouseReleaseMsg:
		m.mouse.scrubs = false
	}
	return nil
}

func (m *Model) toggleMouse() {
	m.mouse = mouse{off: !m.mouse.off, clicks: m.mouse.clicks}
	if m.mouse.off {
		m.say("mouse off: the terminal selects text; m turns it on")
		return
	}
	m.say("mouse on; m turns it off, to select text")
}

// area is a part of the screen.
type area uint8

const (
	nowhere area = iota
	onTabs
	onBody
	onBar
)

// areaAt is the part of the screen that a line belongs to, and which line of it
// that is.
func (m *Model) areaAt(y int) (area, int) {
	body := 2 + m.bodyHeight()
	switch {
	case y == 1:
		return onTabs, 0
	case y >= 2 && y < body:
		return onBody, y - 2
	case y >= body && y < body+m.barHeight():
		return onBar, y - body
	}
	return nowhere, 0
}

// wheel scrolls what is in front; on the replay bar it seeks.
func (m *Model) wheel(at tea.Mouse) tea.Cmd {
	c, seek := cmdDown, cmdSeekOn
	switch at.Button {
	case tea.MouseWheelUp:
		c, seek = cmdUp, cmdSeekBack
	case tea.MouseWheelDown:
	default:
		return nil
	}
	if where, _ := m.areaAt(at.Y); where == onBar && m.front() == noOverlay {
		m.play(seek)
		return nil
	}
	var last tea.Cmd
	for range wheelRows {
		last = m.scroll(c)
	}
	return last
}

// scroll moves in what is in front.
func (m *Model) scroll(c command) tea.Cmd {
	switch m.front() {
	case noOverlay:
		return m.command(c)
	case helpOverlay:
		m.help.scroll.command(c)
	case columnsOverlay, cellsOverlay:
		return m.choose(c)
	}
	return nil
}

// click does what a press of the left button asks for.
func (m *Model) click(x, y int) tea.Cmd {
	first := m.mouse.row
	m.mouse.row = clicked{}
	front := m.front()
	if front != noOverlay && front != helpOverlay {
		return nil // a question is answered by a key
	}
	switch where, row := m.areaAt(y); {
	case where == onTabs:
		return m.clickTab(x)
	case where == onBar:
		m.clickBar(x, row)
	case where == onBody && front == noOverlay:
		return m.clickBody(x, row, first)
	}
	return nil
}

func (m *Model) clickTab(x int) tea.Cmd {
	if m.front() == helpOverlay {
		return nil // the line has no tabs
	}
	name := m.tabNames(m.screenSummary(), m.w)
	for id := range screenID(len(screenNames)) {
		text := name(id)
		if id == m.at {
			text = tabFull(id)
		}
		if text == "" {
			continue
		}
		w := one(stPlain, text).width()
		if x >= 0 && x < w {
			return m.switchTo(cmdConnections + command(id))
		}
		x -= w + 1
	}
	return nil
}

// clickBar seeks, or on a mark goes to its incident; before the timeline it
// plays and pauses.
func (m *Model) clickBar(x, row int) {
	left, n := track(m.w)
	if n == 0 || x < left {
		m.command(m.playOrPause())
		return
	}
	if x -= left; x >= n {
		if m.replay.live || m.o.Mode == Attached {
			m.play(cmdToEnd)
		}
		return
	}
	if marks := row == 1 || m.barHeight() == 1; marks {
		if i := m.replay.incidentIn(m.replay.scale(n), x); i >= 0 {
			m.toIncident(i)
			return
		}
	}
	m.mouse.scrubs = true
	m.scrub(left + x)
}

// playOrPause is the command that the sign at the left of the bar stands for.
func (m *Model) playOrPause() command {
	if m.o.Mode == Replay {
		return cmdPlay
	}
	return cmdPause
}

// incidentIn is the strongest incident of a column, the first of equal ones; -1:
// there is none.
func (r *replay) incidentIn(s scale, col int) int {
	t, best := &r.timeline, -1
	for i := max(t.before(s.begin(col)), 0); i < len(t.Marks); i++ {
		switch c := s.column(t.Marks[i].At); {
		case c > col:
			return best
		case c == col && (best < 0 || t.Marks[i].Kind > t.Marks[best].Kind):
			best = i
		}
	}
	return best
}

// scrub seeks to where the mouse is.
func (m *Model) scrub(x int) {
	if left, n := track(m.w); n > 0 {
		m.replay.ask(m.o.Replay)
		m.seek(m.replay.scale(n).at(x - left))
	}
}

// clickBody selects a row, opens it the second time, or sorts by a column.
func (m *Model) clickBody(x, line int, first clicked) tea.Cmd {
	if line == 0 && m.at != overviewScreen {
		m.clickHead(x)
		return nil
	}
	place, ok := m.selectRow(x, line-1)
	if !ok {
		return nil
	}
	now := clicked{m.at, place, true}
	if first == now {
		return m.command(cmdOpen)
	}
	m.mouse.row = now
	return m.awaitSecond()
}

// selectRow selects a visible row of the screen's list.
func (m *Model) selectRow(x, row int) (place int, ok bool) {
	switch m.at {
	case connectionsScreen:
		if g := &m.list.index.groups; g.on() {
			return g.win.click(g, row)
		}
		m.replay.wanted = monitor.ID{}
		return m.list.win.click(m.list.index, row)
	case findingsScreen:
		return m.found.win.click(&m.found, row)
	case logScreen:
		return m.logs.win.click(&m.logs.folds, row)
	case overviewScreen:
		return m.over.click(x, row+1)
	}
	return 0, false
}

// click selects a visible row.
func (w *window[K]) click(l list[K], row int) (place int, ok bool) {
	place = w.top + row
	if row < 0 || row >= w.height || place >= l.len() {
		return 0, false
	}
	w.moveTo(l, place)
	return place, true
}

// clickHead sorts by the column that was clicked, the other way round the second
// time, then by the next word of its title.
func (m *Model) clickHead(x int) {
	l := &m.list
	if m.at != connectionsScreen || l.index.groups.on() {
		return
	}
	x-- // the mark of the selection
	for _, c := range l.cols.layout(m.w - 1) {
		if x >= 0 && x < c.w {
			l.sortByColumn(c.id)
			return
		}
		x -= c.w + 1
	}
}

func (l *connList) sortByColumn(id columnID) {
	var of []*order
	for i := range orders {
		if orders[i].column == id {
			of = append(of, &orders[i])
		}
	}
	wish := &l.index.wish
	switch at := slices.Index(of, wish.by); {
	case len(of) == 0:
	case at < 0:
		l.index.sortBy(of[0], false)
	case !wish.reverse:
		l.index.sortBy(of[at], true)
	default:
		l.index.sortBy(of[(at+1)%len(of)], false)
	}
}
