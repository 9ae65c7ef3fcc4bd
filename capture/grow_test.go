package capture

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// TestGrow cuts a recording at many places: what is read of it before and after
// it became whole is what is read of the whole, without a word of damage.
func TestGrow(t *testing.T) {
	data, want := small(t)
	whole := inspect(t, data)
	for cut := int(whole.body); cut <= len(data); cut += 3 {
		path := filepath.Join(t.TempDir(), "x.mcap")
		writeFile(t, path, data[:cut])
		r := open(t, path)
		got := all(t, r)
		writeFile(t, path, data)
		to, grown := r.Grow()
		got = append(got, all(t, r)...)
		if t.Failed() {
			return
		}
		equal(t, got, want)
		if in := r.Info(); to != in.To || to != whole.To || len(in.Damage) > 0 || !in.Complete || !grown && cut < len(data) {
			t.Fatalf("cut at %d of %d: grown %v, to %v, %+v", cut, len(data), grown, to, in)
		}
		r.Close()
		os.Remove(path)
	}
}

// TestGrowWhileWritten follows a recorder from its first second to its end.
func TestGrowWhileWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.mcap")
	now := newClock()
	var r *Reader
	var got []monitor.Event
	var ends []monitor.Time
	recordState(t, path, Options{Now: now.now, KeyframeAge: time.Second}, 5, func(i int, w *Writer) {
		written(t, w, i)
		if r == nil {
			r = open(t, path)
		}
		to, _ := r.Grow()
		got, ends = append(got, all(t, r)...), append(ends, to)
		now.step(time.Second)
	})
	r.Grow()
	got = append(got, all(t, r)...)
	equal(t, got, all(t, open(t, path)))
	for i := range ends[1:] {
		if ends[i+1] < ends[i] {
			t.Errorf("the end goes back: %v", ends)
		}
	}
	if in := r.Info(); len(in.Damage) > 0 || !in.Complete {
		t.Errorf("%+v", in)
	}
	if _, grown := r.Grow(); grown {
		t.Error("it grew after its end")
	}
}
