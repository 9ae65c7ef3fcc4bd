package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// special are the keys with names, as Bubble Tea's parser makes them.
var special = []tea.Key{
	{Code: tea.KeyUp}, {Code: tea.KeyDown}, {Code: tea.KeyLeft}, {Code: tea.KeyRight}, {Code: tea.KeyPgUp}, {Code: tea.KeyPgDown},
	{Code: tea.KeyHome}, {Code: tea.KeyEnd}, {Code: tea.KeyEnter}, {Code: tea.KeyEsc}, {Code: tea.KeyTab}, {Code: tea.KeyTab, Mod: tea.ModShift}, {Code: tea.KeyUp, Mod: tea.ModShift}, {Code: tea.KeyDown, Mod: tea.ModShift},
	{Code: tea.KeyBackspace}, {Code: tea.KeySpace, Text: " "}, {Code: tea.KeyDelete}, {Code: tea.KeyF1}, {Code: tea.KeyInsert},
}

// allKeys are the keys a terminal can send, by the name Bubble Tea gives them.
func allKeys() map[string]tea.KeyPressMsg {
	m := map[string]tea.KeyPressMsg{}
	put := func(k tea.Key) { m[k.String()] = tea.KeyPressMsg(k) }
	for _, k := range special {
		put(k)
	}
	for r := rune(0x21); r < 0x7f; r++ {
		put(tea.Key{Code: r, Text: string(r)})
	}
	for r := 'a'; r <= 'z'; r++ {
		put(tea.Key{Code: r, Mod: tea.ModCtrl})
	}
	return m
}

var keysByName = allKeys()

func keyNamed(name string) tea.KeyPressMsg {
	k, ok := keysByName[name]
	if !ok {
		panic("no such key: " + name)
	}
	return k
}

var scopes = map[string]scope{
	"connections": onConnections, "connection": onConnection, "findings": onFindings, "log": onLog, "help": onHelp, "filter": onFilter, "quit": onQuit, "draining": onDraining,
}

func TestKeysAreUniqueAndPossible(t *testing.T) {
	for name, at := range scopes {
		for _, mode := range []Mode{Live, Replay} {
			seen := map[string]command{}
			for i := range bindings {
				b := &bindings[i]
				if b.at&at == 0 || !b.in(mode) {
					continue
				}
				for _, k := range b.keys {
					if _, ok := keysByName[k]; !ok {
						t.Errorf("%s: Bubble Tea v2 never makes a key %q", name, k)
					}
					if c, again := seen[k]; again {
						t.Errorf("%s: %q is bound to commands %d and %d", name, k, c, b.cmd)
					}
					seen[k] = b.cmd
				}
			}
		}
	}
}

func TestEveryKeyIsInTheHelp(t *testing.T) {
	for _, mode := range []Mode{Live, Replay} {
		var h help
		h.refresh(bindings, mode, 100, 20)
		var b strings.Builder
		for _, l := range h.page.lines {
			for _, s := range l {
				b.WriteString(s.text)
			}
			b.WriteByte('\n')
		}
		for i := range bindings {
			if bd := &bindings[i]; bd.in(mode) && !strings.Contains(b.String(), " "+strings.Join(bd.keys, " ")+" ") {
				t.Errorf("mode %d: keys %q are not in the help", mode, bd.keys)
			}
		}
	}
}

func TestEveryGroupHasATitle(t *testing.T) {
	titled := map[string]bool{}
	for _, g := range helpGroups {
		titled[g.group] = true
	}
	for i := range bindings {
		if !titled[bindings[i].group] {
			t.Errorf("group %q has no title in the help", bindings[i].group)
		}
	}
}
