package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

func replayed(t testing.TB, p Player, w, h int) *Model {
	t.Helper()
	return screenOf(t, Options{Mode: Replay, Replay: p, Title: "incident.wstap"}, fixed(), w, h)
}

// TestReplayBarGolden holds the bar with its colours, in all themes and in the
// states that the golden screens do not have. The escape character is written as
// ␛.
func TestReplayBarGolden(t *testing.T) {
	playing := fakeStatus()
	paused, ended, sought := playing, playing, playing
	paused.Paused, ended.Ended, ended.At = true, true, playing.To
	sought.Goal = start.Add(25 * time.Minute)
	half := fakeTimeline()
	half.Complete, half.Upto, half.Buckets, half.Marks = false, start.Add(15*time.Minute), half.Buckets[:450], half.Marks[:4]
	states := []struct {
		name string
		p    Player
		mode Mode
	}{
		{"playing", &fakePlayer{st: playing, line: fakeTimeline()}, Replay},
		{"paused, half looked through", &fakePlayer{st: paused, line: half}, Replay},
		{"ended, nothing known", &fakePlayer{st: ended}, Replay},
		{"a seek under way", &fakePlayer{st: sought, line: fakeTimeline()}, Replay},
		{"attached, live", &pastPlayer{fakePlayer{st: ended, line: fakeTimeline()}, true}, Attached},
		{"attached, in the past", &pastPlayer{fakePlayer{st: playing, line: fakeTimeline()}, false}, Attached},
	}
	themes := []struct {
		name           string
		noColor, light bool
	}{{"dark", false, false}, {"light", false, true}, {"no colour", true, false}}
	var b strings.Builder
	for _, s := range states {
		for _, size := range sizes {
			for _, th := range themes {
				o := Options{Mode: s.mode, Replay: s.p, NoColor: th.noColor, Light: th.light, Dark: !th.light}
				m := screenOf(t, o, fixed(), size.w, size.h)
				fmt.Fprintf(&b, "%s, %d×%d, %s\n", s.name, size.w, size.h, th.name)
				lines := strings.Split(m.View().Content, "\n")
				for _, l := range lines[2+m.bodyHeight():][:m.barHeight()] {
					b.WriteString(strings.ReplaceAll(l, "\x1b", "␛") + "\n")
				}
			}
		}
	}
	name := filepath.Join("testdata", "replay-bar.txt")
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for i, w := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != w {
			t.Fatalf("line %d of %s differs (go test ./tui -update writes it):\n%s\nwant\n%s", i+1, name, got[min(i, len(got)-1)], w)
		}
	}
}

// The bar fills its lines at every size, and leaves the body most of the screen.
func TestReplayBarFits(t *testing.T) {
	p := &fakePlayer{st: fakeStatus(), line: fakeTimeline()}
	for _, speed := range speeds {
		p.st.Speed = speed
		for w := 1; w <= 210; w++ {
			for _, h := range []int{1, 2} {
				r := replay{status: p.st, timeline: p.line}
				for _, l := range r.view(w, h, clockShort) {
					if l.width() != w {
						t.Fatalf("speed %v, %d lines of %d cells: a line takes %d: %q", speed, h, w, l.width(), plain(l))
					}
				}
			}
		}
	}
	for _, size := range sizes {
		m := replayed(t, p, size.w, size.h)
		if body := m.bodyHeight(); body < size.h*6/10 {
			t.Errorf("%d×%d: the body has %d lines", size.w, size.h, body)
		}
	}
}

func TestIncidentKeys(t *testing.T) {
	p := &fakePlayer{st: fakeStatus(), line: fakeTimeline()}
	p.st.At = start
	m := replayed(t, p, 120, 40)
	for i, step := range []struct {
		key, says string
		at        time.Duration
	}{
		{"i", "incident 1 of 7: nginx.conf has no Upgrade header", 12 * time.Second},
		{"i", "incident 2 of 7: idle timeout at 03:11:00.000, #1", 11 * time.Minute},
		{"i", "incident 3 of 7: server reset at 03:11:20.000, #3", 11*time.Minute + 20*time.Second},
		{"I", "incident 2 of 7: idle timeout", 11 * time.Minute},
		{"i", "incident 3 of 7", 11*time.Minute + 20*time.Second},
		{"i", "incident 4 of 7: refused", 12 * time.Minute},
		{"i", "incident 5 of 7: nginx reload at 03:20:00.000", 20 * time.Minute},
		{"i", "incident 6 of 7: nginx shutdown at 03:20:03.000, 1,200 connections, first #80", 20*time.Minute + 3*time.Second},
		{"i", "incident 7 of 7: a_cause_of_the_future", 30 * time.Minute},
		{"i", "no incident there: 7 incidents in all", 30 * time.Minute},
		{"H", "", 0},
		{"I", "no incident there", 0},
		{"L", "", 30 * time.Minute},
	} {
		press(m, step.key)
		if p.st.At != start.Add(step.at) || !strings.Contains(m.notice, step.says) {
			t.Errorf("%d, %s: at %v, %q; want %v, %q", i, step.key, p.st.At.Sub(start), m.notice, step.at, step.says)
		}
		checkPicture(t, m, 120, 40)
	}
}

// Playing goes on after an incident: the one before is still the one before it,
// until it lies well behind.
func TestIncidentBeforeWhilePlaying(t *testing.T) {
	p := &fakePlayer{st: fakeStatus(), line: fakeTimeline()}
	p.st.At = start.Add(11*time.Minute + 10*time.Second)
	m := replayed(t, p, 80, 24)
	press(m, "i")
	p.st.At = p.st.At.Add(sameIncident - 1)
	press(m, "I")
	if want := start.Add(11 * time.Minute); p.st.At != want {
		t.Errorf("at %v, want the incident before", p.st.At.Sub(start))
	}
	p.st.At = p.st.At.Add(sameIncident)
	press(m, "I")
	if want := start.Add(11 * time.Minute); p.st.At != want {
		t.Errorf("at %v, want the same incident again", p.st.At.Sub(start))
	}
}

func TestNoIncident(t *testing.T) {
	for _, c := range []struct {
		line Timeline
		says string
	}{
		{Timeline{}, "in what was looked through so far"},
		{Timeline{Complete: true}, "no incident in the whole recording"},
	} {
		p := &fakePlayer{st: fakeStatus(), line: c.line}
		m := replayed(t, p, 80, 24)
		press(m, "i")
		if len(p.seeks) > 0 || !strings.Contains(m.notice, c.says) {
			t.Errorf("%q after %d seeks, want %q", m.notice, len(p.seeks), c.says)
		}
	}
}

// The conn of an incident is selected when the State of its time is there, not
// before: until then the list is another one.
func TestIncidentSelectsItsConn(t *testing.T) {
	p := &fakePlayer{st: fakeStatus(), line: fakeTimeline(), slow: true}
	p.st.At = start.Add(11*time.Minute + 10*time.Second)
	var state *monitor.State
	early := &story{s: monitor.NewState(monitor.Bounds{})}
	early.at(0).open("front", 77, "/early", "k")
	state = early.s
	m := screenOf(t, Options{Mode: Replay, Replay: p, Read: func(f func(*monitor.State)) { f(state) }}, nil, 120, 40)
	press(m, "i")
	for range 3 * patience {
		m.Update(refreshMsg{})
	}
	if id, _ := m.selected(); id != idOf(77) {
		t.Errorf("conn %d is selected before the seek arrived", id.Conn)
	}
	state, p.st.At, p.st.Goal = fixed(), p.st.Goal, 0
	m.Update(refreshMsg{})
	if id, _ := m.selected(); id != idOf(3) || m.list.win.follow {
		t.Errorf("conn %d is selected, following %v; want 3", id.Conn, m.list.win.follow)
	}
	p.slow = false
	press(m, "L", "I") // the last incident's conn is in no State
	for range 2 * patience {
		m.Update(refreshMsg{})
	}
	if !strings.Contains(m.notice, "is not on the list") {
		t.Errorf("nothing is said of a conn that is not there: %q", m.notice)
	}
}

// TestSeekKeepsTheSelection: in a list too long to be known at once, too.
func TestSeekKeepsTheSelection(t *testing.T) {
	world := func() *monitor.State {
		b := newStory()
		for n := range uint64(3 * lookAtMost) {
			b.at(time.Duration(n)*time.Millisecond).open("front", n+1, "/x", "k")
		}
		b.apply(&monitor.Tick{Header: b.head("", 0)})
		return b.s
	}
	p := &fakePlayer{st: fakeStatus()}
	state := world()
	m := screenOf(t, Options{Mode: Replay, Replay: p, Read: func(f func(*monitor.State)) { f(state) }}, nil, 120, 40)
	settle := func() {
		for i := 0; m.list.index.stale > 0 && i < 100; i++ {
			m.Update(refreshMsg{})
		}
		m.Update(refreshMsg{})
	}
	settle()
	press(m, "G", "k", "k")
	before, _ := m.selected()
	press(m, "[")
	state = world()
	settle()
	if after, ok := m.selected(); !ok || after != before {
		t.Errorf("conn %d is selected, want %d", after.Conn, before.Conn)
	}
}

// Keys pressed while a seek is under way add up.
func TestSeeksAddUp(t *testing.T) {
	p := &fakePlayer{st: fakeStatus(), slow: true}
	at := p.st.At
	m := replayed(t, p, 80, 24)
	press(m, "]", "]", "}")
	if want := at.Add(80 * time.Second); p.st.Goal != want {
		t.Errorf("the goal is %v on, want 80s", p.st.Goal.Sub(at))
	}
	if s := text(t, m); !strings.Contains(s, printable.String(clockShort(at.Add(80*time.Second)))) {
		t.Errorf("the bar does not show the goal:\n%s", s)
	}
}

func TestAttachedPast(t *testing.T) {
	p := &pastPlayer{fakePlayer{st: fakeStatus(), line: fakeTimeline()}, true}
	p.st.At = p.st.To
	m := screenOf(t, Options{Mode: Attached, Replay: p}, fixed(), 120, 40)
	if s := text(t, m); !strings.Contains(s, "● LIVE") {
		t.Errorf("live is not shown:\n%s", s)
	}
	press(m, "p")
	if !m.paused || p.st.Paused {
		t.Error("p pauses something else than the screen of what is live")
	}
	press(m, "p", "I")
	if p.live || p.st.At != start.Add(20*time.Minute+3*time.Second) {
		t.Errorf("after I: live %v, at %v", p.live, p.st.At.Sub(start))
	}
	if !p.st.Paused {
		t.Error("an incident is played past")
	}
	if press(m, "p"); m.paused || p.st.Paused {
		t.Error("p does not play the past")
	}
	if press(m, "p"); m.paused || !p.st.Paused {
		t.Error("p does not pause the replay of the past")
	}
	press(m, "L")
	if s := text(t, m); !p.live || !strings.Contains(s, "● LIVE") {
		t.Errorf("L does not lead back:\n%s", s)
	}
	without := screenOf(t, Options{Mode: Attached}, fixed(), 80, 24)
	press(without, "i")
	if !strings.Contains(without.notice, "no recording") {
		t.Errorf("attached without a past, i says %q", without.notice)
	}
}
