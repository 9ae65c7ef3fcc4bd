package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// typeIn types a text, one key for each character.
func typeIn(m *Model, text string) {
	for _, r := range text {
		m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

func TestFilterLanguage(t *testing.T) {
	for _, c := range []struct {
		text string
		rows int
	}{
		{"chat", 2}, {"!chat", 14}, {"state:near", 2}, {"leg:back state:live", 4}, {"code:1006", 3}, {"/ROOM=(ops|lobby)/", 4},
	} {
		m := screenOf(t, Options{}, fixed(), 120, 40)
		press(m, "/")
		typeIn(m, c.text)
		if press(m, "enter"); len(m.list.rows) != c.rows || m.front() != noOverlay {
			t.Errorf("%s: %d rows, want %d:\n%s", c.text, len(m.list.rows), c.rows, text(t, m))
		}
	}
}

func TestFilterFaultIsShownInPlace(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 100, 24)
	press(m, "/")
	typeIn(m, "chat state:nere")
	if s := text(t, m); !strings.Contains(s, "nere is none of live") || len(m.list.rows) > 16 {
		t.Fatalf("the fault is not shown:\n%s", s)
	}
	if press(m, "enter"); m.front() != filterOverlay {
		t.Error("a wrong filter is kept")
	}
	for range 2 {
		press(m, "backspace")
	}
	typeIn(m, "ar")
	if press(m, "enter"); m.front() != noOverlay || m.filterText() != "chat state:near" {
		t.Errorf("the mended filter is %q", m.filterText())
	}
	press(m, "/")
	typeIn(m, " cod:1")
	if press(m, "esc"); m.filterText() != "chat state:near" {
		t.Errorf("esc leaves %q", m.filterText())
	}
}

func TestFilterCompletion(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 100, 24)
	press(m, "/")
	typeIn(m, "stat")
	press(m, "tab")
	if m.filter.text() != "state:" || m.filter.picked != 0 {
		t.Errorf("tab makes %q of stat", m.filter.text())
	}
	press(m, "tab")
	if m.filter.text() != "status:" {
		t.Errorf("tab again makes %q", m.filter.text())
	}
	press(m, "shift+tab")
	typeIn(m, "crit")
	press(m, "tab")
	if m.filter.text() != "state:critical " || len(m.list.rows) != 2 {
		t.Errorf("%q, %d rows", m.filter.text(), len(m.list.rows))
	}
	typeIn(m, "target:")
	if s := text(t, m); !strings.Contains(s, "/feed/prices") {
		t.Errorf("values on the screen are not offered:\n%s", s)
	}
}

func TestFilterHistory(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 100, 24)
	for _, f := range []string{"chat", "lobby"} {
		press(m, "esc", "/")
		typeIn(m, f)
		press(m, "enter")
	}
	press(m, "esc", "/")
	typeIn(m, "ops")
	for _, s := range []struct{ key, want string }{{"up", "lobby"}, {"up", "chat"}, {"up", "chat"}, {"down", "lobby"}, {"down", "ops"}, {"down", "ops"}} {
		if press(m, s.key); m.filter.text() != s.want {
			t.Errorf("%s shows %q, want %q", s.key, m.filter.text(), s.want)
		}
	}
}

func TestFilterAtEverySize(t *testing.T) {
	for _, size := range sizes {
		m := screenOf(t, Options{}, fixed(), size.w, size.h)
		for _, s := range []string{"", "s", "state:", "state:x", "接続 " + strings.Repeat("long ", 60)} {
			press(m, "/")
			m.Update(tea.PasteMsg{Content: s})
			checkPicture(t, m, size.w, size.h)
			press(m, "esc")
		}
	}
}

func TestLogFilterLanguage(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	press(m, "4", "/")
	typeIn(m, "level:error joined:no")
	press(m, "enter")
	if n := len(m.logs.rows); n == 0 || n == 3 {
		t.Errorf("%d rows:\n%s", n, text(t, m))
	}
	if press(m, "esc"); len(m.logs.rows) != 3 {
		t.Errorf("%d rows without a filter", len(m.logs.rows))
	}
}
