//go:build linux

package follow

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const pad = " [error] 1234#1234: *98765 upstream prematurely closed connection while reading response header from upstream"

func lineOf(i int) string { return fmt.Sprintf("L%09d%s\n", i, pad) }

// tailing is a Follower under test and what came from it.
type tailing struct {
	t      *testing.T
	path   string
	stop   context.CancelFunc
	ended  chan struct{}
	mu     sync.Mutex
	lines  []string
	health []Health
}

func start(t *testing.T, f Follower) *tailing {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &tailing{t: t, path: f.Path, stop: cancel, ended: make(chan struct{})}
	f.Poll, f.Turn = testPoll, 100*time.Millisecond
	if f.Drain == 0 {
		f.Drain = 2 * time.Second
	}
	f.OnLine = func(line []byte, _ time.Time) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lines = append(h.lines, string(line))
	}
	f.OnHealth = func(s Health) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.health = append(h.health, s)
	}
	go func() {
		defer close(h.ended)
		if err := f.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(h.end)
	if !eventually(func() bool { return len(h.states()) > 0 }) { // from here on it is decided what is old
		t.Fatal("no word about the health")
	}
	return h
}

func (h *tailing) end() {
	h.stop()
	select {
	case <-h.ended:
	case <-time.After(deadline):
		h.t.Errorf("Run did not return in %v", deadline)
	}
}

func (h *tailing) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

func (h *tailing) states() []Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Health(nil), h.health...)
}

func (h *tailing) waitFor(n int) {
	h.t.Helper()
	if !eventually(func() bool { return len(h.got()) >= n }) {
		h.t.Errorf("%d lines came, want %d", len(h.got()), n)
	}
}

func (h *tailing) waitHealth(text string) {
	h.t.Helper()
	if !eventually(func() bool { return h.told(text) }) {
		h.t.Fatalf("health %+v, want %q among it", h.states(), text)
	}
}

func (h *tailing) told(text string) bool {
	for _, s := range h.states() {
		if strings.Contains(s.Text, text) {
			return true
		}
	}
	return false
}

// waitOpened waits until the file that the path names now is open twice in this
// process: by the test that writes it, and by the Follower.
func (h *tailing) waitOpened() {
	h.t.Helper()
	twice := func() bool {
		n := 0
		fds, _ := filepath.Glob("/proc/self/fd/*")
		for _, fd := range fds {
			if to, _ := os.Readlink(fd); to == h.path {
				n++
			}
		}
		return n >= 2
	}
	if !eventually(twice) {
		h.t.Fatalf("the new file was not opened")
	}
}

// whole checks that lines 0 to n-1 came, each once, and in order if ordered.
func (h *tailing) whole(n int, ordered bool) {
	h.t.Helper()
	h.waitFor(n)
	time.Sleep(5 * testPoll) // what comes now is too much
	seen, last := map[int]int{}, -1
	for _, l := range h.got() {
		i, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSuffix(l, pad), "L"))
		if err != nil {
			h.t.Fatalf("broken line %.80q", l)
		}
		if seen[i]++; seen[i] > 1 {
			h.t.Fatalf("line %d came twice", i)
		}
		if ordered && i < last {
			h.t.Fatalf("line %d came after %d", i, last)
		}
		last = i
	}
	if len(seen) != n {
		for i := range n {
			if seen[i] == 0 {
				h.t.Fatalf("%d of %d lines came; line %d is the first missing", len(seen), n, i)
			}
		}
	}
}

func logPath(t *testing.T) string { return filepath.Join(t.TempDir(), "error.log") }

func appendTo(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func put(t *testing.T, f *os.File, from, n int) int {
	t.Helper()
	for i := from; i < from+n; i++ {
		write(t, f, lineOf(i))
	}
	return from + n
}

func write(t *testing.T, f *os.File, s string) {
	t.Helper()
	if _, err := f.WriteString(s); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
