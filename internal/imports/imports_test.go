// Package imports holds the table of design §3 against what the packages
// really import: imports point one way, and the middle has no clock and no I/O.
package imports

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wstap/wstap/"

// may is which of our packages each package may import.
var may = map[string][]string{
	"ws":                 {},
	"logparse":           {},
	"internal/redact":    {},
	"internal/printable": {},
	"internal/imports":   {},
	"nginxconf":          {},
	"logparse/follow":    {"logparse"},
	"monitor":            {"ws", "logparse", "internal/redact"},
	"observe":            {"ws", "internal/redact", "monitor"},
	"feed":               {"monitor"},
	"tap":                {"ws", "observe", "monitor"},
	"capture":            {"ws", "observe", "logparse", "monitor", "internal/redact"},
	"attach":             {"monitor"},
	"diagnose":           {"ws", "logparse", "nginxconf", "monitor"},
	"filter":             {"ws", "logparse", "monitor", "internal/printable"},
	"report":             {"ws", "logparse", "monitor", "diagnose", "filter", "internal/printable"},
	"tui":                {"ws", "logparse", "monitor", "diagnose", "filter", "internal/printable"},
	"metrics":            {"monitor"},
	"demo":               {},
	"deploy":             {}, // files, and their tests
	"internal/nginxrun":  {},
	"internal/picture":   {},
	"internal/bench":     {"ws", "observe", "monitor", "feed", "tap", "capture", "attach", "internal/redact", "logparse", "internal/nginxrun"},
}

// pure packages have no clock, no goroutine, no network.
var pure = []string{"ws", "logparse", "nginxconf", "internal/redact", "internal/printable", "monitor", "observe", "diagnose", "filter"}

// outside is what reaches the network, the file system and other processes.
var outside = []string{"net", "os", "syscall", "io/fs", "io/ioutil", "path/filepath", "golang.org/x/sys"}

// forbidden is what packages must not import of others, with everything below
// it: "os" is os/exec too.
var forbidden = map[string][]string{
	"ws": outside, "logparse": outside, "nginxconf": outside, "diagnose": outside, "internal/redact": outside, "internal/printable": outside,
	"monitor": append([]string{"sync"}, outside...), "observe": outside,
	"filter": outside, "feed": outside, "report": outside, "tui": outside,
}

// pureOf is what of outside only takes texts apart.
var pureOf = []string{"net/netip", "net/url"}

// forbids says which rule an import breaks, or "".
func forbids(rules []string, imp string) string {
	if slices.Contains(pureOf, imp) {
		return ""
	}
	for _, r := range rules {
		if imp == r || strings.HasPrefix(imp, r+"/") {
			return r
		}
	}
	return ""
}

func TestForbids(t *testing.T) {
	for imp, want := range map[string]string{
		"net": "net", "net/http": "net", "os/exec": "os", "io/fs": "io/fs", "golang.org/x/sys/unix": "golang.org/x/sys",
		"io": "", "network": "", "net/url": "", "net/netip": "", "path": "", "example.com/net": "",
	} {
		if got := forbids(outside, imp); got != want {
			t.Errorf("%s: %q, want %q", imp, got, want)
		}
	}
}

type listed struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func list(t *testing.T) (pkgs []listed) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestImportTable(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name == "cmd/wstap" {
			continue // may import all
		}
		allowed, known := may[name]
		if !known {
			t.Errorf("%s is not in the table of design §3: add it there and here", name)
			continue
		}
		for _, imp := range p.Imports {
			if ours, ok := strings.CutPrefix(imp, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, the table allows %v", name, ours, allowed)
			}
			if rule := forbids(forbidden[name], imp); rule != "" {
				t.Errorf("%s imports %s: nothing of %s belongs there", name, imp, rule)
			}
		}
	}
}

// TestHpcloudTailHasOneUser: its traps are all dealt with in one place.
func TestHpcloudTailHasOneUser(t *testing.T) {
	for _, p := range list(t) {
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "github.com/hpcloud/tail") && p.ImportPath != module+"logparse/follow" {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
}

// TestMiddleIsPure: no go statement and no clock in the middle.
func TestMiddleIsPure(t *testing.T) {
	for _, p := range list(t) {
		if name := strings.TrimPrefix(p.ImportPath, module); slices.Contains(pure, name) {
			for _, file := range p.GoFiles {
				checkPure(t, filepath.Join(p.Dir, file))
			}
		}
	}
}

func checkPure(t *testing.T, path string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s: a goroutine", fset.Position(n.Pos()))
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			clock := []string{"Now", "Since", "Until", "Sleep", "After", "NewTicker", "NewTimer", "Tick"}
			if ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
				t.Errorf("%s: time.%s", fset.Position(n.Pos()), n.Sel.Name)
			}
		}
		return true
	})
}
