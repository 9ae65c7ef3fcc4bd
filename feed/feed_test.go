package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/wstap/wstap/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Writer that keeps the types of what it got.
type recorder struct {
	mu  sync.Mutex
	evs []monitor.Event
}

func (r *recorder) Events(evs []monitor.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.evs = append(r.evs, evs...)
}

func (r *recorder) count(typ string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range r.evs {
		if ev.Type() == typ {
			n++
		}
	}
	return n
}

func now() monitor.Time { return monitor.TimeOf(time.Now()) }

func head(at monitor.Time, conn uint64) monitor.Header {
	return monitor.Header{At: at, Tap: 1, Leg: "front", Conn: conn}
}

// life is the events of a conn that the client resets.
func life(at monitor.Time, conn uint64) []monitor.Event {
	return []monitor.Event{
		&monitor.Opened{Header: head(at, conn)},
		&monitor.Request{Header: head(at, conn), Target: "/ws", Key: fmt.Sprint(conn)},
		&monitor.Response{Header: head(at, conn), Status: 101},
		&monitor.SideEnded{Header: head(at, conn), How: monitor.HowReset},
		&monitor.Closed{Header: head(at, conn)},
	}
}

func TestBatchesTicksAndVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(now, monitor.Bounds{})
		rec := &recorder{}
		collected := 0
		f.AddWriter(rec)
		f.Collect(func(monitor.Time) { collected++ })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		for _, ev := range life(now(), 1) {
			if !f.Emit(ev) {
				t.Error("refused")
			}
		}
		time.Sleep(60 * time.Millisecond) // bubble time
		if rec.count("closed") != 1 {
			t.Error("no batch after 60 ms")
		}
		if rec.count("verdict") != 0 {
			t.Error("the verdict settles after 2 s, not at once")
		}
		time.Sleep(3 * time.Second)
		if n := rec.count("verdict"); n != 1 {
			t.Errorf("%d verdicts after 3 s", n)
		}
		if n := rec.count("tick"); n < 11 || n > 13 {
			t.Errorf("%d ticks in 3 s", n)
		}
		if collected < 55 || collected > 65 {
			t.Errorf("%d collects in 3 s", collected)
		}
		// What is in the queue at the end is applied, and settles.
		for _, ev := range life(now(), 2) {
			f.Emit(ev)
		}
		cancel()
		<-done
		if n := rec.count("verdict"); n != 2 {
			t.Errorf("%d verdicts at the end", n)
		}
		f.Read(func(s *monitor.State) {
			if s.Totals.Closed != 2 {
				t.Errorf("%d closed", s.Totals.Closed)
			}
		})
	})
}

// tape is a recording in memory; keyframes are absent, so a seek begins anew.
type tape struct {
	evs   []monitor.Event
	i     int
	fail  error
	seeks int
	pause func() // called by Next
}

func (t *tape) Next() (monitor.Event, error) {
	if t.pause != nil {
		t.pause()
	}
	if t.i == len(t.evs) {
		if t.fail != nil {
			return nil, t.fail
		}
		return nil, io.EOF
	}
	t.i++
	return t.evs[t.i-1], nil
}

func (t *tape) Seek(monitor.Time) ([]monitor.Event, error) {
	t.i = 0
	t.seeks++
	return nil, nil
}

// conns makes n conns, one a second, each living half a second.
func conns(from monitor.Time, n int) *tape {
	tp := &tape{}
	for i := range n {
		at := from.Add(time.Duration(i) * time.Second)
		l := life(at, uint64(i+1))
		for _, ev := range l[3:] {
			ev.Head().At = at.Add(500 * time.Millisecond)
		}
		tp.evs = append(tp.evs, l...)
	}
	return tp
}

func TestLoad(t *testing.T) {
	from := monitor.Time(1e18)
	s, err := Load(conns(from, 10), from.Add(time.Minute), monitor.Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	for c := range s.Conns {
		if !c.Settled || c.Verdict.Cause != monitor.CauseClientReset {
			t.Errorf("#%d: %+v", c.Seq, c.Verdict)
		}
	}
	broken := conns(from, 10)
	broken.fail = errors.New("flipped byte")
	s, err = Load(broken, from.Add(time.Minute), monitor.Bounds{})
	if !errors.Is(err, broken.fail) || s.Totals.Closed != 10 {
		t.Errorf("a broken recording: %v, %d closed; want its good part", err, s.Totals.Closed)
	}
}

func TestPlayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := monitor.Time(1e18)
		tp := conns(from, 100)
		p := NewPlayer(tp, from, from.Add(100*time.Second), 1, monitor.Bounds{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		seen := func() (n uint64) {
			p.Read(func(s *monitor.State) { n = s.Totals.Conns })
			return n
		}
		check := func(when string, want uint64) {
			t.Helper()
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if got := seen(); got != want {
				t.Errorf("%s: %d conns, want %d (at %v)", when, got, want, p.Position().At.Sub(from))
			}
		}
		time.Sleep(5 * time.Second)
		check("5 s at its own speed", 6)
		p.SetSpeed(10)
		time.Sleep(time.Second)
		check("1 s at 10 times", 17)
		p.Pause(true)
		time.Sleep(time.Minute)
		at := p.Position().At
		check("paused", 17)
		if p.Position().At != at {
			t.Error("moves while paused")
		}
		p.Seek(from.Add(50 * time.Second))
		check("seek forward while paused", 51)
		p.Seek(from.Add(3 * time.Second))
		check("seek back", 4)
		p.Pause(false)
		p.SetSpeed(math.Inf(1))
		check("max", 100)
		if !p.Position().Ended {
			t.Error("not ended")
		}
		p.SetSpeed(1)
		p.Seek(0)
		check("back to the start", 1)
		cancel()
		<-done
	})
}

// TestPlayerStopsWhereItCannotRead: what is not known is not played.
func TestPlayerStopsWhereItCannotRead(t *testing.T) {
	from := monitor.Time(1e18)
	tp := conns(from, 3)
	tp.fail = errors.New("newer version")
	last := tp.evs[len(tp.evs)-1].Head().At
	check := func(when string, p *Player) {
		t.Helper()
		pos := p.Position()
		if !pos.Ended || !errors.Is(pos.Err, tp.fail) || pos.At != last {
			t.Errorf("%s: at %v, ended %v, error %v; want the last event's %v", when, pos.At.Sub(from), pos.Ended, pos.Err, last.Sub(from))
		}
		p.Read(func(s *monitor.State) {
			if s.Now() != last {
				t.Errorf("%s: the state's time is %v", when, s.Now().Sub(from))
			}
		})
	}
	p := NewPlayer(tp, from, from.Add(time.Hour), math.Inf(1), monitor.Bounds{})
	p.step(t.Context(), time.Second)
	check("played", p)
	p.Seek(from.Add(30 * time.Minute))
	p.step(t.Context(), time.Second)
	check("sought beyond", p)
	p.Seek(from)
	p.Pause(true)
	p.step(t.Context(), time.Second)
	if pos := p.Position(); pos.Err != nil || pos.Ended || pos.At != from {
		t.Errorf("back in the good part: %+v", pos)
	}
}

// TestReadersDoNotWaitForTheSource: neither playing nor a seek through minutes
// of events may hold the screen.
func TestReadersDoNotWaitForTheSource(t *testing.T) {
	from := monitor.Time(1e18)
	tp := conns(from, 100)
	p := NewPlayer(tp, from, from.Add(100*time.Second), math.Inf(1), monitor.Bounds{})
	step := func() {
		stuck, read := make(chan struct{}), make(chan struct{})
		var once sync.Once
		tp.pause = func() { once.Do(func() { close(stuck); <-read }) }
		var reader sync.WaitGroup
		reader.Go(func() {
			<-stuck
			p.Read(func(*monitor.State) {})
			p.Position()
			close(read)
		})
		p.step(t.Context(), time.Second)
		reader.Wait()
	}
	step()
	p.Seek(from.Add(50 * time.Second))
	p.Pause(true)
	step()
	p.Read(func(s *monitor.State) {
		if s.Totals.Conns != 51 {
			t.Errorf("%d conns after the seek, want 51", s.Totals.Conns)
		}
	})
}
