package diagnose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// readConf reads a configuration of a file, whatever it includes left out.
func readConf(t *testing.T, name string) *nginxconf.Config {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return parseConf(t, string(text), "1.22.1")
}

// TestCorrectConfigurations: nothing above info is found in what is right.
func TestCorrectConfigurations(t *testing.T) {
	names, err := filepath.Glob("testdata/correct/*.conf")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			fs := Check(readConf(t, name))
			checkFindings(t, fs)
			for _, f := range fs {
				if f.Severity != monitor.SeverityInfo {
					t.Errorf("found:\n%s", render([]Finding{f}))
				}
			}
		})
	}
}

// TestIngressFixes: where ingress-nginx writes the configuration, nothing is to
// be pasted into it.
func TestIngressFixes(t *testing.T) {
	c := readConf(t, "testdata/correct/ingress.conf")
	if !c.IngressNGINX {
		t.Fatal("not known as ingress-nginx's")
	}
	for _, f := range Check(c) {
		if strings.HasPrefix(f.Fix, "# in ") && !strings.HasPrefix(f.Fix, "# in stream") {
			t.Errorf("%s: the fix is for a file that is generated:\n%s", f.ID, f.Fix)
		}
	}
}

// TestLabConfigurations checks those that provoked nginx's behaviours.
func TestLabConfigurations(t *testing.T) {
	for name, want := range map[string][]string{
		"main.conf": {
			"headers-not-inherited warning location /inherit/ of ws.example.test",
			"headers-not-inherited error location /noconn/ of ws.example.test",
			"upgrade-header-missing info location / of plain.example.test",
			"connection-header-twice warning location /conn2/ of ws.example.test",
			"proxy-http10 warning location / of http10.example.test",
			"slash-redirect info location /rt3/ of ws.example.test",
			"pass-uri-lost warning location /rewrite/ of ws.example.test",
			"resolver-missing warning location /noresolver/ of ws.example.test",
			"read-timeout-short warning location /rt3/ of ws.example.test",
		},
		"small.conf": {"tunnel-capacity warning"},
		"realws.conf": {
			"upgrade-header-missing error location /ws/ of 127.0.0.1:28141",
			"upgrade-header-missing error location /co/ of 127.0.0.1:28143",
			"proxy-http10 warning location /ws/ of 127.0.0.1:28144",
		},
		"badhost.conf": {"upgrade-header-missing info location / of 127.0.0.1:28199"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := Check(readConf(t, filepath.Join("..", "testdata", "nginx", name)))
			checkFindings(t, fs)
			var have []string
			for _, f := range fs {
				have = append(have, strings.TrimSpace(f.ID+" "+string(f.Severity)+" "+f.Subject))
			}
			for _, w := range want {
				if !slices.Contains(have, w) {
					t.Errorf("not found: %s", w)
				}
			}
			if t.Failed() {
				t.Log(strings.Join(have, "\n"))
			}
		})
	}
}
