package tui

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// plain is the text of a line.
func plain(l line) string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.text)
	}
	return b.String()
}

func TestScale(t *testing.T) {
	minute := scale{start, start.Add(time.Minute), 60}
	for _, c := range []struct {
		name  string
		s     scale
		after time.Duration
		want  int
	}{
		{"the beginning", minute, 0, 0},
		{"the end", minute, time.Minute, 59},
		{"before", minute, -time.Hour, 0},
		{"beyond", minute, time.Hour, 59},
		{"a column's begin", minute, 30 * time.Second, 30},
		{"just before it", minute, 30*time.Second - 1, 29},
		{"zero length", scale{start, start, 60}, 0, 0},
		{"the end before the beginning", scale{start, start - 1, 60}, 0, 0},
		{"one column", scale{start, start.Add(time.Minute), 1}, time.Minute, 0},
		{"no column", scale{start, start.Add(time.Minute), 0}, time.Minute, 0},
		{"all of time", scale{0, math.MaxInt64, 100}, time.Duration(math.MaxInt64 - start - 1), 99},
	} {
		if got := c.s.column(start.Add(c.after)); got != c.want {
			t.Errorf("%s: column %d, want %d", c.name, got, c.want)
		}
	}
}

// What is clicked is where the head then is.
func TestScaleGoesBothWays(t *testing.T) {
	for _, w := range []int{1, 2, 7, 47, 156, 999} {
		for _, length := range []time.Duration{1, 999, time.Millisecond, time.Minute, 59*time.Minute + 1, 100 * 365 * 24 * time.Hour} {
			s := scale{start, start.Add(length), w}
			if s.at(0) != s.from || w > 1 && s.at(w-1) != s.to {
				t.Errorf("%d columns of %v: the ends are not the ends", w, length)
			}
			for col := range w {
				if int64(length) < int64(2*w) {
					break // columns shorter than a nanosecond
				}
				if got := s.column(s.at(col)); got != col && w > 1 {
					t.Errorf("%d columns of %v: a click on %d goes to %d", w, length, col, got)
				}
			}
		}
	}
}

func TestTimelineColumns(t *testing.T) {
	dead := Bucket{Activity: 9, Marks: [MarkKinds]uint32{MarkDeath: 1}}
	for _, c := range []struct {
		name    string
		length  time.Duration
		step    time.Duration
		buckets []Bucket
		upto    time.Duration
		w       int
		want    string // heights and marks
	}{
		{"nothing known", time.Minute, 0, nil, -1, 5, "───── |     "},
		{"looked through, and nothing there", time.Minute, time.Second, make([]Bucket, 60), time.Minute, 5, "····· |     "},
		{"half looked through", 10 * time.Second, time.Second, make([]Bucket, 5), 4 * time.Second, 5, "···── |     "},
		{"one event", 0, time.Millisecond, []Bucket{{Activity: 1}}, 0, 3, "███ |   "},
		{"one of two", time.Second, 500 * time.Millisecond, []Bucket{{Activity: 1}, {}}, time.Second, 4, "██·· |    "},
		{"fewer buckets than columns", 2 * time.Second, time.Second, []Bucket{{Activity: 100}, {Activity: 1}}, 2 * time.Second, 8, "████▁▁▁▁ |        "},
		{"more buckets than columns, evenly", 3 * time.Second, 250 * time.Millisecond, []Bucket{{1, [MarkKinds]uint32{}}, {Activity: 1}, {Activity: 1}, {Activity: 1}, {Activity: 1}, {Activity: 1}, {Activity: 1}, {Activity: 1}, {Activity: 1}, {Activity: 1}, {Activity: 1}, {Activity: 1}}, 3 * time.Second, 5, "█████ |     "},
		{"a mark at each end", 4 * time.Second, time.Second, []Bucket{dead, {Activity: 9}, {Activity: 9}, {Activity: 9}, dead}, 4 * time.Second, 4, "████ |×  ×"},
		{"several in a column are counted", 10 * time.Second, time.Second, []Bucket{dead, dead, {}, {}, {}, {}, {}, {}, {}, {}}, 10 * time.Second, 5, "█···· |×2   "},
		{"no room to count", 10 * time.Second, time.Second, []Bucket{dead, dead, dead, dead, {}, {}, {}, {}, {}, dead}, 10 * time.Second, 5, "██··▆ |××2 ×"},
		{"the strongest is shown, the sum told", 10 * time.Second, 10 * time.Second, []Bucket{{Marks: [MarkKinds]uint32{5, 4, 3, 2}}}, 10 * time.Second, 5, "····· |↻14  "},
		{"beyond the end of the player", time.Second, time.Second, []Bucket{{Activity: 1}, dead}, 2 * time.Second, 3, "███ |  ×"},
	} {
		tl := Timeline{From: start, Step: c.step, Buckets: c.buckets, Upto: start.Add(c.upto)}
		cells := tl.columns(scale{start, start.Add(c.length), c.w})
		got := ""
		for i := range cells {
			got += cells[i].height(most(cells))
		}
		if got += " |" + plain(markLine(cells)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestMarksDifferOnTheTimeline(t *testing.T) {
	seen := map[string]bool{quietSign: true, unreadSign: true, "●": true}
	for _, r := range heights {
		seen[string(r)] = true
	}
	for k, g := range markLooks {
		if seen[g.sign] || printable.Width(g.sign) != 1 || g.help == "" {
			t.Errorf("kind %d: %q is not a sign of its own, of one cell, with words in the help", k, g.sign)
		}
		seen[g.sign] = true
	}
}

func TestMarkWords(t *testing.T) {
	for _, c := range []struct {
		m    Mark
		want string
	}{
		{Mark{What: string(monitor.CauseIdleTimeout), Seq: 7, N: 1}, "idle timeout at T, #7"},
		{Mark{What: string(monitor.CauseProxyShutdown), Seq: 7, N: 1200}, "nginx shutdown at T, 1,200 connections, first #7"},
		{Mark{What: "nginx reload"}, "nginx reload at T"},
	} {
		if got := c.m.words("T"); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if s := (&Mark{What: hostile}).words("T"); printable.String(s) != s {
		t.Errorf("hostile words: %q", s)
	}
}

func TestMarksAroundATime(t *testing.T) {
	tl := Timeline{}
	for _, s := range []int{1, 3, 3, 5} {
		tl.Marks = append(tl.Marks, Mark{At: start.Add(time.Duration(s) * time.Second), Kind: MarkKind(len(tl.Marks) % 2)})
	}
	for _, c := range []struct{ at, after, before int }{
		{0, 0, -1}, {1, 1, -1}, {2, 1, 0}, {3, 3, 0}, {4, 3, 2}, {5, -1, 2}, {9, -1, 3},
	} {
		at := start.Add(time.Duration(c.at) * time.Second)
		if a, b := tl.after(at), tl.before(at); a != c.after || b != c.before {
			t.Errorf("at %d s: %d after and %d before, want %d and %d", c.at, a, b, c.after, c.before)
		}
	}
	for i, m := range tl.Marks {
		if got := tl.placeOf(m); got != i {
			t.Errorf("mark %d found at %d", i, got)
		}
	}
	if got := tl.placeOf(Mark{At: start}); got != -1 {
		t.Errorf("a mark that is not there found at %d", got)
	}
	none := Timeline{}
	if fmt.Sprint(none.after(start), none.before(start)) != "-1 -1" {
		t.Error("marks found where there are none")
	}
}
