//go:build linux

package follow

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const nginxConf = `daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log error;
events { worker_connections 64; }
http {
 access_log off;
 client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
 server { listen 127.0.0.1:%[2]d; location / { proxy_pass http://127.0.0.1:%[3]d; } }
}
`

// A real nginx whose every request is an error line; its log is rotated as
// logrotate does it: rename, and USR1 later.
func TestRealNginx(t *testing.T) {
	bin, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("no nginx on the path: the rotation of a real nginx is not tested")
	}
	t.Parallel()
	dir, err := os.MkdirTemp("", "wstap-nginx") // short, and for the worker to enter if we are root
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	url, cmd := startNginx(t, bin, dir)

	p := filepath.Join(dir, "error.log")
	h := start(t, Follower{Path: p, FromStart: true})
	stop := make(chan struct{})
	asked := make(chan struct{})
	var n atomic.Int64
	more := func() { // waits for 25 more answers, so error lines
		to := n.Load() + 25
		if !eventually(func() bool { return n.Load() >= to }) {
			t.Fatalf("nginx gave %d answers only", n.Load())
		}
	}
	go func() { defer close(asked); askUntil(url, stop, &n) }()
	for i := range 3 {
		more()
		must(t, os.Rename(p, fmt.Sprintf("%s.%d", p, i)))
		more() // nginx goes on in the renamed file
		must(t, cmd.Process.Signal(syscall.SIGUSR1))
		if !eventually(func() bool { _, err := os.Stat(p); return err == nil }) {
			t.Fatal("nginx did not reopen its log")
		}
	}
	more()
	close(stop)
	<-asked
	compareWithFiles(t, h, p)
}

func compareWithFiles(t *testing.T, h *tailing, p string) {
	t.Helper()
	written := map[string]int{}
	files, _ := filepath.Glob(p + "*")
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		for _, l := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
			if l != "" {
				written[l]++
			}
		}
	}
	n := 0
	for _, k := range written {
		n += k
	}
	if n < 100 || len(files) != 4 {
		t.Fatalf("nginx wrote %d lines in %d files: too few to prove anything", n, len(files))
	}
	h.waitFor(n)
	for _, l := range h.got() {
		written[l]--
	}
	for l, k := range written {
		if k != 0 {
			t.Errorf("%+d times too few: %q", k, l)
		}
	}
	t.Logf("nginx wrote %d lines in %d files, all came", n, len(files))
}

func startNginx(t *testing.T, bin, dir string) (url string, cmd *exec.Cmd) {
	t.Helper()
	port := freePort(t)
	conf := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, port, freePort(t)), 0o644))
	var out strings.Builder
	cmd = exec.Command(bin, "-p", dir, "-c", conf)
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	up := func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	if !eventually(up) {
		t.Fatalf("nginx does not answer; it said: %s", out.String())
	}
	return fmt.Sprintf("http://127.0.0.1:%d/", port), cmd
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func askUntil(url string, stop <-chan struct{}, n *atomic.Int64) {
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, Timeout: 5 * time.Second}
	for {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		if r, err := client.Get(url); err == nil {
			r.Body.Close()
			n.Add(1)
		}
	}
}
