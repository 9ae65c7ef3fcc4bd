package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

func TestFlaggedFirst(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	m.list.index.sortBy(orderNamed(t, "age"), true)
	press(m, "F")
	m.Update(refreshMsg{})
	rows := m.list.rows
	flagged := 0
	for i := range rows {
		live := rows[i].stage != closed && rows[i].stage != refused
		if is := live && (rows[i].violating || rows[i].countdown.Mark >= monitor.MarkNear); is {
			if flagged < i {
				t.Fatalf("row %d is flagged, and stands below one that is not:\n%s", i, text(t, m))
			}
			flagged++
		}
	}
	if flagged == 0 {
		t.Error("nothing is flagged")
	}
}

func orderNamed(t *testing.T, word string) *order {
	t.Helper()
	i := slices.IndexFunc(orders, func(o order) bool { return o.word == word })
	if i < 0 {
		t.Fatalf("no order by %s", word)
	}
	return &orders[i]
}

func TestClosedOnesAge(t *testing.T) {
	b := &story{s: fixed()}
	m := screenOf(t, Options{}, b.s, 120, 40)
	closedRows := func() (n int) {
		for i := range m.list.rows {
			if m.list.rows[i].stage >= closed {
				n++
			}
		}
		return n
	}
	if n := closedRows(); n != 6 {
		t.Fatalf("%d closed rows at first, want 6", n)
	}
	if press(m, "a", "a"); closedRows() != 2 { // ended 45 s and 40 s ago; the others longer
		t.Errorf("%d closed rows of the last minute, want 2:\n%s", closedRows(), text(t, m))
	}
	if press(m, "a"); closedRows() != 0 {
		t.Errorf("%d closed rows among the live", closedRows())
	}
	if press(m, "a"); closedRows() != 6 {
		t.Errorf("%d closed rows at the end of the round, want 6", closedRows())
	}
	press(m, "a", "a")
	b.at(storyEnd + time.Hour).apply(&monitor.Tick{Header: b.head("", 0)})
	m.Update(refreshMsg{})
	if n := closedRows(); n != 0 {
		t.Errorf("%d closed rows an hour later", n)
	}
}

func TestColumnChooser(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 160, 40)
	head := func() string { return strings.Split(text(t, m), "\n")[2] }
	if !strings.Contains(head(), "client") || strings.Contains(head(), "server") {
		t.Fatalf("columns at first: %s", head())
	}
	press(m, "c")
	for m.list.cols.order[m.chooser.at] != colClient {
		press(m, "j")
	}
	press(m, "space")
	for m.list.cols.order[m.chooser.at] != colServer {
		press(m, "j")
	}
	press(m, "space", "K", "K", "K", "K", "K", "K", "esc")
	if h := head(); strings.Contains(h, "client") || !strings.Contains(h, "server") || strings.Index(h, "server") > strings.Index(h, "link") {
		t.Errorf("columns after choosing: %s", h)
	}
	press(m, "c", "r", "esc")
	if h := head(); !strings.Contains(h, "client") || strings.Contains(h, "server") {
		t.Errorf("columns after r: %s", h)
	}
}

func TestColumnsOfTheConfiguration(t *testing.T) {
	m := screenOf(t, Options{Config: Config{Columns: []string{"target", "fate", "client"}}}, fixed(), 100, 20)
	h := strings.Fields(strings.Split(text(t, m), "\n")[2])
	if want := []string{"target", "left▲/cause", "client"}; !slices.Equal(h, want) {
		t.Errorf("columns %q, want %q", h, want)
	}
	if s := m.list.cols.setting(); s != `columns = ["target", "fate", "client"]` {
		t.Errorf("the line for the configuration is %s", s)
	}
}

func TestPulse(t *testing.T) {
	p := pulse{began: start}
	steps := []struct {
		at     time.Duration
		frames uint64
		bytes  uint64
		rate   float64
		known  bool
	}{
		{0, 0, 0, 0, false},
		{999 * time.Millisecond, 50, 500, 0, false},
		{time.Second, 100, 1000, 100, true},
		{1500 * time.Millisecond, 500, 5000, 100, true}, // a second is not over yet
		{3 * time.Second, 500, 5000, 200, true},         // two seconds at once
		{4 * time.Second, 500, 5000, 0, true},
		{90 * time.Second, 9000, 90000, 0, false}, // too long ago to say
		{10 * time.Second, 600, 6000, 0, false},   // a seek back
		{11 * time.Second, 700, 6500, 100, true},  // known again
		{12 * time.Second, 10, 20, 0, false},      // another State
	}
	for i, s := range steps {
		p.add(start.Add(s.at), s.frames, s.bytes)
		if p.rate != s.rate || p.known != s.known {
			t.Fatalf("step %d: rate %v, known %v; want %v, %v", i, p.rate, p.known, s.rate, s.known)
		}
	}
}

func TestPulseBars(t *testing.T) {
	r := row{rated: true}
	r.pulse = [pulseSeconds]uint64{pulseSeconds - 4: 1, pulseSeconds - 3: 0, pulseSeconds - 2: 400, pulseSeconds - 1: 800}
	if got := pulseCell(&r, 4)[0].text; got != "▁·▄█" {
		t.Errorf("bars %q", got)
	}
	r.pulse[pulseSeconds-1] = 1 << 60
	if got := pulseCell(&r, 4)[0].text; !strings.HasSuffix(got, "█") {
		t.Errorf("bars %q", got)
	}
}

func TestPulsesAreBounded(t *testing.T) {
	var ps pulses
	for n := range uint64(5 * pulsesMost) {
		ps.measure(&row{id: idOf(n)}, start)
		if n%60 == 0 {
			ps.sweep()
		}
	}
	for range 2 * pulseStays {
		ps.sweep()
	}
	if len(ps.of) > pulsesMost {
		t.Errorf("%d pulses", len(ps.of))
	}
}

func TestTimeModes(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	press(m, "4")
	for _, want := range []string{"03:12:00", "03:12:00", "-45s", "+1m00"} {
		if !strings.Contains(text(t, m), want) {
			t.Errorf("%s: no %q in\n%s", timeModes[m.times].says, want, text(t, m))
		}
		press(m, "t")
	}
	if m.times != TimeLocal {
		t.Error("the modes do not go round")
	}
}

func TestCopyAValue(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	press(m, "v")
	if !strings.Contains(text(t, m), "10.0.0.24:40024") {
		t.Fatalf("no client to copy:\n%s", text(t, m))
	}
	cmd := press(m, "j", "enter")
	if cmd == nil || m.front() != noOverlay || !strings.Contains(m.notice, "client") {
		t.Errorf("copied nothing: %q", m.notice)
	}
}

func TestNamesOfPrivateCodes(t *testing.T) {
	b := newStory()
	b.at(time.Second).open("front", 1, "/app", "k==")
	b.upgrade("front", 1)
	b.apply(&monitor.CloseFrame{Header: b.head("front", 1), Dir: ws.FromServer, Code: 4001, Reason: "x"})
	b.end("front", 1, ws.FromServer, monitor.HowFIN)
	b.close("front", 1, sampleOf(b.now, 3, 4))
	b.at(10 * time.Second).apply(&monitor.Tick{Header: b.head("", 0)})
	m := screenOf(t, Options{Config: Config{Codes: map[ws.CloseCode]string{4001: "session expired" + hostile}}}, b.s, 200, 40)
	if !strings.Contains(text(t, m), "4001 session …") {
		t.Errorf("no name, as far as it fits, in the list:\n%s", text(t, m))
	}
	if press(m, "enter"); !strings.Contains(text(t, m), "4001 session expired") {
		t.Errorf("no name on the connection screen:\n%s", text(t, m))
	}
}

// TestNumbersAreWhole: they are what one looks for, so they have room on a narrow
// screen too.
func TestNumbersAreWhole(t *testing.T) {
	const conns = 12_345
	for _, w := range []int{40, 80, 120} {
		m := screenOf(t, Options{}, crowd(conns).s, w, 24)
		m.list.index.sortBy(orderBy("#"), true)
		for m.list.index.stale > 0 {
			m.Update(refreshMsg{})
		}
		m.Update(refreshMsg{})
		r := m.list.rows[0]
		if s := text(t, m); r.seq < 10_000 || shown(m.list.cols.layout(w-1), colSeq) && !strings.Contains(s, fmt.Sprint(" ", r.seq, " ")) {
			t.Errorf("%d cells: #%d is not whole:\n%s", w, r.seq, s)
		}
	}
}
