package deploy_test

import (
	"debug/elf"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// composeCommand is the command of the service wstap, word by word.
func composeCommand(t *testing.T) (words []string) {
	t.Helper()
	_, text, found := strings.Cut(read(t, "compose.yaml"), "    command:\n")
	if !found {
		t.Fatal("compose.yaml has no command")
	}
	for line := range strings.Lines(text) {
		word, isItem := strings.CutPrefix(line, "      - ")
		if !isItem {
			return words
		}
		words = append(words, strings.TrimSpace(word))
	}
	return words
}

// TestYAML: the files are YAML, without tabs, and name no image "latest" but
// those that the reader builds.
func TestYAML(t *testing.T) {
	files := []string{"compose.yaml", "kubernetes.yaml", "prometheus-rules.yml", "testdata/rules_test.yml"}
	image := regexp.MustCompile(`image:\s*(\S+)`)
	for _, f := range files {
		text := read(t, f)
		if strings.Contains(text, "\t") {
			t.Errorf("%s: a tab", f)
		}
		for _, m := range image.FindAllStringSubmatch(text, -1) {
			if _, version, _ := strings.Cut(m[1], ":"); version == "" || version == "latest" && m[1] != "wstap:latest" && m[1] != "web-app:latest" {
				t.Errorf("%s: %s has no version", f, m[1])
			}
		}
	}
	python := tool(t, "python3")
	if _, ok := run(t, python, "-c", "import yaml"); !ok {
		t.Skip("skipped: python3 has no PyYAML, the files were not parsed")
	}
	// A key twice is an error to the programs that read the files, and none to PyYAML.
	const load = `import sys, yaml
class Strict(yaml.SafeLoader):
    pass
def once(loader, node):
    keys = [k.value for k, _ in node.value]
    twice = {k for k in keys if keys.count(k) > 1}
    if twice:
        sys.exit(f"{sys.argv[1]}: twice: {twice} {node.start_mark}")
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)
Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, once)
assert all(yaml.load_all(open(sys.argv[1]), Strict))
`
	for _, f := range files {
		if out, ok := run(t, python, "-c", load, f); !ok {
			t.Errorf("%s: %s", f, out)
		}
	}
}

// TestDrainFits: whoever stops wstap waits for longer than it drains.
func TestDrainFits(t *testing.T) {
	for _, tt := range []struct {
		file, drain, grace string
		unit               time.Duration // of a grace without one
	}{
		{"wstap.service", `--drain-timeout (\S+)`, `TimeoutStopSec=(\S+)`, 0},
		{"compose.yaml", `--drain-timeout=(\S+)`, `stop_grace_period: (\S+)`, 0},
		{"kubernetes.yaml", `--drain-timeout=(\S+)`, `terminationGracePeriodSeconds: (\d+)`, time.Second},
		{"kubernetes.yaml", `worker_shutdown_timeout (\w+);`, `terminationGracePeriodSeconds: (\d+)`, time.Second},
	} {
		text := read(t, tt.file)
		value := func(pattern string) time.Duration {
			m := regexp.MustCompile(pattern).FindStringSubmatch(text)
			if m == nil {
				t.Fatalf("%s: no %s", tt.file, pattern)
			}
			if !strings.HasSuffix(m[1], "s") && tt.unit > 0 {
				m[1] += "s"
			}
			d, err := time.ParseDuration(m[1])
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		if drain, grace := value(tt.drain), value(tt.grace); grace < drain+5*time.Second {
			t.Errorf("%s: drains for %s, and is given %s", tt.file, drain, grace)
		}
	}
}

// TestUnit: systemd takes the unit, and finds little to harden.
func TestUnit(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	unit := filepath.Join(t.TempDir(), "wstap.service")
	text := strings.ReplaceAll(read(t, "wstap.service"), "/usr/local/bin/wstap", binary(t))
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, ok := run(t, analyze, "verify", "--man=no", unit); !ok || strings.Contains(out, "wstap.service:") {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	if out, ok := run(t, analyze, "security", "--offline=true", "--threshold=15", "--no-pager", unit); !ok {
		t.Errorf("systemd-analyze security: above 1.5:\n%s", out)
	}
}

// TestEnvironmentFile: every line is a comment or NAME="words", and what the unit uses is there.
func TestEnvironmentFile(t *testing.T) {
	text := read(t, "wstap.env")
	line := regexp.MustCompile(`^(#.*|[A-Z_]+="[^"$\\]*"|)$`)
	for i, l := range strings.Split(text, "\n") {
		if !line.MatchString(l) {
			t.Errorf("wstap.env:%d: %q", i+1, l)
		}
	}
	for _, m := range regexp.MustCompile(`\$(WSTAP_[A-Z]+)`).FindAllStringSubmatch(read(t, "wstap.service"), -1) {
		if !strings.Contains(text, "\n"+m[1]+"=") {
			t.Errorf("wstap.env does not set %s", m[1])
		}
	}
}

// TestDockerfile: what it copies is there, the program needs nothing at run
// time, and nobody is root.
func TestDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(text, -1) {
		for source := range strings.FieldsSeq(m[1]) {
			if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Error(err)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1) {
		if m[1] != "scratch" && !strings.Contains(m[1], ":") {
			t.Errorf("FROM %s has no version", m[1])
		}
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if !strings.Contains(text, "FROM golang:"+goVersion+"-") {
		t.Errorf("go.mod wants Go %s", goVersion)
	}
	if !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(text) {
		t.Error("no USER other than root")
	}
	if !strings.Contains(text, "CGO_ENABLED=0 go build -trimpath -o /out/wstap ./cmd/wstap") {
		t.Error("it does not build as the tests do")
	}
	static(t, binary(t))
}

// static wants a program without interpreter and libraries.
func static(t *testing.T, path string) {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program is not static")
		}
	}
	if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 {
		t.Errorf("libraries %v %v", libs, err)
	}
}

// TestRules: the alerts ask for metrics that there are, with labels that they
// have, and promtool finds that they fire where they should.
func TestRules(t *testing.T) {
	text, metrics := read(t, "prometheus-rules.yml"), read(t, "../metrics/testdata/metrics.txt")
	for _, m := range regexp.MustCompile(`(wstap_[a-z_]+)(?:\{([a-z]+)!?="(\w+)"\})?`).FindAllStringSubmatch(text, -1) {
		name, label, value := m[1], m[2], m[3]
		if !strings.Contains(metrics, "\n"+name+"{") && !strings.Contains(metrics, "\n"+name+" ") {
			t.Errorf("there is no metric %s", name)
		}
		if label != "" && !regexp.MustCompile(name+`\{.*\b`+label+`="`+value+`"`).MatchString(metrics) {
			t.Errorf("%s has no %s=%q", name, label, value)
		}
	}
	promtool := tool(t, "promtool")
	if out, ok := run(t, promtool, "test", "rules", "testdata/rules_test.yml"); !ok {
		t.Error(out)
	}
}
