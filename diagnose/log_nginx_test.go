package diagnose

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/nginxrun"
)

// TestFixesAreConfiguration pastes each fix of the rules from the log into a
// configuration, at the place its comment names, and asks nginx whether it
// would take it.
func TestFixesAreConfiguration(t *testing.T) {
	nginx, err := nginxrun.Binary()
	if err != nil {
		t.Skip(err)
	}
	pasted := 0
	for _, f := range scanLog(t, readLog(t, realLog)) {
		if !strings.Contains(f.Fix, "\n") {
			continue // a sentence
		}
		t.Run(f.ID+" "+pasteable(f.Subject), func(t *testing.T) {
			conf, ok := pasteInto(t, f.Fix)
			if !ok {
				return
			}
			pasted++
			name := filepath.Join(t.TempDir(), "nginx.conf")
			if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(nginx, "-t", "-q", "-c", name, "-e", "stderr").CombinedOutput(); err != nil {
				t.Errorf("%v: %s\n%s", err, out, f.Fix)
			}
		})
	}
	if pasted < 20 {
		t.Errorf("only %d fixes to paste", pasted)
	}
}

// pasteInto puts the lines of a fix where its comments say; false for stream,
// which is a module that may not be there.
func pasteInto(t *testing.T, fix string) (conf string, ok bool) {
	slots := map[string]string{
		"events": "worker_connections 64;", "location": "proxy_pass http://127.0.0.1:9;", "upstream": "server 127.0.0.1:9;",
		"http": "limit_conn_zone $server_name zone=lc:1m; limit_req_zone $server_name zone=lr:1m rate=1r/s; limit_req_zone $server_name zone=lrd:1m rate=1r/s;",
	}
	slot, fresh := "", map[string]bool{}
	for line := range strings.Lines(fix) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			if s := slotOf(line); s != "" {
				slot = s
			}
			continue
		}
		switch name, _, _ := strings.Cut(line, " "); {
		case slot == "":
			t.Errorf("%q: no comment says where it goes\n%s", line, fix)
		case slot == "stream":
			return "", false
		case (name == "proxy_pass" || name == "worker_connections" || name == "server") && !fresh[slot]:
			slots[slot] = strings.ReplaceAll(slots[slot], "proxy_pass http://127.0.0.1:9;", "") // the fix has its own
			slots[slot] = strings.ReplaceAll(slots[slot], "worker_connections 64;", "")
			fresh[slot] = true
		}
		slots[slot] += "\n" + strings.ReplaceAll(line, "ADDRESS", "127.0.0.1:9")
	}
	return fmt.Sprintf("pid nginx.pid;\n%s\nevents { %s }\nhttp { access_log off;\n%s\nupstream u { %s }\nserver { listen 127.0.0.1:9; %s\nlocation / { %s } } }\n",
		slots["top"], slots["events"], slots["http"], slots["upstream"], slots["server"], slots["location"]), true
}

// slotOf reads "# in BLOCK { }:" and its like.
func slotOf(comment string) string {
	if comment == "# at the top level:" {
		return "top"
	}
	block, ok := strings.CutPrefix(comment, "# in ")
	if !ok || !strings.HasSuffix(block, ":") {
		return ""
	}
	for _, s := range []string{"stream", "location", "events", "upstream", "http", "server"} {
		if strings.Contains(block, s) {
			return s
		}
	}
	return ""
}
