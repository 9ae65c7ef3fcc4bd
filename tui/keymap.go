package tui

import (
	"fmt"
	"slices"
	"strings"
)

// keymap is a key table.
type keymap []binding

// lookUp finds what a key asks for at a place, or cmdNone.
func (k keymap) lookUp(at scope, mode Mode, key string) command {
	for i := range k {
		b := &k[i]
		if b.at&at == 0 || !b.in(mode) {
			continue
		}
		if slices.Contains(b.keys, key) {
			return b.cmd
		}
	}
	return cmdNone
}

// hints is the bottom line: the first key of each binding with a hint, as many
// as fit; those that are always wanted stand at the right end.
func (k keymap) hints(at scope, mode Mode, w int) line {
	var left, right line
	for i := range k {
		b := &k[i]
		if b.hint == "" || b.at&at == 0 || !b.in(mode) || b.when == whenPast && mode == Attached {
			continue // attached, there may be no past
		}
		if b.cmd == cmdHelp || b.cmd == cmdQuit {
			right = right.add(stKey, "  "+b.keys[0]).add(stDim, " "+b.hint)
		} else {
			left = left.add(stKey, b.keys[0]).add(stDim, " "+b.hint+"  ")
		}
	}
	for len(left) > 0 && left.width()+right.width() > w {
		left = left[:len(left)-2]
	}
	return spread(left, right, w)
}

// commandNames are what the configuration calls the commands that can be rebound.
var commandNames = map[command]string{
	cmdDown: "down", cmdUp: "up", cmdPageDown: "page-down", cmdPageUp: "page-up", cmdTop: "top", cmdBottom: "bottom",
	cmdOpen: "open", cmdBack: "back", cmdConnections: "connections", cmdConnection: "connection", cmdFindings: "findings", cmdLog: "log", cmdOverview: "overview",
	cmdNextScreen: "next-screen", cmdLastScreen: "last-screen", cmdLeg: "other-leg", cmdHelp: "help", cmdQuit: "quit", cmdSuspend: "suspend",
	cmdFilter: "filter", cmdFollow: "follow", cmdPin: "pin", cmdCopy: "copy", cmdCopyCell: "copy-value", cmdCopyJSON: "copy-json", cmdUnfold: "unfold", cmdNextSection: "next-section", cmdLastSection: "last-section", cmdSort: "sort", cmdSortBack: "sort-back",
	cmdReverse: "reverse", cmdNextFlagged: "next-flagged", cmdLastFlagged: "last-flagged", cmdLastEnded: "last-ended",
	cmdFlaggedFirst: "flagged-first", cmdGroup: "group", cmdFold: "fold", cmdItsConns: "its-connections", cmdItsLog: "its-log", cmdAgeing: "ageing", cmdColumns: "columns", cmdExport: "export", cmdTimes: "times",
	cmdReload: "reload", cmdPause: "pause",
	cmdPlay: "play", cmdSeekBack: "seek-back", cmdSeekOn: "seek-on", cmdSeekFarBack: "seek-far-back", cmdSeekFarOn: "seek-far-on",
	cmdFaster: "faster", cmdSlower: "slower", cmdToStart: "to-start", cmdToEnd: "to-end", cmdNextIncident: "next-incident",
	cmdLastIncident: "last-incident", cmdMouse: "mouse",
}

// rebindable are the groups whose keys the configuration may change; ctrl+c
// always quits.
func (b *binding) rebindable() bool {
	switch b.group {
	case "moving", "screens", "lists", "replay":
		return b.cmd != cmdInterrupt
	}
	return false
}

// CommandNames are the names that Options.Keys takes, sorted.
func CommandNames() []string {
	var names []string
	for _, name := range commandNames {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// CheckKeys says what is wrong with keys for commands: a name that is none, a
// key that no terminal sends, or one that two commands would share.
func CheckKeys(keys map[string][]string) error {
	for name, list := range keys {
		if !slices.Contains(CommandNames(), name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(CommandNames(), ", "))
		}
		for _, key := range list {
			if !possibleKey(key) {
				return fmt.Errorf("%s: %q is no key: say a character, or one of space, enter, tab, shift+tab, ctrl+a, f1, pgup, home, left and the like", name, key)
			}
		}
	}
	return bindings.rebound(keys).clash()
}

// namedKeys are the keys that are more than a character.
var namedKeys = []string{
	"up", "down", "left", "right", "pgup", "pgdown", "home", "end", "enter", "esc", "tab", "shift+tab", "backspace", "space", "delete", "insert",
	"shift+up", "shift+down", "shift+left", "shift+right",
}

func possibleKey(key string) bool {
	runes := []rune(key)
	switch {
	case len(runes) == 1:
		return runes[0] > ' ' && runes[0] != 0x7f
	case strings.HasPrefix(key, "ctrl+"), strings.HasPrefix(key, "alt+"):
		_, last, _ := strings.Cut(key, "+")
		return len(last) == 1 && last >= "a" && last <= "z"
	case (len(key) == 2 || len(key) == 3) && key[0] == 'f':
		return key[1] >= '1' && key[1] <= '9'
	}
	return slices.Contains(namedKeys, key)
}

// rebound is k with other keys for some commands.
func (k keymap) rebound(keys map[string][]string) keymap {
	out := slices.Clone(k)
	for i := range out {
		b := &out[i]
		if other, ok := keys[commandNames[b.cmd]]; ok && b.rebindable() {
			b.keys = other
		}
	}
	return out
}

// clash is the first key that asks for two things at one place.
func (k keymap) clash() error {
	for i := range k {
		for j := range k[:i] {
			a, b := &k[i], &k[j]
			if a.at&b.at == 0 || !a.meets(b) {
				continue
			}
			for _, key := range a.keys {
				if slices.Contains(b.keys, key) {
					return fmt.Errorf("%q is both %q and %q", key, b.help, a.help)
				}
			}
		}
	}
	return nil
}

// meets says that two bindings can be in force in one mode.
func (b *binding) meets(o *binding) bool {
	for _, mode := range []Mode{Live, Replay, Attached} {
		if b.in(mode) && o.in(mode) {
			return true
		}
	}
	return false
}
