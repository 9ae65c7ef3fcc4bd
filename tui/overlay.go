package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/internal/printable"
)

// overlay is what may lie over a screen. They are a stack: the front one gets
// the keys.
type overlay uint8

const (
	noOverlay overlay = iota
	helpOverlay
	filterOverlay
	quitOverlay
	drainOverlay
	columnsOverlay
	cellsOverlay
)

var overlayScopes = map[overlay]scope{
	helpOverlay: onHelp, filterOverlay: onFilter, quitOverlay: onQuit, drainOverlay: onDraining,
	columnsOverlay: onColumns, cellsOverlay: onCells,
}

func (m *Model) front() overlay {
	if n := len(m.overlays); n > 0 {
		return m.overlays[n-1]
	}
	return noOverlay
}

func (m *Model) push(o overlay) { m.overlays = append(m.overlays, o) }

func (m *Model) pop() { m.overlays = m.overlays[:max(len(m.overlays)-1, 0)] }

// grace is how many refreshes the quit question ignores keys for, so that one
// meant for the list does not answer it.
const grace = 3

// askQuit ends the program, or asks first if traffic depends on it, or a relay
// would stay behind.
func (m *Model) askQuit() tea.Cmd {
	switch {
	case m.o.Relay == nil, m.o.Mode != Attached && m.o.Relay.Live() == 0:
		return tea.Quit
	case m.draining:
		m.push(drainOverlay)
	default:
		m.grace = grace
		m.push(quitOverlay)
	}
	return nil
}

// answer carries out what was chosen in the quit question.
func (m *Model) answer(c command) tea.Cmd {
	if m.grace > 0 {
		return nil
	}
	switch c {
	case cmdLeave:
		return tea.Quit
	case cmdDrain:
		m.pop()
		m.push(drainOverlay)
		m.draining = true
		return drain(m.o.Relay)
	case cmdStop:
		return stop(m.o.Relay)
	case cmdCancel:
		m.pop()
	}
	return nil
}

// box is the text of the overlay that lies over the middle, or nil.
func (m *Model) box(h int) []line {
	var text []line
	switch m.front() {
	case columnsOverlay:
		text = m.chooser.box(&m.list.cols, m.w-1, m.w, h)
		return append(text, nil, m.keys.choices(onColumns))
	case cellsOverlay:
		return append(m.cells.box(m.w, h), nil, m.keys.choices(onCells))
	case quitOverlay:
		n := plural(uint64(m.passing), "connection passes", "connections pass")
		what := " through this wstap"
		if m.o.Mode == Attached {
			what = " through this relay"
		}
		text = []line{one(stBold, n+what), nil}
	case drainOverlay:
		n := plural(uint64(m.passing), "connection", "connections")
		text = []line{one(stBold, "draining: "+n+" left"), nil}
	default:
		return nil
	}
	var cancel []string
	for i := range m.keys {
		b := &m.keys[i]
		switch {
		case b.at&overlayScopes[m.front()] == 0 || b.cmd == cmdInterrupt || !b.in(m.o.Mode):
		case b.cmd == cmdCancel:
			cancel = append(cancel, b.keys...)
		default:
			text = append(text, choice(b.keys, b.help))
		}
	}
	return append(text, choice(cancel, cancelWords[m.front()]))
}

func choice(keys []string, help string) line {
	return one(stKey, printable.PadRight(strings.Join(keys, " "), 8)).add(stPlain, help)
}

// cancelWords say what esc means in a box.
var cancelWords = map[overlay]string{
	quitOverlay:  "do not quit",
	drainOverlay: "hide this; draining goes on",
}

// lay puts a framed box over the middle of the body, from edge to edge so that
// nothing below shows through.
func lay(body []line, text []line, w int) {
	inner := 0
	for _, l := range text {
		inner = max(inner, l.width())
	}
	inner = max(min(inner, w-4), 0)
	pad := strings.Repeat(" ", max((w-inner-4)/2, 0))
	rule := strings.Repeat("─", inner+2)
	framed := []line{one(stPlain, pad+"╭"+rule+"╮")}
	for _, l := range text {
		framed = append(framed, append(one(stPlain, pad+"│ "), l.fit(inner)...).add(stPlain, " │"))
	}
	framed = append(framed, one(stPlain, pad+"╰"+rule+"╯"))
	if len(framed) > len(body) {
		framed = framed[1 : len(framed)-1] // no room for the frame
	}
	top := max((len(body)-len(framed))/2, 0)
	copy(body[top:], framed)
}
