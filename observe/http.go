package observe

import (
	"strconv"
	"strings"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// httpMode follows the requests and responses of a connection that has not
// been upgraded: a handshake may be the n-th request on it.
type httpMode struct {
	dec     [2]ws.HTTPDecoder
	began   [2]monitor.Time // first byte of the message being read, per direction
	size    [2]uint64       // its bytes so far that no conn has counted
	nth     int             // requests seen
	waiting []exchange      // sent, not answered completely; oldest first
	held    []byte          // client bytes after an upgrade request, until its answer
	heldAt  monitor.Time
}

// exchange is a request that waits for its answer.
type exchange struct {
	method  string
	poll    string // target, if it is one of a polling transport
	conn    *conn  // nil for plain HTTP
	request ws.Request
	began   monitor.Time
	status  int
}

const (
	maxWaiting = 1024     // pipelined requests remembered
	maxHeld    = 64 << 10 // early client bytes kept for decoding
)

func (s *Stream) startHTTP() {
	h := &httpMode{}
	h.dec[ws.FromClient].Reset(ws.FromClient)
	h.dec[ws.FromServer].Reset(ws.FromServer)
	s.http = h
}

// httpBytes decodes in HTTP mode. What it returns belongs to the tunnel that
// the bytes before it began.
func (s *Stream) httpBytes(dir ws.Direction, at monitor.Time, p []byte) []byte {
	if dir == ws.FromServer {
		return s.responses(at, p)
	}
	if s.http.upgrading() {
		return s.hold(at, p)
	}
	return s.requests(at, p)
}

// upgrading says that an upgrade request waits for its answer: what the client
// sends meanwhile is frames if the answer is 101, and HTTP if it is not.
func (h *httpMode) upgrading() bool {
	n := len(h.waiting)
	return n > 0 && h.waiting[n-1].conn != nil
}

func (s *Stream) hold(at monitor.Time, p []byte) []byte {
	h := s.http
	if len(h.held)+len(p) > maxHeld {
		rest := append(h.held, p...)
		s.conn = h.waiting[len(h.waiting)-1].conn
		s.goOpaque(ws.FromClient, at, "more than 64 KiB before the answer to the upgrade request")
		return rest
	}
	h.held, h.heldAt = append(h.held, p...), at
	return nil
}

func (s *Stream) requests(at monitor.Time, p []byte) []byte {
	h := s.http
	d := &h.dec[ws.FromClient]
	for {
		if h.began[ws.FromClient].IsZero() && len(p) > 0 {
			h.began[ws.FromClient] = at
		}
		n, ev := d.Next(p)
		s.count(ws.FromClient, at, n, len(h.waiting)-1)
		p = p[n:]
		switch ev {
		case ws.HTTPNone:
			return nil
		case ws.HTTPHead:
			s.request(at, d.Head())
			if s.http == nil {
				return p
			}
			if h.upgrading() && len(p) > 0 {
				return s.hold(at, p)
			}
		case ws.HTTPEnd:
			h.began[ws.FromClient], h.size[ws.FromClient] = 0, 0
		default:
			s.goOpaque(ws.FromClient, at, lostReason(d))
			return p
		}
	}
}

func lostReason(d *ws.HTTPDecoder) string {
	if r := d.LostReason(); r != "" {
		return r
	}
	return "not HTTP"
}

// count gives n bytes to the conn of the i-th exchange that waits, or keeps
// them in mind until it is clear whose they are.
func (s *Stream) count(dir ws.Direction, at monitor.Time, n, i int) {
	h := s.http
	if n > 0 && i >= 0 && i < len(h.waiting) && h.waiting[i].conn != nil {
		h.waiting[i].conn.bytes(dir, at, n)
		return
	}
	h.size[dir] += uint64(n)
}

// request takes a complete request head. It may end the HTTP mode.
func (s *Stream) request(at monitor.Time, head *ws.Head) {
	h := s.http
	if len(h.waiting) >= maxWaiting {
		s.goOpaque(ws.FromClient, at, "too many requests without an answer")
		return
	}
	h.nth++
	x := exchange{method: head.Method, began: h.began[ws.FromClient]}
	if req, ok := ws.UpgradeRequest(head); ok {
		x.request = req
		x.conn = s.openRequest(at, x.began, head, &req)
		s.conn = x.conn
	}
	if _, ok := pollOf(head.Target); ok {
		x.poll = strings.Clone(head.Target)
	}
	h.waiting = append(h.waiting, x)
}

func (s *Stream) openRequest(at, began monitor.Time, head *ws.Head, req *ws.Request) *conn {
	c := s.open(began, false, "")
	c.bytes(ws.FromClient, at, int(s.http.size[ws.FromClient]))
	s.http.size[ws.FromClient] = 0
	ev := requestEvent(s.hub.Redact, head, req)
	ev.Header, ev.Began, ev.Nth = c.head(at), began, s.http.nth
	c.emit(ev)
	for r := range req.Violations.Each() {
		c.violation(ws.FromClient, at, r)
	}
	s.touch()
	return c
}

func (s *Stream) responses(at monitor.Time, p []byte) []byte {
	h := s.http
	d := &h.dec[ws.FromServer]
	for {
		if len(h.waiting) == 0 && len(p) > 0 && d.Idle() {
			s.goOpaque(ws.FromServer, at, "the server spoke first")
			return p
		}
		n, ev := d.Next(p)
		s.count(ws.FromServer, at, n, 0)
		p = p[n:]
		switch ev {
		case ws.HTTPNone:
			return nil
		case ws.HTTPHead:
			if s.response(at, d) {
				return p
			}
		case ws.HTTPEnd:
			if s.requestsAfter(at); s.http == nil {
				return p
			}
		default:
			s.goOpaque(ws.FromServer, at, lostReason(d))
			return p
		}
	}
}

// requestsAfter takes the end of a response and decodes what the client sent
// meanwhile.
func (s *Stream) requestsAfter(at monitor.Time) {
	held := s.responseEnd(at)
	if held == nil {
		return
	}
	if left := s.requests(at, held); len(left) > 0 {
		s.tunnelBytes(ws.FromClient, at, left)
	}
}

// response takes a complete response head; true means that a tunnel begins.
func (s *Stream) response(at monitor.Time, d *ws.HTTPDecoder) bool {
	x := &s.http.waiting[0]
	head := d.Head()
	if body, err := head.ResponseBody(x.method); err == nil {
		d.SetBody(body)
		if body.Kind == ws.BodyTunnel && x.conn == nil {
			s.goOpaque(ws.FromServer, at, tunnelReason(head))
			return true
		}
	}
	if head.Status < 200 && head.Status != 101 {
		return false // 100, 102, 103: the answer is still to come
	}
	x.status = head.Status
	if x.poll != "" {
		s.hub.polled(s.leg, x.poll, x.status)
	}
	if x.conn == nil {
		return false
	}
	resp := ws.UpgradeResponse(&x.request, head)
	ev := responseEvent(s.hub.Redact, head, &resp)
	ev.Header = x.conn.head(at)
	x.conn.emit(ev)
	if head.Status != 101 {
		return false
	}
	for r := range resp.Violations.Each() {
		x.conn.violation(ws.FromServer, at, r)
	}
	s.upgrade(at, x.conn, resp.Deflate)
	return true
}

func tunnelReason(head *ws.Head) string {
	if head.Status == 101 {
		return "upgraded to " + head.Get("Upgrade") + ", not to WebSocket"
	}
	return "CONNECT tunnel"
}

// upgrade begins the tunnel of c, and decodes what the client sent early.
func (s *Stream) upgrade(at monitor.Time, c *conn, deflate bool) {
	held, heldAt := s.http.held, s.http.heldAt
	s.conn = c
	c.upgraded = at
	c.lastByte = at
	s.frames = new([2]ws.FrameDecoder)
	s.frames[ws.FromClient].Reset(ws.FromClient, deflate)
	s.frames[ws.FromServer].Reset(ws.FromServer, deflate)
	s.endHTTP()
	if len(held) > 0 {
		s.tunnelBytes(ws.FromClient, max(heldAt, c.opened), held)
	}
}

// responseEnd takes the end of a response. A refused attempt is over with it,
// though its connection may live on. It returns what the client sent meanwhile.
func (s *Stream) responseEnd(at monitor.Time) []byte {
	h := s.http
	x := h.waiting[0]
	if x.status == 0 {
		return nil // an interim response ended
	}
	h.waiting = h.waiting[1:]
	h.size[ws.FromServer] = 0
	if x.conn == nil {
		s.hub.plain(s.leg, strconv.Itoa(x.status))
		return nil
	}
	x.conn.close(at, false)
	if s.conn == x.conn {
		s.conn = nil
	}
	held := h.held
	h.held = nil
	h.began[ws.FromClient], h.size[ws.FromClient] = 0, 0
	return held
}

// closeHTTP ends the exchanges that wait, oldest first.
func (s *Stream) closeHTTP(at monitor.Time, byTap bool) {
	for _, x := range s.http.waiting {
		switch {
		case x.conn == nil && x.status == 0:
			s.hub.plain(s.leg, "000")
		case x.conn == nil:
			s.hub.plain(s.leg, strconv.Itoa(x.status))
		case x.conn != s.conn:
			x.conn.close(at, byTap)
		}
	}
}
