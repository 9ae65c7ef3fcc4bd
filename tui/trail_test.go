package tui

import (
	"strings"
	"testing"
)

// TestEscUndoesJumps: esc leads back through jumps and filters, to the screen, the
// filter and the selection that were there.
func TestEscUndoesJumps(t *testing.T) {
	type where struct {
		at           screenID
		conns, lines string
		grouped      bool
		finding      string
		conn         uint64
	}
	look := func(m *Model) (w where) {
		w = where{at: m.at, conns: m.list.index.wish.text(), lines: m.logs.filterText(), grouped: m.list.index.groups.on()}
		switch m.at {
		case findingsScreen:
			w.finding = m.found.selected().Title
		case connectionScreen:
			w.conn = m.detail.id.Conn
		}
		return w
	}
	for _, c := range []struct {
		first string
		steps []string // each is undone by one esc
	}{
		{"3 j", []string{"w"}},
		{"3 j", []string{"o"}},
		{"3 j", []string{"enter"}},
		{"3 j", []string{"o", "enter"}},
		{"3 j", []string{"o", "/ ctrl+u c h enter", "enter"}},
		{"3 j", []string{"w", "/ ctrl+u t i m enter"}},
		{"4 k k", []string{"enter"}},
		{"4 k k", []string{"/ t i m enter", "enter"}},
		{"5", []string{"enter"}},
		{"o", []string{"enter", "enter"}},
		{"o j", []string{"enter"}},
		{"", []string{"enter"}},
		{"j", []string{"2"}},
		{"3", []string{"2"}},
		{"", []string{"/ c h a t enter", "enter"}},
		{"", []string{"/ c h enter / a t enter", "enter"}},
	} {
		m := screenOf(t, Options{}, fixed(), 120, 40)
		for range 50 {
			m.Update(refreshMsg{}) // findings
		}
		press(m, strings.Fields(c.first)...)
		was := []where{look(m)}
		for _, step := range c.steps {
			press(m, strings.Fields(step)...)
			if now := look(m); now == was[len(was)-1] {
				t.Errorf("%q %q: %q leads nowhere\n%s", c.first, c.steps, step, text(t, m))
			}
			was = append(was, look(m))
		}
		for i := len(c.steps) - 1; i >= 0; i-- {
			press(m, "esc")
			if got := look(m); got != was[i] {
				t.Errorf("%q %q: from %+v esc leads to %+v, want %+v", c.first, c.steps, was[i+1], got, was[i])
			}
		}
		press(m, "esc", "esc")
		if got := look(m); got != (where{}) {
			t.Errorf("%q %q: esc ends at %+v", c.first, c.steps, got)
		}
	}
}

// TestTopStays: after g the list stays at its top, whatever becomes of the row
// that was selected.
func TestTopStays(t *testing.T) {
	st := newStory()
	for n := range uint64(60) {
		st.open("front", n+1, "/ws", "k==")
		st.upgrade("front", n+1)
	}
	m := screenOf(t, Options{}, st.s, 120, 20)
	press(m, "j", "j", "g")
	first := m.list.rows[0].id
	st.end("front", first.Conn, 0, "fin")
	st.close("front", first.Conn, sampleOf(st.now, 1, 1))
	m.Update(refreshMsg{})
	if m.list.win.top != 0 || m.list.rows[0].id == first {
		t.Errorf("the list is at %d, conn %d on top:\n%s", m.list.win.top, m.list.rows[0].id.Conn, text(t, m))
	}
}
