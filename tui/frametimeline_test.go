package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

func TestTimeScale(t *testing.T) {
	at := func(d time.Duration) monitor.Time { return start.Add(d) }
	minute := timeScale{at(0), at(time.Minute), 60}
	for _, c := range []struct {
		name  string
		scale timeScale
		t     monitor.Time
		want  int
	}{
		{"the beginning", minute, at(0), 0},
		{"a nanosecond before", minute, at(-1), -1},
		{"just within the first", minute, at(time.Second - 1), 0},
		{"the second", minute, at(time.Second), 1},
		{"the end", minute, at(time.Minute), 59},
		{"a nanosecond behind", minute, at(time.Minute + 1), 60},
		{"no time at all", timeScale{at(0), at(0), 5}, at(0), 0},
		{"no time at all, behind", timeScale{at(0), at(0), 5}, at(1), 5},
		{"one column", timeScale{at(0), at(time.Hour), 1}, at(59 * time.Minute), 0},
		{"no column", timeScale{at(0), at(time.Hour), 0}, at(0), -1},
		{"years", timeScale{at(0), at(5 * 365 * 24 * time.Hour), 100}, at(5 * 365 * 24 * time.Hour), 99},
	} {
		if got := c.scale.column(c.t); got != c.want {
			t.Errorf("%s: column %d, want %d", c.name, got, c.want)
		}
	}
	for i := range minute.w {
		if got := minute.column(minute.middle(i)); got != i {
			t.Errorf("the middle of column %d is in %d", i, got)
		}
	}
}

func TestTimelineRows(t *testing.T) {
	at := func(ms int) monitor.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	scale := timeScale{start, at(20_000), 20}
	for _, c := range []struct {
		name    string
		records []monitor.FrameRecord
		bytes   []monitor.Time
		upTo    int // ms
		limit   time.Duration
		rows    [2]string
	}{
		{"nothing, no limit", nil, nil, 20_000, 0, [2]string{"░░░░░░░░░░░░░░░░░░░░", "░░░░░░░░░░░░░░░░░░░░"}},
		{"a frame each way", []monitor.FrameRecord{frameAt(0, ws.FromClient, ws.OpText, 1), frameAt(2500, ws.FromServer, ws.OpBinary, 1)}, nil, 20_000, 20 * time.Second,
			[2]string{"t░·░░░░░░░░░░░░░░░▒▒", "·░b░░░░░░░░░░░░░░░▒▒"}},
		{"what matters most has the column", []monitor.FrameRecord{
			frameAt(100, ws.FromServer, ws.OpText, 1), frameAt(200, ws.FromServer, ws.OpPing, 1), frameAt(300, ws.FromServer, ws.OpClose, 2), frameAt(1100, ws.FromServer, ws.Opcode(3), 1),
		}, nil, 2000, 0, [2]string{"··░                 ", "Xr░                 "}},
		{"nothing after now, shades before the limit", []monitor.FrameRecord{frameAt(0, ws.FromClient, ws.OpPong, 0)}, nil, 19_999, 20 * time.Second,
			[2]string{"o░░░░░░░░░░░░░░▒▒▒▓▓", "·░░░░░░░░░░░░░░▒▒▒▓▓"}},
		{"the future is empty", []monitor.FrameRecord{frameAt(0, ws.FromClient, ws.OpText, 0)}, nil, 5000, 20 * time.Second,
			[2]string{"t░░░░░              ", "·░░░░░              "}},
		{"a byte that completes no frame ends a gap", nil, []monitor.Time{at(10_000), 0}, 12_500, 4 * time.Second,
			[2]string{"░░░▒▓▓▓▓▓▓·░░       ", "░░░▒▓▓▓▓▓▓·░░       "}},
		{"the frame before the scale counts for the gap", []monitor.FrameRecord{frameAt(-3000, ws.FromClient, ws.OpText, 1)}, nil, 1500, 4 * time.Second,
			[2]string{"▒▓                  ", "▒▓                  "}},
	} {
		tl := makeTimeline(scale, c.records, c.bytes, at(c.upTo), c.limit)
		for d := range c.rows {
			got := ""
			for _, s := range tl.row(ws.Direction(d)) {
				got += s.text
			}
			if got != c.rows[d] {
				t.Errorf("%s, direction %d:\n got %q\nwant %q", c.name, d, got, c.rows[d])
			}
		}
	}
}

func TestEveryOpcodeHasALetter(t *testing.T) {
	seen := map[string]ws.Opcode{}
	for op := range ws.Opcode(16) {
		cell := timeCell{}
		cell.add(op)
		glyph, _ := cell.glyph()
		reserved := op >= 3 && op <= 7 || op >= 0xb
		if reserved != (glyph == "r") {
			t.Errorf("opcode %d is %q", op, glyph)
		}
		if was, again := seen[glyph]; again && !reserved {
			t.Errorf("%q is opcode %d and %d", glyph, was, op)
		}
		seen[glyph] = op
		if cell.add(op); func() string { g, _ := cell.glyph(); return g }() != strings.ToUpper(glyph) {
			t.Errorf("two of opcode %d have no capital", op)
		}
	}
}

func TestMarksLine(t *testing.T) {
	for _, c := range []struct {
		name  string
		marks []timeMark
		w     int
		want  string
	}{
		{"none", nil, 10, "          "},
		{"at the left end", []timeMark{{0, "now", stPlain}}, 10, "└ now     "},
		{"at the right end", []timeMark{{9, "now", stPlain}}, 10, "     now ┘"},
		{"just room to the right", []timeMark{{5, "now", stPlain}}, 10, "     └ now"},
		{"no room to the right", []timeMark{{6, "now", stPlain}}, 10, "  now ┘   "},
		{"no room at all", []timeMark{{2, "the limit", stPlain}}, 10, "          "},
		{"the second gives way", []timeMark{{4, "now", stPlain}, {5, "end", stPlain}}, 10, "    └ now "},
		{"two", []timeMark{{9, "b", stPlain}, {0, "a", stPlain}}, 10, "└ a    b ┘"},
	} {
		got := ""
		for _, s := range marksLine(c.marks, c.w) {
			got += s.text
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
