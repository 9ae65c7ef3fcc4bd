// Package deploy_test checks the files of this folder: they are read by the
// programs that they are for, where those are installed, and the nginx.conf
// carries a WebSocket between two real taps.
package deploy_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// wstap is the program, built once as the Dockerfile builds it.
var wstap struct {
	once sync.Once
	path string
	out  []byte
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if wstap.path != "" {
		os.RemoveAll(filepath.Dir(wstap.path))
	}
	os.Exit(code)
}

func binary(t *testing.T) string {
	t.Helper()
	wstap.once.Do(func() {
		dir, err := os.MkdirTemp("", "wstap-deploy")
		if wstap.err = err; err != nil {
			return
		}
		wstap.path = filepath.Join(dir, "wstap")
		build := exec.Command("go", "build", "-trimpath", "-o", wstap.path, "./cmd/wstap")
		build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
		wstap.out, wstap.err = build.CombinedOutput()
	})
	if wstap.err != nil {
		t.Fatalf("go build: %v\n%s", wstap.err, wstap.out)
	}
	return wstap.path
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// substitute replaces each text, which must be there.
func substitute(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%q is not in the file any more", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// tool is the path of a program that is not always there, or skips.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("skipped: %s is not installed", name)
	}
	return path
}

// run runs a program to its end; ok says that it ended with 0.
func run(t *testing.T, name string, args ...string) (output string, ok bool) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil && out == nil {
		t.Fatal(err)
	}
	return string(out), err == nil
}

// process is a program that runs until the test ends.
type process struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{}
	once sync.Once
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	cmd.WaitDelay = 5 * time.Second // what it started may hold its output open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { cmd.Wait(); close(p.done) }()
	t.Cleanup(func() { p.end(syscall.SIGTERM) }) // not SIGKILL: nginx ends its workers
	return p
}

// end sends a signal and waits; it returns the exit code.
func (p *process) end(s syscall.Signal) int {
	p.once.Do(func() {
		p.cmd.Process.Signal(s)
		select {
		case <-p.done:
		case <-time.After(15 * time.Second):
			p.cmd.Process.Kill()
			<-p.done
		}
	})
	return p.cmd.ProcessState.ExitCode()
}

// eventually polls until something holds.
func eventually(t *testing.T, what string, p *process, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen:\n%s", what, p.out.String())
		}
	}
}

func answers(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err == nil {
		c.Close()
	}
	return err == nil
}
