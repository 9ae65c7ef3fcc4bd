package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/monitor"
)

// servedState is a relay without taps: a State that the test changes, served at
// a socket. Its clock may be wrong.
type servedState struct {
	t        *testing.T
	instance monitor.Instance
	tap      monitor.TapInfo
	ahead    time.Duration
	server   *attach.Server
	line     *breakable
	url      string

	mu    sync.Mutex // guards what follows
	state *monitor.State
	stop  chan struct{}
	done  sync.WaitGroup
}

func serveState(t *testing.T, instance monitor.Instance, tap monitor.TapInfo, ahead time.Duration) *servedState {
	t.Helper()
	s := &servedState{
		t: t, instance: instance, tap: tap, ahead: ahead, state: monitor.NewState(monitor.Bounds{Closed: 4}), stop: make(chan struct{}),
	}
	hello := &monitor.Hello{Header: s.head(0), Host: tap.Name + "-host", Taps: []monitor.TapInfo{tap}}
	s.server = attach.NewServer(attach.ServerOptions{
		Hello: hello, Now: s.now, RingBytes: 4 << 10, // a break of some seconds is longer than that
		Snapshot: func() []monitor.Event { return s.state.Snapshot(1000) }, // within Events: the lock is held
	})
	path := filepath.Join(shortTemp(t), tap.Name+".sock")
	ln, err := attach.ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	s.line, s.url = newBreakable(ln), "unix:"+path
	s.emit(hello)
	s.done.Go(func() { s.server.Serve(s.line) })
	s.done.Go(s.tick)
	t.Cleanup(s.close)
	return s
}

func (s *servedState) now() monitor.Time { return monitor.TimeOf(time.Now()).Add(s.ahead) }

func (s *servedState) head(conn uint64) monitor.Header {
	return monitor.Header{At: s.now(), Tap: s.instance, Leg: s.tap.Name, Conn: conn}
}

// tick lets time pass, without which no snapshot is taken and nothing settles.
func (s *servedState) tick() {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
			s.emit(&monitor.Tick{Header: monitor.Header{At: s.now()}})
		}
	}
}

func (s *servedState) emit(evs ...monitor.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range evs {
		s.state.Apply(ev)
	}
	s.server.Events(evs)
}

func (s *servedState) close() {
	close(s.stop)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.line.restore()
	s.server.Close(ctx)
	s.done.Wait()
}

// open opens conns from one number to another, and ends them if told to.
func (s *servedState) open(from, to uint64, ends bool) {
	for n := from; n <= to; n++ {
		s.emit(&monitor.Opened{Header: s.head(n), Client: fmt.Sprintf("10.0.0.1:%d", n)},
			&monitor.Request{Header: s.head(n), Method: "GET", Target: "/" + s.tap.Name, Key: fmt.Sprint(s.tap.Name, n), HeadText: strings.Repeat("x", 400)},
			&monitor.Response{Header: s.head(n), Status: 101})
		if ends {
			s.end(n)
		}
	}
}

func (s *servedState) end(n uint64) {
	s.emit(&monitor.CloseFrame{Header: s.head(n), Code: 1001}, &monitor.SideEnded{Header: s.head(n), How: monitor.HowFIN},
		&monitor.SideEnded{Header: s.head(n), Dir: 1, How: monitor.HowFIN}, &monitor.Closed{Header: s.head(n)})
}

// breakable is a listener whose lines can be cut, and nobody joins until they
// are restored.
type breakable struct {
	net.Listener
	mu    sync.Mutex // guards what follows
	lines []net.Conn
	open  chan struct{} // closed while lines may be taken
}

func newBreakable(ln net.Listener) *breakable {
	b := &breakable{Listener: ln, open: make(chan struct{})}
	close(b.open)
	return b
}

func (b *breakable) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		b.mu.Lock()
		select {
		case <-b.open:
			b.lines = append(b.lines, c)
			b.mu.Unlock()
			return c, nil
		default:
			b.mu.Unlock()
			c.Close()
		}
	}
}

func (b *breakable) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = make(chan struct{})
	for _, c := range b.lines {
		c.Close()
	}
	b.lines = nil
}

func (b *breakable) restore() {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.open:
	default:
		close(b.open)
	}
}

// watchViewer runs a viewer without a face.
func watchViewer(t *testing.T, urls ...string) *viewer {
	t.Helper()
	v, err := newViewer(urls, attachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, c := range v.clients {
		running.Go(func() { c.Run(ctx) })
	}
	running.Go(func() {
		select {
		case <-v.begin:
			v.feed.Run(ctx)
		case <-ctx.Done():
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return v
}

// counts are what a State of several relays adds up.
type counts struct{ conns, upgraded, open, closed, links, unlogged, goingAway, settled uint64 }

func countsOf(t *monitor.Totals) (c counts) {
	c = counts{conns: t.Conns, upgraded: t.Upgraded, open: t.Open, closed: t.Closed, links: t.Links, unlogged: t.HTTP["404"], goingAway: t.Codes[1001]}
	for _, n := range t.Causes {
		c.settled += n
	}
	return c
}

func (s *servedState) counts() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return countsOf(&s.state.Totals)
}

func (a counts) plus(b counts) counts {
	return counts{
		a.conns + b.conns, a.upgraded + b.upgraded, a.open + b.open, a.closed + b.closed, a.links + b.links,
		a.unlogged + b.unlogged, a.goingAway + b.goingAway, a.settled + b.settled,
	}
}

func (v *viewer) counts() (c counts) {
	v.feed.Read(func(s *monitor.State) { c = countsOf(&s.Totals) })
	return c
}

// healths are the words about each source.
func (v *viewer) healths() string {
	var b strings.Builder
	v.feed.Read(func(s *monitor.State) {
		for _, h := range s.Healths {
			fmt.Fprintf(&b, "%s %s: %s\n", h.Name, h.Status, h.Text)
		}
	})
	return b.String()
}

// TestRelaysAddUpOnOneScreen: what was before the viewer came, what each relay
// tells, and what it told while the line to it was broken.
func TestRelaysAddUpOnOneScreen(t *testing.T) {
	edge := serveState(t, 0xed6e, monitor.TapInfo{Name: "front", Role: monitor.Front}, 0)
	app := serveState(t, 0xa99, monitor.TapInfo{Name: "back", Role: monitor.Back}, 0)
	edge.open(1, 12, true) // more than are kept
	edge.open(13, 15, false)
	edge.emit(&monitor.HTTP{Header: edge.head(0), Counts: map[string]uint64{"404": 7}})
	app.open(1, 9, true)
	app.open(10, 14, false)
	v := watchViewer(t, edge.url, app.url)
	same := func(what string) {
		t.Helper()
		eventually(t, what, func() bool {
			want := edge.counts().plus(app.counts())
			return want.settled == want.closed && v.counts() == want
		})
	}
	same("what was before adds up")
	edge.open(16, 20, true)
	app.end(10)
	same("what is told adds up")
	before := v.clients[1].State().Restored
	app.line.cut()
	app.open(15, 60, true) // more than the ring holds
	app.end(11)
	edge.open(21, 22, true)
	app.emit(&monitor.HTTP{Header: app.head(0), Counts: map[string]uint64{"404": 100}})
	app.line.restore()
	eventually(t, "a fresh snapshot", func() bool { return v.clients[1].State().Restored > before })
	same("what was told to nobody adds up")
	if v.clients[0].State().Restored != 1 {
		t.Error("the other line was not left alone")
	}
}

// TestClocksAreShown: for each relay whose clock is not ours, and not corrected.
func TestClocksAreShown(t *testing.T) {
	right := serveState(t, 1, monitor.TapInfo{Name: "right", Role: monitor.Front}, 0)
	ahead := serveState(t, 2, monitor.TapInfo{Name: "ahead", Role: monitor.Back}, 3*time.Second)
	behind := serveState(t, 3, monitor.TapInfo{Name: "behind", Role: monitor.Back}, -2*time.Second)
	at := behind.now()
	behind.open(1, 1, false)
	v := watchViewer(t, right.url, ahead.url, behind.url)
	eventually(t, "all three are told", func() bool {
		h := v.healths()
		return strings.Contains(h, "relay "+right.url+" ok: attached") && strings.Contains(h, "relay "+ahead.url+" warning: its clock is 3s ahead of ours") &&
			strings.Contains(h, "relay "+behind.url+" warning: its clock is 2s behind ours")
	})
	v.feed.Read(func(s *monitor.State) {
		if c := s.Conn(monitor.ID{Tap: 3, Conn: 1}); c == nil || c.Opened.Sub(at).Abs() > time.Second {
			t.Errorf("its conn is %+v, opened at about %v", c, at)
		}
	})
}

// TestOneRelayIsUnreachable: it is shown, and the others go on.
func TestOneRelayIsUnreachable(t *testing.T) {
	up := serveState(t, 1, monitor.TapInfo{Name: "up", Role: monitor.Front}, 0)
	up.open(1, 3, true)
	missing := "unix:" + filepath.Join(shortTemp(t), "missing.sock")
	v := watchViewer(t, missing, up.url)
	eventually(t, "the one is shown, the other seen", func() bool {
		h := v.healths()
		return strings.Contains(h, "relay "+missing+" warning: lost: ") && strings.Contains(h, "relay "+up.url+" ok: attached") && v.counts().closed == 3
	})
}
