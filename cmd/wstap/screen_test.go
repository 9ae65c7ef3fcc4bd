package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/gorilla/websocket"
)

// screen is a wstap on a pseudo-terminal, seen through a terminal emulator.
type screen struct {
	t    *testing.T
	cmd  *exec.Cmd
	tty  *os.File
	mu   sync.Mutex // between writing to the emulator and reading its cells
	emu  *vt.SafeEmulator
	raw  lockedBuffer
	done chan struct{}
}

func startScreen(t *testing.T, w, h int, args ...string) *screen {
	t.Helper()
	s := &screen{t: t, cmd: command(t, args...), emu: vt.NewSafeEmulator(w, h), done: make(chan struct{})}
	s.cmd.Env = append(s.cmd.Env, "TERM=xterm-256color")
	var err error
	s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)})
	if err != nil {
		t.Fatal(err)
	}
	go s.show()
	go s.answer()
	go func() { s.cmd.Wait(); close(s.done) }()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.done
		s.tty.Close()
	})
	return s
}

// show feeds the emulator; it ends with the terminal.
func (s *screen) show() {
	buf := make([]byte, 32<<10)
	for {
		n, err := s.tty.Read(buf)
		if err != nil {
			return
		}
		s.raw.Write(buf[:n])
		s.mu.Lock()
		s.emu.Write(buf[:n])
		s.mu.Unlock()
	}
}

// answer sends the emulator's replies to queries; it ends with the terminal.
func (s *screen) answer() {
	buf := make([]byte, 1024)
	for {
		n, err := s.emu.Read(buf)
		if err != nil {
			return
		}
		if _, err := s.tty.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (s *screen) keys(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// text is what the screen shows now.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for y := range s.emu.Height() {
		for x := range s.emu.Width() {
			c := s.emu.CellAt(x, y)
			switch {
			case c == nil || c.Content == "":
				b.WriteByte(' ')
			default:
				b.WriteString(c.Content)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// stopRelay answers the question about quitting, which ignores keys at first.
func (s *screen) stopRelay() {
	s.t.Helper()
	time.Sleep(500 * time.Millisecond)
	s.keys("s")
	s.ended(0)
}

// until waits for a screen that shows all of want.
func (s *screen) until(want ...string) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		text, missing := s.text(), ""
		for _, w := range want {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the screen does not show %q:\n%s", missing, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ended waits for the end, and wants the terminal as it was.
func (s *screen) ended(code int) {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("does not end:\n%s", s.text())
	}
	if c := s.cmd.ProcessState.ExitCode(); c != code {
		s.t.Errorf("exit code %d, want %d", c, code)
	}
	eventually(s.t, "the alternate screen is left", func() bool { return !s.emu.IsAltScreen() })
}

func TestScreenDemo(t *testing.T) {
	t.Parallel()
	s := startScreen(t, 120, 40, "demo", "--idle-timeout", "2s")
	s.until("stand-in", "/quiet", "flag", "back", "front")
	s.until("idle timeout")
	s.keys("q")
	s.until("drain", "stop")
	eventually(t, "the end", func() bool { // a late prompt ignores keys for a moment
		s.tty.WriteString("s")
		select {
		case <-s.done:
			return true
		default:
			return false
		}
	})
	s.ended(0)
	// The summary stays behind on the terminal.
	eventually(t, "the summary", func() bool { return strings.Contains(s.raw.String(), "ended by") })
}

func TestScreenReplay(t *testing.T) {
	t.Parallel()
	rec := filepath.Join(t.TempDir(), "rec.mcap")
	if _, errs, code := output(t, "demo", "--headless", "--for", "4s", "--idle-timeout", "2s", "--capture", rec); code != 0 {
		t.Fatal(errs)
	}
	s := startScreen(t, 120, 40, "replay", "--speed", "max", rec)
	s.until("rec.mcap", "stand-in", "closed")
	s.keys("[[")
	s.until("closed")
	s.keys("q")
	s.ended(0)
}

// TestScreenHostile: nothing of a client, a server or a log reaches the
// terminal raw. The bytes of the screen are searched for what was planted: an
// OSC title, a colour, bidi controls, broken UTF-8; and for a secret.
func TestScreenHostile(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "error.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	port, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	s := startScreen(t, 160, 50, "tap", "--error-log", log, "front@"+port+"="+echoServer(t))
	s.until("front")
	hostileHandshake(t, port)
	c := dial(t, port, "/reason?token=hunter2hunter2", nil)
	c.WriteMessage(websocket.CloseMessage, append([]byte{0x0f, 0xa0}, "evil\x1b]0;owned\x07\u202e\xff"...))
	drain(c)
	c.Close()
	line := fmt.Sprintf("%s [error] 1#1: *1 open() \"/x\x1b]0;owned\x07\u202e\xff\" failed (2: No such file or directory), client: 1.2.3.4, server: s, request: \"GET /\x1b[2J?token=hunter2hunter2 HTTP/1.1\", host: \"h\"\n", time.Now().UTC().Format("2006/01/02 15:04:05"))
	if err := os.WriteFile(log, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	s.until("/reason", "4000")
	s.keys("4") // log
	s.until("open failed")
	for range 2 { // every screen and every conn
		s.keys("1jjj\rjjjjG\x1b[6~\t3jj4jj?\x1b")
	}
	s.until("open failed")
	s.keys("1q")
	s.until("leave it running")
	s.stopRelay()
	raw := s.raw.String()
	for _, planted := range []string{"owned\x07", "\x1b]0;owned", "\x1b[2J?token", "\u202e", "\u009b31m", "\xff", "hunter2"} {
		if i := strings.Index(raw, planted); i >= 0 {
			t.Errorf("%q reaches the terminal: %q", planted, raw[max(i-60, 0):min(i+40, len(raw))])
		}
	}
	if !strings.Contains(raw, `\e]0;owned`) {
		t.Error("the hostile text is not shown at all")
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
