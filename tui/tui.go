// Package tui is the dashboard in the terminal: one Bubble Tea model whose
// screens hold only what a viewer chose (selection, scroll, filter). What they
// show is copied out of monitor.State at each refresh, and only for the rows
// that are visible. It does no I/O and never asks for the time: the time on
// the screen is that of the newest event.
//
// Call [Run].
package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/monitor"
)

// Run shows the dashboard until the user quits or ctx is done, both of which
// are no error. The terminal is restored whatever happens; a panic of the
// dashboard comes back as an error with its stack.
func Run(ctx context.Context, o Options, opts ...tea.ProgramOption) error {
	m := New(o)
	p := tea.NewProgram(m, append([]tea.ProgramOption{tea.WithoutSignalHandler()}, opts...)...)
	// Not tea.WithContext: a program killed by it leaves its reader running.
	defer context.AfterFunc(ctx, p.Quit)()
	if _, err := p.Run(); err != nil {
		return err
	}
	if m.fault != nil {
		return m.fault
	}
	return nil
}

// screenID is one of the screens.
type screenID uint8

const (
	connectionsScreen screenID = iota
	connectionScreen
	findingsScreen
	logScreen
	overviewScreen
)

var (
	screenNames  = [...]string{connectionsScreen: "connections", connectionScreen: "connection", findingsScreen: "findings", logScreen: "log", overviewScreen: "overview"}
	screenScopes = [...]scope{connectionsScreen: onConnections, connectionScreen: onConnection, findingsScreen: onFindings, logScreen: onLog, overviewScreen: onOverview}
)

// Model is the one Bubble Tea model.
type Model struct {
	o     Options
	theme *theme
	w, h  int

	at       screenID
	trail    trail
	overlays []overlay

	list    connList
	detail  detail
	found   findingList
	logs    logList
	over    overview
	help    help
	filter  filterLine
	status  status
	chooser columnChooser
	cells   cellList
	times   TimeMode
	keys    keymap

	paused    bool
	pausedAt  moment
	grace     int // refreshes before the quit question takes an answer
	draining  bool
	passing   int // Relay.Live at the last refresh
	replay    replay
	mouse     mouse
	rec       string
	fault     *fault
	notice    string
	noticeFor int // refreshes it stays
	pin       *monitor.ID
	watched   []monitor.ID
}

// moment is one of the State.
type moment struct {
	at     monitor.Time
	events uint64 // Totals.Events
}

// New returns the model of a dashboard, for Run and for tests.
func New(o Options) *Model {
	m := &Model{
		o: o, list: newConnList(), logs: newLogList(), filter: newFilterLine(),
		keys: bindings.rebound(o.Config.Keys), times: o.Config.Times,
	}
	m.list.cols, m.list.codes = chosenColumns(o.Config.Columns), o.Config.codeNames()
	m.paint(o.Light)
	return m
}

// paint chooses the theme for a background.
func (m *Model) paint(light bool) { m.theme = makeTheme(m.o.NoColor, light, m.o.Config.Theme) }

// Init is called by Bubble Tea.
func (m *Model) Init() tea.Cmd {
	if m.o.Light || m.o.Dark {
		return m.tick()
	}
	return tea.Batch(m.tick(), tea.RequestBackgroundColor)
}

// Update is called by Bubble Tea.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	if m.fault != nil {
		cmd = tea.Quit
	}
	return m, cmd
}

func (m *Model) update(msg tea.Msg) (cmd tea.Cmd) {
	defer m.guard()
	switch msg := msg.(type) {
	case refreshMsg:
		m.count()
		cmd = m.tick()
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		m.paint(!msg.IsDark())
	case tea.KeyPressMsg:
		cmd = m.key(msg)
	case tea.MouseMsg:
		cmd = m.pointed(msg)
	case clickOver:
		m.forgetClick(msg)
		return nil
	case tea.PasteMsg:
		if m.front() == filterOverlay {
			m.typed(cmdNone, msg)
		}
	case drainedMsg:
		cmd = tea.Quit
	case savedMsg:
		m.saved(msg)
	case copiedMsg:
		cmd = m.copied(msg)
	default:
		return nil
	}
	m.refresh()
	return cmd
}

// scope is where keys go: to the front overlay, else to the screen.
func (m *Model) scope() scope {
	if s, ok := overlayScopes[m.front()]; ok {
		return s
	}
	return screenScopes[m.at]
}

func (m *Model) key(msg tea.KeyPressMsg) tea.Cmd {
	c := m.keys.lookUp(m.scope(), m.o.Mode, msg.String())
	if c == cmdNone && m.o.Mode == Live && m.keys.lookUp(m.scope(), Attached, msg.String()) == cmdSuspend {
		m.say("not suspended: traffic runs through this process")
	}
	if c == cmdInterrupt {
		if f := m.front(); f == quitOverlay || f == drainOverlay {
			return tea.Quit
		}
		return m.askQuit()
	}
	switch m.front() {
	case filterOverlay:
		m.typed(c, msg)
		return nil
	case quitOverlay, drainOverlay:
		return m.answer(c)
	case columnsOverlay, cellsOverlay:
		return m.choose(c)
	case helpOverlay:
		if c == cmdHelp || c == cmdBack {
			m.pop()
			return nil
		}
		if m.help.scroll.command(c) {
			return nil
		}
	}
	return m.command(c)
}

// command carries out what works on all screens, or asks the screen.
func (m *Model) command(c command) tea.Cmd {
	switch c {
	case cmdNone:
		return nil
	case cmdQuit:
		return m.askQuit()
	case cmdHelp:
		m.help.scroll.top = 0
		m.push(helpOverlay)
		return nil
	case cmdSuspend:
		return tea.Suspend
	case cmdReload:
		m.reload()
		return nil
	case cmdTimes:
		m.times = m.times.next()
		m.say(timeModes[m.times].says)
		return nil
	case cmdExport:
		return m.export()
	case cmdMouse:
		m.toggleMouse()
		return nil
	case cmdPause:
		if m.o.Replay != nil && !m.replay.live {
			m.play(cmdPlay)
			return nil
		}
		m.paused, m.pausedAt = !m.paused, moment{m.status.now, m.status.events}
		return nil
	case cmdConnections, cmdConnection, cmdFindings, cmdLog, cmdOverview, cmdNextScreen, cmdLastScreen:
		return m.switchTo(c)
	}
	if m.play(c) {
		return nil
	}
	if a := m.screenKey(c); a != nil {
		return a.carryOut(m)
	}
	return nil
}

func (m *Model) screenKey(c command) action {
	switch m.at {
	case connectionsScreen:
		m.replay.wanted = monitor.ID{} // the viewer moves
		return m.list.key(c, m.w-1)
	case connectionScreen:
		return m.detail.key(c)
	case findingsScreen:
		return m.found.key(c)
	case overviewScreen:
		return m.over.key(c)
	}
	return m.logs.key(c)
}
