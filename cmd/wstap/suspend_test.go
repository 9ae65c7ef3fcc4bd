package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// TestSuspend presses ctrl+z in a shell with job control: the terminal is the
// shell's again, and fg brings the screen back.
func TestSuspend(t *testing.T) {
	t.Parallel()
	rec := filepath.Join(t.TempDir(), "rec.mcap")
	if _, errs, code := output(t, "demo", "--headless", "--for", "3s", "--idle-timeout", "2s", "--capture", rec); code != 0 {
		t.Fatal(errs)
	}
	replay := command(t, "replay", "--speed", "max", rec)
	shell := exec.Command("/bin/sh", "-m", "-i")
	shell.Env = append(replay.Env, "TERM=xterm-256color", "PS1=prompt# ", "ENV=", "REC="+rec, "WSTAP="+replay.Path)
	s := &screen{t: t, cmd: shell, emu: vt.NewSafeEmulator(100, 30), done: make(chan struct{})}
	var err error
	if s.tty, err = pty.StartWithSize(shell, &pty.Winsize{Cols: 100, Rows: 30}); err != nil {
		t.Fatal(err)
	}
	go s.show()
	go s.answer()
	go func() { shell.Wait(); close(s.done) }()
	t.Cleanup(func() {
		shell.Process.Kill()
		<-s.done
		s.tty.Close()
		s.emu.InputPipe().(io.Closer).Close()
	})
	s.until("prompt#")
	s.keys("\"$WSTAP\" replay --speed max \"$REC\"\r")
	s.until("rec.mcap", "closed")
	s.keys("\x1a")
	eventually(t, "the terminal is the shell's", func() bool { return !s.emu.IsAltScreen() })
	s.keys("echo back-in-$((40+2))\r")
	s.until("back-in-42")
	s.keys("fg\r")
	eventually(t, "the screen comes back", func() bool { return s.emu.IsAltScreen() })
	s.until("rec.mcap", "closed")
	s.keys("q")
	eventually(t, "the end", func() bool { return !s.emu.IsAltScreen() })
	s.keys("exit\r")
	<-s.done
	if _, err := os.Stat(rec); err != nil {
		t.Error(err)
	}
}
