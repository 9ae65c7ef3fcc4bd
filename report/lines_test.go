package report

import (
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// TestLinesForm holds the lines that users' greps may rely on.
func TestLinesForm(t *testing.T) {
	w := newWorld(t, monitor.Bounds{})
	w.hello()
	f, b := w.pair("k", "/ws/chat")
	f.frames(ws.FromClient, ws.OpText, 12).frames(ws.FromServer, ws.OpText, 340)
	w.after(62 * time.Second)
	f.end(ws.FromServer, monitor.HowFIN).closed()
	b.end(ws.FromClient, monitor.HowFIN).closed()
	w.after(3 * time.Second)
	for _, want := range []string{
		"10:22:03.123 front #1 opened 10.0.0.7:51234 GET /ws/chat host app.example\n",
		"10:22:03.126 front #1 upgraded 101 in 3.1 ms chat.v1\n",
		" 1006 after 1m02s, 12↑ 340↓ frames\n",
	} {
		if !strings.Contains(w.out.String(), want) {
			t.Errorf("no line %q in\n%s", want, &w.out)
		}
	}
}

// TestLinesVerdictBeforeClosed: a side that stays after the other has ended
// does not make the frames unseen.
func TestLinesVerdictBeforeClosed(t *testing.T) {
	w := newWorld(t, monitor.Bounds{})
	w.hello()
	f, b := w.pair("k", "/ws/chat")
	f.frames(ws.FromClient, ws.OpText, 12).frames(ws.FromServer, ws.OpText, 340)
	f.end(ws.FromServer, monitor.HowFIN)
	w.after(3 * time.Second)
	if want := ", 12↑ 340↓ frames\n"; !strings.Contains(w.out.String(), want) {
		t.Errorf("no line %q in\n%s", want, &w.out)
	}
	before := w.out.Len()
	f.end(ws.FromClient, monitor.HowFIN).closed()
	b.closed()
	if more := w.out.String()[before:]; strings.Contains(more, "front #1 closed") {
		t.Errorf("closed twice:\n%s", more)
	}
}

// TestLinesForget: what is remembered goes with the verdict, and also without
// one, for State does not keep every conn.
func TestLinesForget(t *testing.T) {
	w := newWorld(t, monitor.Bounds{})
	f, b := w.pair("k", "/ws")
	if n := len(w.lines.conns); n != 2 {
		t.Fatalf("%d conns remembered, want 2", n)
	}
	f.closed()
	b.closed()
	w.after(3 * time.Second)
	if n := len(w.lines.conns); n != 0 {
		t.Errorf("%d conns remembered after their verdicts", n)
	}

	l := NewLines(&w.out, Options{})
	at := start
	for i := range uint64(1000) {
		h := monitor.Header{At: at, Leg: "front", Conn: i + 1}
		l.Events([]monitor.Event{&monitor.Opened{Header: h}, &monitor.Closed{Header: h}})
		at = at.Add(time.Second)
	}
	if n := len(l.conns); n > 32 {
		t.Errorf("%d conns without a verdict remembered", n)
	}
	if n := len(l.ended); n > 32 {
		t.Errorf("%d ends remembered", n)
	}
}

// TestLinesNumbers: conns have the numbers that reports call id.
func TestLinesNumbers(t *testing.T) {
	w := incident(t)
	for c := range w.s.Conns {
		if c.Request == nil || c.Request.Target != "/ws/feed" || c.Role != monitor.Back {
			continue
		}
		if want := connNumber(c) + " opened "; !strings.Contains(w.out.String(), want) {
			t.Errorf("no %q in\n%s", want, &w.out)
		}
	}
}

func connNumber(c *monitor.Conn) string {
	name := strings.Fields(connName(c))
	return name[1] + " " + name[0]
}

func TestLinesNewDay(t *testing.T) {
	var out strings.Builder
	l := NewLines(&out, Options{})
	for _, d := range []time.Duration{0, time.Hour, 14 * time.Hour, 13*time.Hour + 37*time.Minute, 24 * time.Hour} {
		l.Events([]monitor.Event{&monitor.Dropped{Header: monitor.Header{At: start.Add(d)}, What: "frames", N: 1}})
	}
	got := strings.Count(out.String(), "--- ")
	if got != 2 || !strings.HasPrefix(out.String(), "--- 2026-08-23 +00:00\n") {
		t.Errorf("%d day lines, want 2:\n%s", got, &out)
	}
}

func TestLinesUnknownConn(t *testing.T) {
	var out strings.Builder
	l := NewLines(&out, Options{})
	h := monitor.Header{At: start, Leg: "front", Conn: 9}
	l.Events([]monitor.Event{
		&monitor.Request{Header: h, Method: "GET", Target: "/"}, &monitor.Response{Header: h, Status: 101},
		&monitor.Closed{Header: h}, &monitor.Verdicted{Header: h, Verdict: monitor.Verdict{Cause: monitor.CauseUnknown, Confidence: monitor.Possible}},
	})
	if n := strings.Count(out.String(), "front #? "); n != 3 {
		t.Errorf("%d lines about a conn without number, want 3:\n%s", n, &out)
	}
}
