package diagnose

import (
	"slices"
	"testing"

	"github.com/wstap/wstap/logparse"
)

// TestKindTable: what rules want is found, and nothing else.
func TestKindTable(t *testing.T) {
	x := NewScan(Options{})
	want := map[logparse.Kind][]*pass{}
	for i := range x.passes {
		for _, k := range x.passes[i].rule.kinds {
			want[k] = append(want[k], &x.passes[i])
		}
	}
	if len(want) >= len(x.byKind) {
		t.Fatalf("%d kinds in a table of %d: it needs an empty slot", len(want), len(x.byKind))
	}
	kinds := []logparse.Kind{"", "x", "no such kind", logparse.KindDebug, logparse.KindOther, logparse.KindUnparsed}
	for k := range want {
		kinds = append(kinds, k)
	}
	for _, k := range kinds {
		if got := x.byKind.of(k); !slices.Equal(got, want[k]) {
			t.Errorf("%d passes for %q, want %d", len(got), k, len(want[k]))
		}
	}
}
