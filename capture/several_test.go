package capture

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// leg is a relay of the tests below, which sees one leg of each WebSocket.
type leg struct {
	relay monitor.Instance
	tap   monitor.TapInfo
	later time.Duration // than the front leg
}

var (
	frontLeg = leg{1, monitor.TapInfo{Name: "front", Role: monitor.Front, Listen: "127.0.0.1:8080", Upstream: "http://127.0.0.1:80"}, 0}
	backLeg  = leg{2, monitor.TapInfo{Name: "back", Role: monitor.Back, Listen: "127.0.0.1:9000", Upstream: "http://127.0.0.1:3000"}, 500 * time.Microsecond}
)

// events are a hello or what one WebSocket leaves at a relay.
func (l leg) events(conn uint64, at time.Duration) (evs []monitor.Event) {
	evs = life(conn, at+l.later)
	for _, ev := range evs {
		h := ev.Head()
		if h.Tap = l.relay; h.Leg != "" {
			h.Leg = l.tap.Name
		}
	}
	evs[1].(*monitor.Request).Key = fmt.Sprintf("key%d", conn)
	return evs
}

func (l leg) hello() *monitor.Hello {
	h := hello()
	h.Tap, h.Taps, h.Host = l.relay, []monitor.TapInfo{l.tap}, l.tap.Name
	return h
}

// record records a WebSocket each second, in files of so many seconds.
func (l leg) record(t *testing.T, conns int, file time.Duration) (path string, events []monitor.Event) {
	t.Helper()
	path = filepath.Join(t.TempDir(), l.tap.Name+".mcap")
	now, state := newClock(), monitor.NewState(monitor.Bounds{})
	w := create(t, path, Options{Now: now.now, MaxAge: file, KeyframeAge: 3 * time.Second, Keyframe: func() []monitor.Event { return state.Snapshot(1000) }})
	batch := []monitor.Event{l.hello()}
	for i := range conns {
		batch = append(batch, l.events(uint64(i+1), time.Duration(i)*time.Second)...)
		for _, ev := range batch {
			state.Apply(ev)
		}
		w.Events(batch)
		events = append(events, batch...)
		batch = nil
		written(t, w, i)
		now.step(time.Second)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path, events
}

// linked is what a State knows of the WebSockets: both legs, as one.
func linked(s *monitor.State) string {
	var b strings.Builder
	for c := range s.Conns {
		if c.Link != nil && c.Link.Front == c {
			fmt.Fprintln(&b, c.ID, c.Opened, c.Ended, c.Sample.FrameCount(), c.Link.Backs[0].ID, c.Link.Backs[0].Ended)
		}
	}
	t := &s.Totals
	fmt.Fprintln(&b, t.Conns, t.Links, t.Upgraded, t.Closed, t.Open, t.Frames, t.Bytes, t.Oddities, t.Unknown, len(s.Hellos))
	return b.String()
}

// TestSeveralRecordings: those of two relays are told by time, so that the legs
// of each WebSocket find each other, from the beginning and from any place.
func TestSeveralRecordings(t *testing.T) {
	const conns = 20
	front, told := frontLeg.record(t, conns, time.Hour)
	back, more := backLeg.record(t, conns, time.Hour)
	r := open(t, back, front)
	evs := all(t, r)
	if got, want := len(lifecycle(evs)), len(lifecycle(told))+len(lifecycle(more)); got != want {
		t.Errorf("%d events, want %d", got, want)
	}
	for i, ev := range evs[1:] {
		if ev.Head().At < evs[i].Head().At {
			t.Fatalf("%s at %d comes after %s at %d", ev.Type(), ev.Head().At, evs[i].Type(), evs[i].Head().At)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, err := r.Seek(0); err != nil {
		t.Fatal(err)
	}
	end := linked(play(t, r, nil))
	if !strings.Contains(end, fmt.Sprintf("\n%d %d %d %d 0 ", 2*conns, conns, 2*conns, 2*conns)) {
		t.Errorf("the end is\n%s", end)
	}
	for _, after := range []time.Duration{0, time.Second, 3500 * time.Millisecond, 10 * time.Second, time.Hour} {
		start, err := r.Seek(epoch.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		if got := linked(play(t, r, start)); got != end {
			t.Errorf("after a seek to %v:\n got %s\nwant %s", after, got, end)
		}
	}
}

// TestSeveralWithoutTheirBeginning: the first files of a recording are gone. What
// its keyframe stands for is told when the keyframe was made, not before.
func TestSeveralWithoutTheirBeginning(t *testing.T) {
	const conns = 12
	front, _ := frontLeg.record(t, conns, time.Hour)
	back, _ := backLeg.record(t, conns, 5*time.Second)
	files, _ := filepath.Glob(back + ".*")
	if len(files) == 0 {
		t.Fatal("one file only")
	}
	r := open(t, append(files, front)...)
	s, late := monitor.NewState(monitor.Bounds{}), 0
	var clock monitor.Time
	for _, ev := range all(t, r) {
		if ev.Head().Tap == frontLeg.relay {
			if ev.Head().At < clock {
				t.Fatalf("the front leg's %s at %v is told after the keyframe of %v", ev.Type(), ev.Head().At, clock)
			}
		} else if late++; late == 1 && s.Totals.Conns < 5 {
			t.Errorf("the keyframe comes after %d conns of the other relay", s.Totals.Conns)
		}
		clock = max(clock, ev.Head().At)
		s.Apply(ev)
	}
	if s.Totals.Links != conns || s.Totals.Conns != 2*conns || s.Totals.Unknown > 0 {
		t.Errorf("%d links, %d conns, %d unknown; want %d and %d", s.Totals.Links, s.Totals.Conns, s.Totals.Unknown, conns, 2*conns)
	}
}

// TestSeveralThatOverlap: what two recordings both have would count twice.
func TestSeveralThatOverlap(t *testing.T) {
	front, _ := frontLeg.record(t, 3, time.Hour)
	again, _ := frontLeg.record(t, 3, time.Hour)
	back, _ := backLeg.record(t, 3, time.Hour)
	viewer := record(t, Options{}, append([]monitor.Event{frontLeg.hello(), backLeg.hello()}, frontLeg.events(1, 0)...))
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"one relay twice":    {[]string{front, again}, "are of one relay at the same time"},
		"a viewer's as well": {[]string{back, viewer}, "was recorded by a viewer of several relays"},
	} {
		r := open(t, c.files...)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if _, again := r.Next(); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: and then %v", name, again)
		}
	}
}

func number(evs []monitor.Event, kind string) (n int) {
	for _, ev := range evs {
		if ev.Type() == kind {
			n++
		}
	}
	return n
}

// TestSeveralGrow: recordings that are still being written are read on, each at
// its own pace.
func TestSeveralGrow(t *testing.T) {
	now := newClock()
	var writers []*Writer
	var paths []string
	for _, l := range []leg{frontLeg, backLeg} {
		path := filepath.Join(t.TempDir(), l.tap.Name+".mcap")
		w := create(t, path, Options{Now: now.now})
		w.Events([]monitor.Event{l.hello()})
		writers, paths = append(writers, w), append(paths, path)
		until(t, "the hello to be written", func() bool { return w.Stats().Queued == 0 && w.Stats().Events > 0 })
	}
	r := open(t, paths...)
	got := all(t, r)
	for i, l := range []leg{backLeg, frontLeg, backLeg} {
		w := writers[map[string]int{"front": 0, "back": 1}[l.tap.Name]]
		w.Events(l.events(uint64(i+1), time.Duration(i)*time.Second))
		now.step(time.Second)
		until(t, "the end of the conn to be read", func() bool {
			r.Grow()
			got = append(got, all(t, r)...)
			return number(got, "closed") == i+1
		})
	}
	if n := number(got, "opened"); n != 3 {
		t.Errorf("%d conns were opened, want 3", n)
	}
	for _, w := range writers {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}
