package nginxconf

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain holds that crossplane's lexer, a goroutine, always ends.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder is a file system of texts, by name.
type folder map[string]string

var errMissing = errors.New("no such file")

func (f folder) open(name string) (io.ReadCloser, error) {
	text, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, errMissing)
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (f folder) glob(pattern string) (out []string, err error) {
	for name := range f {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (f folder) options() Options { return Options{Open: f.open, Glob: f.glob} }

// load reads the files of f, the main one being nginx.conf.
func (f folder) load(t testing.TB, version string) *Config {
	t.Helper()
	o := f.options()
	o.Version = version
	c, err := Load("nginx.conf", o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// parse reads text as the whole configuration.
func parse(t testing.TB, text string) *Config {
	t.Helper()
	return folder{"nginx.conf": text}.load(t, "")
}

// parseClean is parse for a text that has no Problem.
func parseClean(t testing.TB, text string) *Config {
	t.Helper()
	c := parse(t, text)
	for _, p := range c.Problems {
		t.Errorf("problem: %s: %s", p.Place, p.Text)
	}
	return c
}

// find asks c, and fails if nothing listens there.
func find(t testing.TB, c *Config, addr, host, target string) Answer {
	t.Helper()
	a, ok := c.Find(Query{Addr: addr, Host: host, Target: target})
	if !ok {
		t.Fatalf("nothing listens at %q", addr)
	}
	return a
}
