package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// logged is a State with n log lines a second apart; every third says something
// else than those around it.
func logged(n int) *story {
	b := newStory()
	for i := range n {
		kind := logparse.KindConnectFailed
		if i%3 == 2 {
			kind = logparse.KindUpstreamTimedOut
		}
		b.at(time.Duration(i)*time.Second).log(int64(i), logparse.LevelError, kind, "message of "+string(kind), fmt.Sprintf("line %d", i))
	}
	return b
}

func TestRepeatsAreFolded(t *testing.T) {
	b := logged(9)
	m := screenOf(t, Options{}, b.s, 120, 40)
	press(m, "4")
	if n := len(m.logs.rows); n != 6 {
		t.Fatalf("%d rows, want 6:\n%s", n, text(t, m))
	}
	if r := m.logs.rows[0]; r.count != 2 || !strings.Contains(text(t, m), "×2") {
		t.Errorf("the first row has %d lines", r.count)
	}
	if press(m, "z"); len(m.logs.rows) != 9 {
		t.Errorf("%d rows unfolded, want 9", len(m.logs.rows))
	}
	if press(m, "z"); len(m.logs.rows) != 6 {
		t.Errorf("%d rows folded again, want 6", len(m.logs.rows))
	}
}

func TestFoldsFollowTheLog(t *testing.T) {
	b := newStory()
	b.s.Bounds.Logs = 50
	m := screenOf(t, Options{}, b.s, 120, 20)
	press(m, "4")
	for i := range 400 {
		kind := logparse.KindConnectFailed
		if i%40 >= 30 {
			kind = logparse.KindUpstreamTimedOut
		}
		b.at(time.Duration(i)*time.Second).log(int64(i), logparse.LevelError, kind, string(kind), fmt.Sprintf("line %d", i))
		m.Update(refreshMsg{})
		kept, sum := len(b.s.Logs()), 0
		for _, f := range m.logs.folds.all {
			sum += f.count
		}
		if sum != m.logs.folds.passed || sum < kept {
			t.Fatalf("line %d: %d in folds, %d counted, %d kept", i, sum, m.logs.folds.passed, kept)
		}
		if !strings.Contains(m.logs.raw, fmt.Sprint("line ", i)) {
			t.Fatalf("line %d: the newest is not followed: %q", i, m.logs.raw)
		}
	}
}

func TestRatesByKind(t *testing.T) {
	b := logged(120)
	m := screenOf(t, Options{}, b.s, 120, 40)
	press(m, "4")
	if c := m.logs.rates.counts; c[logparse.KindConnectFailed]+c[logparse.KindUpstreamTimedOut] != 61 || c[logparse.KindUpstreamTimedOut] != 21 {
		t.Errorf("%v", c)
	}
	if s := text(t, m); !strings.Contains(s, "last minute: connect failed 40  upstream timed out 21") {
		t.Errorf("no rates in\n%s", s)
	}
	b.at(time.Hour).apply(&monitor.Tick{Header: b.head("", 0)})
	m.Update(refreshMsg{})
	if s := text(t, m); !strings.Contains(s, "last minute: nothing") {
		t.Errorf("old lines count:\n%s", s)
	}
	var k kindRates
	k.take(logged(ratesOf+10).s.Logs(), start)
	if n := k.counts[logparse.KindConnectFailed] + k.counts[logparse.KindUpstreamTimedOut]; n != ratesOf || !k.cut {
		t.Errorf("%d counted, cut %v", n, k.cut)
	}
}
