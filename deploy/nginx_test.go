package deploy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/internal/nginxrun"
)

// tempPaths lets nginx run where the test may not write in nginx's own folders.
const tempPaths = `client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;`

// composed is nginx.conf for a test: its paths and addresses are those of the
// test, all else is as compose.yaml has it.
func composed(t *testing.T, dir, listen, back string) string {
	return substitute(t, read(t, "nginx.conf"),
		"/logs/error.log", filepath.Join(dir, "error.log"),
		"listen 80;", "listen "+listen+";",
		"wstap:9000", back,
		"http {", "http { "+strings.ReplaceAll(tempPaths, "DIR", dir))
}

// podConf is the nginx.conf inside of kubernetes.yaml.
func podConf(t *testing.T) string {
	_, text, found := strings.Cut(read(t, "kubernetes.yaml"), "  nginx.conf: |\n")
	if !found {
		t.Fatal("kubernetes.yaml has no nginx.conf")
	}
	text, _, _ = strings.Cut(text, "\n---\n")
	return regexp.MustCompile(`(?m)^    `).ReplaceAllString(text, "")
}

func nginx(t *testing.T) string {
	t.Helper()
	bin, err := nginxrun.Binary()
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	return bin
}

// nginxArgs are the arguments for a configuration in dir.
func nginxArgs(t *testing.T, dir, conf string) []string {
	t.Helper()
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	global := "daemon off;"
	if !strings.Contains(conf, "\npid ") {
		global += " pid " + filepath.Join(dir, "nginx.pid") + ";"
	}
	if os.Geteuid() == 0 {
		global += " user root;"
	}
	return []string{"-p", dir, "-c", path, "-e", filepath.Join(dir, "start.log"), "-g", global}
}

// TestNginxConf: nginx takes the configurations, and wstap finds nothing to
// say about them.
func TestNginxConf(t *testing.T) {
	bin := nginx(t)
	for _, tt := range []struct {
		name string
		conf func(dir string) string
	}{
		{"nginx.conf", func(dir string) string { return composed(t, dir, "127.0.0.1:80", "127.0.0.1:9000") }},
		{"kubernetes.yaml", func(dir string) string {
			return substitute(t, podConf(t), "/logs/", dir+"/", "_path /tmp/", "_path "+dir+"/t-", "/tmp/nginx.pid", dir+"/nginx.pid")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			args := nginxArgs(t, dir, tt.conf(dir))
			if out, ok := run(t, bin, append(args, "-t")...); !ok || strings.Contains(out, "[warn]") {
				t.Errorf("nginx -t: %s", out)
			}
			if out, ok := run(t, binary(t), "check", filepath.Join(dir, "nginx.conf")); !ok {
				t.Errorf("wstap check: %s", out)
			}
		})
	}
}

// echoServer is the application: app.js where Node.js has the ws package, else
// one of ours.
func echoServer(t *testing.T) string {
	modules, err := filepath.Abs(filepath.Join("..", "testdata", "peers", "node", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	node, noNode := exec.LookPath("node")
	if _, err := os.Stat(filepath.Join(modules, "ws")); noNode != nil || err != nil {
		t.Log("app.js is not tried: Node.js or its ws package is missing (make deps installs it)")
		return goEcho(t)
	}
	cmd := exec.Command(node, "app.js")
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "HOST=127.0.0.1", "PORT=0")
	app := start(t, cmd)
	port := regexp.MustCompile(`listening at (\d+)`)
	eventually(t, "app.js listens", app, func() bool { return port.MatchString(app.out.String()) })
	t.Cleanup(func() {
		if code := app.end(syscall.SIGTERM); code != 0 {
			t.Errorf("app.js ended with %d: %s", code, app.out.String())
		}
	})
	return "127.0.0.1:" + port.FindStringSubmatch(app.out.String())[1]
}

func goEcho(t *testing.T) string {
	var up websocket.Upgrader
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			typ, p, err := c.ReadMessage()
			if err != nil || c.WriteMessage(typ, p) != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// TestComposed runs what compose.yaml describes: front tap, nginx with this
// nginx.conf, back tap and application, and one WebSocket through all of them.
func TestComposed(t *testing.T) {
	bin := nginx(t)
	dir := t.TempDir()
	port, err := nginxrun.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	relay, front, back := startTaps(t, dir, listen, echoServer(t))
	proxy := start(t, exec.Command(bin, nginxArgs(t, dir, composed(t, dir, listen, back))...))
	eventually(t, "nginx listens", proxy, func() bool { return answers(listen) })

	c, _, err := websocket.DefaultDialer.Dial("ws://"+front+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.ReadMessage(); err != nil || string(p) != "hello" {
		t.Fatalf("%q %v", p, err)
	}
	c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 1000) {
		t.Errorf("ended with %v", err)
	}
	c.Close() // or wstap would drain for as long as it is open
	eventually(t, "both legs are explained", relay, func() bool { return strings.Count(relay.out.String(), "close_handshake") >= 2 })
	served(t, relay)
	if code := relay.end(syscall.SIGTERM); code != 0 {
		t.Errorf("wstap ended with %d:\n%s", code, relay.out.String())
	}
}

// metricsAddr is where the relay of the test serves its metrics.
var metricsAddr string

// startTaps starts wstap with the flags of compose.yaml's command.
func startTaps(t *testing.T, dir, nginx, app string) (relay *process, front, back string) {
	sub := map[string]string{
		"serve":      "unix:" + filepath.Join(dir, "attach.sock"),
		"error-log":  filepath.Join(dir, "error.log"),
		"nginx-conf": "", // it comes after the tap that it names
	}
	if port, err := nginxrun.FreePort(); err == nil {
		metricsAddr = fmt.Sprintf("127.0.0.1:%d", port)
		sub["metrics"] = metricsAddr
	}
	var args []string
	for _, arg := range composeCommand(t) {
		flag, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		value, replace := sub[flag]
		switch {
		case isTap(arg), isNotYet(flag), replace && value == "":
			continue
		case replace:
			arg = "--" + flag + "=" + value
		}
		args = append(args, arg)
	}
	cmd := exec.Command(binary(t), append(args, "front@127.0.0.1:0="+nginx, "back@127.0.0.1:0="+app)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+dir, "XDG_RUNTIME_DIR="+dir)
	relay = start(t, cmd)
	at := regexp.MustCompile(`tap (front|back) listens at (\S+?),`)
	eventually(t, "the taps listen", relay, func() bool { return len(at.FindAllString(relay.out.String(), -1)) == 2 })
	for _, m := range at.FindAllStringSubmatch(relay.out.String(), -1) {
		if m[1] == "front" {
			front = m[2]
		} else {
			back = m[2]
		}
	}
	return relay, front, back
}

// served asks for the health and the metrics, as the health checks of the
// Dockerfile and of kubernetes.yaml do.
func served(t *testing.T, relay *process) {
	if isNotYet("metrics") {
		t.Log("the health check is not tried: wstap has no --metrics yet")
		return
	}
	for path, want := range map[string]string{"/healthz": "", "/metrics": "wstap_connections_closed_total"} {
		resp, err := http.Get("http://" + metricsAddr + path)
		if err != nil {
			t.Errorf("%v\n%s", err, relay.out.String())
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s %.200s", path, resp.Status, body)
		}
	}
}
