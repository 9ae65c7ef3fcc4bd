package tui

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// selectRowOf selects the row of a key on the overview.
func selectRowOf(t *testing.T, m *Model, k overviewKey) {
	t.Helper()
	press(m, "g")
	for range len(m.over.page.rows) {
		if m.over.win.sel == k {
			return
		}
		press(m, "j")
	}
	t.Fatalf("no row %v:\n%s", k, text(t, m))
}

func TestOverviewJumps(t *testing.T) {
	for _, c := range []struct {
		key    overviewKey
		filter string
		rows   int
	}{
		{overviewKey{"recent", "live"}, "state:live", 10},
		{overviewKey{"recent", "opened"}, "", 16},
		{overviewKey{"recent", "closed"}, "state:closed", 6},
		{overviewKey{"recent", "bad"}, "cause:" + badCauses(), 5},
		{overviewKey{"recent", "near"}, "state:near,critical", 4},
		{overviewKey{"cause", "idle_timeout"}, "cause:idle_timeout", 2},
		{overviewKey{"cause", "close_handshake"}, "cause:close_handshake", 1},
		{overviewKey{"code", "1006"}, "code:1006", 3},
		{overviewKey{"status", "502"}, "status:502", 1},
		{overviewKey{"targets", "/socket"}, "group:=/socket", 6},
		{overviewKey{"targets", monitor.TargetGroup(hostile)}, "", 1},
		{overviewKey{"limit", "60s learned"}, "limit:=60s", 9},
		{overviewKey{"silence", "up to 33 s"}, "maxgap:>=16.384s maxgap:<32.768s", 12},
	} {
		m := screenOf(t, Options{}, fixed(), 120, 40)
		press(m, "5")
		selectRowOf(t, m, c.key)
		press(m, "enter")
		m.Update(refreshMsg{})
		got := m.filterText()
		if c.key.name == monitor.TargetGroup(hostile) {
			c.filter = got
		}
		if m.at != connectionsScreen || got != c.filter || len(m.list.rows) != c.rows {
			t.Errorf("enter on %v: screen %s, filter %q with %d rows, want %q with %d:\n%s", c.key, screenNames[m.at], got, len(m.list.rows), c.filter, c.rows, text(t, m))
		}
	}
}

// The numbers beside the rows are those of the connections that enter shows.
func TestOverviewCountsWhatItJumpsTo(t *testing.T) {
	s := fixed()
	v := overviewView{sums: &sums{}}
	v.copy(s)
	for i := range v.causes {
		c := &v.causes[i]
		if sum := c.sure[0] + c.sure[1] + c.sure[2]; sum != c.n {
			t.Errorf("cause %s: %d sure in some way, of %d", c.of, sum, c.n)
		}
		checkJump(t, s, groupTerm("cause", string(c.of)), c.n)
	}
	for _, c := range v.sums.codes {
		checkJump(t, s, fmt.Sprintf("code:%d", c.of), c.n)
	}
	for i := range v.targets {
		if c := &v.targets[i]; c.Target != "" {
			checkJump(t, s, groupTerm("group", c.Target), c.Opened)
		}
	}
}

func checkJump(t *testing.T, s *monitor.State, filter string, want uint64) {
	t.Helper()
	m := screenOf(t, Options{}, s, 200, 60)
	if err := m.applyFilter(filter); err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	m.Update(refreshMsg{})
	if got := len(m.list.rows); uint64(got) != want || want == 0 {
		t.Errorf("%s shows %d connections, counted are %d", filter, got, want)
	}
}

// manyTargets is a State with more of everything than there is room for.
func manyTargets() *story {
	b := newStory()
	hows := []monitor.How{monitor.HowFIN, monitor.HowReset, monitor.HowTimeout}
	for i := range uint64(300) {
		target := "/" + strings.Repeat(string(rune('a'+i%26)), int(1+i/26))
		switch i % 50 {
		case 7:
			target = hostile + target
		case 9:
			target = strings.Repeat("接続/", 40) + target
		}
		b.at(time.Duration(i)*7*time.Second).open("front", i+1, target, fmt.Sprintf("k%d==", i))
		if i%5 == 4 {
			b.apply(&monitor.Response{Header: b.head("front", i+1), Proto: "HTTP/1.1", Status: 400 + int(i%90), Reason: "x"})
		} else {
			b.upgrade("front", i+1)
		}
		if i%3 > 0 {
			if code := ws.CloseCode(4000 + i%40); i%4 == 0 {
				b.apply(&monitor.CloseFrame{Header: b.head("front", i+1), Dir: ws.FromClient, Code: code})
				b.apply(&monitor.CloseFrame{Header: b.head("front", i+1), Dir: ws.FromServer, Code: code})
			}
			b.end("front", i+1, ws.Direction(i%2), hows[i%3])
			b.close("front", i+1, sampleOf(b.now, 3, 4))
		}
		b.apply(&monitor.Tick{Header: b.head("", 0)})
	}
	b.at(40 * time.Minute).apply(&monitor.Tick{Header: b.head("", 0)})
	return b
}

// Whatever is selected is on the screen, at every size, both ways.
func TestOverviewShowsWhatIsSelected(t *testing.T) {
	codes := map[ws.CloseCode]string{4001: "room closed" + hostile}
	for name, s := range map[string]*monitor.State{"fixed": fixed(), "many": manyTargets().s} {
		for _, size := range append([]struct{ w, h int }{{1, 1}, {20, 6}, {79, 9}, {300, 100}}, sizes...) {
			m := screenOf(t, Options{Config: Config{Codes: codes}}, s, size.w, size.h)
			press(m, "5")
			n := len(m.over.page.rows)
			for i := range 2 * n {
				marked := strings.Count(checkPicture(t, m, size.w, size.h), "▸")
				if size.w >= 12 && marked != 1 {
					t.Fatalf("%s %d×%d, row %d %v: %d rows are marked on the screen:\n%s", name, size.w, size.h, i, m.over.win.sel, marked, text(t, m))
				}
				if i < n {
					press(m, "j")
				} else {
					press(m, "k")
				}
			}
			if m.over.top != 0 {
				t.Errorf("%s %d×%d: at the first row the page is scrolled to line %d", name, size.w, size.h, m.over.top)
			}
			if press(m, "G"); m.over.top != max(len(m.over.page.lines)-m.over.height, 0) && size.h > 8 && size.w < pageTwo {
				t.Errorf("%s %d×%d: at the last row the page is scrolled to line %d of %d", name, size.w, size.h, m.over.top, len(m.over.page.lines))
			}
		}
	}
}

func TestOverviewUnfolds(t *testing.T) {
	m := screenOf(t, Options{}, manyTargets().s, 80, 24)
	press(m, "5")
	selectRowOf(t, m, overviewKey{"code", unfolderName})
	before := len(m.over.page.rows)
	if !strings.Contains(text(t, m), "more") {
		t.Error("the row does not say how many more there are")
	}
	press(m, "enter")
	if got := len(m.over.page.rows); got <= before+5 || !strings.Contains(text(t, m), "fewer") {
		t.Errorf("%d rows after unfolding %d:\n%s", got, before, text(t, m))
	}
	if press(m, "enter"); len(m.over.page.rows) != before {
		t.Errorf("%d rows after folding, want %d", len(m.over.page.rows), before)
	}
}

func TestOverviewTargetsApart(t *testing.T) {
	m := screenOf(t, Options{}, manyTargets().s, 200, 60)
	press(m, "5")
	for _, part := range []string{"most bad ends", "busiest"} {
		if !strings.Contains(text(t, m), part) {
			t.Errorf("no %q", part)
		}
	}
	bad := []uint64{}
	for _, target := range mostOf(m.over.sums.targets, 20, troubled) {
		bad = append(bad, target.Bad)
	}
	if !slices.IsSortedFunc(bad, func(a, b uint64) int { return int(b) - int(a) }) || bad[0] == 0 {
		t.Errorf("bad ends of the most troubled: %v", bad)
	}
	selectRowOf(t, m, overviewKey{"most bad ends", monitor.TargetOthers})
	if press(m, "enter"); m.at != overviewScreen || m.notice == "" {
		t.Error("enter on the targets that are not told apart says nothing")
	}
}

func TestOverviewOfNothing(t *testing.T) {
	for _, size := range sizes {
		m := screenOf(t, Options{}, monitor.NewState(monitor.Bounds{}), size.w, size.h)
		press(m, "5")
		got := text(t, m)
		for _, want := range []string{"nothing seen so far", "none has ended"} {
			if !strings.Contains(got, want) {
				t.Errorf("%d×%d does not say %q:\n%s", size.w, size.h, want, got)
			}
		}
		press(m, "j", "k", "G", "n", "N", "enter", "y", "pgdown")
		if m.at != overviewScreen {
			t.Error("enter on nothing leaves the screen")
		}
		checkPicture(t, m, size.w, size.h)
	}
}

func TestOverviewSections(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 80, 24)
	press(m, "5")
	var got []string
	for range 7 {
		got = append(got, m.over.win.sel.part)
		press(m, "n")
	}
	if want := []string{"recent", "cause", "code", "status", "targets", "silence", "limit"}; !slices.Equal(got, want) {
		t.Errorf("n goes to %v, want %v", got, want)
	}
	if press(m, "N"); m.over.win.sel.part != "silence" {
		t.Errorf("N goes to %v", m.over.win.sel)
	}
}

func TestOverviewPauses(t *testing.T) {
	st := &story{s: fixed()}
	m := screenOf(t, Options{}, st.s, 120, 40)
	press(m, "5", "p")
	before := m.over.plainText()
	st.at(storyEnd+time.Minute).open("front", 99, "/late", "k99==")
	m.Update(refreshMsg{})
	if m.over.sums.live != 10 || !strings.Contains(before, "/socket") {
		t.Errorf("%d live while paused, want 10", m.over.sums.live)
	}
	if press(m, "p"); m.over.sums.live != 11 {
		t.Errorf("%d live after the pause, want 11", m.over.sums.live)
	}
}

func TestOverviewClick(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	press(m, "5")
	for _, c := range []struct {
		text string
		key  overviewKey
	}{
		{" near ", overviewKey{"recent", "near"}}, {"× server reset", overviewKey{"cause", "server_reset"}}, {"/legacy", overviewKey{"targets", "/legacy"}}, {"up to 16 s", overviewKey{"silence", "up to 16 s"}},
	} {
		for y, l := range strings.Split(text(t, m), "\n") {
			x := strings.Index(l, c.text)
			if x < 0 || y < 2 {
				continue
			}
			x = printable.Width(l[:x]) + 1
			m.Update(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
			break
		}
		if m.over.win.sel != c.key {
			t.Errorf("a click on %q selects %v, want %v", c.text, m.over.win.sel, c.key)
		}
	}
	m.Update(tea.MouseClickMsg{X: 60, Y: 2, Button: tea.MouseLeft}) // the heading
	if m.over.win.sel.part != "silence" {
		t.Errorf("a click beside the rows selects %v", m.over.win.sel)
	}
}

func TestOverviewSaysHowOftenToPing(t *testing.T) {
	m := screenOf(t, Options{}, fixed(), 120, 40)
	press(m, "5")
	want := "ping at least every " + round(diagnose.PingEvery(time.Minute))
	if got := text(t, m); !strings.Contains(got, want) {
		t.Errorf("no %q:\n%s", want, got)
	}
	for _, l := range strings.Split(text(t, m), "\n") {
		if at := strings.Contains(l, "up to 66 s"); at != strings.Contains(l, "┄"+limitSign+" 60s") {
			t.Errorf("the limit's mark is missing, or in a wrong line: %q", l)
		}
	}
}

func TestGapRowsFold(t *testing.T) {
	var v overviewView
	v.sums = &sums{}
	all := uint64(0)
	for i := range v.gaps {
		v.gaps[i] = uint64(i + 1)
		all += v.gaps[i]
	}
	parts := v.silences(60)
	for n := 1; n <= monitor.GapBuckets; n++ {
		rows := parts[0].fold(n)
		if len(rows) != n {
			t.Fatalf("%d rows, want %d", len(rows), n)
		}
		below := uint64(0)
		for i := range monitor.GapBuckets - n + 1 {
			below += v.gaps[i]
		}
		if got := rows[0].lines[0].text(); !strings.Contains(got, " "+count(below)+" ") {
			t.Errorf("folded to %d the first row is %q, want %d", n, got, below)
		}
	}
}

func TestPlotShowsWhatIsThere(t *testing.T) {
	var p plotter
	for _, h := range []int{1, 2, 4} {
		columns := []uint64{0, 1, 500_000, 999_999, 1_000_000, 0}
		got := p.plot(columns, 1_000_000, 8, h)
		if len(got) != h {
			t.Fatalf("%d lines, want %d", len(got), h)
		}
		ground := []rune(got[h-1])
		if want := "  ·"; string(ground[:3]) != want || ground[3] != '▁' || ground[7] != '·' {
			t.Errorf("height %d: ground %q", h, string(ground))
		}
		if top := []rune(got[0]); top[6] != '█' {
			t.Errorf("height %d: the most does not reach the top: %q", h, got)
		}
		for _, l := range got {
			if printable.Width(l) != 8 || printable.String(l) != l {
				t.Errorf("height %d: line %q", h, l)
			}
		}
	}
}

// No column loses or invents anything, and columns keep their values as time passes.
func TestCoursesAddUp(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	opened, live := &curves[2], &curves[0]
	for range 200 {
		h := monitor.History{From: start.Add(time.Duration(rnd.IntN(1000)) * time.Second), Width: time.Second << rnd.IntN(4)}
		h.From = monitor.Time(int64(h.From) / int64(h.Width) * int64(h.Width))
		sum, most := uint64(0), uint64(0)
		for range 1 + rnd.IntN(600) {
			b := monitor.HistoryBucket{Opened: uint32(rnd.IntN(5)), Live: uint32(rnd.IntN(1000))}
			h.Buckets = append(h.Buckets, b)
			sum, most = sum+uint64(b.Opened), max(most, uint64(b.Live))
		}
		w := 700 // room for a column a bucket
		got, levels := courseOf(&h, opened, w), courseOf(&h, live, w)
		if got.total != sum || sumOfColumns(got) != sum || levels.most != most {
			t.Fatalf("%d in %d columns, most live %d; want %d, %d", sumOfColumns(got), len(got.columns), levels.most, sum, most)
		}
		w = 1 + rnd.IntN(80)
		if got = courseOf(&h, opened, w); len(got.columns) > w || got.total != sum {
			t.Fatalf("%d columns for %d cells, total %d of %d", len(got.columns), w, got.total, sum)
		}
	}
}

func sumOfColumns(c course) (n uint64) {
	for _, v := range c.columns {
		n += v
	}
	return n
}

func TestOverviewExport(t *testing.T) {
	var saved strings.Builder
	save := func(_ string, write func(io.Writer) error) (string, error) { return "/tmp/x", write(&saved) }
	m := screenOf(t, Options{Save: save}, fixed(), 40, 10)
	cmd := press(m, "5", "e")
	if cmd == nil {
		t.Fatal("e saves nothing")
	}
	m.Update(cmd())
	for _, want := range []string{"why they ended", "/feed/prices", "ping at least every 30s"} { // also what is off the screen
		if !strings.Contains(saved.String(), want) {
			t.Errorf("no %q in the file:\n%s", want, saved.String())
		}
	}
	if cmd := press(m, "y"); cmd == nil || !strings.Contains(text(t, m), "copied") {
		t.Error("y copies nothing")
	}
}
