package nginxconf

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestIncludes(t *testing.T) {
	f := folder{
		"/etc/nginx/nginx.conf":       "user www;\nhttp {\n include conf.d/*.conf;\n include missing/*.conf;\n}\n",
		"/etc/nginx/conf.d/b.conf":    "server { listen 2; }",
		"/etc/nginx/conf.d/a.conf":    "server {\n listen 1;\n include snippets/ws.conf;\n location / { include snippets/ws.conf; }\n}",
		"/etc/nginx/snippets/ws.conf": "proxy_read_timeout 1h;\nproxy_set_header Upgrade $http_upgrade;\n",
	}
	c, err := Load("/etc/nginx/nginx.conf", f.options())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Problems) != 0 {
		t.Error(c.Problems)
	}
	if got := strings.Join(c.Files, " "); got != "/etc/nginx/nginx.conf /etc/nginx/conf.d/a.conf /etc/nginx/snippets/ws.conf /etc/nginx/conf.d/b.conf" {
		t.Error(got)
	}
	if len(c.Servers) != 2 || c.Servers[0].Listens[0].Port != "1" {
		t.Fatalf("%d servers", len(c.Servers))
	}
	if got := c.Servers[0].Locations[0].SetHeaders[0].Place.String(); got != "/etc/nginx/snippets/ws.conf:2" {
		t.Error(got)
	}
}

// TestBroken holds what is said of files that nginx would refuse.
func TestBroken(t *testing.T) {
	for _, row := range []struct {
		name, text, at, want string
		fatal                bool
	}{
		{"missing include", "http {\n include x.conf;\n}", "nginx.conf:2", "include x.conf: open x.conf: no such file", false},
		{"cycle", "http {\n include nginx.conf;\n}", "nginx.conf:2", "nginx.conf includes itself", false},
		{"bare include", "http {\n include;\n}", "nginx.conf:2", "include needs one file", false},
		{"no closing brace", "http {\n server { listen 1; }\n", "nginx.conf:3", `expecting "}"`, true},
		{"closing brace too much", "http { }\n}\n", "nginx.conf:2", `unexpected "}"`, true},
		{"ends within a directive", "http { }\nworker_processes", "nginx.conf:2", "the file ends within", true},
		{"no semicolon before a brace", "http { server {\n listen 1\n} }", "nginx.conf:2", `"listen" is not terminated by ";"`, false},
		{"no semicolon before a line", "http { server {\n listen 1\n server_name x;\n} }", "nginx.conf:2", `"server_name" follows in line 3`, false},
		{"template", "http {\n server { listen {{ port }}; }\n}", "nginx.conf:2", "this is a template ({{)", true},
		{"quoted template", "http { server {\n server_name \"{{ name }}\"; } }", "nginx.conf:2", "placeholder of a template", false},
		{"envsubst listen", "http { server {\n listen ${PORT}; } }", "nginx.conf:2", "a variable is not possible here", false},
		{"envsubst server", "http { upstream u {\n server ${BACKEND}:80; } }", "nginx.conf:2", "a variable is not possible here", false},
		{"envsubst pass", "http { server { location / {\n proxy_pass http://${BACKEND}:80; } } }", "nginx.conf:2", "${BACKEND} looks like the placeholder", false},
		{"unknown directive", "http {\n proxy_raed_timeout 1s; }", "nginx.conf:2", `unknown directive "proxy_raed_timeout"`, false},
		{"no scheme", "http { server { location / {\n proxy_pass localhost:80; } } }", "nginx.conf:2", "a URL begins with http://", false},
		{"URI in a regex location", "http { server { location ~ x {\n proxy_pass http://h/u; } } }", "nginx.conf:2", "a URI is not possible", false},
		{"lookahead", "http { server {\n location ~ ^/(?!x) { } } }", "nginx.conf:2", "what it matches is not known", false},
		{"byte order mark", "\ufeffhttp { }", "nginx.conf:1", "byte order mark", false},
		{"not a whole one", "server { listen 1; }", "nginx.conf:1", "no http block around this", false},
		{"only a location", "location / { }", "nginx.conf:1", "no server block around this", false},
		{"neither http nor stream", "events { }", "nginx.conf", "no http and no stream block", false},
		{"two semicolons", "http { server { listen 1;\n; } }", "nginx.conf:2", `unexpected ";"`, true},
		{"leading brace", "{ }\nhttp { }", "nginx.conf:1", `unexpected "{"`, true},
		{"hostname", "http { server {\n server_name $hostname; } }", "nginx.conf:1", "name of the machine", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			problems, err := problemsOf(row.text)
			if err != nil {
				if !row.fatal || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), row.at) {
					t.Error(err)
				}
				return
			}
			for _, p := range problems {
				if strings.HasPrefix(p.Place.String()+":", row.at+":") && strings.Contains(p.Text, row.want) && p.Fatal == row.fatal {
					return
				}
			}
			t.Errorf("want %s: %s (fatal %v), got %v", row.at, row.want, row.fatal, problems)
		})
	}
}

func problemsOf(text string) ([]Problem, error) {
	c, err := Load("nginx.conf", folder{"nginx.conf": text}.options())
	if err != nil {
		return nil, err
	}
	return c.Problems, nil
}

// TestWhatWasReadStays: a fault in one file loses what follows in it, no more.
func TestWhatWasReadStays(t *testing.T) {
	c := folder{
		"nginx.conf": "http {\n include a.conf;\n server { listen 3; }\n}",
		"a.conf":     "server { listen 1; }\nserver { listen 2; } }\nserver { listen 9; }",
	}.load(t, "")
	if len(c.Servers) != 3 || c.Servers[2].Listens[0].Port != "3" {
		t.Errorf("%d servers", len(c.Servers))
	}
	if len(c.Problems) != 1 || !c.Problems[0].Fatal || c.Problems[0].Place.String() != "a.conf:2" {
		t.Error(c.Problems)
	}
}

func TestUnreadable(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"empty":         {"", "nginx.conf is empty"},
		"blank":         {" \n\t\n", "nginx.conf is empty"},
		"only comments": {"# nothing\n", "holds no directive"},
		"binary":        {"\x7fELF\x00\x01", "is no text"},
		"UTF-16":        {"h\x00t\x00t\x00p\x00", "is no text"},
		"a brace":       {"}", `nginx.conf:1: unexpected "}"`},
	} {
		if _, err := Load("nginx.conf", folder{"nginx.conf": row.text}.options()); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load("nginx.conf", folder{}.options()); !errors.Is(err, errMissing) {
		t.Error(err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("is a directory") }
func (failingReader) Close() error             { return nil }

func TestReadFails(t *testing.T) {
	open := func(string) (io.ReadCloser, error) { return failingReader{}, nil }
	if _, err := Load("d", Options{Open: open}); err == nil || !strings.Contains(err.Error(), "read d: is a directory") {
		t.Error(err)
	}
}

func TestNoGlob(t *testing.T) {
	o := folder{"nginx.conf": "http { include *.d; }"}.options()
	o.Glob = nil
	c, err := Load("nginx.conf", o)
	if err != nil || len(c.Problems) != 1 || !strings.Contains(c.Problems[0].Text, "patterns cannot be looked up") {
		t.Error(c, err)
	}
}

// TestBounds: what grows without end is cut and said.
func TestBounds(t *testing.T) {
	chain := folder{"nginx.conf": "http { include 0; }"}
	for i := range 2 * maxInclude {
		chain[fmt.Sprint(i)] = fmt.Sprintf("include %d;", i+1)
	}
	fan := folder{"nginx.conf": "http { " + strings.Repeat("include a; ", 200) + "}", "a": strings.Repeat("include b; ", 200), "b": "# nothing"}
	deep := folder{"nginx.conf": "http { " + strings.Repeat("a { ", 10_000)}
	for name, row := range map[string]struct {
		f    folder
		want string
	}{
		"depth of includes": {chain, "files within each other"},
		"number of files":   {fan, "more than 10000 files"},
		"depth of blocks":   {deep, "blocks within each other"},
	} {
		c := row.f.load(t, "")
		found := false
		for _, p := range c.Problems {
			found = found || strings.Contains(p.Text, row.want)
		}
		if !found || len(c.Problems) > maxProblems {
			t.Errorf("%s: %d problems", name, len(c.Problems))
		}
	}
}

func TestLua(t *testing.T) {
	for name, block := range map[string]string{
		"brace in a comment":      "-- }\n",
		"long comment":            "--[[ } ]] x = 1",
		"long comment with level": "--[==[ } ]] } ]==] x = 1",
		"long string":             "x = [[ } ]]",
		"escaped quote":           `x = "\"}" y = '}'`,
		"nested":                  "if x then y = { z = { } } end",
		"minus and index":         "x = a[b[1]]-1 - c",
		"quote in a comment":      "-- don't\n x = 1",
	} {
		for _, space := range []string{" ", "", "\n"} {
			c := parseClean(t, "http { server { location / { content_by_lua_block"+space+"{ "+block+" } } location /b { return 204; } } }")
			if len(c.Servers[0].Locations) != 2 || c.Servers[0].Locations[0].OtherPass != "content_by_lua_block" {
				t.Errorf("%s: %d locations", name, len(c.Servers[0].Locations))
			}
		}
	}
}

func TestSetByLua(t *testing.T) {
	c := parseClean(t, "http { server { location / { set_by_lua_block $u { return 'http://h' } proxy_pass $u; } } }")
	l := c.Servers[0].Locations[0]
	if p := l.Pass; p == nil || !p.Variables || p.Host != "" || p.Scheme != "" {
		t.Errorf("%+v", p)
	}
	if _, known := l.Expand("$u", Request{}); known {
		t.Error("what Lua returns is taken for known")
	}
}
