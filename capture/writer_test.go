package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/wstap/wstap/monitor"
)

func TestRoundTripOfEveryType(t *testing.T) {
	want := everyType()
	equal(t, all(t, open(t, record(t, Options{}, want))), want)
}

func TestRoundTripOfBatches(t *testing.T) {
	evs := append([]monitor.Event{hello()}, life(1, 0)...)
	evs = evs[:len(evs)-1] // open: its sample and frames wait for the mark
	got := all(t, open(t, record(t, Options{}, evs)))
	equal(t, got, []monitor.Event{evs[0], evs[1], evs[2], evs[3], evs[5], evs[4]})
}

func TestClosedConnHasItsFramesBeforeItsEnd(t *testing.T) {
	l := life(1, 0)
	got := all(t, open(t, record(t, Options{}, l)))
	equal(t, got, []monitor.Event{l[0], l[1], l[2], l[4], l[5]}) // the sample is the one of Closed
}

func TestDerivedEventsAreNotRecorded(t *testing.T) {
	path := record(t, Options{}, []monitor.Event{hello(), &monitor.Tick{Header: head(0, 0)}, &monitor.Verdicted{Header: head(0, 1)}})
	if r := open(t, path); len(all(t, r)) != 1 || r.Info().Events != 1 {
		t.Errorf("got %d events, want the hello", r.Info().Events)
	}
}

func TestGatherKeepsOneBatchAConnAndSecond(t *testing.T) {
	var evs []monitor.Event
	for i := range 20 {
		l := life(1, time.Duration(i)*50*time.Millisecond)
		evs = append(evs, l[3], l[4])
	}
	got := all(t, open(t, record(t, Options{Hello: hello()}, evs)))
	if len(got) != 3 {
		t.Fatalf("got %d events, want hello, frames and samples", len(got))
	}
	f, s := got[1].(*monitor.Frames), got[2].(*monitor.Samples)
	if len(f.Records) != 40 || len(s.Samples) != 1 || s.At != evs[38].Head().At {
		t.Errorf("%d records, %d samples at %v", len(f.Records), len(s.Samples), s.At)
	}
	for i, rec := range f.Records {
		if want := evs[i/2*2+1].(*monitor.Frames).Records[i%2]; rec != want {
			t.Errorf("record %d: %v, want %v", i, rec, want)
		}
	}
}

func TestManyFramesDoNotWaitForTheMark(t *testing.T) {
	recs := make([]monitor.FrameRecord, maxGathered+5)
	for i := range recs {
		recs[i] = frame(time.Duration(i)*time.Microsecond, 0, 9)
	}
	got := all(t, open(t, record(t, Options{}, []monitor.Event{hello(), &monitor.Frames{Header: head(time.Second, 1), Records: recs, Collapsed: 3}})))
	if len(got) != 3 {
		t.Fatalf("got %d events, want hello and two batches", len(got))
	}
	a, b := got[1].(*monitor.Frames), got[2].(*monitor.Frames)
	if len(a.Records) != maxBatchFrames || len(b.Records) != 5 || a.Collapsed != 3 || b.Collapsed != 0 {
		t.Errorf("%d+%d records, collapsed %d+%d", len(a.Records), len(b.Records), a.Collapsed, b.Collapsed)
	}
}

// The library has no flush: this holds it to reading ChunkSize anew each time.
func TestMarkForcesTheChunkOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "r.mcap")
		w := create(t, path, Options{})
		defer w.Close()
		synctest.Wait()
		before := size(t, path)
		for i := range 3 {
			w.Events([]monitor.Event{&monitor.ClockStep{Header: head(time.Duration(i)*time.Second, 0)}})
			time.Sleep(time.Second)
			synctest.Wait()
			after := size(t, path)
			if after <= before {
				t.Fatalf("second %d: the file did not grow beyond %d bytes", i, before)
			}
			before = after
			if got := len(all(t, open(t, path))); got != i+1 {
				t.Errorf("second %d: %d events can be read", i, got)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if size(t, path) != before {
			t.Error("the file grew while nothing happened")
		}
	})
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old.mcap")
	os.WriteFile(old, []byte("precious"), 0o600)
	os.WriteFile(filepath.Join(dir, "half.mcap.0003"), nil, 0o600)
	os.Symlink(old, filepath.Join(dir, "link.mcap"))
	for _, k := range []struct {
		name string
		want error
		say  string
	}{
		{"old.mcap", fs.ErrExist, "never overwrites"},
		{"link.mcap", fs.ErrExist, "never overwrites"},
		{"half.mcap", fs.ErrExist, "half.mcap.0003"},
		{"none/new.mcap", fs.ErrNotExist, "none/new.mcap"},
	} {
		_, err := Create(filepath.Join(dir, k.name), Options{})
		if !errors.Is(err, k.want) || !strings.Contains(fmt.Sprint(err), k.say) {
			t.Errorf("%s: %v, want %v naming %q", k.name, err, k.want, k.say)
		}
	}
	if b, _ := os.ReadFile(old); string(b) != "precious" {
		t.Errorf("the old file holds %q", b)
	}
}

func TestMode(t *testing.T) {
	path := record(t, Options{})
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", st.Mode())
	}
}

// Other people's readers take the file by its own index.
func TestForeignReader(t *testing.T) {
	path := record(t, Options{Hello: hello(), Version: "9.9", Settings: map[string]string{"proxy_read_timeout": "60s"}}, everyType(), life(1, 0)[:5])
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := mcap.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	info, err := r.Info()
	if err != nil {
		t.Fatal(err)
	}
	if info.Header.Profile != "wstap" || info.Header.Library != "wstap 9.9" || len(info.Channels) != len(channels) || len(info.MetadataIndexes) != 2 {
		t.Errorf("header %+v, %d channels, %d metadata", info.Header, len(info.Channels), len(info.MetadataIndexes))
	}
	it, err := r.Messages()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for {
		_, ch, msg, err := it.NextInto(nil)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		counts[ch.Topic]++
		if ch.Topic == "events" && !bytes.HasPrefix(msg.Data, []byte(`{"v":1,"type":"`)) {
			t.Errorf("message %s", msg.Data)
		}
	}
	if want := fmt.Sprint(map[string]int{"events": len(everyType()) + 3, "frames": 1, "samples": 1, "mark": 1}); fmt.Sprint(counts) != want {
		t.Errorf("messages %v, want %s", counts, want)
	}
}

// failing takes n bytes and then has no room.
type failing struct {
	mu   sync.Mutex
	room int
	err  error
	got  bytes.Buffer
}

func (f *failing) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := min(len(p), f.room); n < len(p) {
		f.got.Write(p[:n])
		f.room = 0
		return n, f.err
	}
	f.room -= len(p)
	return f.got.Write(p)
}

func (f *failing) Close() error { return nil }

// health collects what OnHealth is told.
type health struct {
	mu   sync.Mutex
	said []string
}

func (h *health) on(s monitor.HealthStatus, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, string(s)+": "+text)
}

func (h *health) last() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.said) == 0 {
		return ""
	}
	return h.said[len(h.said)-1]
}

func TestWriteErrorStopsRecordingAndNothingElse(t *testing.T) {
	t.Parallel()
	for room := 0; room < 6000; room += 293 {
		disk := &failing{room: room, err: errors.New("no space left on device")}
		var h health
		path := filepath.Join(t.TempDir(), "r.mcap")
		w, err := Create(path, Options{Now: still, OnHealth: h.on, KeyframeBytes: 1, Keyframe: func() []monitor.Event { return life(9, 0) },
			create: func(string) (io.WriteCloser, error) { return disk, nil }})
		if err != nil {
			if !strings.Contains(err.Error(), "no space left") {
				t.Fatal(err)
			}
			continue // no room for the head
		}
		for i := range 200 {
			w.Events(append([]monitor.Event{hello()}, life(uint64(i), 0)...))
		}
		if err := w.Close(); err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), path) {
			t.Fatalf("room %d: Close says %v", room, err)
		}
		if w.Stats().Err == nil || !strings.HasPrefix(h.last(), "failed: recording stopped: ") {
			t.Errorf("room %d: %v, health %q", room, w.Stats().Err, h.last())
		}
		w.Events(life(300, 0))
		if w.Dropped().Conns == 0 {
			t.Errorf("room %d: nothing counted after the end", room)
		}
		os.WriteFile(path, disk.got.Bytes(), 0o600)
		all(t, open(t, path)) // what was written can be read
	}
}

func TestDevFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here: ", err)
	}
	_, err = Create(filepath.Join(t.TempDir(), "r"), Options{create: func(string) (io.WriteCloser, error) { return full, nil }})
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("Create says %v", err)
	}
}

// stuck blocks until it is let go: a disk that hangs.
type stuck struct {
	failing
	hold chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.hold
	return s.failing.Write(p)
}

func TestHangingDiskHoldsUpNobody(t *testing.T) {
	disk := &stuck{failing: failing{room: 1 << 30}, hold: make(chan struct{}, 1)}
	disk.hold <- struct{}{} // the head goes through
	w, err := Create(filepath.Join(t.TempDir(), "r"), Options{Now: still, MaxQueue: 1 << 20, CloseTimeout: time.Millisecond,
		create: func(string) (io.WriteCloser, error) { return disk, nil }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		w.Events(life(uint64(i+1), 0))
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "within 1ms") {
		t.Errorf("Close says %v", err)
	}
	close(disk.hold)
	if err := w.Close(); err != nil {
		until(t, "the disk to come back", func() bool { return w.Close() == nil })
	}
}
