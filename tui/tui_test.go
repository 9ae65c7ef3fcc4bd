package tui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// text is the screen without styles.
func text(t testing.TB, m *Model) string { return checkPicture(t, m, m.w, m.h) }

func selectedSeq(t *testing.T, m *Model) uint64 {
	t.Helper()
	r := m.list.selectedRow()
	if r == nil {
		t.Fatal("the selection is not on the screen")
	}
	return r.seq
}

// shownSeqs are the numbers of the rows, top to bottom.
func shownSeqs(m *Model) (seqs []uint64) {
	for _, r := range m.list.rows {
		seqs = append(seqs, r.seq)
	}
	return seqs
}

func TestDefaultOrderIsWhatDiesNext(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	want := []uint64{11, 12, 9, 10, 7, 8, 14, 15, 13, 16, 6, 5, 4, 3, 1, 2}
	if got := shownSeqs(m); !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestSelectionSurvivesSortingAndArrival(t *testing.T) {
	st := &story{s: fixed()}
	m := screenOf(t, Options{}, st.s, 120, 12)
	press(m, "j", "j")
	want := selectedSeq(t, m)
	for range orders {
		press(m, "s")
		if got := selectedSeq(t, m); got != want {
			t.Fatalf("sorted by %s: #%d selected, want #%d", m.list.index.wish.by.word, got, want)
		}
		press(m, "S")
		if got := selectedSeq(t, m); got != want {
			t.Fatalf("sorted by %s reversed: #%d selected, want #%d", m.list.index.wish.by.word, got, want)
		}
	}
	for n := range uint64(200) {
		st.at(storyEnd).open("front", 1000+n, "/new", "k==")
		m.Update(refreshMsg{})
	}
	if got := selectedSeq(t, m); got != want {
		t.Errorf("after arrivals #%d is selected, want #%d", got, want)
	}
}

func TestSortMarksItsColumn(t *testing.T) {
	m := screenOf(t, Options{Config: Config{Columns: ColumnNames()}}, fixed(), 240, 24)
	for range orders {
		head := strings.Split(text(t, m), "\n")[2]
		if want := m.list.index.wish.by.word + "▲"; !strings.Contains(head, want) {
			t.Errorf("no %q in %q", want, head)
		}
		press(m, "S")
		if head = strings.Split(text(t, m), "\n")[2]; !strings.Contains(head, m.list.index.wish.by.word+"▼") {
			t.Errorf("no ▼ in %q", head)
		}
		press(m, "S", "s")
	}
}

func TestFollowStopsOnUp(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	if !strings.Contains(text(t, m), "follow") || !m.list.win.follow {
		t.Fatal("the list does not begin with following")
	}
	press(m, "k")
	if m.list.win.follow {
		t.Error("up does not end following in the list")
	}
	press(m, "f")
	if !m.list.win.follow {
		t.Error("f does not follow")
	}
	press(m, "4")
	if press(m, "j"); !m.logs.win.follow {
		t.Error("down at the bottom ends following in the log")
	}
	if press(m, "k"); m.logs.win.follow {
		t.Error("up does not end following in the log")
	}
	if press(m, "G"); !m.logs.win.follow {
		t.Error("the bottom of the log does not follow again")
	}
}

func TestFollowStaysAtWhatGoesNext(t *testing.T) {
	st := &story{s: fixed()}
	m := screenOf(t, Options{}, st.s, 120, 40)
	before := selectedSeq(t, m)
	st.at(storyEnd+time.Second).traffic("front", 24, 9999, 9999)
	st.traffic("back", 25, 9999, 9999)
	st.apply(&monitor.Tick{Header: st.head("", 0)})
	m.Update(refreshMsg{})
	if got := selectedSeq(t, m); got == before || got != m.list.rows[0].seq {
		t.Errorf("#%d selected, #%d on top, want another than #%d", got, m.list.rows[0].seq, before)
	}
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"CHAT", 2}, {"ws.example", 14}, {"idle timeout", 2}, {"idle_timeout", 2}, {"1006", 3}, {"502", 1}, {"back", 6}, {"10.0.0.7", 0}, {`\e]0`, 1}, {"接続", 1},
	} {
		m := screenOf(t, Options{}, fixed(), 120, 40)
		press(m, "/")
		m.Update(tea.PasteMsg{Content: c.text})
		press(m, "enter")
		if got := len(m.list.rows); got != c.want {
			t.Errorf("filter %q shows %d rows, want %d:\n%s", c.text, got, c.want, text(t, m))
		}
		if press(m, "esc"); len(m.list.rows) != 16 {
			t.Errorf("esc shows %d rows, want all 16", len(m.list.rows))
		}
	}
	m := screenOf(t, Options{}, fixed(), 120, 40)
	if press(m, "/", "c", "h", "a", "t", "esc"); len(m.list.rows) != 16 {
		t.Error("esc while typing does not take the filter back")
	}
	if press(m, "4", "/", "5", "0", "2"); m.list.index.wish.filter != nil || m.logs.filterText() != "502" {
		t.Error("the log's filter reaches the list")
	}
}

func TestPauseFreezesTheScreen(t *testing.T) {
	st := &story{s: fixed()}
	m := screenOf(t, Options{}, st.s, 120, 40)
	press(m, "p")
	before := shownSeqs(m)
	left := m.list.rows[4].countdown.Left
	st.at(storyEnd+10*time.Second).open("front", 99, "/late", "k99==")
	st.apply(&monitor.Tick{Header: st.head("", 0)})
	m.Update(refreshMsg{})
	if got := shownSeqs(m); !slices.Equal(got, before) || m.list.rows[4].countdown.Left != left {
		t.Error("the list goes on while paused")
	}
	if s := text(t, m); !strings.Contains(s, "PAUSED 03:12:45, 3 events behind") {
		t.Errorf("the screen does not say how far behind it is:\n%s", s)
	}
	if press(m, "enter"); !strings.Contains(text(t, m), "‖ paused 03:12:45, and opened since: this is how it is at 03:12:55") {
		t.Errorf("a page opened since does not say of when it is:\n%s", text(t, m))
	}
	press(m, "esc")
	if press(m, "s"); m.list.index.wish.by != &orders[1] || len(m.list.rows) != len(before) {
		t.Error("a paused list cannot be sorted")
	}
	if press(m, "p"); len(m.list.rows) != len(before)+1 {
		t.Error("the list does not go on")
	}
}

func TestPinnedStayOnTop(t *testing.T) {
	st := fixed()
	m := screenOf(t, Options{}, st, 120, 40)
	press(m, "G", "space", "f")
	if m.list.rows[0].seq != 2 || !m.list.rows[0].pinned || !st.Conn(idOf(2)).Pinned {
		t.Errorf("pinned #2 is not on top: %v", shownSeqs(m))
	}
	if !strings.Contains(text(t, m), "× "+pinSign) {
		t.Error("the pin is not marked")
	}
	press(m, "g", "space")
	if st.Conn(idOf(2)).Pinned {
		t.Error("the pin does not go away")
	}
}

func TestNextFlagged(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	var got []uint64
	for range 6 {
		press(m, "n")
		got = append(got, selectedSeq(t, m))
	}
	if want := []uint64{12, 9, 10, 14, 13, 11}; !slices.Equal(got, want) {
		t.Errorf("n goes to %v, want %v", got, want)
	}
	if press(m, "N"); selectedSeq(t, m) != 13 {
		t.Errorf("N goes to #%d, want 13", selectedSeq(t, m))
	}
}

func TestReplayKeys(t *testing.T) {
	p := &fakePlayer{st: fakeStatus()}
	at := p.st.At
	m := screenOf(t, Options{Mode: Replay, Replay: p}, fixed(), 80, 24)
	press(m, "]", "]", "[", "}", "{")
	if p.st.At != at.Add(10*time.Second) || len(p.seeks) != 5 {
		t.Errorf("after seeking at %v, want %v", p.st.At, at.Add(10*time.Second))
	}
	press(m, "p", "+", "+")
	if !p.st.Paused || p.st.Speed != 5 {
		t.Errorf("paused %v, speed %v, want true, 5", p.st.Paused, p.st.Speed)
	}
	for range 20 {
		press(m, "+")
	}
	if s := text(t, m); !strings.Contains(s, "×max") || !strings.Contains(s, "paused") {
		t.Errorf("the bar does not show it:\n%s", s)
	}
	for range 30 {
		press(m, "-")
	}
	if p.st.Speed != 0.1 {
		t.Errorf("slowest is %v, want 0.1", p.st.Speed)
	}
	if cmd := press(m, "ctrl+z"); cmd == nil {
		t.Error("ctrl+z does not suspend a replay")
	}
	live := screenOf(t, Options{Relay: &fakeRelay{live: 1}}, fixed(), 80, 24)
	if press(live, "ctrl+z") != nil {
		t.Error("ctrl+z suspends a relay")
	}
}

func TestWatchFollowsTheScreen(t *testing.T) {
	var calls []string
	m := screenOf(t, Options{Watch: func(id monitor.ID, on bool) { calls = append(calls, fmt.Sprint(id.Conn, on)) }}, fixed(), 80, 24)
	press(m, "enter", "tab", "esc")
	want := []string{"24 true", "25 true", "25 false", "24 false"} // both legs, until the screen is left
	if !slices.Equal(calls, want) {
		t.Errorf("watched %v, want %v", calls, want)
	}
}

func TestAnotherStateBeginsAnew(t *testing.T) {
	st := fixed()
	m := screenOf(t, Options{Read: func(f func(*monitor.State)) { f(st) }}, st, 80, 24)
	b := newStory()
	b.at(time.Minute).open("front", 7, "/other", "k==")
	st = b.s
	m.Update(refreshMsg{})
	if got := shownSeqs(m); !slices.Equal(got, []uint64{1}) {
		t.Errorf("after a seek the rows are %v, want one", got)
	}
}

func TestEvictedConnsLeaveTheList(t *testing.T) {
	b := &story{s: monitor.NewState(monitor.Bounds{Closed: 5})}
	m := screenOf(t, Options{}, b.s, 80, 24)
	for n := range uint64(40) {
		b.at(time.Duration(n)*time.Minute).open("front", n+1, "/x", "k==")
		b.upgrade("front", n+1)
		b.end("front", n+1, ws.FromClient, monitor.HowFIN)
		b.close("front", n+1, monitor.Sample{})
		b.at(time.Duration(n)*time.Minute + 30*time.Second).apply(&monitor.Tick{Header: b.head("", 0)})
		m.Update(refreshMsg{})
	}
	if got, want := len(m.list.rows), b.s.Len(); got != want {
		t.Errorf("%d rows, want %d", got, want)
	}
	if got := m.list.index.tally.of(isClosed); got != b.s.Len() {
		t.Errorf("%d closed counted, want %d", got, b.s.Len())
	}
}

// Every key on every screen at several sizes: no panic, always a whole picture.
func TestMonkey(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	names := make([]string, 0, len(keysByName))
	for k := range keysByName {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, size := range []struct{ w, h int }{{1, 1}, {3, 2}, {12, 5}, {40, 10}, {80, 24}, {133, 17}, {200, 60}} {
		for _, mode := range []Mode{Live, Replay} {
			o := Options{Mode: mode, Relay: &fakeRelay{live: 2}}
			if mode == Replay {
				o.Relay, o.Replay = nil, &fakePlayer{st: fakeStatus()}
			}
			st := &story{s: fixed()}
			m := screenOf(t, o, st.s, size.w, size.h)
			for i := range 200 {
				k := names[rnd.IntN(len(names))]
				m.Update(keysByName[k])
				if i%7 == 0 {
					st.at(storyEnd+time.Duration(i)*time.Second).open("front", uint64(500+i), hostile, "k==")
					m.Update(refreshMsg{})
				}
				checkPicture(t, m, size.w, size.h)
			}
		}
	}
}

func TestEveryKeyOnEveryScreen(t *testing.T) {
	for _, lead := range [][]string{nil, {"enter"}, {"3"}, {"4"}, {"?"}, {"/"}, {"q"}, {"p"}} {
		for name, k := range keysByName {
			m := screenOf(t, Options{Relay: &fakeRelay{live: 1}}, fixed(), 80, 24)
			press(m, lead...)
			m.Update(k)
			if t.Failed() {
				t.Fatalf("after %v, %s", lead, name)
			}
			checkPicture(t, m, 80, 24)
		}
	}
}

func TestHostileTextIsNeverRaw(t *testing.T) {
	for _, keys := range [][]string{nil, {"3"}, {"4"}, {"4", "k", "k"}, {"/", "e", "]", "0", "enter", "enter"}, {"/", "1", "0", "0", "1", "enter", "enter"}, {"/", "5", "0", "2", "enter", "enter", "pgdown"}} {
		for _, size := range sizes {
			m := screenOf(t, Options{Title: hostile, Version: hostile, Recording: func() string { return hostile }}, fixed(), size.w, size.h)
			press(m, keys...)
			for range 30 {
				checkPicture(t, m, size.w, size.h)
				press(m, "j")
			}
			content := m.View().Content
			for _, bad := range []string{"\x1b]", "\x1b[2J", "\x1b[31m else", "\u202e", "\u009b", "\x07", "\xff", "\u200b"} {
				if strings.Contains(content, bad) {
					t.Fatalf("after %v: %q is on the screen", keys, bad)
				}
			}
		}
	}
}

func TestCopy(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	for _, keys := range [][]string{{"y"}, {"enter", "y"}, {"3", "y"}, {"4", "y"}} {
		if cmd := press(m, keys...); cmd == nil || !strings.Contains(text(t, m), "copied") {
			t.Errorf("%v copies nothing", keys)
		}
	}
	if s := m.list.selectedRow().facts(); !strings.Contains(s, "#11") || !strings.Contains(s, "/notifications/v2/stream") {
		t.Errorf("facts %q", s)
	}
}

// TestHostileNames: what a remote relay calls itself, its taps, its sources and
// its notes is text from outside, too; so is the name of a recording.
func TestHostileNames(t *testing.T) {
	b := &story{s: fixed()}
	for i := range monitor.Instance(2) {
		b.apply(&monitor.Hello{
			Header: monitor.Header{At: b.now, Tap: 100 + i}, Host: hostile, Version: hostile, Started: start, Notes: []string{hostile},
			Taps: []monitor.TapInfo{{Name: hostile, Role: monitor.Front, Listen: hostile, Upstream: hostile}},
		})
	}
	for _, st := range []monitor.HealthStatus{monitor.HealthOK, monitor.HealthWarning, monitor.HealthFailed} {
		b.apply(&monitor.Health{Header: b.head("", 0), Name: string(st) + hostile, Status: st, Text: hostile})
	}
	for _, size := range sizes {
		for _, mode := range []Mode{Live, Replay, Attached} {
			o := Options{Mode: mode, Title: hostile, Version: hostile}
			if mode == Replay {
				o.Replay = &fakePlayer{st: fakeStatus()}
			}
			m := screenOf(t, o, b.s, size.w, size.h)
			for _, keys := range [][]string{nil, {"enter"}, {"3"}, {"4"}, {"1", "o"}, {"o", "o"}, {"v"}} {
				press(m, keys...)
				checkPicture(t, m, size.w, size.h)
			}
			if title := m.View().WindowTitle; strings.ContainsAny(title, "\x1b\x07\u202e") {
				t.Errorf("the window's title is %q", title)
			}
		}
	}
}
