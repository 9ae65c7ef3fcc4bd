package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notYet are the flags in these files that `wstap tap` will have. Delete each
// when it is there; the test says so.
var notYet = []string{}

// notYetCommands are the subcommands in these files that wstap will have.
var notYetCommands = []string{}

func isNotYet(flag string) bool { return slices.Contains(notYet, flag) }

// isTap says that a word describes a tap.
func isTap(word string) bool {
	return strings.HasPrefix(word, "front@") || strings.HasPrefix(word, "back@")
}

// others are flags of other programs in these files.
var others = []string{"from", "chown", "omit", "build", "interval", "timeout", "start-period", "now"}

// TestFlags: `wstap tap` has every flag that the files use.
func TestFlags(t *testing.T) {
	help, ok := run(t, binary(t), "tap", "--help")
	if !ok {
		t.Fatal(help)
	}
	has := func(flag string) bool { return regexp.MustCompile(`--` + flag + `\b[^-]`).MatchString(help) }
	used := 0
	for _, file := range []string{"wstap.service", "wstap.env", "Dockerfile", "compose.yaml", "kubernetes.yaml"} {
		for _, m := range regexp.MustCompile(`(?:^|[\s"])--([a-z][a-z-]+)`).FindAllStringSubmatch(read(t, file), -1) {
			flag := m[1]
			if slices.Contains(others, flag) || flag == "help" {
				continue
			}
			used++
			if !has(flag) && !isNotYet(flag) {
				t.Errorf("%s: wstap tap has no --%s", file, flag)
			}
		}
	}
	if used < 15 {
		t.Errorf("only %d flags found in the files", used)
	}
	for _, flag := range notYet {
		if has(flag) {
			t.Errorf("wstap tap has --%s: delete it from notYet", flag)
		}
	}
}

// TestCommands: wstap has every subcommand that the files use.
func TestCommands(t *testing.T) {
	help, ok := run(t, binary(t), "--help")
	if !ok {
		t.Fatal(help)
	}
	for _, name := range []string{"tap", "attach", "reload"} {
		has := regexp.MustCompile(`(?m)^\s+` + name + `\s`).MatchString(help)
		switch not := slices.Contains(notYetCommands, name); {
		case !has && !not:
			t.Errorf("wstap %s: there is no such command", name)
		case has && not:
			t.Errorf("wstap %s is there: delete it from notYetCommands", name)
		}
	}
}
