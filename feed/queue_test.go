package feed

import (
	"context"
	"testing"

	"github.com/wstap/wstap/monitor"
)

// fill makes f's queue at least so large, with events that are always taken.
func fill(t *testing.T, f *Feed, size int) {
	t.Helper()
	for f.size <= size {
		if !f.Emit(&monitor.Request{Header: head(1, 1), HeadText: string(make([]byte, 1<<20))}) {
			t.Fatal("an event of an accepted conn is refused")
		}
	}
}

// TestFullQueue: what can be done without is left out and counted, conns that
// were accepted stay whole.
func TestFullQueue(t *testing.T) {
	f := New(now, monitor.Bounds{})
	fill(t, f, MaxQueue)
	for _, ev := range []monitor.Event{
		&monitor.Opened{Header: head(1, 2)},
		&monitor.Frames{Header: head(1, 1), Records: make([]monitor.FrameRecord, 3), Collapsed: 4},
		&monitor.Samples{Header: head(1, 0), Conns: []uint64{1, 2}, Samples: make([]monitor.Sample, 2)},
		&monitor.LogLine{Header: head(1, 0)},
	} {
		if f.Emit(ev) {
			t.Errorf("%s is taken by a full queue", ev.Type())
		}
	}
	health := &monitor.Health{Header: head(1, 0), Name: "x"}
	if !f.Emit(&monitor.Closed{Header: head(1, 1)}) || !f.Emit(health) {
		t.Error("an accepted conn is cut off, or a health is lost already")
	}
	fill(t, f, 2*MaxQueue)
	if f.Emit(health) || !f.Emit(&monitor.CloseFrame{Header: head(1, 1)}) || !f.Emit(&monitor.Hello{Header: head(1, 0)}) {
		t.Error("over twice the limit events of no conn are left out, but not the hello")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f.Run(ctx)
	want := map[string]uint64{"frames": 7, "samples": 2, "log lines": 1, "events": 1}
	f.Read(func(s *monitor.State) {
		for what, n := range want {
			if s.Totals.Dropped[what] != n {
				t.Errorf("%d %s counted as dropped, want %d", s.Totals.Dropped[what], what, n)
			}
		}
		if n := s.Totals.Dropped["conns"]; n != 0 {
			t.Errorf("%d conns: who refuses a conn because of us counts it", n)
		}
	})
	if !f.Emit(&monitor.Opened{Header: head(1, 3)}) {
		t.Error("room again, and refused")
	}
}

// TestFloodIsBounded: a flood of what can be done without stays within the limit.
func TestFloodIsBounded(t *testing.T) {
	f := New(now, monitor.Bounds{})
	for range 200 {
		f.Emit(&monitor.Frames{Header: head(1, 1), Records: make([]monitor.FrameRecord, 100_000)})
	}
	if f.size > MaxQueue+2<<20 {
		t.Errorf("%d MiB queued, the limit is %d", f.size>>20, MaxQueue>>20)
	}
}
