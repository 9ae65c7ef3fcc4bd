package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/internal/printable"
)

// The screen, top to bottom: header, screens, body, replay bar, status lines,
// hints. Low screens have fewer of the last ones.

const (
	hintsFrom  = 16 // lines
	statusFrom = 20 // lines from which the status takes two of them
)

func (m *Model) statusLines() int {
	if m.h >= statusFrom {
		return 2
	}
	return 1
}

func (m *Model) bodyHeight() int {
	n := m.h - 2 - m.statusLines()
	n -= m.barHeight()
	if m.h >= hintsFrom {
		n--
	}
	return max(n, 1)
}

// View is called by Bubble Tea.
func (m *Model) View() tea.View {
	var v tea.View
	v.AltScreen = true
	if !m.mouse.off {
		v.MouseMode = tea.MouseModeCellMotion
	}
	v.WindowTitle = "wstap " + printable.String(m.o.Title)
	v.Content = m.guarded()
	return v
}

// guarded is the picture, or nothing if making it fails; the next Update quits.
func (m *Model) guarded() (s string) {
	defer m.guard()
	return m.picture()
}

// picture is the screen: m.h lines of exactly m.w cells.
func (m *Model) picture() string {
	if m.w <= 0 || m.h <= 0 {
		return ""
	}
	body := make([]line, m.bodyHeight())
	copy(body, m.body(len(body)))
	if m.front() == filterOverlay {
		copy(body, m.filter.below(m.w))
	}
	if box := m.box(len(body)); box != nil {
		lay(body, box, m.w)
	}
	lines := append([]line{m.header(m.w), m.tabs(m.w)}, body...)
	if m.o.Replay != nil {
		lines = append(lines, m.replay.view(m.w, m.barHeight(), m.barClock)...)
	}
	lines = append(lines, flow(m.segments, m.w, m.statusLines())...)
	if m.h >= hintsFrom {
		lines = append(lines, m.keys.hints(m.scope(), m.o.Mode, m.w))
	}
	var b strings.Builder
	b.Grow(len(lines) * (m.w + 64))
	for i := range m.h { // a tiny screen shows the first lines
		if i > 0 {
			b.WriteByte('\n')
		}
		var l line
		if i < len(lines) {
			l = lines[i]
		}
		m.theme.write(&b, l.fit(m.w))
	}
	return b.String()
}

func (m *Model) body(h int) []line {
	switch {
	case m.front() == helpOverlay:
		return m.help.scroll.view(m.help.page.lines)
	case m.at == connectionsScreen:
		return m.list.view(m.w, h)
	case m.at == connectionScreen:
		return m.detail.view()
	case m.at == findingsScreen:
		return m.found.view(m.w, h)
	case m.at == overviewScreen:
		return m.over.view()
	}
	return m.logs.view(m.w, h)
}
