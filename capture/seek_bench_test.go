package capture

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// bigRecording records a busy service over the State it makes, as a live tap
// does, until the file has so many bytes: conns that chat, and others that come
// and go, four in each 50 ms. Its keyframes have so many closed conns, and come
// at least after that time.
func bigRecording(tb testing.TB, path string, bytes int64, chatting, closed int, keyframes time.Duration) {
	const come = 4
	r := rand.New(rand.NewPCG(1, 2))
	now := newClock()
	state := monitor.NewState(monitor.Bounds{})
	w := create(tb, path, Options{Now: now.now, MaxBytes: 1 << 40, MaxAge: 1000 * time.Hour, MaxQueue: 1 << 40, KeyframeAge: keyframes,
		Keyframe: func() []monitor.Event { return state.Snapshot(closed) }})
	conn := uint64(chatting)
	put := func(batch []monitor.Event) {
		for _, ev := range batch {
			state.Apply(ev)
		}
		w.Events(batch)
	}
	first := []monitor.Event{hello()}
	for c := range chatting {
		first = append(first, browserOpening(uint64(c+1), 0)...)
	}
	put(first)
	samples := make([]monitor.Sample, chatting)
	for step := 0; w.Stats().Bytes < bytes; step++ {
		at := time.Duration(step) * 50 * time.Millisecond
		batch := chat(r, samples, at, 16)
		for range come {
			conn++
			batch = append(batch, browserLife(conn, at)...)
		}
		put(append(batch, &monitor.Tick{Header: monitor.Header{At: epoch.Add(at + 50*time.Millisecond)}}))
		state.Settled()
		if now.step(50 * time.Millisecond); step%20 == 19 { // a second's worth is marked by the wall clock
			drained(w)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	if d := w.Dropped(); d.Total() > 0 {
		tb.Fatalf("dropped %v", d)
	}
}

// drained waits until all is written.
func drained(w *Writer) {
	for w.Stats().Queued > 0 {
		time.Sleep(time.Millisecond)
	}
}

// seekTo makes the State of a time from the keyframe before it.
func seekTo(tb testing.TB, r *Reader, t monitor.Time) *monitor.State {
	evs, err := r.Seek(t)
	if err != nil {
		tb.Fatal(err)
	}
	s := monitor.NewState(monitor.Bounds{})
	for _, ev := range evs {
		s.Apply(ev)
	}
	playTo(tb, r, s, t)
	return s
}

// playTo applies what comes until t.
func playTo(tb testing.TB, r *Reader, s *monitor.State, t monitor.Time) {
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) || err == nil && ev.Head().At > t {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		s.Apply(ev)
	}
}

// shown is what a screen shows of the conns of a State, but for verdicts:
// nobody makes ticks here.
func shown(s *monitor.State) (lines []string) {
	for c := range s.Conns {
		lines = append(lines, fmt.Sprintf("%v %v %v %+v %+v %v", c.ID, c.Phase, c.Ended, c.Sample, c.Last, c.Target()))
	}
	return append(lines, fmt.Sprint(s.Now(), s.Totals.Conns, s.Totals.Open, s.Totals.Frames, s.Totals.Bytes, s.Totals.Oddities, s.Totals.Unknown))
}

// TestSeekShowsWhatPlayingShows: the State of a time is the same, whether one
// went there or waited for it.
func TestSeekShowsWhatPlayingShows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.mcap")
	bigRecording(t, path, 1<<19, 40, 1<<20, time.Second)
	r := seeded(t)
	in := open(t, path)
	info := in.Info()
	if n := len(info.Keyframes); n < 3 {
		t.Fatalf("%d keyframes", n)
	}
	for range 8 {
		at := info.From + monitor.Time(r.Int64N(int64(info.To-info.From)))
		got := shown(seekTo(t, in, at))
		played := monitor.NewState(monitor.Bounds{})
		playTo(t, open(t, path), played, at)
		want := shown(played)
		if !slices.Equal(got, want) {
			for i := range want {
				if i >= len(got) || got[i] != want[i] {
					t.Fatalf("at %v, line %d of %d:\n got %s\nwant %s", at, i, len(want), got[min(i, len(got)-1)], want[i])
				}
			}
		}
	}
}

// BenchmarkSeek opens a recording and goes to some place in it.
func BenchmarkSeek(b *testing.B) {
	path := filepath.Join(b.TempDir(), "r.mcap")
	bigRecording(b, path, 24<<20, 2000, 1000, 0)
	r := rand.New(rand.NewPCG(3, 4))
	var worst time.Duration
	for b.Loop() {
		began := time.Now()
		in, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		info := in.Info()
		at := info.From + monitor.Time(r.Int64N(int64(info.To-info.From)))
		if s := seekTo(b, in, at); s.Len() < 1000 {
			b.Fatalf("%d conns", s.Len())
		}
		in.Close()
		worst = max(worst, time.Since(began))
	}
	b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
}
