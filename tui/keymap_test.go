package tui

import (
	"strings"
	"testing"
)

func TestEveryRebindableCommandHasAName(t *testing.T) {
	seen := map[string]command{}
	for i := range bindings {
		b := &bindings[i]
		if !b.rebindable() {
			continue
		}
		name := commandNames[b.cmd]
		if name == "" {
			t.Errorf("%q (%s) has no name for the configuration", b.keys, b.help)
		}
		if c, again := seen[name]; again && c != b.cmd {
			t.Errorf("%q names two commands", name)
		}
		seen[name] = b.cmd
	}
	for c, name := range commandNames {
		if seen[name] != c {
			t.Errorf("%q is a command that no key is bound to", name)
		}
	}
}

func TestDefaultKeysPassTheirOwnCheck(t *testing.T) {
	if err := bindings.clash(); err != nil {
		t.Error(err)
	}
	for i := range bindings {
		for _, key := range bindings[i].keys {
			if !possibleKey(key) {
				t.Errorf("%q is no possible key", key)
			}
		}
	}
}

func TestCheckKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []string
		want string // in the error; "" is none
	}{
		{"quit", []string{"Q"}, ""},
		{"pause", []string{"ctrl+p", "f5", "alt+x"}, ""},
		{"pause", nil, ""},
		{"quit", []string{"j"}, `"j" is both`},
		{"down", []string{"space"}, `"space" is both`},
		{"explode", []string{"x"}, `"explode" is none of`},
		{"quit", []string{" "}, "is no key"},
		{"quit", []string{""}, "is no key"},
		{"quit", []string{"ctrl+"}, "is no key"},
		{"quit", []string{"\x1b[31m"}, "is no key"},
		{"quit", []string{"f"}, `"f" is both`},
	} {
		err := CheckKeys(map[string][]string{c.name: c.keys})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %q: %v, want %q", c.name, c.keys, err, c.want)
		}
	}
}

func TestReboundKeys(t *testing.T) {
	m := screenOf(t, Options{Config: Config{Keys: map[string][]string{"help": {"H"}, "log": {"L"}}}}, fixed(), 120, 40)
	if press(m, "?", "4"); m.front() == helpOverlay || m.at == logScreen {
		t.Error("the old keys still work")
	}
	if press(m, "L"); m.at != logScreen {
		t.Error("the new key does not work")
	}
	if s := text(t, m); !strings.Contains(s, "H help") {
		t.Errorf("the hints have the old key:\n%s", s)
	}
	if press(m, "H"); m.front() != helpOverlay {
		t.Error("the new key does not show the help")
	}
}

func TestCheckTheme(t *testing.T) {
	for look, want := range map[string]string{"bold red": "1;31", "208 underline": "38;5;208;4", "none": "", "": ""} {
		if got, err := sgrOf(look); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", look, got, err, want)
		}
	}
	for _, bad := range []map[string]string{{"near": "mauve"}, {"nearest": "red"}, {"near": "256"}, {"near": "\x1b[31m"}} {
		if CheckTheme(bad) == nil {
			t.Errorf("%v is taken for a theme", bad)
		}
	}
	m := screenOf(t, Options{Config: Config{Theme: map[string]string{"near": "bold 208"}}}, fixed(), 120, 40)
	if !strings.Contains(m.View().Content, "\x1b[1;38;5;208m") {
		t.Error("the theme is not changed")
	}
	if m := screenOf(t, Options{NoColor: true, Config: Config{Theme: map[string]string{"near": "208"}}}, fixed(), 120, 40); strings.Contains(m.View().Content, "38;5") {
		t.Error("colour in spite of no colour")
	}
}
