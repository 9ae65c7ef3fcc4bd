package monitor

import (
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// The rules of judge.tunnel, in order of precedence. Each says whether it
// holds, having written its evidence. What each cause looks like on each leg
// was measured on nginx 1.22.1 and 1.31.4.

// lingering: closed cleanly, but TCP stayed until the proxy's idle timer ran
// out. Its log line is a false idle alarm.
func (j *judge) lingering() bool {
	last := lastCloseFrame(j.Conn)
	if last == nil || j.v.FirstEnd == "" {
		return false
	}
	wait := j.Conn.EndAt().Sub(last.At)
	line := j.line(isTunnelTimeout)
	if (line == nil && !j.atIdleLimit(wait)) || !j.proxyEnded() {
		return false
	}
	j.sayClose()
	j.say("TCP stayed open for %s after it: the peer never closed, and nginx's idle timer did", span(wait))
	j.quote(line)
	j.conclude(CauseLingering, j.sure(line, Likely))
	return true
}

func lastCloseFrame(c *Conn) (last *CloseFrame) {
	for i := range c.CloseFrames {
		if last == nil || c.CloseFrames[i].At > last.At {
			last = &c.CloseFrames[i]
		}
	}
	return last
}

func (j *judge) closeHandshake() bool {
	if len(j.Conn.CloseFrames) == 0 {
		return false
	}
	j.sayClose()
	j.sayEnds()
	j.conclude(CauseCloseHandshake, Confirmed)
	return true
}

// proxyShutdown: nginx ended both legs of busy tunnels, many at once: a worker
// left after a reload (worker_shutdown_timeout), or nginx was stopped.
func (j *judge) proxyShutdown() bool {
	if !j.proxyEnded() || j.atIdleLimit(j.gap()) || j.line(isTunnelTimeout) != nil || j.line(isReset) != nil {
		return false
	}
	o := j.origin()
	switch {
	case j.Notice != nil && o == byProxy:
		j.conclude(CauseProxyShutdown, Confirmed)
	case j.Notice != nil:
		j.conclude(CauseProxyShutdown, Likely)
	case j.Mass >= massLeast && o == byProxy:
		j.conclude(CauseProxyShutdown, Likely)
	case j.Mass >= massLeast:
		j.conclude(CauseProxyShutdown, Possible)
	default:
		return false
	}
	j.sayEnds()
	if j.Mass > 0 {
		j.say("nginx ended %d other connections within a second of this one, none of them idle for its limit", j.Mass)
	}
	j.quote(j.Notice)
	return true
}

// massLeast is how many conns end together before we speak of a shutdown.
const massLeast = 3

// slowConsumer: the receiver's window was full until send_timeout ran out.
func (j *judge) slowConsumer() bool {
	line := j.line(isClientTimeout)
	to, blocked := j.blocked()
	if line == nil && (!blocked || !j.proxyEnded()) {
		return false
	}
	if blocked {
		j.say("the %s was not reading: our write to it had to wait %s in all and was waiting at the end", to, span(j.blockedFor()))
	}
	j.sayEnds()
	j.quote(line)
	j.conclude(CauseSlowConsumer, j.sure(line, Likely))
	return true
}

// blocked says towards whom a write was waiting at the end.
func (j *judge) blocked() (string, bool) {
	switch s := &j.Conn.Sample; {
	case s.Dir[ws.FromServer].BlockedNow:
		return "client", true
	case s.Dir[ws.FromClient].BlockedNow:
		return "server", true
	}
	return "", false
}

func (j *judge) blockedFor() time.Duration {
	s := &j.Conn.Sample
	return max(s.Dir[0].Blocked, s.Dir[1].Blocked).Std()
}

// reset: nginx launders a reset into a FIN on the other leg, and the level of
// its log line tells the side (error: the server; info: the client).
func (j *judge) reset() bool {
	line := j.line(isReset)
	switch {
	case j.resetBy(byClient), line != nil && line.Entry.Level == logparse.LevelInfo:
		j.conclude(CauseClientReset, j.sure(line, Likely))
	case j.resetBy(byServer), line != nil:
		j.conclude(CauseServerReset, j.sure(line, Likely))
	default:
		return false
	}
	j.sayEnds()
	j.quote(line)
	if line != nil {
		j.say("nginx writes this line at level %s when the %s resets", line.Entry.Level, side(j.v.Cause))
	}
	return true
}

func side(c Cause) string {
	if c == CauseClientReset {
		return "client"
	}
	return "server"
}

func (j *judge) resetBy(o origin) bool {
	if j.origin() != o {
		return false
	}
	c := j.Conn
	if o == byClient && j.front != nil {
		c = j.front
	} else if o == byServer && j.back != nil {
		c = j.back
	}
	return c.FirstEnd().How == HowReset
}

// idleTimeout: nginx ended it as long after the last byte of either side as a
// limit says, at most 300 ms early.
func (j *judge) idleTimeout() bool {
	line := j.line(isTunnelTimeout)
	at := j.atIdleLimit(j.gap())
	if line == nil && (!at || !j.proxyEnded()) {
		return false
	}
	j.say("%s nginx's side ended it %s after the last byte in either direction", clock(j.Conn.EndAt()), span(j.gap()))
	switch {
	case at:
		j.say("the idle limit is %s (%s)", span(j.Idle.Value.Std()), j.Idle.Source)
	case j.Idle != nil:
		j.say("that is not the idle limit of %s (%s)", span(j.Idle.Value.Std()), j.Idle.Source)
	}
	if j.origin() == byProxy {
		j.say("nginx ended both legs itself, %s apart, without a close frame", span(j.front.EndAt().Sub(j.back.EndAt()).Abs()))
	}
	j.quote(line)
	if line == nil && j.LogBlind {
		j.say("no log line: nginx writes idle kills at level info, and this log holds nothing that low; its silence acquits nobody")
	}
	conf := j.sure(line, Likely)
	if line == nil && j.Idle.Source == SourceAssumed && !j.bothLegs() {
		conf = Possible
	}
	j.conclude(CauseIdleTimeout, conf)
	return true
}

func (j *judge) lifetimeLimit() bool {
	if j.Lifetime == nil || !j.proxyEnded() {
		return false
	}
	age := j.Conn.EndAt().Sub(j.Conn.Opened)
	if (age - j.Lifetime.Value.Std()).Abs() > time.Second {
		return false
	}
	j.say("%s ended at an age of %s; the lifetime limit is %s (%s)", clock(j.Conn.EndAt()), span(age), span(j.Lifetime.Value.Std()), j.Lifetime.Source)
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
	switch j.origin() {
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
	case proxySideB:
		j.say("only the back leg is seen: a FIN or reset of the client, a reload and a stop of nginx all look like this")
		j.conclude(CauseClientFIN, Possible)
	default:
		return false
	}
	j.sayEnds()
	return true
}

// proxyEnded says that nginx's side began the end, for itself or for another.
func (j *judge) proxyEnded() bool {
	switch j.origin() {
	case byProxy, proxySide, proxySideB:
		return true
	}
	// Without a role, an end by either side may be the proxy's.
	return j.front == nil && j.back == nil && j.v.FirstEnd != ""
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

func (j *judge) atIdleLimit(gap time.Duration) bool {
	if j.Idle == nil {
		return false
	}
	l := j.Idle.Value.Std()
	return gap >= l-Slack-50*time.Millisecond && gap <= l+late
}

// line is the first joined entry of a kind. Ambiguous ones count only when
// there are as many lines as candidates, so that each conn has its own.
func (j *judge) line(is func(*logparse.Entry) bool) *LogRef {
	var first *LogRef
	shared := 0
	for _, r := range j.Conn.Logs {
		if !is(&r.Entry) {
			continue
		}
		if !r.Ambiguous {
			return r
		}
		shared++
		if first == nil {
			first = r
		}
	}
	if first != nil && (shared >= first.Candidates || shared >= logsKept) {
		return first
	}
	return nil
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
