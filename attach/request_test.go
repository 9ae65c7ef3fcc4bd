package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

func isFrames(ev monitor.Event) bool { _, ok := ev.(*monitor.Frames); return ok }

func framesOf(n uint64, at monitor.Time) *monitor.Frames {
	return &monitor.Frames{Header: monitor.Header{At: at, Tap: instance, Leg: "back", Conn: n}, Records: []monitor.FrameRecord{
		monitor.RecordFrame(at, ws.FromClient, ws.Frame{Fin: true, Opcode: ws.OpText, Length: 5, Masked: true}),
	}}
}

// TestWatch: frames go to who watches their conn, the tap is told once, and a
// broken line does not end it.
func TestWatch(t *testing.T) {
	var mu sync.Mutex
	var told []string
	r := newRelay(t, ServerOptions{Watch: func(id monitor.ID, on bool) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(id.Conn, on))
	}})
	heard := func(want ...string) {
		t.Helper()
		eventually(t, fmt.Sprint("the tap is told ", want), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Equal(told, want)
		})
	}
	addr := r.listen()
	c := newCutter(t, addr)
	a, b := watchRelay(t, ClientOptions{URL: c.url()}), watchRelay(t, ClientOptions{URL: "ws://" + addr})
	one, two := monitor.ID{Tap: instance, Conn: r.open()}, monitor.ID{Tap: instance, Conn: r.open()}
	a.phase(Live)
	b.phase(Live)
	a.client.Watch(one, true)
	heard("1 true")
	b.client.Watch(one, true)
	b.client.Watch(two, true)
	heard("1 true", "2 true")
	now := monitor.TimeOf(time.Now())
	r.emit(framesOf(1, now), framesOf(2, now+1000), framesOf(3, now+2000))
	eventually(t, "two for b", func() bool { return b.count(isFrames) == 2 })
	eventually(t, "one for a", func() bool { return a.count(isFrames) == 1 })
	b.client.Watch(one, false)
	b.client.Watch(two, false)
	heard("1 true", "2 true", "2 false")
	c.cut(true)
	heard("1 true", "2 true", "2 false", "1 false")
	a.phase(Lost)
	a.client.Watch(two, true)
	c.mend()
	a.phase(Live)
	eventually(t, "both watched again", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(told) == 6
	})
	r.emit(framesOf(1, now+3000))
	r.sample(1, 5)
	eventually(t, "another for a", func() bool { return a.count(isFrames) == 2 })
	if n := b.count(isFrames); n != 2 {
		t.Errorf("b got %d, want 2", n)
	}
}

// TestWatchIsBounded: for one viewer and for all.
func TestWatchIsBounded(t *testing.T) {
	r := newRelay(t, ServerOptions{})
	addr := r.listen()
	n := 0
	for i := range 5 {
		v := dialRaw(t, addr, nil)
		v.say(`{"type":"hello","v":1}`)
		for range 5 {
			n++
			v.say(fmt.Sprintf(`{"type":"watch","tap":"abc","conn":%d,"on":true}`, n))
		}
		want := "a viewer watches at most 4"
		if i == 4 {
			want = "together watch at most 16"
		}
		if got := v.until(want); got == "" {
			t.Errorf("viewer %d: not told %q", i, want)
		}
	}
	r.server.watch.mu.Lock()
	defer r.server.watch.mu.Unlock()
	if n := len(r.server.watch.count); n != maxWatched {
		t.Errorf("%d conns are watched", n)
	}
}

func TestControl(t *testing.T) {
	o := ServerOptions{AllowControl: true, Control: func(_ context.Context, verb string) (string, error) {
		if verb == "reload" {
			return "", errors.New("nginx.conf: no such file")
		}
		return "done: " + verb, nil
	}}
	r := newRelay(t, o)
	unix, tcp := ClientOptions{URL: "unix:" + r.listenUnix()}, ClientOptions{URL: "ws://" + r.listen()}
	ctx := t.Context()
	for _, c := range []struct {
		name      string
		o         ClientOptions
		verb      string
		want, err string
	}{
		{"status", unix, "status", "done: status", ""},
		{"drain", unix, "drain", "done: drain", ""},
		{"a verb that fails", unix, "reload", "", "no such file"},
		{"no verb", unix, "", "", "unknown verb"},
		{"another verb", unix, "rm -rf \x1b[31m", "", "unknown verb"},
		{"over TCP", tcp, "stop", "", "its own machine only"},
	} {
		got, err := Control(ctx, c.o, c.verb)
		if got != c.want || (err == nil) != (c.err == "") || (err != nil && !contains(err.Error(), c.err)) {
			t.Errorf("%s: %q, %v; want %q, %q", c.name, got, err, c.want, c.err)
		}
		if err != nil && contains(err.Error(), "\x1b") {
			t.Errorf("%s: an escape sequence comes back", c.name)
		}
	}
	s := watchRelay(t, unix)
	s.phase(Live)
	if got, err := s.client.Control(ctx, "status"); got != "done: status" || err != nil || !s.client.State().Control {
		t.Errorf("beside the events: %q, %v", got, err)
	}
	if st := r.server.Stats(); st.Snapshots != 1 {
		t.Errorf("%d snapshots: lines for a verb need none", st.Snapshots)
	}
	none := newRelay(t, ServerOptions{Control: o.Control})
	if _, err := Control(ctx, ClientOptions{URL: "unix:" + none.listenUnix()}, "stop"); err == nil || !contains(err.Error(), "its own machine") {
		t.Errorf("not allowed: %v", err)
	}
	if _, err := Control(ctx, ClientOptions{URL: "unix:" + t.TempDir() + "/nobody"}, "stop"); err == nil {
		t.Error("nobody there: no error")
	}
}

// pastOf gives n log lines, a second apart.
func pastOf(n int) func(context.Context, monitor.Time, monitor.Time, func(monitor.Event) error) error {
	return func(ctx context.Context, from, to monitor.Time, emit func(monitor.Event) error) error {
		for i := range n {
			at := monitor.Time(i+1) * monitor.Time(time.Second)
			if at < from || at > to {
				continue
			}
			if err := emit(&monitor.HTTP{Header: monitor.Header{At: at, Tap: instance}, Counts: map[string]uint64{"200": uint64(i)}}); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
}

func TestPast(t *testing.T) {
	r := newRelay(t, ServerOptions{Past: pastOf(20_000)})
	s := watchRelay(t, ClientOptions{URL: "ws://" + r.listen()})
	s.phase(Live)
	if !s.client.State().Past {
		t.Error("the relay does not say that it has a past")
	}
	read := func(from, to time.Duration, emit func(monitor.Event) error) (got []monitor.Time, err error) {
		err = s.client.Past(t.Context(), monitor.Time(from), monitor.Time(to), func(ev monitor.Event) error {
			got = append(got, ev.Head().At)
			if emit != nil {
				return emit(ev)
			}
			return nil
		})
		return got, err
	}
	all, err := read(0, time.Hour*24, nil)
	if err != nil || len(all) != 20_000 || !slices.IsSorted(all) {
		t.Errorf("all: %d events, %v", len(all), err)
	}
	some, err := read(10*time.Second, 20*time.Second, nil)
	if err != nil || len(some) != 11 || some[0] != monitor.Time(10*time.Second) {
		t.Errorf("ten seconds: %d events, %v", len(some), err)
	}
	enough := errors.New("enough")
	if _, err = read(0, time.Hour*24, func(monitor.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("given up: %v", err)
	}
	eventually(t, "the reading was given up", func() bool { return r.server.pastRoom() })
	r.server.pastOver()
	// The line goes on, live and past.
	eventually(t, "another reading", func() bool { some, err = read(time.Second, time.Second, nil); return err == nil && len(some) == 1 })
	r.open()
	s.same(r)
}

func TestPastEnds(t *testing.T) {
	for name, c := range map[string]struct {
		o    ServerOptions
		want string
		got  int // at least
	}{
		"none": {ServerOptions{}, "no recording", 0},
		"broken": {ServerOptions{Past: func(context.Context, monitor.Time, monitor.Time, func(monitor.Event) error) error {
			return errors.New("chunk 7 is damaged")
		}}, "chunk 7", 0},
		"cut": {ServerOptions{Past: pastOf(20_000), MaxPastLen: 300 << 10}, "no more of the past at once", 2000},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelay(t, c.o)
			s := watchRelay(t, ClientOptions{URL: "ws://" + r.listen()})
			s.phase(Live)
			n, last := 0, monitor.Time(0)
			err := s.client.Past(t.Context(), 0, monitor.Time(time.Hour*24), func(ev monitor.Event) error {
				n++
				last = ev.Head().At
				return nil
			})
			if err == nil || !contains(err.Error(), c.want) || n < c.got {
				t.Errorf("%d events, %v; want %d or more, %q", n, err, c.got, c.want)
			}
			var cut *PastCutError
			if errors.As(err, &cut) && cut.At != last {
				t.Errorf("cut at %v, the last event is of %v", cut.At, last)
			}
		})
	}
	s := watchRelay(t, ClientOptions{URL: "unix:" + t.TempDir() + "/nobody"})
	if err := s.client.Past(t.Context(), 0, 1, nil); !errors.Is(err, ErrNoLine) {
		t.Errorf("without a line: %v", err)
	}
}

// TestPastDoesNotStarveTheRelay: a viewer that does not use the past is not
// read for, others wait their turn, and it is paced.
func TestPastDoesNotStarveTheRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var read atomic.Int64
		s, p := silentServer(ServerOptions{MaxPast: 1, PastRate: 1 << 20, Past: func(ctx context.Context, _, _ monitor.Time, emit func(monitor.Event) error) error {
			for ctx.Err() == nil {
				read.Add(1)
				if err := emit(&monitor.HTTP{Header: monitor.Header{At: 1}, Counts: map[string]uint64{"200": 1}}); err != nil {
					return err
				}
			}
			return ctx.Err()
		}})
		a, b := p.viewer(t), p.viewer(t)
		sayHello(t, a)
		sayHello(t, b)
		da, db := drainViewer(a), drainViewer(b)
		a.WriteMessage(1, []byte(`{"type":"past","id":1}`))
		time.Sleep(10 * time.Second)
		if n := read.Load(); n > pastWindow*partSize/20 || n == 0 {
			t.Errorf("%d events read for who uses none", n)
		}
		b.WriteMessage(1, []byte(`{"type":"past","id":1}`))
		a.WriteMessage(1, []byte(`{"type":"past","id":2}`))
		synctest.Wait()
		if !db.has("other viewers read") || !da.has("one reading of the past at a time") {
			t.Errorf("told %q and %q", da.texts, db.texts)
		}
		a.WriteMessage(1, []byte(`{"type":"stop","id":1}`))
		synctest.Wait()
		if !da.has(`"type":"past_end","id":1`) {
			t.Errorf("told %q", da.texts)
		}
		closeNow(s)
		<-da.done
		<-db.done
	})
}
