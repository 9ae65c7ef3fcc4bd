package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it); got:\n%s", path, got)
	}
}

type renderer func(io.Writer, *monitor.State, Options) error

func render(t testing.TB, fn renderer, s *monitor.State, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := fn(&b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var worlds = map[string]func(testing.TB) *world{
	"incident": incident,
	"evicted":  evicted,
	"empty": func(t testing.TB) *world {
		w := newWorld(t, monitor.Bounds{})
		w.finish()
		return w
	},
}

func TestGolden(t *testing.T) {
	for name, build := range worlds {
		t.Run(name, func(t *testing.T) {
			w := build(t)
			o := Options{Source: name + ".mcap", Findings: diagnose.Run(w.s, diagnose.Options{})}
			golden(t, name+".json", render(t, JSON, w.s, o))
			golden(t, name+".txt", render(t, Text, w.s, o))
			golden(t, name+"-summary.txt", render(t, Summary, w.s, o))
			golden(t, name+"-lines.txt", []byte(w.out.String()))
		})
	}
}

func TestNarrow(t *testing.T) {
	w := incident(t)
	golden(t, "incident-60.txt", render(t, Text, w.s, Options{Source: "x", Width: 60}))
}

// TestSafe: nothing that a terminal would act on comes out, in any form.
func TestSafe(t *testing.T) {
	for name, build := range worlds {
		w := build(t)
		found := append(diagnose.Run(w.s, diagnose.Options{}), diagnose.Finding{
			ID: "x", Severity: monitor.SeverityError, Title: hostile, Subject: hostile, Count: 1, Evidence: []string{hostile}, Fix: hostile + "\n" + hostile, Reference: hostile, File: hostile,
		})
		outputs := map[string][]byte{
			"json":    render(t, JSON, w.s, Options{Source: hostile, Findings: found}),
			"text":    render(t, Text, w.s, Options{Source: hostile, Findings: found, All: true}),
			"summary": render(t, Summary, w.s, Options{Source: hostile, Findings: found}),
			"lines":   []byte(w.out.String()),
		}
		for kind, out := range outputs {
			if !utf8.Valid(out) {
				t.Errorf("%s %s: not UTF-8", name, kind)
			}
			for i, line := range strings.Split(string(out), "\n") {
				if kind != "json" && printable.String(line) != line || strings.ContainsAny(line, "\x1b\u009b\u202e\u2066\x7f\x07") {
					t.Errorf("%s %s line %d is raw: %q", name, kind, i+1, line)
				}
			}
		}
	}
}

func TestColor(t *testing.T) {
	w := incident(t)
	for name, fn := range map[string]renderer{"text": Text, "summary": Summary} {
		without := render(t, fn, w.s, Options{})
		with := render(t, fn, w.s, Options{Color: true})
		if bytes.Equal(with, without) {
			t.Errorf("%s: Color changes nothing", name)
		}
		for _, st := range []style{bold, dim, red, yellow, reset} {
			with = bytes.ReplaceAll(with, []byte(st), nil)
		}
		if !bytes.Equal(with, without) {
			t.Errorf("%s: the words differ by colour", name)
		}
	}
}

func TestSummaryIsShort(t *testing.T) {
	w := incident(t)
	out := render(t, Summary, w.s, Options{Source: "demo"})
	if n := bytes.Count(out, []byte("\n")); n < 10 || n > 25 {
		t.Errorf("%d lines, want 10 to 25:\n%s", n, out)
	}
	for line := range strings.Lines(string(out)) {
		if n := printable.Width(strings.TrimSuffix(line, "\n")); n > 200 {
			t.Errorf("a line of %d cells: %s", n, line)
		}
	}
}

// TestUnusualBounds: at one more than the bound there is a remark, and All lifts it.
func TestUnusualBounds(t *testing.T) {
	for _, n := range []int{unusualMost, unusualMost + 1, unusualMost + 30} {
		w := newWorld(t, monitor.Bounds{})
		w.hello()
		for range n {
			w.conn("front").open("", "/ws/old").answer(503, "Service Unavailable", "").end(ws.FromServer, monitor.HowFIN).closed()
		}
		w.finish()
		for _, all := range []bool{false, true} {
			out := string(render(t, Text, w.s, Options{All: all}))
			want := n
			if !all {
				want = min(n, unusualMost)
			}
			if got := strings.Count(out, "  handshake_refused (confirmed)"); got != want {
				t.Errorf("%d conns, All %v: %d blocks, want %d", n, all, got, want)
			}
			remark := fmt.Sprintf("… and %d like these (--all shows them)", n-want)
			if got := strings.Contains(out, remark); got != (n > want) {
				t.Errorf("%d conns, All %v: remark %v", n, all, got)
			}
		}
	}
}

func TestTroubled(t *testing.T) {
	for _, test := range []struct {
		cause monitor.Cause
		code  ws.CloseCode
		want  bool
	}{
		{"", 0, false},
		{monitor.CauseTapShutdown, ws.CloseAbnormal, false},
		{monitor.CauseCloseHandshake, 1000, false},
		{monitor.CauseCloseHandshake, 1001, false},
		{monitor.CauseCloseHandshake, 1005, false},
		{monitor.CauseCloseHandshake, 1006, true},
		{monitor.CauseCloseHandshake, 1011, true},
		{monitor.CauseCloseHandshake, 4401, true},
		{monitor.CauseLingering, 1000, true},
		{monitor.CauseIdleTimeout, 1006, true},
		{monitor.CauseRefused, 0, true},
		{monitor.CauseUnknown, 1006, true},
	} {
		c := &monitor.Conn{Verdict: monitor.Verdict{Cause: test.cause, Code: test.code}}
		if got := troubled(c); got != test.want {
			t.Errorf("troubled(%q %d) = %v, want %v", test.cause, test.code, got, test.want)
		}
	}
}

// failing takes n bytes and then no more.
type failing struct{ n int }

var errFull = errors.New("no space left")

func (f *failing) Write(b []byte) (int, error) {
	if len(b) > f.n {
		n := f.n
		f.n = 0
		return n, errFull
	}
	f.n -= len(b)
	return len(b), nil
}

func TestWriterErrors(t *testing.T) {
	w := incident(t)
	for name, fn := range map[string]renderer{"json": JSON, "text": Text, "summary": Summary} {
		size := len(render(t, fn, w.s, Options{}))
		for _, n := range []int{0, 1, size / 2, size - 1} {
			if err := fn(&failing{n}, w.s, Options{}); !errors.Is(err, errFull) {
				t.Errorf("%s, room for %d of %d bytes: error %v", name, n, size, err)
			}
		}
		if err := fn(&failing{size}, w.s, Options{}); err != nil {
			t.Errorf("%s with just enough room: %v", name, err)
		}
	}
	l := NewLines(&failing{0}, Options{})
	l.Events([]monitor.Event{&monitor.Dropped{Header: monitor.Header{At: start}, What: "frames", N: 1}})
	l.Events([]monitor.Event{&monitor.Dropped{Header: monitor.Header{At: start}, What: "frames", N: 1}})
	if !errors.Is(l.Err(), errFull) {
		t.Errorf("Lines.Err() = %v", l.Err())
	}
}

func TestSpanOverride(t *testing.T) {
	w := incident(t)
	from, to := start.Add(time.Second), start.Add(time.Hour)
	doc := decode(t, render(t, JSON, w.s, Options{From: from, To: to}))
	if doc.From != from || doc.To != to {
		t.Errorf("from %v to %v, want %v and %v", doc.From, doc.To, from, to)
	}
}
