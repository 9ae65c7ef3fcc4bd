package monitor

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// The rules of judge.tunnel, in order of precedence. Each says whether it
// holds, having written its evidence. What each cause looks like on each leg
// was measured on nginx 1.22.1 and 1.31.4.

// lingering: closed cleanly by both, but TCP stayed until the proxy's idle timer
// ran out. Its log line is a false idle alarm.
func (j *judge) lingering() bool {
	first := j.Conn.closeBeforeEnd()
	if first == nil || !j.v.CloseAnswered || !j.origin.byNginx() {
		return false
	}
	wait := j.gap()
	line := j.line(isTunnelTimeout)
	if !(line != nil && wait >= time.Second) && j.atIdleLimit(wait) == nil {
		return false
	}
	j.sayClose()
	j.say("TCP stayed open for %s after it: the peer never closed, and nginx's idle timer did", span(wait))
	j.quote(line)
	j.conclude(CauseLingering, j.sure(line, Likely))
	return true
}

func (j *judge) closeHandshake() bool {
	if j.Conn.closeBeforeEnd() == nil {
		return false
	}
	j.sayClose()
	j.sayEnds()
	j.quote(j.line(isTunnelTimeout))
	j.conclude(CauseCloseHandshake, Confirmed)
	return true
}

// proxyShutdown: nginx ended both legs of busy tunnels, many at once: a worker
// left after a reload (worker_shutdown_timeout), or nginx was stopped.
func (j *judge) proxyShutdown() bool {
	if !j.origin.byNginx() || j.atIdleLimit(j.gap()) != nil || j.line(isTunnelTimeout) != nil || j.line(isReset) != nil {
		return false
	}
	mass, both := j.Mass-j.SameGap >= massLeast, j.origin == byProxy
	switch {
	case j.Notice != nil && both:
		j.conclude(CauseProxyShutdown, Confirmed)
	case j.Notice != nil && mass, mass && both:
		j.conclude(CauseProxyShutdown, Likely)
	case j.Notice != nil, mass:
		j.conclude(CauseProxyShutdown, Possible)
	default:
		return false
	}
	j.sayEnds()
	if j.Mass > 0 {
		j.say("nginx's side ended %d other connections of this tap within a second of this one, none of them idle for its limit", j.Mass)
	}
	if j.Notice != nil {
		j.say("log (fits by time): %s", j.Notice.Entry.Raw)
	}
	return true
}

// massLeast is how many conns end together before we speak of a shutdown.
const massLeast = 3

// slowConsumer: the receiver's window was full until send_timeout ran out.
func (j *judge) slowConsumer() bool {
	line := j.line(isClientTimeout)
	stuck := j.stuck()
	if line == nil && (stuck == "" || !j.origin.byNginx()) {
		return false
	}
	if stuck != "" {
		j.say("%s", stuck)
	}
	j.sayEnds()
	j.quote(line)
	j.conclude(CauseSlowConsumer, j.sure(line, Likely))
	return true
}

// stuckLeast is how long a write must have waited at the end to explain it: a
// moment of back-pressure is ordinary.
const stuckLeast = time.Second

// stuck says who was not reading when it ended, on either leg, or "".
func (j *judge) stuck() string {
	for _, c := range []*Conn{j.Conn, j.Other} {
		if c == nil {
			continue
		}
		for d := range c.Sample.Dir {
			if w := waitedAtEnd(c, d); w >= stuckLeast {
				who := nameOf(c, ws.Direction(d).Other())
				return fmt.Sprintf("the %s was not reading: our write to it on the %s leg had been waiting for %s", who, c.Role, span(w))
			}
		}
	}
	return ""
}

// waitedAtEnd is how long a write of a direction had waited when the conn
// began to end, or has waited until now if it still stands.
func waitedAtEnd(c *Conn, d int) time.Duration {
	t := &c.Sample.Dir[d]
	switch {
	case t.BlockedAtEnd > 0:
		return t.BlockedAtEnd.Std()
	case t.BlockedNow && c.FirstEnd() == nil:
		return t.Blocked.Std()
	}
	return 0
}

// reset: nginx launders a reset into a FIN on the other leg, and the level of
// its log line tells the side (error: the server; info: the client).
// A line that says otherwise than the wire belongs to another connection.
func (j *judge) reset() bool {
	line := j.line(isReset)
	var told Cause // by the line, if there is one
	if line != nil {
		told = CauseServerReset
		if line.Entry.Level == logparse.LevelInfo {
			told = CauseClientReset
		}
	}
	cause := j.seenReset()
	if cause == "" && j.origin != byClient && j.origin != byServer {
		cause = told
	}
	if cause == "" {
		return false
	}
	if told != cause {
		line = nil
	}
	j.conclude(cause, j.sure(line, Likely))
	j.sayEnds()
	j.quote(line)
	if line != nil {
		j.say("nginx writes this line at level %s when the %s resets", line.Entry.Level, side(cause))
	}
	return true
}

// seenReset is the reset that a leg shows at its own far side, or "".
func (j *judge) seenReset() Cause {
	switch {
	case j.resetBy(byClient):
		return CauseClientReset
	case j.resetBy(byServer):
		return CauseServerReset
	}
	return ""
}

func side(c Cause) string {
	if c == CauseClientReset {
		return "client"
	}
	return "server"
}

func (j *judge) resetBy(o origin) bool {
	if j.origin != o {
		return false
	}
	c := j.front
	if o == byServer {
		c = j.back
	}
	return c != nil && c.FirstEnd() != nil && c.FirstEnd().How == HowReset
}

// idleTimeout: nginx ended it as long after the last byte of either side as a
// limit says, at most 300 ms early.
func (j *judge) idleTimeout() bool {
	line := j.line(isTunnelTimeout)
	limit := j.atIdleLimit(j.gap())
	if !j.origin.byNginx() {
		return false
	}
	if line == nil && limit == nil {
		return j.sameGap()
	}
	j.say("%s nginx's side ended it %s after the last byte in either direction", clock(j.Conn.EndAt()), span(j.gap()))
	if limit != nil {
		j.say("the idle limit is %s (%s)", span(limit.Value.Std()), limit.Source)
	} else if l := smallest(j.Limits, Idle); l != nil {
		j.say("that is not the idle limit of %s (%s)", span(l.Value.Std()), l.Source)
	}
	if j.origin == byProxy {
		j.say("nginx ended both legs itself, %s apart, without a close frame", span(j.front.EndAt().Sub(j.back.EndAt()).Abs()))
	}
	j.quote(line)
	if line == nil && j.LogBlind {
		j.say("no log line: nginx writes idle kills at level info, and this log holds nothing that low so far; its silence acquits nobody")
	}
	j.conclude(CauseIdleTimeout, j.sureOfIdle(line, limit))
	return true
}

// sameGap: several conns of a tap ended together after the same silence, which
// no known limit explains. That is a timer, or one blow to conns that had all
// been silent since the same moment.
func (j *judge) sameGap() bool {
	if j.SameGap < massLeast || j.gap() < learnLeast {
		return false
	}
	j.say("%s nginx's side ended it %s after the last byte in either direction", clock(j.Conn.EndAt()), span(j.gap()))
	j.say("%d other connections of this tap ended within a second after the same silence: an idle limit that is not known, or one blow to connections silent since the same moment", j.SameGap)
	j.conclude(CauseIdleTimeout, Possible)
	return true
}

// sureOfIdle: one leg and an assumed limit prove little, and without knowing
// which side is nginx's, nothing does.
func (j *judge) sureOfIdle(line *LogRef, limit *Limit) Confidence {
	if line == nil && !j.bothLegs() && (limit.Source == SourceAssumed || j.origin == roleless) {
		return Possible
	}
	return j.sure(line, Likely)
}

func (j *judge) lifetimeLimit() bool {
	limit := smallest(j.Limits, Lifetime)
	if limit == nil || !j.origin.byNginx() {
		return false
	}
	age := j.Conn.EndAt().Sub(j.Conn.Opened)
	if (age - limit.Value.Std()).Abs() > time.Second {
		return false
	}
	j.say("%s ended at an age of %s; the lifetime limit is %s (%s)", clock(j.Conn.EndAt()), span(age), span(limit.Value.Std()), limit.Source)
	j.sayEnds()
	j.conclude(CauseLifetimeLimit, j.sure(nil, Likely))
	return true
}

func (j *judge) vanished() bool {
	for _, c := range []*Conn{j.Conn, j.Other} {
		if c == nil || c.FirstEnd() == nil || c.FirstEnd().How != HowTimeout {
			continue
		}
		j.say("%s the %s", clock(c.EndAt()), j.endWordsOf(c, c.FirstEnd()))
		j.conclude(CausePeerVanished, j.sure(nil, Likely))
		return true
	}
	return false
}

// fin: a side closed TCP without a close frame. Seen from one leg, nginx's FIN
// may be the far end's FIN, its reset, or nginx's own doing.
func (j *judge) fin() bool {
	switch j.origin {
	case byClient:
		j.conclude(CauseClientFIN, j.sure(nil, Likely))
	case byServer:
		j.conclude(CauseServerFIN, j.sure(nil, Likely))
	case proxySide:
		if j.v.FirstEndHow == HowReset {
			j.sayEnds()
			j.say("nginx itself resets only with reset_timedout_connection, or a client that sends to a tunnel already closed")
			j.conclude(CauseUnknown, Possible)
			return true
		}
		j.say("only the front leg is seen: a FIN or reset of the server, a reload and a stop of nginx all look like this")
		j.conclude(CauseServerFIN, Possible)
	case proxySideBack:
		j.say("only the back leg is seen: a FIN or reset of the client, a reload and a stop of nginx all look like this")
		j.conclude(CauseClientFIN, Possible)
	case roleless:
		j.conclude(pickCause(j.Conn), Possible)
	default:
		return false
	}
	j.sayEnds()
	return true
}

// pickCause names the side that ended first where nobody knows which is nginx.
func pickCause(c *Conn) Cause {
	e := c.FirstEnd()
	switch client := e.Dir == ws.FromClient; {
	case client && e.How == HowReset:
		return CauseClientReset
	case client:
		return CauseClientFIN
	case e.How == HowReset:
		return CauseServerReset
	}
	return CauseServerFIN
}

// gap is the silence before the end, on whichever leg it was shorter.
func (j *judge) gap() time.Duration {
	g := j.Conn.Gap(j.Conn.Ended)
	if j.bothLegs() {
		g = min(g, j.Other.Gap(j.Other.Ended))
	}
	return g
}

// late is how much after its limit an idle kill may be seen.
const late = 500 * time.Millisecond

// atIdleLimit finds the idle limit that fits a gap, or nil.
func (j *judge) atIdleLimit(gap time.Duration) *Limit {
	for i := range j.Limits {
		l := &j.Limits[i]
		if l.Kind == Idle && gap >= l.Value.Std()-Slack-50*time.Millisecond && gap <= l.Value.Std()+late {
			return l
		}
	}
	return nil
}

// line is the first joined entry of a kind that came with the end. Ambiguous
// ones count only when there are as many lines as conns they fit, so that each
// conn has its own.
func (j *judge) line(is func(*logparse.Entry) bool) *LogRef {
	for _, r := range j.Conn.Logs {
		if is(&r.Entry) && withEnd(r, j.Conn) && (r.group == nil || r.group.lines >= len(r.group.conns)) {
			return r
		}
	}
	return nil
}

// withEnd says that an entry is not from long before the end.
func withEnd(r *LogRef, c *Conn) bool {
	return r.At.Sub(c.EndAt()) > -joinWithin
}

func (j *judge) anyLine() *LogRef {
	return j.line(func(*logparse.Entry) bool { return true })
}

func isTunnelTimeout(e *logparse.Entry) bool {
	return e.Kind == kindUpTimeout && e.Action == tunnelAction
}

func isClientTimeout(e *logparse.Entry) bool {
	return e.Kind == kindClTimeout && e.Action == tunnelAction
}

func isReset(e *logparse.Entry) bool {
	switch e.Kind {
	case kindRecv, kindSend, kindSSLWrite:
		return e.Action == tunnelAction && (e.Errno == 104 || e.Errno == 32)
	}
	return false
}
