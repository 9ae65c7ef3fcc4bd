package capture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// recordState records conns one by one over the state they make, and returns
// what was recorded. between is called after each batch.
func recordState(t testing.TB, path string, o Options, conns int, between func(i int, w *Writer)) (*monitor.State, []monitor.Event) {
	t.Helper()
	state := monitor.NewState(monitor.Bounds{})
	o.Keyframe = func() []monitor.Event { return state.Snapshot(1000) }
	w := create(t, path, o)
	var events []monitor.Event
	batch := []monitor.Event{hello()}
	for i := range conns {
		batch = append(batch, life(uint64(i+1), time.Duration(i)*time.Second)...)
		for _, ev := range batch {
			state.Apply(ev)
		}
		w.Events(batch)
		events = append(events, batch...)
		batch = nil
		between(i, w)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return state, events
}

// written waits until batch i, of one conn, is written, and no keyframe waits.
func written(t testing.TB, w *Writer, i int) {
	t.Helper()
	until(t, "the batch to be written", func() bool {
		s := w.Stats()
		w.mu.Lock()
		defer w.mu.Unlock()
		return s.Queued == 0 && s.Events > uint64(4*i) && !w.keyAsked
	})
}

// lifecycle is the events that come out as they went in.
func lifecycle(evs []monitor.Event) (out []monitor.Event) {
	for _, ev := range evs {
		if !monitor.IsBinary(ev) {
			out = append(out, ev)
		}
	}
	return out
}

func TestRotation(t *testing.T) {
	for name, o := range map[string]Options{"by size": {MaxBytes: 1}, "by age": {MaxAge: time.Second}} {
		t.Run(name, func(t *testing.T) {
			now := newClock()
			o.Now, o.Version = now.now, "1.2"
			path := filepath.Join(t.TempDir(), "r.mcap")
			_, events := recordState(t, path, o, 5, func(i int, w *Writer) {
				written(t, w, i)
				now.step(2 * time.Second)
			})
			files, _ := filepath.Glob(path + "*")
			if len(files) < 3 || files[1] != path+".0001" {
				t.Fatalf("files %v", files)
			}
			slices.Reverse(files)
			r := open(t, files...) // in any order
			equal(t, lifecycle(all(t, r)), lifecycle(events))
			if in := r.Info(); !in.Complete || len(in.Damage) > 0 || len(in.Files) != len(files) || in.Files[1].Part != 1 || in.Files[0].Version != "1.2" {
				t.Errorf("info %+v", in)
			}
			for _, f := range files[:len(files)-1] { // each stands alone
				first := all(t, open(t, f))
				if len(first) == 0 || first[0].Type() != "hello" {
					t.Errorf("%s does not begin with a hello", f)
				}
			}
			r = open(t, files[0], files[len(files)-1])
			if d := r.Info().Damage; len(d) != 1 || !strings.Contains(d[0].Text, "were not given") {
				t.Errorf("damage %v, want the files between", d)
			}
		})
	}
}

func TestSeek(t *testing.T) {
	now := newClock()
	path := filepath.Join(t.TempDir(), "r.mcap")
	const conns = 40
	want, _ := recordState(t, path, Options{Now: now.now, KeyframeAge: 10 * time.Second}, conns, func(i int, w *Writer) {
		written(t, w, i)
		now.step(time.Second)
	})
	r := open(t, path)
	keys := r.Info().Keyframes
	if len(keys) < 3 {
		t.Fatalf("%d keyframes", len(keys))
	}
	end := play(t, r, nil)
	if end.Totals.Conns != want.Totals.Conns {
		t.Fatalf("%d conns, want %d", end.Totals.Conns, want.Totals.Conns)
	}
	for _, k := range []monitor.Time{0, epoch, keys[0] - 1, keys[0], keys[1] - 1, keys[1] + 1, keys[len(keys)-1], epoch.Add(time.Hour)} {
		start, err := r.Seek(k)
		if err != nil {
			t.Fatal(err)
		}
		if (len(start) > 0) != (k >= keys[0]) {
			t.Errorf("seek to %v gave %d events of a keyframe", k, len(start))
		}
		got := play(t, r, start)
		if a, b := fmt.Sprint(summary(got)), fmt.Sprint(summary(end)); a != b {
			t.Errorf("after a seek to %v:\n got %s\nwant %s", k, a, b)
		}
	}
}

// play applies a start and all that follows to an empty state.
func play(t *testing.T, r *Reader, start []monitor.Event) *monitor.State {
	s := monitor.NewState(monitor.Bounds{})
	for _, ev := range start {
		s.Apply(ev)
	}
	for _, ev := range all(t, r) {
		s.Apply(ev)
	}
	return s
}

func summary(s *monitor.State) any {
	var conns []string
	for c := range s.Conns {
		conns = append(conns, fmt.Sprint(c.ID, c.Phase, c.Opened, c.Ended, c.Sample.FrameCount(), len(c.Last)))
	}
	tt := s.Totals
	return []any{conns, tt.Conns, tt.Upgraded, tt.Closed, tt.Open, tt.Frames, tt.Bytes, tt.Oddities, len(s.Hellos)}
}

func TestKeyframeOfManyParts(t *testing.T) {
	var events []monitor.Event
	for i := range 60 {
		l := life(uint64(i+1), 0)
		l[1].(*monitor.Request).HeadText = noise(60_000)
		events = append(events, l...)
	}
	rows := &monitor.Samples{Header: monitor.Header{At: epoch, Tap: relay}}
	for i := range 3000 {
		rows.Conns, rows.Samples = append(rows.Conns, uint64(i)), append(rows.Samples, sample(uint64(i)))
	}
	events = append(events, rows)
	path := record(t, Options{Hello: hello(), Keyframe: func() []monitor.Event { return events }}, life(1, 0))
	r := open(t, path)
	if in := r.Info(); len(in.Keyframes) != 1 || len(r.streams[0].parts[0].chunks) < 5 {
		t.Fatalf("%d keyframes in %d chunks", len(in.Keyframes), len(r.streams[0].parts[0].chunks))
	}
	got, err := r.Seek(epoch.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, lifecycle(got), append([]monitor.Event{hello()}, lifecycle(events)...))
	if s := got[len(got)-1].(*monitor.Samples); s.Conns[len(s.Conns)-1] != 2999 {
		t.Errorf("the last sample is of conn %d", s.Conns[len(s.Conns)-1])
	}
	b, _ := os.ReadFile(path)
	b[r.streams[0].parts[0].chunks[3].offset+100]++ // a part is damaged: no keyframe then
	bad := filepath.Join(t.TempDir(), "bad")
	writeFile(t, bad, b)
	r = open(t, bad)
	if got, err := r.Seek(epoch.Add(time.Hour)); got != nil || err != nil || len(r.Info().Damage) == 0 {
		t.Errorf("%d events, error %v, damage %v", len(got), err, r.Info().Damage)
	}
}

// A recording that begins midway begins with what there is.
func TestMidway(t *testing.T) {
	state := append([]monitor.Event{hello()}, life(1, 0)[:3]...)
	path := record(t, Options{Keyframe: func() []monitor.Event { return state }}, life(1, 0)[2:3], life(1, 0)[5:])
	equal(t, all(t, open(t, path)), append(state, life(1, 0)[5]))
}

func TestRotationFailureStopsRecording(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	os.Mkdir(dir, 0o700)
	var h health
	w := create(t, filepath.Join(dir, "r"), Options{MaxBytes: 1, OnHealth: h.on})
	os.RemoveAll(dir)
	until(t, "the error", func() bool { w.Events(life(1, 0)); return w.Stats().Err != nil })
	if err := w.Close(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close says %v", err)
	}
	if !strings.HasPrefix(h.last(), "failed: ") {
		t.Errorf("health %q", h.last())
	}
}

// TestUntilKeyframe: large keyframes come less often, so that they do not fill
// the disk, but not so seldom that nobody finds his way.
func TestUntilKeyframe(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct{ asked, cost, want int64 }{
		{0, 0, 8 * mb},
		{0, mb / 2, 8 * mb},
		{0, 2 * mb, 16 * mb},
		{0, 100 * mb, 64 * mb},
		{100 * mb, 100 * mb, 100 * mb},
		{1, 0, 1},
	} {
		w := &Writer{o: Options{KeyframeBytes: tt.asked}.withDefaults(), keyCost: tt.cost}
		if got := w.untilKeyframe(); got != tt.want {
			t.Errorf("asked for %d, a keyframe of %d: %d, want %d", tt.asked, tt.cost, got, tt.want)
		}
	}
}
