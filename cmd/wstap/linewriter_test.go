package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
)

func TestLineWriter(t *testing.T) {
	var out bytes.Buffer
	w := newLineWriter(&out)
	for _, p := range []string{"one\ntw", "o", "\nthree\n", "no end"} {
		if n, err := io.WriteString(w, p); n != len(p) || err != nil {
			t.Errorf("%q: %d, %v", p, n, err)
		}
	}
	if err := w.Close(time.Minute); err != nil {
		t.Error(err)
	}
	if got := out.String(); got != "one\ntwo\nthree\nno end" {
		t.Errorf("wrote %q", got)
	}
	if _, err := io.WriteString(w, "late\n"); err == nil {
		t.Error("writes after Close")
	}
}

// TestLineWriterNobodyReads: nothing waits for the reader, whole lines are left
// out, and every line is either written or counted.
func TestLineWriterNobodyReads(t *testing.T) {
	r, out := io.Pipe()
	w := newLineWriter(out)
	line := strings.Repeat("x", 999) + "\n"
	const lines = 2 * maxUnread / 1000
	for range lines {
		if _, err := io.WriteString(w, line[:500]); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, line[500:])
	}
	var told uint64
	tell := w.tell(func(ev monitor.Event) bool {
		d := ev.(*monitor.Dropped)
		if told += d.N; d.What != "output lines" {
			t.Errorf("dropped %q", d.What)
		}
		return true
	}, 1)
	tell(monitor.Time(1e18))
	tell(monitor.Time(1e18 + 1)) // nothing new, and too soon
	if err := w.Close(10 * time.Millisecond); err == nil {
		t.Error("no error though nobody reads")
	}
	go func() { <-w.done; out.Close() }()
	got, _ := io.ReadAll(r)
	if n := bytes.Count(got, []byte(line)); n*len(line) != len(got) || uint64(n)+told != lines || len(got) > maxUnread {
		t.Errorf("%d whole lines in %d bytes, %d told as left out, of %d", n, len(got), told, lines)
	}
}

// failing is a writer whose reader has gone, or whose disk is full.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "out", Err: f.err}
}

func TestLineWriterError(t *testing.T) {
	for err, want := range map[error]bool{syscall.EPIPE: false, syscall.ENOSPC: true} {
		w := newLineWriter(failing{err})
		io.WriteString(w, "x\n")
		<-w.done
		if _, got := io.WriteString(w, "y\n"); !errors.Is(got, err) {
			t.Errorf("%v: the next write gives %v", err, got)
		}
		if got := w.Close(time.Minute); (got != nil) != want {
			t.Errorf("%v: Close gives %v", err, got)
		}
	}
}

// fullPipe is a pipe that takes nothing more and that nobody reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err == nil {
		_, err = w.Write(make([]byte, 4096))
	}
	return w
}

// within wants c to end, and returns its exit code.
func within(t *testing.T, d time.Duration, c *exec.Cmd) int {
	t.Helper()
	done := make(chan struct{})
	go func() { c.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(d):
		t.Errorf("does not end within %v", d)
		c.Process.Kill()
		<-done
	}
	return c.ProcessState.ExitCode()
}

// TestEndsThoughNobodyReads: by --for and by signals, as text and as NDJSON.
func TestEndsThoughNobodyReads(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"demo", "--headless", "--json", "--for", "2s"},
		{"demo", "--headless", "--for", "2s"},
		{"demo", "--headless", "--json"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			c := command(t, args...)
			var errs lockedBuffer
			c.Stdout, c.Stderr = fullPipe(t), &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if len(args) == 3 {
				time.Sleep(2 * time.Second) // it must be blocked in its output
				c.Process.Signal(os.Interrupt)
			}
			if code := within(t, 15*time.Second, c); code != exitJudged || !strings.Contains(errs.String(), "standard output is not complete") {
				t.Errorf("exit code %d: %s", code, errs.String())
			}
		})
	}
}

// TestLogsEndsThoughNobodyReads: it waits for its reader, until it is asked twice.
func TestLogsEndsThoughNobodyReads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "error.log")
	if err := os.WriteFile(path, []byte("2026/11/22 09:05:03 [notice] 31#31: exiting\n2026/11/22 09:05:03 [notice] 31#31: exit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := command(t, "logs", "--follow", path)
	c.Stdout = fullPipe(t)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		time.Sleep(time.Second) // it must be blocked in its output
		c.Process.Signal(os.Interrupt)
	}
	within(t, 5*time.Second, c)
}

// TestTapsOnWithoutOutput: `wstap tap --headless | head -1` ends the output,
// not the traffic.
func TestTapsOnWithoutOutput(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tap")
	c := command(t, "tap", "--headless", "--drain-timeout", "1s", "unix:"+path+"="+echoServer(t))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	var errs lockedBuffer
	c.Stdout, c.Stderr = w, &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return net.Dial("unix", path) }}
	var ws *websocket.Conn
	eventually(t, "the tap listens", func() bool {
		ws, _, err = dialer.Dial("ws://x/", nil)
		return err == nil
	})
	defer ws.Close()
	for i := range 5 {
		time.Sleep(100 * time.Millisecond) // the feed prints in between
		if err := ws.WriteMessage(websocket.TextMessage, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		if _, p, err := ws.ReadMessage(); err != nil || string(p) != fmt.Sprint(i) {
			t.Fatalf("got %q, %v: the traffic ended with the output", p, err)
		}
	}
	ws.Close()
	c.Process.Signal(os.Interrupt)
	if code := within(t, 15*time.Second, c); code != exitOK {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
