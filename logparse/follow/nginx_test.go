//go:build linux

package follow

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/nginxrun"
)

// A real nginx whose every request is an error line; its log is rotated as
// logrotate does it: rename, and USR1 later.
func TestRealNginx(t *testing.T) {
	if _, err := nginxrun.Binary(); err != nil {
		t.Skipf("skipped: the rotation of a real nginx is not tested: %v", err)
	}
	t.Parallel()
	url, nginx := startNginx(t)

	p := filepath.Join(nginx.Dir, "error.log")
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
		must(t, nginx.Signal(syscall.SIGUSR1))
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

func startNginx(t *testing.T) (url string, nginx *nginxrun.Process) {
	t.Helper()
	port, err := nginxrun.FreePort()
	must(t, err)
	nobody, err := nginxrun.FreePort()
	must(t, err)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	nginx, err = nginxrun.Start(t.TempDir(), nginxrun.Config{
		Main: "worker_processes 1; error_log error.log error;",
		HTTP: fmt.Sprintf("server { listen %s; location / { proxy_pass http://127.0.0.1:%d; } }", addr, nobody),
	}, addr)
	must(t, err)
	t.Cleanup(nginx.Stop)
	return "http://" + addr + "/", nginx
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
