package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// terminal is a dashboard on a pseudo-terminal with an emulator behind it.
type terminal struct {
	t       *testing.T
	master  *os.File
	emu     *vt.SafeEmulator
	changed chan struct{} // something was written; holds one
	done    chan error    // Run returned
	wg      sync.WaitGroup

	mu  sync.Mutex
	raw bytes.Buffer
}

func startTerminal(t *testing.T, ctx context.Context, o Options, w, h int) *terminal {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(slave, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)}); err != nil {
		t.Fatal(err)
	}
	v := &terminal{t: t, master: master, emu: vt.NewSafeEmulator(w, h), changed: make(chan struct{}, 1), done: make(chan error, 1)}
	v.wg.Go(v.show)
	v.wg.Go(v.answer)
	v.wg.Go(func() {
		v.done <- Run(ctx, o, tea.WithInput(slave), tea.WithOutput(slave), tea.WithEnvironment([]string{"TERM=xterm-256color"}))
		slave.Close()
	})
	t.Cleanup(v.wg.Wait)
	return v
}

// show copies what the program writes to the emulator, until the program has
// closed its end.
func (v *terminal) show() {
	defer v.emu.InputPipe().(io.Closer).Close()
	defer v.master.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := v.master.Read(buf)
		v.mu.Lock()
		v.raw.Write(buf[:n])
		v.mu.Unlock()
		v.emu.Write(buf[:n])
		select {
		case v.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// answer copies what the emulator replies and types, until show ends.
func (v *terminal) answer() {
	buf := make([]byte, 4<<10)
	for {
		n, err := v.emu.Read(buf)
		if err != nil {
			return
		}
		if _, err := v.master.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (v *terminal) screen() string { return ansi.Strip(v.emu.Render()) }

// waitFor waits until the screen has a text.
func (v *terminal) waitFor(text string) {
	v.t.Helper()
	limit := time.After(20 * time.Second)
	for !strings.Contains(v.screen(), text) {
		select {
		case <-v.changed:
		case <-limit:
			v.t.Fatalf("%q never came to the screen:\n%s", text, v.screen())
		}
	}
}

// settle waits until a key has come through, and with it all the replies of the
// terminal before it: Bubble Tea's reader hangs on what arrives after the end.
func (v *terminal) settle() {
	v.t.Helper()
	v.waitFor("/notifica")
	v.emu.SendText("4")
	v.waitFor("message")
}

// ended waits for Run.
func (v *terminal) ended() error {
	v.t.Helper()
	select {
	case err := <-v.done:
		v.wg.Wait()
		return err
	case <-time.After(20 * time.Second):
		v.t.Fatal("Run did not return")
		return nil
	}
}

func TestOnATerminal(t *testing.T) {
	s := fixed()
	var mu sync.Mutex
	read := func(f func(*monitor.State)) {
		mu.Lock()
		defer mu.Unlock()
		f(s)
	}
	v := startTerminal(t, t.Context(), Options{Read: read, Relay: &fakeRelay{live: 2}, Title: "2 taps"}, 100, 30)
	v.waitFor("/notifica")
	if !v.emu.IsAltScreen() {
		t.Error("it is not on the alternate screen")
	}
	v.emu.SendText("4")
	v.waitFor(`\e]0;pwned`)
	v.emu.SendText("1")
	v.waitFor("left▲/cause")
	v.emu.SendText("y")
	v.waitFor("copied #11")
	v.emu.SendText("/5")
	v.waitFor("/5")
	v.emu.SendText("02\r")
	v.waitFor("1 of 16")
	v.emu.SendText("\r")
	v.waitFor("X-Evil")
	v.emu.SendText("\x03")
	v.waitFor("2 connections pass through")
	v.emu.SendText("\x03")
	if err := v.ended(); err != nil {
		t.Errorf("Run: %v", err)
	}
	v.checkLeft()
	for _, bad := range []string{"\x1b]0;pwned", "\u202e", "\u009b", "\xff", "\u200b"} {
		if bytes.Contains(v.raw.Bytes(), []byte(bad)) {
			t.Errorf("%q was sent to the terminal", bad)
		}
	}
	if !bytes.Contains(v.raw.Bytes(), []byte("\x1b]52;c;")) {
		t.Error("nothing was copied by OSC 52")
	}
}

// checkLeft says that the terminal is as it was before.
func (v *terminal) checkLeft() {
	v.t.Helper()
	if v.emu.IsAltScreen() {
		v.t.Error("the alternate screen is not left")
	}
	if s := strings.TrimSpace(printable.String(v.screen())); strings.Contains(s, "wstap live") {
		v.t.Errorf("the screen is not clean: %q", s)
	}
}

func TestTerminalIsRestoredWhenCancelled(t *testing.T) {
	s := fixed()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v := startTerminal(t, ctx, Options{Read: func(f func(*monitor.State)) { f(s) }}, 80, 24)
	v.settle()
	cancel()
	if err := v.ended(); err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
	v.checkLeft()
}

func TestTerminalIsRestoredOnPanic(t *testing.T) {
	s := fixed()
	var mu sync.Mutex
	broken := false
	o := Options{Read: func(f func(*monitor.State)) {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			panic("a fault of the dashboard")
		}
		f(s)
	}}
	v := startTerminal(t, t.Context(), o, 80, 24)
	v.settle()
	mu.Lock()
	broken = true
	mu.Unlock()
	var f *fault
	if err := v.ended(); !errors.As(err, &f) || !strings.Contains(err.Error(), "a fault of the dashboard") {
		t.Errorf("Run: %v, want the panic as error", err)
	}
	v.checkLeft()
}
