package monitor

import (
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/logparse"
)

// Joining log entries to conns. nginx's error log gives the time in whole
// seconds, the client's address without port, the request line, the server
// asked and the phase; none of them names a conn alone. So a join has a score:
//
//	exact      X-Ngx-Conn on the back leg, or another line of the same pid and *N
//	+4         the upstream is the back tap's listen address
//	+3         request line (front) or upstream URI (back) is the conn's
//	+2         within half a second of the conn's own event, by arrival
//	+1         Host, client address
//
// An entry without a request (TLS, accept) joins nothing and is shown alone.

const (
	joinWithin = 3 * time.Second // an entry waits this long for its conn, and a conn for it
	joinClose  = 500 * time.Millisecond
	scoreExact = 100
)

// The kinds of log entries that verdicts read; a test holds them against
// logparse's catalogue.
const (
	kindGraceful  logparse.Kind = "gracefully_shutting_down"
	kindExiting   logparse.Kind = "exiting"
	kindSignal    logparse.Kind = "signal_received"
	kindUpTimeout logparse.Kind = "upstream_timed_out"
	kindClTimeout logparse.Kind = "client_timed_out"
	kindRecv      logparse.Kind = "recv_failed"
	kindSend      logparse.Kind = "send_failed"
	kindSSLWrite  logparse.Kind = "ssl_write_failed"
)

// ngxConn is nginx's own name of a connection: the pid and *N of the log.
type ngxConn struct {
	pid int
	n   int64
}

// addNgx indexes a conn whose request brought "X-Ngx-Conn: <pid> <connection>".
func (s *State) addNgx(c *Conn) {
	if k, ok := parseNgx(c.Request.NgxConn); ok {
		s.byNgx[k] = c
	}
}

func (s *State) dropNgx(c *Conn) {
	if c.Request == nil {
		return
	}
	if k, ok := parseNgx(c.Request.NgxConn); ok && s.byNgx[k] == c {
		delete(s.byNgx, k)
	}
	for _, r := range c.Logs {
		if k := ngxOf(&r.Entry); s.byNgx[k] == c {
			delete(s.byNgx, k)
		}
	}
}

func parseNgx(v string) (ngxConn, bool) {
	pid, n, ok := strings.Cut(v, " ")
	p, err1 := strconv.Atoi(pid)
	c, err2 := strconv.ParseInt(n, 10, 64)
	return ngxConn{p, c}, ok && err1 == nil && err2 == nil
}

func ngxOf(e *logparse.Entry) ngxConn { return ngxConn{e.PID, e.Connection} }

// beginJoin looks at a new entry: exact joins at once, others wait for the
// conn's own end, which may come before or after the line.
func (s *State) beginJoin(r *LogRef) {
	switch r.Entry.Kind {
	case kindGraceful, kindExiting, kindSignal:
		s.notices = append(s.notices, r)
		if len(s.notices) > 256 {
			s.notices = append(s.notices[:0], s.notices[128:]...)
		}
		return
	}
	if !r.Entry.Has(logparse.HasConnection) {
		return
	}
	if c := s.byNgx[ngxOf(&r.Entry)]; c != nil && s.alive(c, r) {
		r.Exact, r.Score = true, scoreExact
		s.join(r, c)
		return
	}
	if r.Entry.Has(logparse.HasRequest) && len(s.pending) < 4096 {
		s.pending = append(s.pending, r)
	}
}

// alive says that the entry can speak of c: *N starts at 1 again with a new master.
func (s *State) alive(c *Conn, r *LogRef) bool {
	return s.conns[c.ID] == c && (c.Ended.IsZero() || r.At.Sub(c.Ended) < 2*time.Minute) && r.At >= c.Opened
}

// joinPending tries the entries that wait; those too old stay alone.
func (s *State) joinPending(last bool) {
	if len(s.pending) == 0 {
		return
	}
	keep := s.pending[:0]
	for _, r := range s.pending {
		if !s.tryJoin(r) && !last && s.now.Sub(r.At) < joinWithin {
			keep = append(keep, r)
		}
	}
	clear(s.pending[len(keep):])
	s.pending = keep
}

// tryJoin gives the entry to its best candidate; equal ones share it.
func (s *State) tryJoin(r *LogRef) bool {
	var best []*Conn
	score := 0
	for _, c := range s.candidates(r) {
		switch n := joinScore(r, c); {
		case n == 0 || n < score:
		case n > score:
			best, score = append(best[:0], c), n
		case !sameUnit(best, c):
			best = append(best, c)
		}
	}
	if len(best) == 0 {
		return false
	}
	r.Score, r.Candidates, r.Ambiguous = score, len(best), len(best) > 1
	for _, c := range best {
		s.join(r, c)
	}
	return true
}

// sameUnit says that c is another leg of a conn in cs.
func sameUnit(cs []*Conn, c *Conn) bool {
	for _, o := range cs {
		if o == c || (o.Link != nil && o.Link == c.Link) {
			return true
		}
	}
	return false
}

// candidates are the conns that ended, were refused or failed a moment ago.
func (s *State) candidates(*LogRef) []*Conn {
	from := max(len(s.settling)-1024, 0)
	return s.settling[from:]
}

func joinScore(r *LogRef, c *Conn) int {
	e := &r.Entry
	at := c.EndAt()
	if c.Answer != nil && c.Answer.Status != 101 {
		at = c.Answer.At
	}
	if !fitsTime(r, at) || !fitsPhase(e, c) {
		return 0
	}
	score := 0
	switch c.Role {
	case Back:
		if e.Upstream != "" {
			if e.UpstreamAddr() != c.Listen {
				return 0
			}
			score += 4
		}
		if c.Request != nil && e.Upstream != "" && e.UpstreamURI() != c.Target() {
			return 0
		}
		score += 3
	default:
		if c.Request == nil || e.RequestTarget() != c.Target() {
			return 0
		}
		score += 3
		if o := c.Other(); o != nil && e.UpstreamAddr() == o.Listen {
			score += 4
		}
		if e.Client != "" && strings.HasPrefix(c.Local, e.Client+":") {
			score++
		}
	}
	if e.Host != "" && e.Host == c.Host() {
		score++
	}
	if r.At.Sub(at).Abs() <= joinClose {
		score += 2
	}
	return score
}

// fitsTime compares with nginx's stamp, cut to the second and cached for an
// event-loop turn, and failing a usable stamp with the arrival.
func fitsTime(r *LogRef, at Time) bool {
	if at.IsZero() {
		return false
	}
	stamp := r.Stamp
	if stamp.IsZero() {
		stamp = r.At
	}
	d := at.Sub(stamp)
	return d > -1100*time.Millisecond && d < 2100*time.Millisecond
}

// tunnelAction is the context of every line about an established tunnel.
const tunnelAction = "proxying upgraded connection"

func fitsPhase(e *logparse.Entry, c *Conn) bool {
	if e.Action == tunnelAction {
		return c.IsUpgraded()
	}
	if c.IsUpgraded() { // "client closed keepalive connection" and the like
		return false
	}
	return true
}

func (s *State) join(r *LogRef, c *Conn) {
	unit := []*Conn{c}
	if c.Link != nil {
		unit = append(unit[:0], c.Link.Front)
		unit = append(unit, c.Link.Backs...)
	}
	for _, u := range unit {
		attach(u, r)
	}
	if !r.Ambiguous && r.Entry.Has(logparse.HasConnection) && len(s.byNgx) < 2*s.Bounds.Conns {
		s.byNgx[ngxOf(&r.Entry)] = c
	}
}

// attach keeps the entry with the conn, and the conn with the entry.
func attach(c *Conn, r *LogRef) {
	for _, have := range c.Logs {
		if have == r {
			return
		}
	}
	if len(c.Logs) >= logsKept {
		c.joinAll++
		return
	}
	c.Logs = append(c.Logs, r)
	if len(r.Joined) < logsKept {
		r.Joined = append(r.Joined, c.ID)
	}
}
