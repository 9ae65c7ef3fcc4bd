package monitor

import (
	"slices"
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
//	+4         the upstream is the back tap's listen address (+2: its port)
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

// ngxConn is nginx's own name of a connection: the pid and *N of a log. Two
// nginx in containers may share both, so a name learned from a log holds for
// that log; one that came as X-Ngx-Conn, without a source, for all.
type ngxConn struct {
	source string
	pid    int
	n      int64
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
		if k := ngxOf(r); s.byNgx[k] == c {
			delete(s.byNgx, k)
		}
	}
}

func parseNgx(v string) (ngxConn, bool) {
	pid, n, ok := strings.Cut(v, " ")
	p, err1 := strconv.Atoi(pid)
	c, err2 := strconv.ParseInt(n, 10, 64)
	return ngxConn{"", p, c}, ok && err1 == nil && err2 == nil
}

func ngxOf(r *LogRef) ngxConn { return ngxConn{r.Source, r.Entry.PID, r.Entry.Connection} }

// beginJoin looks at a new entry: exact joins at once, others wait for the
// conn's own end, which may come before or after the line.
func (s *State) beginJoin(r *LogRef) {
	if r.Entry.Flags.Has(logparse.FlagForged) {
		return // a client wrote it
	}
	if endsTunnels(&r.Entry) {
		s.notices = append(s.notices, r)
		if len(s.notices) > 256 {
			s.notices = append(s.notices[:0], s.notices[128:]...)
		}
		return
	}
	if !r.Entry.Has(logparse.HasConnection) {
		return
	}
	if s.joinExact(r) {
		return
	}
	if !r.Entry.Has(logparse.HasRequest) && !s.follows(r) {
		return
	}
	if len(s.pending) >= pendingMost {
		s.Totals.Dropped["log joins"]++
		return
	}
	s.pending = append(s.pending, r)
}

// followsMost bounds how many waiting entries a new one is compared with.
const followsMost = 256

// follows says that an entry of the same connection waits for its conn: what one
// read of the log brought together must join as if it had come line by line.
func (s *State) follows(r *LogRef) bool {
	name := ngxOf(r)
	recent := s.pending[max(len(s.pending)-followsMost, 0):]
	return slices.ContainsFunc(recent, func(o *LogRef) bool { return ngxOf(o) == name })
}

// endsTunnels says that an entry of a process tells of the end of its tunnels.
// "gracefully shutting down" does not: they live on until the exit.
func endsTunnels(e *logparse.Entry) bool {
	return e.Kind == kindExiting || (e.Kind == kindSignal && isStop(e.Raw))
}

// pendingMost bounds the entries that wait for their conn.
const pendingMost = 4096

// joinExact joins by name, which needs no score.
func (s *State) joinExact(r *LogRef) bool {
	c := s.exact(r)
	if c == nil {
		return false
	}
	r.Exact, r.Score = true, scoreExact
	s.join(r, c)
	return true
}

// exact finds the conn that nginx's own name of the connection leads to.
func (s *State) exact(r *LogRef) *Conn {
	name := ngxOf(r)
	for _, k := range []ngxConn{name, {"", name.pid, name.n}} {
		if c := s.byNgx[k]; c != nil && s.conns[c.ID] == c && speaksOf(r, c) {
			return c
		}
	}
	return nil
}

// speaksOf says that the entry can be about c: *N starts at 1 again with a new
// master, and the attempts of one keep-alive connection share it.
func speaksOf(r *LogRef, c *Conn) bool {
	e := &r.Entry
	if r.At < c.Opened || (!c.Ended.IsZero() && r.At.Sub(c.Ended) > joinWithin) || !fitsPhase(e, c) {
		return false
	}
	return !e.Has(logparse.HasRequest) || sameTarget(e, c)
}

// sameTarget compares as the leg saw it.
func sameTarget(e *logparse.Entry, c *Conn) bool {
	if c.Request == nil {
		return true
	}
	return e.RequestTarget() == c.Target() || e.UpstreamURI() == c.Target()
}

// joinPending tries the entries that wait; those too old stay alone.
func (s *State) joinPending(last bool) {
	if len(s.pending) == 0 {
		return
	}
	keep := s.pending[:0]
	for _, r := range s.pending {
		if !s.tryJoin(r, last) && !last && s.now.Sub(r.At) < joinWithin {
			keep = append(keep, r)
		}
	}
	clear(s.pending[len(keep):])
	s.pending = keep
}

// tryJoin gives the entry to its best candidate; equal ones share it. last: there
// will be no other try.
func (s *State) tryJoin(r *LogRef, last bool) bool {
	if !r.Entry.Has(logparse.HasRequest) {
		return s.joinExact(r)
	}
	var best []*Conn
	score := 0
	for _, c := range s.settling[max(len(s.settling)-candidatesMost, 0):] {
		switch n := s.joinScore(r, c); {
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
	r.Score, r.Ambiguous = score, len(best) > 1
	if len(best) == 1 && !s.linkByLine(r, best[0]) && !last && s.now.Sub(r.At) < joinClose {
		return false
	}
	if r.Ambiguous {
		s.group(r, best)
	}
	for _, c := range best {
		s.join(r, c)
	}
	return true
}

// linkByLine links a back conn that has no key, because it was never dialled or
// nginx spoke TLS on it, to the one front conn that the line speaks of. False:
// that may come yet, for nginx writes the line before it answers.
func (s *State) linkByLine(r *LogRef, b *Conn) bool {
	if b.Role != Back || b.Request != nil || b.Link != nil || !s.HasRole(Front) {
		return true
	}
	var front *Conn
	for _, c := range s.settling {
		if c.Role != Front || c.Link != nil || c.Request == nil || c.Opened > b.Opened || s.joinScore(r, c) == 0 {
			continue
		}
		if front != nil {
			return true // two fit
		}
		front = c
	}
	if front != nil {
		s.link(front, b)
	}
	return front != nil
}

// joinGroup is the lines and the conns of one kind of end that fit each other
// equally well. As many lines as conns prove each conn's end, though nobody can
// say which line is whose.
type joinGroup struct {
	lines int
	conns map[any]bool // *Link, or *Conn without one
	last  Time
}

type groupKey struct {
	source, request string
	kind            logparse.Kind
	level           logparse.Level
}

// group counts an ambiguous entry. A group ends when nothing joined it for a while.
func (s *State) group(r *LogRef, cs []*Conn) {
	k := groupKey{r.Source, r.Entry.Request, r.Entry.Kind, r.Entry.Level}
	g := s.groups[k]
	if g == nil || r.At.Sub(g.last) > joinWithin {
		g = &joinGroup{conns: map[any]bool{}}
		s.groups[k] = g
	}
	g.lines++
	g.last = max(g.last, r.At)
	for _, c := range cs {
		if c.Link != nil {
			g.conns[c.Link] = true
		} else {
			g.conns[c] = true
		}
	}
	r.group = g
}

// Among says how many lines and conns an ambiguous entry is one of.
func (r *LogRef) Among() (lines, conns int) {
	if r.group == nil {
		return 1, 1
	}
	return r.group.lines, len(r.group.conns)
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

// candidatesMost bounds the conns an entry is compared with: those whose end
// began last.
const candidatesMost = 1024

func (s *State) joinScore(r *LogRef, c *Conn) int {
	e := &r.Entry
	at := c.EndAt()
	if c.Answer != nil && c.Answer.Status != 101 {
		at = c.Answer.At
	}
	if !s.fitsTime(r, at) && !whileStuck(r, c) || !fitsPhase(e, c) {
		return 0
	}
	score := targetScore(e, c)
	if score == 0 {
		return 0
	}
	if e.Host != "" && e.Host == c.Host() {
		score++
	}
	if r.At.Sub(at).Abs() <= joinClose {
		score += 2
	}
	return score
}

// targetScore compares what was asked for, of whom and by whom; 0 if it does not fit.
func targetScore(e *logparse.Entry, c *Conn) int {
	if c.Role == Back {
		return backScore(e, c)
	}
	if c.Request == nil || e.RequestTarget() != c.Target() {
		return 0
	}
	score := 3
	if o := c.Other(); o != nil {
		score += addressScore(e.UpstreamAddr(), o.Listen)
	}
	if e.Client != "" && hostOf(c.Local) == e.Client {
		score++
	}
	return score
}

func backScore(e *logparse.Entry, c *Conn) int {
	if e.Upstream == "" {
		return 3
	}
	a := addressScore(e.UpstreamAddr(), c.Listen)
	if a == 0 || (c.Request != nil && e.UpstreamURI() != c.Target()) {
		return 0
	}
	return 3 + a
}

// addressScore compares nginx's name of the back tap's address with ours: the
// same, or the same port behind an address translation.
func addressScore(upstream, listen string) int {
	switch {
	case upstream == listen:
		return 4
	case portOf(upstream) != "" && portOf(upstream) == portOf(listen):
		return 2
	}
	return 0
}

func portOf(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 && !strings.HasPrefix(addr, "unix:") {
		return addr[i+1:]
	}
	return ""
}

// hostOf is an address without port and without the brackets of IPv6.
func hostOf(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		return strings.Trim(addr[:i], "[]")
	}
	return addr
}

// fitsTime compares with nginx's stamp, cut to the second and cached for an
// event-loop turn, and failing a usable stamp with the arrival.
func (s *State) fitsTime(r *LogRef, at Time) bool {
	if at.IsZero() {
		return false
	}
	stamp := r.Stamp.Add(-s.step) // nginx's clock steps, ours is anchored
	if r.Stamp.IsZero() {
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
		unit = append(append(unit[:0:0], c.Link.Front), c.Link.Backs...)
	}
	for _, u := range unit {
		if u != nil {
			attach(u, r)
		}
	}
	if !r.Ambiguous && r.Entry.Has(logparse.HasConnection) && len(s.byNgx) < 2*s.Bounds.Conns {
		s.byNgx[ngxOf(r)] = c
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
		c.LogsMore++
		return
	}
	c.Logs = append(c.Logs, r)
	if len(r.Joined) < logsKept {
		r.Joined = append(r.Joined, c.ID)
	}
}
