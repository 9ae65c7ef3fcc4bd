package attach

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/wstap/wstap/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const instance = monitor.Instance(0xabc)

// relay is a State and a Server over it, driven by the test instead of a feed.
type relay struct {
	t      *testing.T
	server *Server
	mu     sync.Mutex
	state  *monitor.State
	now    monitor.Time
	conns  uint64
	pump   sync.WaitGroup
	stop   chan struct{}
}

func newRelay(t *testing.T, o ServerOptions) *relay {
	t.Helper()
	r := &relay{t: t, state: monitor.NewState(monitor.Bounds{}), now: monitor.TimeOf(time.Now()), stop: make(chan struct{})}
	if o.Hello == nil {
		o.Hello = &monitor.Hello{Header: monitor.Header{At: r.now, Tap: instance}, Host: "staging", Version: "test", Taps: []monitor.TapInfo{{Name: "back", Role: monitor.Back}}}
	}
	if o.Snapshot == nil {
		o.Snapshot = func() []monitor.Event { return r.state.Snapshot(1000) } // within Events: r.mu is held
	}
	r.server = NewServer(o)
	t.Cleanup(r.close)
	r.emit(o.Hello)
	r.pump.Go(r.tick)
	return r
}

// tick is the feed's rhythm: without it no snapshot is taken.
func (r *relay) tick() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.emit(&monitor.Tick{Header: monitor.Header{At: monitor.TimeOf(time.Now())}})
		case <-r.stop:
			return
		}
	}
}

func (r *relay) close() {
	select {
	case <-r.stop:
		return
	default:
	}
	close(r.stop)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r.server.Close(ctx)
	r.pump.Wait()
}

// emit is what the feed does: apply, then hand on.
func (r *relay) emit(events ...monitor.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range events {
		r.state.Apply(ev)
	}
	r.server.Events(events)
}

// open opens a conn and returns its number.
func (r *relay) open() uint64 {
	r.mu.Lock()
	r.conns++
	n := r.conns
	r.mu.Unlock()
	r.emit(life3(n)...)
	return n
}

func head(n uint64) monitor.Header {
	return monitor.Header{At: monitor.TimeOf(time.Now()), Tap: instance, Leg: "back", Conn: n}
}

func life3(n uint64) []monitor.Event {
	return []monitor.Event{
		&monitor.Opened{Header: head(n), Client: fmt.Sprintf("10.0.0.1:%d", n), Listen: "127.0.0.1:9000"},
		&monitor.Request{Header: head(n), Nth: 1, Method: "GET", Target: fmt.Sprintf("/socket/%d", n), Proto: "HTTP/1.1", HeadText: "GET /socket HTTP/1.1"},
		&monitor.Response{Header: head(n), Proto: "HTTP/1.1", Status: 101},
	}
}

func (r *relay) shut(n uint64) {
	r.emit(&monitor.SideEnded{Header: head(n), How: monitor.HowFIN}, &monitor.Closed{Header: head(n), Sample: sampleOf(n)})
}

func sampleOf(n uint64) (s monitor.Sample) {
	s.Dir[0].Bytes = n
	return s
}

func (r *relay) sample(n, bytes uint64) {
	r.emit(&monitor.Samples{Header: monitor.Header{At: monitor.TimeOf(time.Now()), Tap: instance}, Conns: []uint64{n}, Samples: []monitor.Sample{sampleOf(bytes)}})
}

// listen serves on a loopback port and returns its address.
func (r *relay) listen() string {
	r.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.serve(ln)
	return ln.Addr().String()
}

func (r *relay) listenUnix() string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "s")
	ln, err := ListenUnix(path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.serve(ln)
	return path
}

func (r *relay) serve(ln net.Listener) {
	r.pump.Go(func() {
		if err := r.server.Serve(ln); err != nil {
			r.t.Errorf("Serve: %v", err)
		}
	})
}

// screen is a client with a State over what it gets.
type screen struct {
	t      *testing.T
	client *Client
	mu     sync.Mutex
	state  *monitor.State
	events []monitor.Event
	states []State
	err    error
	cancel context.CancelFunc
	done   chan struct{}
}

func watchRelay(t *testing.T, o ClientOptions) *screen {
	t.Helper()
	return watchRelayInto(t, new(screen), o)
}

// watchRelayInto is for options that need the screen.
func watchRelayInto(t *testing.T, s *screen, o ClientOptions) *screen {
	t.Helper()
	s.t, s.state, s.done = t, monitor.NewState(monitor.Bounds{}), make(chan struct{})
	if o.Emit == nil {
		o.Emit = s.emit
	}
	o.OnState = func(st State) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.states = append(s.states, st)
	}
	if o.RetryLeast == 0 {
		o.RetryLeast, o.RetryMost = time.Millisecond, 20*time.Millisecond
	}
	var err error
	if s.client, err = NewClient(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.done)
		s.err = s.client.Run(ctx)
	}()
	t.Cleanup(s.close)
	return s
}

func (s *screen) close() {
	s.cancel()
	<-s.done
}

func (s *screen) emit(ev monitor.Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Apply(ev)
	s.events = append(s.events, ev)
	return true
}

func (s *screen) phase(p Phase) {
	s.t.Helper()
	eventually(s.t, "phase "+string(p), func() bool { return s.client.State().Phase == p })
}

// sees waits until the screen's State answers yes.
func (s *screen) sees(what string, fn func(*monitor.State) bool) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return fn(s.state)
	})
}

func (s *screen) count(is func(monitor.Event) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range s.events {
		if is(ev) {
			n++
		}
	}
	return n
}

// eventually waits for what must become true; how long it takes proves nothing.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !fn(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// sameState compares what two States show.
func sameState(t *testing.T, got, want *monitor.State) {
	t.Helper()
	if got.Totals.Conns != want.Totals.Conns || got.Totals.Open != want.Totals.Open || got.Totals.Closed != want.Totals.Closed || got.Totals.Bytes != want.Totals.Bytes {
		t.Errorf("totals: got %+v, want %+v", got.Totals, want.Totals)
	}
	var gotIDs, wantIDs []monitor.ID
	for c := range want.Conns {
		wantIDs = append(wantIDs, c.ID)
	}
	for c := range got.Conns {
		gotIDs = append(gotIDs, c.ID)
		w := want.Conn(c.ID)
		if w == nil {
			t.Errorf("conn %d is not of the relay", c.ID.Conn)
			continue
		}
		if c.Phase != w.Phase || c.Target() != w.Target() || c.Sample.Dir[0].Bytes != w.Sample.Dir[0].Bytes || c.Seq != w.Seq {
			t.Errorf("conn %d: got %v %q %d bytes seq %d, want %v %q %d seq %d", c.ID.Conn,
				c.Phase, c.Target(), c.Sample.Dir[0].Bytes, c.Seq, w.Phase, w.Target(), w.Sample.Dir[0].Bytes, w.Seq)
		}
	}
	if len(gotIDs) != len(wantIDs) || !slices.Equal(gotIDs, wantIDs) {
		t.Errorf("conns: got %d, want %d", len(gotIDs), len(wantIDs))
	}
}

// rawViewer is a viewer made by hand.
type rawViewer struct {
	t    *testing.T
	conn *websocket.Conn
}

func dialRaw(t *testing.T, addr string, head http.Header) *rawViewer {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+addr+Path, head)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawViewer{t, conn}
}

func (v *rawViewer) say(text string) {
	v.t.Helper()
	if err := v.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		v.t.Fatal(err)
	}
}
