package monitor

import (
	"strings"
	"testing"
)

func TestCauseWords(t *testing.T) {
	seen := map[string]Cause{}
	for _, c := range Causes() {
		for _, words := range []string{c.Short(), c.Meaning()} {
			if words == "" || strings.Contains(words, "\n") || len(words) > 100 {
				t.Errorf("%s: %q is no short line", c, words)
			}
			if other, twice := seen[words]; twice {
				t.Errorf("%s and %s have the same words", c, other)
			}
			seen[words] = c
		}
	}
	if c := Cause("made up"); c.Short() != "made up" || c.Meaning() != "" {
		t.Errorf("unknown cause: %q, %q", c.Short(), c.Meaning())
	}
}
