package tui

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"github.com/wstap/wstap/monitor"
)

// twins are two dashboards of the same things, which do not change by themselves: one on a
// pseudo-terminal with an emulator behind it, one that only makes pictures. What
// the emulator shows must become the other one's picture after every key, or
// something stale was left on the screen.
type twins struct {
	t      *testing.T
	still  *Model
	slave  *os.File
	v      *terminal
	lastly string // what was done last
	notice string // the last one
}

func startTwins(t *testing.T, o Options, w, h int, env ...string) *twins {
	t.Helper()
	s := fixed()
	var mu sync.Mutex
	o.Read = func(f func(*monitor.State)) {
		mu.Lock()
		defer mu.Unlock()
		f(s)
	}
	o.Dark = true // ask the terminal nothing
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	setSize(t, slave, w, h)
	v := &terminal{t: t, master: master, emu: vt.NewSafeEmulator(w, h), changed: make(chan struct{}, 1), done: make(chan error, 1)}
	v.wg.Go(v.show)
	v.wg.Go(v.answer)
	if env == nil {
		env = []string{"TERM=xterm-256color"}
	}
	v.wg.Go(func() {
		v.done <- Run(t.Context(), o, tea.WithInput(slave), tea.WithOutput(slave), tea.WithEnvironment(env))
		slave.Close()
	})
	t.Cleanup(v.wg.Wait)
	still := o // with a State and a player of its own: keys change both
	still.Read = nil
	if o.Replay != nil {
		still.Replay = &fakePlayer{st: fakeStatus()}
	}
	tw := &twins{t: t, v: v, slave: slave, still: screenOf(t, still, fixed(), w, h)}
	tw.agree()
	return tw
}

func setSize(t *testing.T, f *os.File, w, h int) {
	t.Helper()
	if err := pty.Setsize(f, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)}); err != nil {
		t.Fatal(err)
	}
}

// grow lets what lasts a number of refreshes pass on the still one.
func (tw *twins) grow() {
	for range 2 * noticeStays {
		tw.still.Update(refreshMsg{})
	}
}

// agree waits until the terminal shows the still one's picture.
func (tw *twins) agree() {
	tw.t.Helper()
	if tw.still.notice != "" {
		tw.notice = tw.still.notice
	}
	tw.grow()
	want := lines(ansi.Strip(tw.still.picture()))
	tw.still.notice = tw.notice // it may stay a while yet
	noticed := lines(ansi.Strip(tw.still.picture()))
	tw.still.notice = ""
	limit := time.After(20 * time.Second)
	for {
		got := lines(tw.v.screen())
		at := differ(want, got)
		if at < 0 || differ(noticed, got) < 0 {
			return
		}
		select {
		case <-tw.v.changed:
		case <-time.After(50 * time.Millisecond):
		case <-limit:
			tw.t.Fatalf("after %s, line %d of the terminal is\n%q, want\n%q\nthe terminal:\n%s", tw.lastly, at, part(got, at), want[at], strings.Join(got, "\n"))
		}
	}
}

// differ is the first line in which a screen is not as wanted, or -1.
func differ(want, got []string) int {
	for i := range want {
		if i >= len(got) || want[i] != got[i] {
			return i
		}
	}
	return -1
}

func part(lines []string, at int) string {
	if at < len(lines) {
		return lines[at]
	}
	return ""
}

// lines are those of a screen, without the blanks at their ends and without
// combining marks: the emulator keeps none.
func lines(s string) []string {
	s = strings.Map(func(r rune) rune {
		if r == '\r' || unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, s)
	out := strings.Split(s, "\n")
	for i := range out {
		out[i] = strings.TrimRight(out[i], " ")
	}
	return out
}

// press types keys on both.
func (tw *twins) press(names ...string) {
	tw.t.Helper()
	for _, name := range names {
		k := keyNamed(name)
		tw.lastly = fmt.Sprintf("%s, %q", tw.lastly, name)
		tw.still.Update(k)
		if seq, ok := shifted[name]; ok { // the emulator knows no shifted arrows
			tw.v.emu.SendText(seq)
		} else {
			tw.v.emu.SendKey(uv.KeyPressEvent(uv.Key{Text: k.Text, Mod: k.Mod, Code: k.Code}))
		}
		if name == "esc" {
			time.Sleep(escAlone)
		}
		tw.agree()
	}
}

// shifted are the sequences of shifted arrows, as xterm sends them.
var shifted = map[string]string{"shift+up": "\x1b[1;2A", "shift+down": "\x1b[1;2B"}

// escAlone is longer than a terminal's reader waits for what may follow an
// escape: with a key right behind it, it would be alt and that key.
const escAlone = 120 * time.Millisecond

// again begins a new story of what was done.
func (tw *twins) again(name string) { tw.lastly = name }

// quit ends the dashboard on the terminal and looks at what it leaves behind.
func (tw *twins) quit() {
	tw.t.Helper()
	tw.v.emu.SendText("\x03")
	tw.v.emu.SendText("\x03")
	if err := tw.v.ended(); err != nil {
		tw.t.Errorf("Run: %v", err)
	}
	tw.v.checkLeft()
}

// keysOf are the first keys of all bindings that work at a place and lead
// nowhere else.
func keysOf(at scope, mode Mode) (keys []string) {
	for i := range bindings {
		b := &bindings[i]
		switch b.cmd {
		case cmdQuit, cmdInterrupt, cmdSuspend, cmdDrain, cmdStop, cmdLeave:
			continue
		}
		if b.at&at != 0 && b.in(mode) {
			keys = append(keys, b.keys...)
		}
	}
	return keys
}

// home leaves overlays, groups and filters behind, with no more keys than it takes.
func (tw *twins) home() {
	tw.t.Helper()
	m := tw.still
	for i := 0; i < 3 && m.front() != noOverlay; i++ {
		tw.press("esc")
	}
	tw.press("1")
	for i := 0; i < 3 && (m.list.index.groups.on() || m.list.index.wish.filter != nil); i++ {
		tw.press("esc")
	}
}

// TestEveryKeyOnATerminal presses every key of every screen and overlay, on a
// terminal, and compares the whole screen after each.
func TestEveryKeyOnATerminal(t *testing.T) {
	for _, c := range []struct {
		name string
		lead []string
		at   scope
		mode Mode
	}{
		{"connections", []string{"1"}, onConnections, Live},
		{"groups", []string{"1", "o"}, onConnections, Live},
		{"connection", []string{"1", "enter"}, onConnection, Live},
		{"findings", []string{"3"}, onFindings, Live},
		{"log", []string{"4"}, onLog, Live},
		{"overview", []string{"5"}, onOverview, Live},
		{"help", []string{"?"}, onHelp, Live},
		{"columns", []string{"1", "c"}, onColumns, Live},
		{"values", []string{"1", "v"}, onCells, Live},
		{"filter", []string{"1", "/", "s"}, onFilter, Live},
		{"replay", []string{"1"}, onConnections, Replay},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Mode: c.mode, Title: "2 taps", Relay: &fakeRelay{live: 2}}
			if c.mode == Replay {
				o.Relay, o.Replay = nil, &fakePlayer{st: fakeStatus()}
			}
			tw := startTwins(t, o, 100, 30)
			for _, k := range keysOf(c.at, c.mode) {
				tw.again(c.name)
				tw.home()
				tw.press(c.lead...)
				tw.press(k)
			}
			tw.quit()
		})
	}
}

// resize changes the size of both.
func (tw *twins) resize(w, h int) {
	tw.t.Helper()
	tw.lastly = fmt.Sprintf("%s, %d×%d", tw.lastly, w, h)
	tw.v.emu.Resize(w, h)
	setSize(tw.t, tw.slave, w, h)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGWINCH); err != nil {
		tw.t.Fatal(err)
	}
	tw.still.Update(tea.WindowSizeMsg{Width: w, Height: h})
}

func TestResizeOnATerminal(t *testing.T) {
	tw := startTwins(t, Options{Title: "2 taps", Relay: &fakeRelay{live: 2}}, 300, 100)
	for _, lead := range [][]string{{"1"}, {"1", "enter"}, {"3"}, {"4"}, {"5"}, {"?"}, {"c"}} {
		tw.again(fmt.Sprint(lead))
		tw.press(lead...)
		for _, s := range []struct{ w, h int }{{120, 40}, {80, 24}, {41, 10}, {20, 5}, {40, 10}, {200, 60}, {300, 100}} {
			tw.resize(s.w, s.h)
			tw.agree()
		}
		for i := range 60 { // a storm: only the end counts
			tw.resize(20+(i*37)%280, 5+(i*13)%95)
		}
		tw.resize(300, 100)
		tw.agree()
		tw.press("esc", "esc")
	}
	tw.quit()
}

func TestPasteOnATerminal(t *testing.T) {
	tw := startTwins(t, Options{Title: "2 taps"}, 100, 30)
	paste := func(s string) {
		tw.lastly += fmt.Sprintf(", pasted %.20q", s)
		tw.v.emu.Paste(s)
		tw.still.Update(tea.PasteMsg{Content: s})
		tw.agree()
	}
	paste("q\rqqq") // nowhere to paste to: no key is pressed by it
	tw.press("/")
	paste("chat")
	paste(strings.Repeat("x", 5000))
	tw.press("esc")
	tw.quit()
}

// TestColourProfiles looks at what is sent to terminals that can less.
func TestColourProfiles(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		o    Options
		ok   func(sgr string) bool
	}{
		{"16", []string{"TERM=xterm"}, Options{}, func(s string) bool { return !strings.Contains(s, "38;") && !strings.Contains(s, "48;") }},
		{"256", []string{"TERM=xterm-256color"}, Options{Config: Config{Theme: map[string]string{"near": "208"}}}, func(s string) bool { return !strings.Contains(s, "38;2") }},
		{"NO_COLOR", []string{"TERM=xterm-256color", "NO_COLOR=1"}, Options{NoColor: true}, colourless},
		{"linux", []string{"TERM=linux"}, Options{}, func(s string) bool { return !strings.Contains(s, "38;") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tw := startTwins(t, c.o, 100, 30, c.env...)
			tw.press("4", "3", "1")
			tw.quit()
			for _, sgr := range sgrs(tw.v.raw.String()) {
				if !c.ok(sgr) {
					t.Errorf("CSI %s m is sent", sgr)
				}
			}
		})
	}
}

// colourless says that SGR parameters set attributes only.
func colourless(sgr string) bool {
	for p := range strings.SplitSeq(sgr, ";") {
		if len(p) == 2 && strings.ContainsRune("34", rune(p[0])) && p[1] < '8' || len(p) == 2 && p[0] == '9' {
			return false
		}
	}
	return true
}

// sgrs are the parameters of all SGR sequences in what was sent.
func sgrs(raw string) (out []string) {
	for rest := raw; ; {
		_, after, ok := strings.Cut(rest, "\x1b[")
		if !ok {
			return out
		}
		end := strings.IndexFunc(after, func(r rune) bool { return (r < '0' || r > '9') && r != ';' })
		if end < 0 {
			return out
		}
		if after[end] == 'm' {
			out = append(out, after[:end])
		}
		rest = after[end:]
	}
}
