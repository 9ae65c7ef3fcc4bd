package observe

import (
	"sync"

	"github.com/wstap/wstap/monitor"
)

// maxWatched bounds the conns watched at a time.
const maxWatched = 16

// watches are the conns whose frame records somebody wants though Records are
// not. Reads do not come here: a watched conn bears a mark.
type watches struct {
	mu    sync.Mutex // guards what follows; taken before a stream's
	count map[uint64]*watched
}

// watched is a conn and how many look at it.
type watched struct {
	stream *Stream
	n      int
}

// Watch asks for the frame records of a conn, or for no more of them; who asks
// several times takes it back as often. The last ones before it come first. A
// conn that is gone, or is of another relay, has none; over maxWatched nothing
// happens, nor with Records, which bring them all. It may take some milliseconds
// where there are very many conns.
func (h *Hub) Watch(id monitor.ID, on bool) {
	if h.Records || id.Tap != h.Instance {
		return
	}
	w := &h.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	if on {
		h.watch(id.Conn)
	} else {
		h.unwatch(id.Conn)
	}
}

func (h *Hub) watch(conn uint64) {
	w := &h.watches
	if o := w.count[conn]; o != nil {
		o.n++
		return
	}
	if len(w.count) >= maxWatched {
		return
	}
	s := h.find(conn)
	if s == nil || !s.watch(conn) {
		return
	}
	if w.count == nil {
		w.count = map[uint64]*watched{}
	}
	w.count[conn] = &watched{s, 1}
}

func (h *Hub) unwatch(conn uint64) {
	w := &h.watches
	o := w.count[conn]
	if o == nil {
		return
	}
	if o.n--; o.n == 0 {
		delete(w.count, conn)
		o.stream.unwatch(conn)
	}
}

// watch marks the stream's conn, if it is still that one, and tells what was
// seen of it lately.
func (s *Stream) watch(conn uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	if c == nil || c.n != conn {
		return false
	}
	c.watched = true
	if len(c.records) == 0 { // else it was watched a moment ago
		c.records = c.last.inOrder()
	}
	s.touch()
	return true
}

func (s *Stream) unwatch(conn uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conn; c != nil && c.n == conn {
		c.watched = false
	}
}

// roll is all open streams, to find one in. Streams come and go with their
// connections, and are looked for when somebody watches.
type roll struct {
	mu  sync.Mutex // guards what follows; never held while another is taken
	all []*Stream
}

func (r *roll) add(s *Stream) {
	r.mu.Lock()
	s.place = len(r.all)
	r.all = append(r.all, s)
	r.mu.Unlock()
}

// remove puts the last one in its place.
func (r *roll) remove(s *Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.all) - 1
	r.all[s.place] = r.all[last]
	r.all[s.place].place = s.place
	r.all[last] = nil
	r.all = r.all[:last]
	if last < cap(r.all)/4 && cap(r.all) > 1024 {
		r.all = append(make([]*Stream, 0, cap(r.all)/2), r.all...)
	}
}

// rollAtOnce is how many streams are looked at between those that come and go.
const rollAtOnce = 512

// find finds the stream of a conn, or nil. It goes from the end to the
// beginning: one that moves meanwhile moves from behind to before, and what is
// new cannot be it.
func (h *Hub) find(conn uint64) *Stream {
	r := &h.roll
	some := make([]*Stream, 0, rollAtOnce)
	for to := -1; to != 0; {
		r.mu.Lock()
		if to < 0 || to > len(r.all) {
			to = len(r.all)
		}
		from := max(to-rollAtOnce, 0)
		some = append(some[:0], r.all[from:to]...)
		r.mu.Unlock()
		for _, s := range some {
			if s.has(conn) {
				return s
			}
		}
		to = from
	}
	return nil
}

func (s *Stream) has(conn uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && s.conn.n == conn
}
