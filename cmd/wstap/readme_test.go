package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wstap/wstap/tui"
)

// readme is the text of the project's README.
func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// listenPort is the port of a LISTEN in a README command; tests take a free one.
var listenPort = regexp.MustCompile(`@(127\.0\.0\.1)?:\d+=`)

// TestReadmeCommands runs the commands of the README's sh blocks in order, in
// one folder, as they stand; only ports, the places of nginx's log and configuration, and the end
// (--headless --for) are the test's.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	log, err := filepath.Abs(filepath.Join("..", "..", "testdata", "logs", "nginx-1.22.1-error.log"))
	if err != nil {
		t.Fatal(err)
	}
	dir, ran := t.TempDir(), 0
	conf := filepath.Join(dir, "nginx.conf")
	write(t, conf, "events {}\nhttp { server { listen 80; location /ws/ { "+goodHeaders+" proxy_pass http://127.0.0.1:1; } } }\n")
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme(t), -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			line = listenPort.ReplaceAllString(line, "@127.0.0.1:0=")
			line = strings.ReplaceAll(line, "/var/log/nginx/error.log", log)
			line = strings.ReplaceAll(line, "/etc/nginx/nginx.conf", conf)
			runReadme(t, dir, strings.Fields(line))
			ran++
		}
	}
	if ran < 4 {
		t.Errorf("%d commands found in the README: has its shape changed?", ran)
	}
}

func runReadme(t *testing.T, dir string, words []string) {
	t.Helper()
	if words[0] != "wstap" {
		t.Errorf("README: do not know how to run %q", words)
		return
	}
	args := words[1:]
	switch args[0] {
	case "replay":
		s := startScreen(t, 100, 30, "replay", filepath.Join(dir, args[1]))
		s.until(args[1])
		s.keys("q")
		s.ended(0)
		return
	case "tap", "demo":
		if !strings.Contains(strings.Join(args, " "), "--headless") {
			args = append(args, "--headless")
		}
		args = append(args, "--for", "1s")
	}
	c := command(t, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("README: %v: %v\n%.500s", words, err, out)
	}
}

// TestReadmeKeys: the key table is what the dashboard's own table says.
func TestReadmeKeys(t *testing.T) {
	if keys := tui.KeyTable(); !strings.Contains(readme(t), keys) {
		t.Errorf("README's key table is not the dashboard's; it should be:\n%s", keys)
	}
}
