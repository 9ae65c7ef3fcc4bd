package capture

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// budget in bytes a frame, everything included: samples, events, indexes.
const budget = 8

// chatter makes the 50 ms batches of conns that each send rate messages a
// second, echoed within a millisecond: what a chatty service looks like.
func chatter(r *rand.Rand, conns, rate, seconds int) (batches [][]monitor.Event, frames int) {
	samples := make([]monitor.Sample, conns)
	for step := range seconds * 20 {
		batch := chat(r, samples, time.Duration(step)*50*time.Millisecond, rate)
		for _, ev := range batch {
			if f, ok := ev.(*monitor.Frames); ok {
				frames += len(f.Records)
			}
		}
		batches = append(batches, batch)
	}
	return batches, frames
}

// chat is one such batch.
func chat(r *rand.Rand, samples []monitor.Sample, began time.Duration, rate int) (batch []monitor.Event) {
	per := float64(rate) / 20
	now := began + 50*time.Millisecond
	sum := &monitor.Samples{Header: monitor.Header{At: epoch.Add(now), Tap: relay}}
	for c := range samples {
		n := int(per)
		if r.Float64() < per-float64(n) {
			n++
		}
		if n == 0 {
			continue
		}
		ev := &monitor.Frames{Header: head(now, uint64(c+1))}
		ev.Records = talk(r, &samples[c], began, n)
		batch = append(batch, ev)
		sum.Conns, sum.Samples = append(sum.Conns, uint64(c+1)), append(sum.Samples, samples[c])
	}
	return append(batch, sum)
}

// talk is n messages and their echoes within 50 ms, counted in s.
func talk(r *rand.Rand, s *monitor.Sample, began time.Duration, n int) (recs []monitor.FrameRecord) {
	for i := range n {
		at := began + (time.Duration(i)*50*time.Millisecond+time.Duration(r.Int64N(int64(49*time.Millisecond))))/time.Duration(n)
		size := uint64(40 + r.IntN(160))
		recs = append(recs, frame(at, ws.FromClient, size), frame(at+100*time.Microsecond+time.Duration(r.Int64N(int64(time.Millisecond))/int64(n)), ws.FromServer, size))
		for d := range 2 {
			t, rec := &s.Dir[d], recs[len(recs)-2+d]
			if gap := rec.At.Sub(t.LastByte); t.LastByte > 0 {
				s.LongestGap = max(s.LongestGap, monitor.Millis(gap))
				if b := monitor.GapBucket(gap); b >= 0 && d == 0 {
					s.Gaps[b]++
				}
			}
			t.Bytes += size + 6
			t.Messages++
			t.Frames.Add(1, 1)
			t.LastByte, t.LastData = rec.At, rec.At
		}
	}
	s.LongestGapAt = epoch
	return recs
}

func TestSizeOfChattyTraffic(t *testing.T) {
	for name, k := range map[string]struct{ conns, rate, seconds int }{
		"500 conns, 8 messages a second": {500, 8, 10},
		"50 conns, 100 a second":         {50, 100, 10},
	} {
		batches, frames := chatter(seeded(t), k.conns, k.rate, k.seconds)
		got := perFrame(t, batches, frames)
		t.Logf("%s: %.2f bytes a frame", name, got)
		if got > budget {
			t.Errorf("%s: %.2f bytes a frame, more than %d", name, got, budget)
		}
	}
}

// perFrame records 20 batches a second, as marks see them.
func perFrame(t testing.TB, batches [][]monitor.Event, frames int) float64 {
	path := filepath.Join(t.TempDir(), "r.mcap")
	f := recordDirect(t, path, batches)
	if f != frames {
		t.Fatalf("%d frames were recorded, want %d", f, frames)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return float64(st.Size()) / float64(frames)
}

// recordDirect writes without the goroutine, with a mark each 20 batches, and
// says how many frames can be read.
func recordDirect(t testing.TB, path string, batches [][]monitor.Event) (frames int) {
	writeDirect(t, path, batches)
	return countFrames(t, path)
}

func writeDirect(t testing.TB, path string, batches [][]monitor.Event) {
	w := &Writer{o: Options{Now: still}.withDefaults()}
	if err := w.open(path); err != nil {
		t.Fatal(err)
	}
	for i, b := range batches {
		for _, ev := range b {
			if err := w.put(ev); err != nil {
				t.Fatal(err)
			}
		}
		if i%20 == 19 {
			if err := w.mark(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if w.end(); w.stats.Err != nil {
		t.Fatal(w.stats.Err)
	}
}

func countFrames(t testing.TB, path string) (frames int) {
	r := open(t, path)
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := ev.(*monitor.Frames); ok {
			frames += len(f.Records)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	batches, frames := chatter(rand.New(rand.NewPCG(1, 2)), 500, 8, 20)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "r.mcap")
		writeDirect(b, path, batches)
		n += frames
		b.StopTimer()
		b.ReportMetric(float64(size(b, path))/float64(frames), "bytes/frame")
		b.StartTimer()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkRead(b *testing.B) {
	batches, frames := chatter(rand.New(rand.NewPCG(1, 2)), 500, 8, 20)
	path := filepath.Join(b.TempDir(), "r.mcap")
	writeDirect(b, path, batches)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if got := countFrames(b, path); got != frames {
			b.Fatalf("read %d frames, want %d", got, frames)
		}
		n += frames
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkLives(b *testing.B) {
	path := filepath.Join(b.TempDir(), "r.mcap")
	var batch []monitor.Event
	for i := range 1000 {
		batch = append(batch, life(uint64(i+1), time.Duration(i)*time.Millisecond)...)
	}
	n := 0
	for b.Loop() {
		path := path + time.Now().String()
		writeDirect(b, path, [][]monitor.Event{batch})
		n += 1000
		b.StopTimer()
		b.ReportMetric(float64(size(b, path))/1000, "bytes/conn")
		os.Remove(path)
		b.StartTimer()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "conns/s")
}
