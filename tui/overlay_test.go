package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

func quits(cmd tea.Cmd) bool {
	if cmd == nil {
		return false
	}
	_, ok := cmd().(tea.QuitMsg)
	return ok
}

func TestQuitQuestion(t *testing.T) {
	t.Run("nothing depends on it", func(t *testing.T) {
		m := screenOf(t, Options{Relay: &fakeRelay{}}, fixed(), 80, 24)
		if !quits(press(m, "q")) {
			t.Error("q does not quit with no connection passing")
		}
	})
	t.Run("grace, cancel", func(t *testing.T) {
		r := &fakeRelay{live: 3}
		m := screenOf(t, Options{Relay: r}, fixed(), 80, 24)
		press(m, "q")
		if s := text(t, m); !strings.Contains(s, "3 connections pass through") {
			t.Fatalf("no question:\n%s", s)
		}
		if press(m, "s") != nil || r.stopped != 0 {
			t.Error("a key within the grace answers the question")
		}
		passGrace(m)
		if press(m, "esc"); m.front() != noOverlay {
			t.Error("esc does not cancel")
		}
	})
	t.Run("second interrupt", func(t *testing.T) {
		m := screenOf(t, Options{Relay: &fakeRelay{live: 3}}, fixed(), 80, 24)
		if quits(press(m, "ctrl+c")) || !quits(press(m, "ctrl+c")) {
			t.Error("the second ctrl+c, and only it, must end at once")
		}
	})
	t.Run("drain", func(t *testing.T) {
		r := &fakeRelay{live: 3}
		m := screenOf(t, Options{Relay: r}, fixed(), 80, 24)
		press(m, "q")
		passGrace(m)
		msg := press(m, "d")()
		if r.drains != 1 || !strings.Contains(text(t, m), "draining: 3 connections left") {
			t.Error("d does not drain, or does not say so")
		}
		if _, cmd := m.Update(msg); !quits(cmd) {
			t.Error("it does not quit after draining")
		}
	})
	t.Run("stop", func(t *testing.T) {
		m := screenOf(t, Options{Relay: &fakeRelay{live: 3}}, fixed(), 80, 24)
		press(m, "q")
		passGrace(m)
		if press(m, "s") == nil {
			t.Error("s does not stop")
		}
	})
}

func passGrace(m *Model) {
	for range grace {
		m.Update(refreshMsg{})
	}
}
