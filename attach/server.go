package attach

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/wstap/wstap/monitor"
)

// Server serves viewers. It is one of the feed's writers: Events takes the
// batches and never waits for anything.
type Server struct {
	o       ServerOptions // unchanging
	stream  string        // names this run of the numbers
	origins map[string]bool
	wake    chan struct{} // something waits to be encoded; one is enough
	ending  chan struct{} // closed when nothing more will come
	encoded chan struct{} // closed when the encoder has returned
	tidied  chan struct{} // closed when tidy has returned
	guard   guard
	watch   watches
	viewing sync.WaitGroup // viewers' handlers
	buffers sync.Pool      // of their writes
	endOnce sync.Once

	mu           sync.Mutex // guards what follows; never held over I/O or a callback
	in           intake
	ring         ring
	events       uint64 // lifecycle events encoded or left out
	viewers      map[*viewer]struct{}
	wanted       int  // viewers that wait for a snapshot
	asked        bool // one for them is in the intake
	alive        int  // snapshots in the intake or being sent
	nextSnapshot time.Time
	packing      int       // viewers that want batches compressed
	leftAt       time.Time // the last viewer
	idle         bool      // nobody is here or may come back: nothing is kept
	encoding     bool      // the encoder has taken events
	closing      bool
	servers      map[*http.Server]struct{}
	reserved     int // viewers, with those that are just coming
	past         int // being read
	stats        Stats
}

// Stats counts what a server did.
type Stats struct {
	Viewers    int    // now
	Accepted   uint64 // viewers ever
	Resumed    uint64 // of which went on where they had been
	Snapshots  uint64 // taken
	Full       uint64 // refused: too many viewers
	BadTokens  uint64 // wrong or missing
	Limited    uint64 // refused unheard after too many bad tokens
	URLTokens  uint64 // tokens in the URL
	BadOrigins uint64
	BadViewers uint64 // dropped for what they sent
	Slow       uint64 // dropped for being slow
	Silent     uint64 // dropped for being silent

	Batches uint64  // encoded
	Bytes   uint64  // of those
	Sent    uint64  // bytes to all viewers
	Events  uint64  // lifecycle events given to Events
	Lost    Dropped // left out for all, because encoding was behind
	Unsent  Dropped // left out for some viewer

	Ring, Queued int64 // bytes
}

// NewServer starts a server without listeners; Close ends it.
func NewServer(o ServerOptions) *Server {
	var id [8]byte
	rand.Read(id[:]) // never fails
	s := &Server{
		o: o.withDefaults(), stream: hex.EncodeToString(id[:]),
		origins: map[string]bool{}, wake: make(chan struct{}, 1),
		ending: make(chan struct{}), encoded: make(chan struct{}), tidied: make(chan struct{}),
		viewers: map[*viewer]struct{}{}, servers: map[*http.Server]struct{}{}, idle: true,
	}
	for _, origin := range o.AllowOrigins {
		s.origins[normalOrigin(origin)] = true
	}
	s.in.max, s.ring.max, s.ring.next = s.o.MaxQueue, s.o.RingBytes, 1
	s.watch.tell = o.Watch
	go (&encoder{s: s}).run()
	go s.tidy()
	return s
}

// Events takes a batch, as feed.Writer says. One goroutine calls it.
func (s *Server) Events(batch []monitor.Event) {
	waiting := s.take(batch)
	s.takeSnapshot()
	if waiting {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// take queues a batch and says whether anything waits, or will.
func (s *Server) take(batch []monitor.Event) (waiting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range batch {
		if !travels(ev) {
			continue
		}
		if isLifecycle(ev) {
			s.stats.Events++
		}
		switch {
		case s.closing:
			// Behind the end; those who still listen were told how many there were.
		case s.idle:
			if isLifecycle(ev) {
				s.events++
			}
		case s.wants(ev):
			s.in.add(ev)
		}
	}
	if s.idle {
		s.ring.skip()
		return false
	}
	return len(s.in.items) > 0 || s.in.hole || s.wanted > 0
}

// wants says that somebody may get ev: frames go to who watches their conn.
func (s *Server) wants(ev monitor.Event) bool {
	f, frames := ev.(*monitor.Frames)
	return !frames || s.watch.has(f.ID())
}

// nextNumbers are those of the next batch and of its first event.
func (s *Server) nextNumbers() (seq, first uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ring.next, s.events
}

// publish adds an entry to the ring.
func (s *Server) publish(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring.add(e)
	if e.kind == kindEvents {
		s.events += e.n
	}
	s.stats.Batches++
	s.stats.Bytes += uint64(len(e.raw))
}

// place gives a snapshot its place in the stream and to those who wait for one.
func (s *Server) place(snap *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap.seq, snap.first = s.ring.next-1, s.events
	for v := range s.viewers {
		if v.waiting {
			v.begin(snap)
		}
	}
	s.asked = false
	if snap.users == 0 {
		s.alive--
	}
}

// encodedAll ends a round of the encoder: what was left out is counted, and
// the viewers are woken.
func (s *Server) encodedAll(in *intake) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.encoding = false
	s.stats.Lost.add(in.lost)
	if in.hole {
		s.events += in.missed
		s.ring.skip()
	}
	for v := range s.viewers {
		if in.lost.Samples > 0 {
			v.stale = true
		}
		v.unsent.Samples += in.lost.Samples
		if len(v.watching) > 0 {
			v.unsent.Frames += in.lost.Frames
		}
		v.wakeUp()
	}
}

// Stats says how it goes.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Viewers, st.Ring, st.Queued = len(s.viewers), s.ring.bytes, s.in.size
	return st
}

// Serve answers viewers at a listener, which it closes in the end, until Close.
// TLS is the listener's business. It may be called for several listeners.
func (s *Server) Serve(ln net.Listener) error {
	srv := s.newHTTP()
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		ln.Close()
		return nil
	}
	s.servers[srv] = struct{}{}
	s.mu.Unlock()
	err := srv.Serve(ln)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.servers, srv)
	if s.closing {
		return nil
	}
	return err
}

// Close ends the serving: no viewer is accepted any more, those that are here
// get what is left and then a word of goodbye. When ctx is done they are cut off.
// Events may still be called, and does nothing.
func (s *Server) Close(ctx context.Context) {
	s.endOnce.Do(func() { s.end() })
	<-s.encoded
	<-s.tidied
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.viewing.Wait()
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	for _, v := range s.present() { // closing a line may take time: not under the lock
		v.cut()
	}
	<-done
}

func (s *Server) present() (all []*viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.viewers {
		all = append(all, v)
	}
	return all
}

// end closes the listeners and wakes everybody.
func (s *Server) end() {
	s.mu.Lock()
	s.closing = true
	servers := make([]*http.Server, 0, len(s.servers))
	for srv := range s.servers {
		servers = append(servers, srv)
	}
	s.mu.Unlock()
	for _, srv := range servers {
		srv.Close()
	}
	close(s.ending)
	<-s.encoded
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.viewers {
		v.wakeUp()
	}
}

// tidy looks after what changes with time alone.
func (s *Server) tidy() {
	defer close(s.tidied)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var said string
	for {
		select {
		case <-s.ending:
			return
		case now := <-tick.C:
			s.fallIdle(now)
			s.guard.tidy(now)
			if status, text := s.health(now); text != said && s.o.OnHealth != nil {
				said = text
				s.o.OnHealth(status, text)
			}
		}
	}
}

// fallIdle forgets the batches when nobody will come back for them.
func (s *Server) fallIdle(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.viewers) == 0 && !s.idle && now.Sub(s.leftAt) > s.o.ResumeFor && !s.encoding && len(s.in.items) == 0 && !s.in.hole {
		s.idle = true
		s.ring.skip()
	}
}
