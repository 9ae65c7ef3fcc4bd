package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

type size struct{ w, h int }

// terminal is the program on a pseudo-terminal with an emulator behind it.
type terminal struct {
	emu     *vt.SafeEmulator
	cmd     *exec.Cmd
	master  *os.File
	changed chan struct{} // something was written; holds one
	wg      sync.WaitGroup
}

func start(s size, l look, program string, args ...string) (*terminal, error) {
	t := &terminal{emu: vt.NewSafeEmulator(s.w, s.h), changed: make(chan struct{}, 1), cmd: exec.Command(program, args...)}
	t.emu.SetBackgroundColor(l.background)
	t.emu.SetForegroundColor(l.foreground)
	t.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=", "NO_COLOR=", "TZ=UTC", "XDG_CONFIG_HOME=/nonexistent")
	master, err := pty.StartWithSize(t.cmd, &pty.Winsize{Rows: uint16(s.h), Cols: uint16(s.w)})
	if err != nil {
		return nil, err
	}
	t.master = master
	t.wg.Go(t.show)
	t.wg.Go(t.answer)
	return t, nil
}

// show copies what the program writes to the emulator, until it has ended.
func (t *terminal) show() {
	defer t.emu.InputPipe().(io.Closer).Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := t.master.Read(buf)
		t.emu.Write(buf[:n])
		select {
		case t.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// answer copies what the emulator replies, until show ends.
func (t *terminal) answer() {
	buf := make([]byte, 4<<10)
	for {
		n, err := t.emu.Read(buf)
		if err != nil {
			return
		}
		if _, err := t.master.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (t *terminal) stop() {
	_ = t.cmd.Process.Signal(syscall.SIGTERM)
	_ = t.cmd.Wait()
	t.master.Close()
	t.wg.Wait()
}

func (t *terminal) text() string { return ansi.Strip(t.emu.Render()) }

// waitFor waits until a text is on the screen.
func (t *terminal) waitFor(text string, patience time.Duration) error {
	limit := time.After(patience)
	for !strings.Contains(t.text(), text) {
		select {
		case <-t.changed:
		case <-limit:
			return fmt.Errorf("%q did not come to the screen within %v:\n%s", text, patience, t.text())
		}
	}
	return nil
}

// press types keys one by one: the program draws between them.
func (t *terminal) press(keys ...string) {
	for _, k := range keys {
		t.emu.SendText(k)
		t.calm(150 * time.Millisecond)
	}
}

// calm waits until nothing was written for a while, or long enough.
func (t *terminal) calm(d time.Duration) {
	limit := time.After(4 * d)
	for {
		select {
		case <-t.changed:
		case <-time.After(d):
			return
		case <-limit:
			return
		}
	}
}
