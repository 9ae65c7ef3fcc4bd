//go:build unix

package follow

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// commanding is a Command under test and what came from it.
type commanding struct {
	mu     sync.Mutex
	lines  []string
	health []Health
}

func (c *commanding) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "|")
}

func (c *commanding) states() []Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Health(nil), c.health...)
}

func startCommand(t *testing.T, command string, minWait time.Duration) (*commanding, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c, ended := &commanding{}, make(chan struct{})
	run := Command{
		Command: command, MinWait: minWait,
		OnLine: func(line []byte, _ time.Time) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.lines = append(c.lines, string(line))
		},
		OnHealth: func(h Health) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.health = append(c.health, h)
		},
	}
	go func() {
		defer close(ended)
		if err := run.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	end := func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(deadline):
			t.Errorf("Run did not return")
		}
	}
	t.Cleanup(end)
	return c, end
}

func TestCommandBothOutputsAndRestart(t *testing.T) {
	t.Parallel()
	c, _ := startCommand(t, "echo out; echo err >&2; printf unended; exit 3", 10*time.Millisecond)
	if !eventually(func() bool { return strings.HasPrefix(c.text(), "out|err|unended|out|err|unended|") }) {
		t.Fatalf("lines %q, want out, err, unended, again and again", c.text())
	}
	var waits []string
	for _, h := range c.states() {
		if !h.OK {
			waits = append(waits, h.Text)
		}
	}
	for i, want := range []string{"10ms", "20ms"} {
		if want = "the command ended (exit status 3); next try in " + want; i >= len(waits) || waits[i] != want {
			t.Errorf("health %q, want %q as number %d", waits, want, i)
		}
	}
}

// alive says whether pid runs; a zombie that nobody waits for is dead.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func TestCommandGroupIsKilled(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"pipeline":      "sleep 1000 | cat & echo $!; wait",
		"ignores TERM":  "trap '' TERM; (trap '' TERM; sleep 1000; sleep 1000) & echo $!; wait; sleep 1000",
		"in background": "sleep 1000 >/dev/null 2>&1 & echo $!; exec sleep 1000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, end := startCommand(t, command, time.Hour)
			if !eventually(func() bool { return c.text() != "" }) {
				t.Fatal("no line came")
			}
			pid, err := strconv.Atoi(c.text())
			if err != nil {
				t.Fatal(err)
			}
			end()
			if !eventually(func() bool { return !alive(pid) }) {
				t.Errorf("process %d of the command lives on", pid)
			}
		})
	}
}

// A shell that ends leaves a child behind that holds the pipe: it is no reason
// to wait for ever.
func TestCommandLeftChild(t *testing.T) {
	t.Parallel()
	c, _ := startCommand(t, "sleep 1000 & echo $!", time.Hour)
	if !eventually(func() bool { s := c.states(); return len(s) > 0 && !s[len(s)-1].OK }) {
		t.Fatalf("health %+v, want the end told", c.states())
	}
	pid, err := strconv.Atoi(c.text())
	if err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return !alive(pid) }) {
		t.Errorf("process %d of the command lives on", pid)
	}
}

func TestCommandNotFound(t *testing.T) {
	t.Parallel()
	c, _ := startCommand(t, "/no/such/command-at-all", time.Hour)
	if !eventually(func() bool { s := c.states(); return len(s) > 0 && strings.Contains(s[len(s)-1].Text, "127") }) {
		t.Errorf("health %+v, want exit status 127", c.states())
	}
	if !strings.Contains(c.text(), "command-at-all") {
		t.Errorf("lines %q, want the shell's complaint", c.text())
	}
}

func TestSource(t *testing.T) {
	onLine := func([]byte, time.Time) {}
	for spec, want := range map[string]string{
		"-":               "*follow.Reader",
		"exec:tail -F x":  "*follow.Command",
		"error.log":       "*follow.Follower",
		"":                "no source",
		"exec: ":          "no command",
		"/var/exec:thing": "*follow.Follower",
	} {
		r, err := Source(spec, false, onLine, nil)
		got := fmt.Sprintf("%T", r)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("Source(%q) = %s, want %s", spec, got, want)
		}
	}
	r, _ := Source("exec:tail -F x", false, onLine, nil)
	if c := r.(*Command); c.Command != "tail -F x" {
		t.Errorf("command %q, want tail -F x", c.Command)
	}
}

func TestReadLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"empty":       {"", nil},
		"one":         {"a\n", []string{"a"}},
		"unended":     {"a\nb", []string{"a", "b"}},
		"empty lines": {"\n\na\n", []string{"", "", "a"}},
		"CR stays":    {"a\r\nb\r\n", []string{"a\r", "b\r"}},
		"too long":    {strings.Repeat("x", MaxLine+9) + "\ny\n", []string{strings.Repeat("x", MaxLine), "y"}},
		"as long":     {strings.Repeat("x", MaxLine) + "\ny", []string{strings.Repeat("x", MaxLine), "y"}},
	} {
		var got []string
		err := ReadLines(context.Background(), strings.NewReader(c.in), func(l []byte, _ time.Time) { got = append(got, string(l)) })
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %.40q, %v, want %.40q", name, got, err, c.want)
		}
	}
}

// Reads of a pipe, of a FIFO opened to block as standard input is, and of any
// closer end with ctx.
func TestReadLinesEndsWithContext(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	keep, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	fd, err := syscall.Open(fifo, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	blocking := os.NewFile(uintptr(fd), "fifo")
	defer blocking.Close()
	for name, c := range map[string]struct{ r, w *os.File }{"pipe": {r, w}, "fifo": {blocking, keep}} {
		ctx, cancel := context.WithCancel(context.Background())
		ended, got := make(chan error, 1), make(chan string, 1)
		go func() { ended <- ReadLines(ctx, c.r, func(l []byte, _ time.Time) { got <- string(l) }) }()
		_, _ = c.w.WriteString("line\nhalf")
		if l := <-got; l != "line" {
			t.Errorf("%s: got %q, want line", name, l)
		}
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(deadline):
			t.Fatalf("%s: ReadLines did not return", name)
		}
	}
}
