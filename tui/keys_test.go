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

// TestEveryKeyIsInTheHelp: once, and those of the screen behind it at its top.
func TestEveryKeyIsInTheHelp(t *testing.T) {
	for _, mode := range []Mode{Live, Replay} {
		for id, scope := range screenScopes {
			var h help
			h.refresh(bindings, mode, screenID(id), 200, 20)
			h.page = page{w: 500}
			h.keys(bindings, mode)
			var heading string
			under := map[string]string{}
			for _, l := range h.page.lines {
				text := l.text()
				if !strings.HasPrefix(text, " ") {
					heading = text
				}
				if _, twice := under[text]; twice && text != "" {
					t.Errorf("twice in the help: %q", text)
				}
				under[text] = heading
			}
			for i := range bindings {
				b := &bindings[i]
				if !b.in(mode) {
					continue
				}
				found := false
				for text, heading := range under {
					if !strings.Contains(text, " "+strings.Join(b.keys, " ")+" ") || !strings.HasSuffix(text, b.help) {
						continue
					}
					found = true
					if here := b.at&scope != 0 && b.at&onScreens != onScreens; here != strings.Contains(heading, "this screen") {
						t.Errorf("%s: %q is under %q", screenNames[id], b.keys, heading)
					}
				}
				if !found {
					t.Errorf("mode %d, %s: keys %q are not in the help", mode, screenNames[id], b.keys)
				}
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
