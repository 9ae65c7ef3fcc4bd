package capture

import (
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// A full queue gives up numbers first, then new conns, each whole.
func TestQueueOverflowKeepsConnsWhole(t *testing.T) {
	disk := &stuck{failing: failing{room: 1 << 30}, hold: make(chan struct{}, 1)}
	disk.hold <- struct{}{}
	path := filepath.Join(t.TempDir(), "r")
	var h health
	var w *Writer
	w, err := Create(path, Options{Now: still, MaxQueue: 256 << 10, OnHealth: h.on, Hello: hello(),
		create: func(string) (io.WriteCloser, error) { return disk, nil }})
	if err != nil {
		t.Fatal(err)
	}
	const conns = 2000
	lives := make([][]monitor.Event, conns)
	for i := range lives {
		lives[i] = life(uint64(i+1), time.Duration(i)*time.Millisecond)
	}
	// The writer is made to hang first, in a write of what does not fit its buffer.
	w.Events([]monitor.Event{&monitor.Hello{Header: head(0, 0), Notes: []string{noise(2 << 20)}}})
	until(t, "the writer to hang", func() bool { return w.Stats().Queued == 0 })
	for step := range 6 { // all conns go along at the same time
		for _, l := range lives {
			w.Events(l[step : step+1])
		}
		for range 100 {
			w.Events([]monitor.Event{&monitor.LogLine{Header: head(0, 0), Source: "log"}})
		}
	}
	if q := w.Stats().Queued; q > 4<<20 {
		t.Errorf("%d bytes are queued", q)
	}
	close(disk.hold)
	until(t, "the end of the drought", func() bool { return w.Stats().Queued == 0 })
	for i := range lives { // room again: new conns come in
		lives[i] = life(uint64(conns+i+1), time.Minute)
	}
	w.Events(lives[0])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, disk.got.Bytes())
	checkWhole(t, open(t, path), w.Dropped(), conns)
	if !strings.Contains(strings.Join(h.said, "\n"), "warning: recording does not keep up: missing") {
		t.Errorf("health was told %q", h.said)
	}
}

func checkWhole(t *testing.T, r *Reader, d Dropped, conns int) {
	t.Helper()
	types := map[uint64][]string{}
	told := map[string]uint64{}
	for _, ev := range all(t, r) {
		if s, ok := ev.(*monitor.Samples); ok {
			for _, c := range s.Conns {
				if types[c] == nil {
					t.Errorf("a sample of conn %d, which was refused", c)
				}
			}
		}
		if x, ok := ev.(*monitor.Dropped); ok {
			told[x.What] += x.N
		}
		if c := ev.Head().Conn; c != 0 && ev.Type() != "frames" {
			types[c] = append(types[c], ev.Type())
		}
	}
	for c, got := range types {
		if strings.Join(got, " ") != "opened request response closed" {
			t.Fatalf("conn %d is not whole: %v", c, got)
		}
	}
	if d.Conns == 0 || d.Frames == 0 || d.Samples == 0 || d.LogLines == 0 {
		t.Errorf("dropped: %v", d)
	}
	if uint64(len(types))+d.Conns != uint64(conns)+1 {
		t.Errorf("%d conns recorded and %d refused, of %d", len(types), d.Conns, conns+1)
	}
	for _, c := range d.counts() {
		if told[c.what] != c.n {
			t.Errorf("the recording tells of %d %s dropped, not %d", told[c.what], c.what, c.n)
		}
	}
}

func TestKeyframeLeavesRefusedConnsOut(t *testing.T) {
	q := &queue{max: 1}
	q.add(life(1, 0)[0])
	q.add(life(2, 0)[0])
	q.addKeyframe(epoch, append(life(1, 0), life(2, 0)...), false)
	for _, ev := range q.events[1].(*keyframe).events {
		if s, ok := ev.(*monitor.Samples); ok && s.Conns[0] == 2 || ev.Head().Conn == 2 {
			t.Errorf("the keyframe has a %s event of a conn that was refused", ev.Type())
		}
	}
	if len(q.events[1].(*keyframe).events) != 6 || len(q.refused) != 1 {
		t.Errorf("%d events, %d refused", len(q.events[1].(*keyframe).events), len(q.refused))
	}
}

// noise does not compress.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(64))
	}
	return string(b)
}
