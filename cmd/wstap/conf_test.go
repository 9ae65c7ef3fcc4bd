package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/tap"
)

// confFor is a configuration whose nginx listens at addr.
func confFor(addr, timeout string) string {
	return fmt.Sprintf("events {}\nhttp { server { listen %s; location / { proxy_pass http://127.0.0.1:1;\nproxy_read_timeout %s; } } }\n", addr, timeout)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReload: a changed configuration gives the open connections their new
// limit and takes the old one back; one that cannot be read changes nothing.
func TestReload(t *testing.T) {
	server := echoServer(t)
	file := filepath.Join(t.TempDir(), "nginx.conf")
	write(t, file, confFor(server, "20s"))
	c, err := newConf(file, "")
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLive(liveOptions{headless: true, logTimezone: "UTC", conf: c})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	specs, err := tap.ParseSpecs([]string{"127.0.0.1:0=" + server}, c.role)
	if err != nil || specs[0].Role != monitor.Front {
		t.Fatalf("specs %+v, %v: the configuration says front", specs, err)
	}
	if err := l.listen(specs); err != nil {
		t.Fatal(err)
	}
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	dial(t, l.taps()[0].Listen, "/ws", nil)
	limits := func() (out []string) {
		l.feed.Read(func(s *monitor.State) {
			for c := range s.Conns {
				for _, l := range s.Limits(c) {
					out = append(out, l.Value.Std().String()+" "+l.Source)
				}
			}
		})
		return out
	}
	is := func(want ...string) func() bool { return func() bool { return slices.Equal(limits(), want) } }
	eventually(t, "the limit of the location", is("20s "+file+":3"))

	write(t, file, "# a line more\n"+confFor(server, "40s"))
	c.readAgain()
	eventually(t, "the new limit alone", is("40s "+file+":4"))

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	c.readAgain()
	eventually(t, "the trouble is shown", func() (shown bool) {
		l.feed.Read(func(s *monitor.State) {
			shown = slices.ContainsFunc(s.Healths, func(h *monitor.Health) bool {
				return h.Status == monitor.HealthWarning && strings.Contains(h.Text, "the one read before is in force")
			})
		})
		return shown
	})
	if !is("40s " + file + ":4")() {
		t.Errorf("a file that cannot be read changed the limits: %q", limits())
	}
}

// TestVersionFromTheLog: nginx says its version at its start, and defaults follow.
func TestVersionFromTheLog(t *testing.T) {
	dir := t.TempDir()
	file, log := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "error.log")
	write(t, file, "events {}\nhttp { server { listen 127.0.0.1:1; location /ws/ { proxy_pass http://127.0.0.1:2; } } }\n")
	write(t, log, "")
	p := startWstap(t, "tap", "--headless", "--json", "--nginx-conf", file, "--error-log", log, "front@127.0.0.1:0="+echoServer(t))
	eventually(t, "the first look", func() bool { return strings.Contains(p.out.String(), `"type":"settings"`) })
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	says := func(version string) func() bool {
		return func() bool { return strings.Contains(p.out.String(), `"nginx_version":"`+version+`"`) }
	}
	stamp := time.Now().Format("2006/01/02 15:04:05")
	fmt.Fprintln(f, stamp+` [error] 7#7: *3 nginx/1.0.0 is not found, client: 1.2.3.4, server: x, request: "GET /x HTTP/1.1"`) // a client's words
	fmt.Fprintln(f, stamp+" [notice] 7#7: nginx/1.29.8")
	eventually(t, "another, by that version", says("1.29.8"))
	fmt.Fprintln(f, stamp+" [notice] 8#8: nginx/1.31.4")
	eventually(t, "an upgrade of nginx", says("1.31.4"))
	if says("1.0.0")() {
		t.Error("a client's words chose the version")
	}
	p.stop()
}

// TestConfTrouble: each is one clear line, and the right exit code.
func TestConfTrouble(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name, text string) string {
		file := filepath.Join(dir, name)
		write(t, file, text)
		return file
	}
	good := in("good.conf", "events {}\nhttp { server { listen 80; location /ws/ { "+goodHeaders+" proxy_pass http://127.0.0.1:1; proxy_read_timeout 1h; } } }\n")
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string // on standard error
	}{
		{"missing", []string{"check", filepath.Join(dir, "none.conf")}, 2, "no such file"},
		{"empty", []string{"check", in("empty.conf", " \n")}, 2, "empty"},
		{"a folder", []string{"check", dir}, 2, "is a directory"},
		{"binary", []string{"check", in("binary.conf", "\x7fELF\x00\x00")}, 2, "binary.conf"},
		{"cut", []string{"check", in("cut.conf", "events {}\nhttp { server {\n")}, 1, "cut.conf:3"},
		{"a version that is none", []string{"check", "--nginx-version", "new", good}, 2, "1.29.7"},
		{"a severity that is none", []string{"check", "--fail-on", "bad", good}, 2, "error, warning, info or never"},
		{"tap", []string{"tap", "--headless", "--nginx-conf", filepath.Join(dir, "none.conf"), ":0=127.0.0.1:1"}, 2, "--nginx-conf"},
		{"version alone", []string{"tap", "--headless", "--nginx-version", "1.29.7", ":0=127.0.0.1:1"}, 2, "goes with --nginx-conf"},
		{"a hop that is none", []string{"tap", "--headless", "--hop", "aws", ":0=127.0.0.1:1"}, 2, "aws-alb"},
		{"a hop without a limit", []string{"tap", "--headless", "--hop", "traefik", ":0=127.0.0.1:1"}, 2, "--read-timeout"},
		{"good", []string{"check", good}, 0, ""},
	} {
		_, errs, code := output(t, tt.args...)
		if code != tt.code || !strings.Contains(errs, tt.want) || (tt.want == "" && errs != "") || strings.Count(errs, "\n") > 2 {
			t.Errorf("%s: code %d, want %d; %q, want %q in it", tt.name, code, tt.code, errs, tt.want)
		}
	}
}
