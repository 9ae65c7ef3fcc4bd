package monitor

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

func (w *world) poll(leg, session string, status int, n uint64) {
	w.apply(&Polling{Header: w.head(leg, 0), Session: session, Transport: "socket.io", Path: "/socket.io/", Status: status, N: n})
}

func TestPollSessions(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.poll("back", "s1", 200, 2)
	w.wait(time.Second)
	w.poll("back", "s1", 400, 1)
	w.poll("back", "s1", 200, 3)
	w.poll("front", "s2", 200, 1)
	got := slices.Collect(w.s.Polls)
	if len(got) != 2 || got[0].Last.Sub(got[0].First) != time.Second {
		t.Fatalf("%d sessions, the first %+v", len(got), got[0])
	}
	want := []PollSeen{{testTap, "back", Back, 200, 5}, {testTap, "back", Back, 400, 1}}
	if !reflect.DeepEqual(got[0].Seen, want) {
		t.Errorf("seen %+v, want %+v", got[0].Seen, want)
	}
	again := NewState(Bounds{})
	for _, ev := range w.s.Snapshot(0) {
		again.Apply(ev)
	}
	if restored := slices.Collect(again.Polls); !reflect.DeepEqual(restored, got) {
		t.Errorf("a snapshot restores %+v, want %+v", restored, got)
	}
}

func TestPollSessionsAreBounded(t *testing.T) {
	w := newWorld(t, backTap)
	w.poll("back", "real", 200, 1)
	for i := range 3 * pollsMost { // somebody makes up ids
		w.poll("back", fmt.Sprint(i), 400, 1)
	}
	for i := range pollSeenMost + 10 {
		w.poll("back", "real", 100+i, 1)
	}
	got := slices.Collect(w.s.Polls)
	if len(got) > pollsMost || len(w.s.polls) != len(got) || got[0].Session != "real" {
		t.Errorf("%d sessions kept, %d known, the oldest %q", len(got), len(w.s.polls), got[0].Session)
	}
	if n := len(got[0].Seen); n != pollSeenMost {
		t.Errorf("%d answers of one session are kept", n)
	}
	for i := range 3 * pollsMost {
		w.poll("back", fmt.Sprint("known", i), 200, 1)
	}
	got = slices.Collect(w.s.Polls)
	if dropped := w.s.Totals.Dropped["polling sessions"]; len(got) > pollsMost || dropped != uint64(6*pollsMost+1-len(got)) {
		t.Errorf("%d sessions kept, %d counted as dropped", len(got), dropped)
	}
}

func TestSettingsNewestHolds(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.apply(&Settings{Header: w.head("", 0), Source: "nginx.conf", Files: i, Findings: []Finding{{ID: "x", Count: i}}})
	}
	w.apply(&Settings{Header: w.head("", 0), Source: "other.conf"})
	again := NewState(Bounds{})
	for _, ev := range w.s.Snapshot(0) {
		again.Apply(ev)
	}
	for name, s := range map[string]*State{"applied": w.s, "restored": again} {
		if len(s.Settings) != 2 || s.Settings[0].Files != 2 {
			t.Errorf("%s: %+v", name, s.Settings)
		}
	}
}
