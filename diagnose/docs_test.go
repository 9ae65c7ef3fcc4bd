package diagnose

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/findings.md anew")

// TestRulesAreListed holds docs/findings.md against the table.
func TestRulesAreListed(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Findings\n\nAll rules, by where they look first. The severity is the usual one; a rule may lower or raise it for what it met.\n")
	for _, part := range []struct {
		title string
		rules []rule
	}{{"From the wire", append(append([]rule{}, wireRules...), stickyRules...)}, {"From the error log", logRules}, {"From the configuration", confRules}} {
		fmt.Fprintf(&b, "\n## %s\n\n| id | severity | | see |\n|---|---|---|---|\n", part.title)
		for _, r := range part.rules {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.id, r.severity, r.title, r.reference)
		}
	}
	name := filepath.Join("..", "docs", "findings.md")
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(name)
	if err != nil || string(have) != b.String() {
		t.Errorf("%s is not what the table says (%v): go test ./diagnose -update writes it", name, err)
	}
}

// TestRules: an id of its own, a title that is a sentence's beginning, something to look at.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		if seen[r.id] || r.id == "" || strings.ToLower(r.id) != r.id || strings.ContainsAny(r.id, " _") {
			t.Errorf("rule %q: want an id of its own in kebab-case", r.id)
		}
		seen[r.id] = true
		if r.title == "" || r.reference == "" || r.severity.Rank() > 2 || strings.HasSuffix(r.title, ".") {
			t.Errorf("rule %s: title %q, reference %q, severity %q", r.id, r.title, r.reference, r.severity)
		}
		if r.conn == nil && r.line == nil && r.loc == nil && r.conf == nil && r.done == nil {
			t.Errorf("rule %s looks at nothing", r.id)
		}
	}
}
