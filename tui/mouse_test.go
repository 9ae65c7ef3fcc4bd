package tui

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/vt"

	"github.com/wstap/wstap/monitor"
)

func pressAt(m *Model, x, y int) {
	m.Update(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
}

// find is where a text is on the screen.
func find(t *testing.T, m *Model, text string) (x, y int) {
	t.Helper()
	picture := checkPicture(t, m, m.w, m.h)
	for y, l := range strings.Split(picture, "\n") {
		if before, _, ok := strings.Cut(l, text); ok {
			return one(stPlain, before).width(), y
		}
	}
	t.Fatalf("%q is not on the screen:\n%s", text, picture)
	return 0, 0
}

// TestClickTabs clicks on what the picture shows, at each size.
func TestClickTabs(t *testing.T) {
	for _, size := range sizes[1:] {
		for id := range screenID(len(screenNames)) {
			m := screenOf(t, Options{}, fixed(), size.w, size.h)
			name := tabShort(id)
			if strings.Contains(text(t, m), tabFull(id)) {
				name = tabFull(id)
			}
			x, y := find(t, m, name)
			for _, dx := range []int{0, len(name) - 1} {
				m.at = connectionsScreen
				pressAt(m, x+dx, y)
				if m.at != id {
					t.Errorf("%d×%d: a click on %q, cell %d, leads to %s", size.w, size.h, name, dx, screenNames[m.at])
				}
			}
		}
	}
}

func TestClickRows(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	for row := range 5 {
		pressAt(m, 30, 3+row)
		if id, _ := m.selected(); id != m.list.index.idAt(row) || m.list.win.follow {
			t.Errorf("row %d: conn %d is selected", row, id.Conn)
		}
	}
	before, _ := m.selected()
	for _, y := range []int{0, 35, 38, 39, 40, 1000, -1} {
		pressAt(m, 5, y)
	}
	if id, _ := m.selected(); id != before {
		t.Errorf("a click beside the rows selects conn %d", id.Conn)
	}
	m.Update(tea.MouseClickMsg{X: 30, Y: 3, Button: tea.MouseRight})
	if id, _ := m.selected(); id != before {
		t.Error("the right button selects")
	}
}

func TestDoubleClickOpens(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	pressAt(m, 30, 4)
	pressAt(m, 30, 5)
	if m.at != connectionsScreen {
		t.Fatal("two rows make no double click")
	}
	m.Update(clickOver{m.mouse.clicks - 1}) // of the click before
	pressAt(m, 30, 5)
	if m.at != connectionScreen || m.detail.id != m.list.index.idAt(2) {
		t.Fatal("a double click does not open the connection")
	}
	m.show(connectionsScreen)
	pressAt(m, 30, 5)
	m.Update(clickOver{m.mouse.clicks})
	pressAt(m, 30, 5)
	if m.at != connectionsScreen {
		t.Error("two slow clicks open")
	}
}

func TestClickHeads(t *testing.T) {
	for _, size := range sizes {
		m := screenOf(t, Options{}, fixed(), size.w, size.h)
		x := 1
		for _, c := range m.list.cols.layout(size.w - 1) {
			for _, cell := range []int{x, x + c.w - 1} {
				m.list.index.sortBy(&orders[0], true)
				pressAt(m, cell, 2)
				has := false
				for i := range orders {
					has = has || orders[i].column == c.id
				}
				if by := m.list.index.wish.by; has && by.column != c.id || !has && by != &orders[0] {
					t.Errorf("%d×%d: a click on the head of %q sorts by %q", size.w, size.h, c.title, by.word)
				}
			}
			x += c.w + 1
		}
	}
	m := screenOf(t, Options{}, fixed(), 120, 40)
	var got []string
	for range 5 {
		x, y := find(t, m, "/cause")
		if strings.Contains(text(t, m), "cause▲") || strings.Contains(text(t, m), "cause▼") {
			x, y = find(t, m, "cause")
		}
		pressAt(m, x+1, y)
		w := m.list.index.wish
		got = append(got, w.by.word+map[bool]string{false: "▲", true: "▼"}[w.reverse])
	}
	if want := "left▼ cause▲ cause▼ left▲ left▼"; strings.Join(got, " ") != want {
		t.Errorf("clicks on left/cause give %v, want %s", got, want)
	}
}

// TestMouseOnTheBar is the table of what is hit there.
func TestMouseOnTheBar(t *testing.T) {
	for _, size := range []struct{ w, h int }{{40, 10}, {80, 24}, {120, 40}, {200, 60}} {
		p := &fakePlayer{st: fakeStatus(), line: fakeTimeline()}
		m := replayed(t, p, size.w, size.h)
		left, n := track(size.w)
		y := 2 + m.bodyHeight()
		middle := left + n/4
		for p.line.at(m, middle-left) {
			middle++ // a column without a mark
		}
		for _, c := range []struct {
			name   string
			x      int
			want   monitor.Time
			within time.Duration
		}{
			{"middle", middle, start.Add(30 * time.Minute * time.Duration(2*(middle-left)+1) / time.Duration(2*n)), time.Millisecond},
			{"far right in the timeline", left + n - 1, start.Add(30 * time.Minute), 0},
		} {
			p.seeks = nil
			pressAt(m, c.x, y)
			m.Update(tea.MouseReleaseMsg{X: c.x, Y: y, Button: tea.MouseLeft})
			if len(p.seeks) != 1 || max(p.seeks[0].Sub(c.want), c.want.Sub(p.seeks[0])) > c.within {
				t.Errorf("%d×%d, %s: seeks %v, want %v", size.w, size.h, c.name, p.seeks, c.want)
			}
			if got := m.replay.scale(n).column(m.replay.head()); got != c.x-left {
				t.Errorf("%d×%d, %s: the head is in column %d, the click was in %d", size.w, size.h, c.name, got, c.x-left)
			}
		}
		p.st.Paused = false
		pressAt(m, 0, y)
		if !p.st.Paused {
			t.Errorf("%d×%d: a click on the sign does not pause", size.w, size.h)
		}
		seeks := len(p.seeks)
		pressAt(m, left+n, y)
		pressAt(m, size.w-1, y)
		if len(p.seeks) != seeks {
			t.Errorf("%d×%d: a click behind the timeline seeks", size.w, size.h)
		}
		x, markY := find(t, m, markLooks[MarkShutdown].sign)
		pressAt(m, x, markY)
		if !strings.Contains(m.notice, "incident 5 of 7: nginx reload") {
			t.Errorf("%d×%d: a click on a mark says %q", size.w, size.h, m.notice)
		}
	}
}

// at says whether a column has a mark.
func (t *Timeline) at(m *Model, col int) bool {
	_, n := track(m.w)
	_, marks := t.columns(m.replay.scale(n))[col].strongest()
	return marks > 0
}

func TestDragOnTheBar(t *testing.T) {
	p := &fakePlayer{st: fakeStatus()}
	m := replayed(t, p, 120, 40)
	left, n := track(120)
	y := 2 + m.bodyHeight()
	m.Update(tea.MouseMotionMsg{X: left + 3, Y: y, Button: tea.MouseLeft})
	if len(p.seeks) > 0 {
		t.Error("it moves without the button")
	}
	pressAt(m, left+10, y)
	for _, c := range []struct{ x, col int }{{left + 20, 20}, {left + 500, n - 1}, {0, 0}, {left + 5, 5}} {
		m.Update(tea.MouseMotionMsg{X: c.x, Y: y - 7, Button: tea.MouseLeft}) // leaving the line goes on
		if got := m.replay.scale(n).column(p.st.At); got != c.col {
			t.Errorf("dragged to %d: the head is in column %d, want %d", c.x, got, c.col)
		}
	}
	m.Update(tea.MouseReleaseMsg{X: left + 5, Y: y})
	m.Update(tea.MouseMotionMsg{X: left + 30, Y: y})
	if got := m.replay.scale(n).column(p.st.At); got != 5 {
		t.Errorf("after the release the head is in column %d", got)
	}
}

func TestWheel(t *testing.T) {
	p := &fakePlayer{st: fakeStatus()}
	m := replayed(t, p, 80, 24)
	wheel := func(y int, b tea.MouseButton) { m.Update(tea.MouseWheelMsg{X: 5, Y: y, Button: b}) }
	wheel(8, tea.MouseWheelDown)
	if m.list.win.at != wheelRows {
		t.Errorf("place %d, want %d", m.list.win.at, wheelRows)
	}
	wheel(8, tea.MouseWheelUp)
	if m.list.win.at != 0 || len(p.seeks) > 0 {
		t.Errorf("place %d after the way back, %d seeks", m.list.win.at, len(p.seeks))
	}
	at := p.st.At
	wheel(2+m.bodyHeight(), tea.MouseWheelDown)
	if p.st.At != at.Add(10*time.Second) {
		t.Errorf("on the bar it seeks by %v", p.st.At.Sub(at))
	}
	press(m, "?")
	wheel(8, tea.MouseWheelDown)
	if m.help.scroll.top != wheelRows {
		t.Errorf("the help is at line %d", m.help.scroll.top)
	}
	press(m, "?", "/", "a")
	wheel(8, tea.MouseWheelDown)
	if m.front() != filterOverlay || m.filter.text() != "a" {
		t.Error("the wheel changes the filter")
	}
}

// A question is never answered by the mouse.
func TestClickAnswersNoQuestion(t *testing.T) {
	r := &fakeRelay{live: 2}
	m := screenOf(t, Options{Relay: r}, fixed(), 80, 24)
	press(m, "q")
	m.grace = 0
	for y := range 24 {
		for x := 0; x < 80; x += 9 {
			pressAt(m, x, y)
		}
	}
	if m.front() != quitOverlay || r.stopped+r.drains > 0 {
		t.Errorf("front %d, stopped %d, drained %d", m.front(), r.stopped, r.drains)
	}
}

func TestMouseToggle(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 80, 24)
	for _, want := range []tea.MouseMode{tea.MouseModeCellMotion, tea.MouseModeNone, tea.MouseModeCellMotion} {
		if got := m.View().MouseMode; got != want {
			t.Errorf("mouse mode %v, want %v", got, want)
		}
		press(m, "m")
	}
}

// The mouse reaches the dashboard through a terminal.
func TestMouseOnATerminal(t *testing.T) {
	s := fixed()
	v := startTerminal(t, t.Context(), Options{Read: func(f func(*monitor.State)) { f(s) }}, 100, 30)
	v.waitFor("/notifica")
	v.emu.SendMouse(vt.MouseClick{X: 60, Y: 1, Button: vt.MouseLeft})
	v.emu.SendText("4")
	v.waitFor("message")
	x := strings.Index(strings.Split(v.screen(), "\n")[1], "3 findings")
	v.emu.SendMouse(vt.MouseClick{X: x, Y: 1, Button: vt.MouseLeft})
	v.waitFor("severity")
	v.emu.SendText("\x03")
	if err := v.ended(); err != nil {
		t.Errorf("Run: %v", err)
	}
	v.checkLeft()
}
