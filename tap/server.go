package tap

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/observe"
)

// Server relays at the places of its specs. Listen and Serve once each; end it
// with Drain and Close, or with Close alone, also if only Listen was called.
type Server struct {
	hub  *observe.Hub
	opts Options
	now  func() monitor.Time
	taps []*tap

	alwaysCopied bool // tests: never the polled way of moving bytes
	loops        loops

	ctx    context.Context // ended by Close: dials and waits
	cancel context.CancelFunc
	wg     sync.WaitGroup // accept loops, dials, tunnels and watchAcks

	stalled      atomic.Int64
	acceptErrors atomic.Uint64
	panics       atomic.Uint64

	mu      sync.Mutex // guards what follows
	live    map[*tunnel]struct{}
	closing bool          // no connection may begin
	empty   chan struct{} // if not nil: to be closed when live is empty
}

// New makes a server that tells hub what passes and takes the time from now.
func New(hub *observe.Hub, specs []Spec, opts Options, now func() monitor.Time) *Server {
	s := &Server{hub: hub, opts: opts, now: now, live: map[*tunnel]struct{}{}}
	if s.opts.DialTimeout == 0 {
		s.opts.DialTimeout = DefaultDialTimeout
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if s.opts.Listen == nil {
		s.opts.Listen = s.listenDefault
	}
	for _, spec := range specs {
		s.taps = append(s.taps, &tap{server: s, spec: spec})
	}
	return s
}

// Listen binds all addresses or, with an error, none. Who connects waits in
// the kernel until Serve.
func (s *Server) Listen() error {
	for _, t := range s.taps {
		if err := t.open(); err != nil {
			s.closeListeners()
			return err
		}
	}
	return nil
}

// Serve begins to accept, after Listen.
func (s *Server) Serve() {
	s.startLoops()
	for _, t := range s.taps {
		s.serve(t)
	}
	s.wg.Go(s.watchAcks) // until Close
}

// Taps describes the taps, with the ports that were chosen if Listen was called.
func (s *Server) Taps() []monitor.TapInfo {
	infos := make([]monitor.TapInfo, len(s.taps))
	for i, t := range s.taps {
		infos[i] = monitor.TapInfo{Name: t.spec.Name, Role: t.spec.Role, Listen: t.listen, Upstream: t.spec.Upstream.Text}
	}
	return infos
}

// Drain stops accepting and waits until the live connections have ended by
// themselves or ctx has. Its error says how many were left; they are relayed
// on until Close.
func (s *Server) Drain(ctx context.Context) error {
	s.closeListeners()
	select {
	case <-s.whenEmpty():
		return nil
	case <-ctx.Done():
		if n := s.Live(); n > 0 {
			return fmt.Errorf("tap: %d connections still live: %w", n, context.Cause(ctx))
		}
		return nil
	}
}

// Close stops accepting, ends the live connections with a FIN to both sides,
// and returns when every goroutine of the server has.
func (s *Server) Close() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.cancel()
	s.closeListeners()
	s.MarkStopped()
	s.mu.Lock()
	for t := range s.live {
		t.stop()
	}
	s.mu.Unlock()
	s.wg.Wait()
	s.endLoops()
}

// MarkStopped says that Close comes next: whatever ends from now on is the
// relay's own doing. Mark every server before any is closed: the end of a front
// leg comes back through nginx as that of the back leg.
func (s *Server) MarkStopped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.live {
		t.markStopped()
	}
}

// Counts are the server's totals and gauges.
type Counts struct {
	Live         int    // connections, those being dialled included
	Stalled      int    // directions that wait for their receiver, each holding a buffer
	AcceptErrors uint64 // connections that could not be accepted at once
	Panics       uint64 // connections whose decoder failed: relayed on, undecoded
}

// Live is how many connections there are, those being dialled included.
func (s *Server) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// Counts returns the numbers of now.
func (s *Server) Counts() Counts {
	return Counts{Live: s.Live(), Stalled: int(s.stalled.Load()), AcceptErrors: s.acceptErrors.Load(), Panics: s.panics.Load()}
}

func (s *Server) closeListeners() {
	for _, t := range s.taps {
		t.close()
	}
}

// begin enters t among the live; false says that the server is closing.
func (s *Server) begin(t *tunnel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.live[t] = struct{}{}
	if t.abortable = t.move != nil; t.abortable {
		s.wg.Add(1) // until its mover is done
	}
	return true
}

// connected says that t has both its ends, so that Close may stop it; false
// says that the server is closing.
func (s *Server) connected(t *tunnel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	t.abortable, t.connected = true, true
	return true
}

func (s *Server) forget(t *tunnel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, t)
	if len(s.live) == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// whenEmpty returns a channel that is closed when no connection is live.
func (s *Server) whenEmpty() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	return s.empty
}

func (s *Server) health(tap string, status monitor.HealthStatus, text string) {
	if s.opts.OnHealth != nil {
		s.opts.OnHealth(tap, status, text)
	}
}
