package monitor

import (
	"fmt"
	"time"

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
	j.say("TCP stayed open for %s after it: the peer never closed, and nginx's idle timer did", Span(wait))
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

// slowConsumer: the receiver's window was full until send_timeout ran out, or
// proxy_send_timeout if the server was the receiver.
func (j *judge) slowConsumer() bool {
	line := j.line(isClientTimeout)
	stuck := j.stuck()
	if line == nil && (stuck == "" || !j.origin.byNginx()) {
		return false
	}
	if line == nil {
		line = j.line(isTunnelTimeout)
	}
	if stuck != "" {
		j.say("%s", stuck)
	}
	j.sayEnds()
	j.quote(line)
	if stuck != "" && j.Other != nil { // the leg that is stuck shows no end before its receiver reads on
		j.conclude(CauseSlowConsumer, Confirmed)
		return true
	}
	j.conclude(CauseSlowConsumer, j.sure(line, Likely))
	return true
}

// stuckLeast is how long a write must have waited at the end to explain it: a
// moment of back-pressure is ordinary.
const stuckLeast = time.Second

// stuck says who was not reading when it ended, on either leg, or "".
func (j *judge) stuck() string {
	for _, c := range []*Conn{j.Conn, j.Other} {
		if d, w := stuckOn(c); w > 0 {
			return fmt.Sprintf("the %s was not reading: our write to it on the %s leg had been waiting for %s", nameOf(c, d.Other()), c.Role, Span(w))
		}
	}
	return ""
}

// stuckOn is the direction whose bytes one leg could not deliver at the end, and
// for how long; zero if there was none.
func stuckOn(c *Conn) (ws.Direction, time.Duration) {
	if c != nil {
		for d := range c.Sample.Dir {
			if w := waitedAtEnd(c, d); w >= stuckLeast {
				return ws.Direction(d), w
			}
		}
	}
	return 0, 0
}

// waitedAtEnd is how long a write of a direction had waited when the conn
// began to end, or has waited until now if it still stands.
func waitedAtEnd(c *Conn, d int) time.Duration {
	t := &c.Sample.Dir[d]
	switch {
	case t.BlockedAtEnd > 0:
		return t.BlockedAtEnd.Std()
	case t.BlockedNow && c.FirstEnd() == nil:
		return t.Waiting.Std()
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
		told = sideOf(line)
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
	if stuck := j.stuck(); stuck != "" {
		j.say("%s", stuck)
	}
	j.quote(line)
	if line != nil {
		j.say("nginx writes this line at level %s when the %s resets", line.Entry.Level, side(cause))
	}
	j.sayCut()
	j.saySilence()
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
	j.sayIdle(line, limit)
	if j.origin == byProxy {
		j.say("nginx ended both legs itself, %s apart, without a close frame", Span(j.front.EndAt().Sub(j.back.EndAt()).Abs()))
	}
	j.quote(line)
	if line == nil && j.LogBlind {
		j.say("no log line: nginx writes idle kills at level info, and this log holds nothing that low so far; its silence acquits nobody")
	}
	j.sayOneSided()
	j.conclude(CauseIdleTimeout, j.sureOfIdle(line, limit))
	return true
}

// sameGap: several conns of a tap ended together after the same silence, which
// no known limit explains. That is a timer, or one blow to conns that had all
// been silent since the same moment.
func (j *judge) sameGap() bool {
	if j.Around.SameGap < massLeast || j.gap() < learnLeast {
		return false
	}
	j.say("%s nginx's side ended it %s after the last byte in either direction", Clock(j.Conn.EndAt()), Span(j.gap()))
	j.say("%d other connections of this tap ended within a second after the same silence: an idle limit that is not known, or one blow to connections silent since the same moment", j.Around.SameGap)
	j.saySilence()
	j.sayOneSided()
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
	limit := j.atLimit(Lifetime, j.age())
	if limit == nil || !j.origin.byNginx() {
		return false
	}
	j.sayLifetime(limit)
	j.conclude(CauseLifetimeLimit, j.sure(nil, Likely))
	return true
}

// hopLimit: a peer's own end, as long after the last byte or after the start as
// a hop is said to allow. That hop stands between us and the peer; it may reset
// as well as close. Nothing but the time tells it from the peer.
func (j *judge) hopLimit() bool {
	if j.origin != byClient && j.origin != byServer {
		return false
	}
	if l := j.atLimit(Idle, j.gap()); l != nil && l.ByHop() {
		j.sayEnds()
		j.say("the idle limit is %s (%s): it closes like that, and so may the %s itself", Span(l.Value.Std()), l.Source, j.peer())
		j.sayOneSided()
		j.conclude(CauseIdleTimeout, Likely)
		return true
	}
	if l := j.atLimit(Lifetime, j.age()); l != nil && l.ByHop() {
		j.sayLifetime(l)
		j.conclude(CauseLifetimeLimit, Likely)
		return true
	}
	return false
}

func (j *judge) peer() string {
	if j.origin == byClient {
		return "client"
	}
	return "server"
}

// age of the conn when its end began.
func (j *judge) age() time.Duration { return j.Conn.EndAt().Sub(j.Conn.Opened) }

// vanished: the kernel gave up on a peer, ours or nginx's with TCP keepalive.
func (j *judge) vanished() bool {
	line := j.line(isKeepaliveExpiry)
	var gone *Conn
	for _, c := range []*Conn{j.Conn, j.Other} {
		if gone == nil && c != nil && c.FirstEnd() != nil && c.FirstEnd().How == HowTimeout {
			gone = c
		}
	}
	if gone == nil && (line == nil || !j.origin.byNginx()) {
		return false
	}
	if gone != nil {
		j.say("%s the %s", Clock(gone.EndAt()), j.endWordsOf(gone, gone.FirstEnd()))
	} else {
		j.sayEnds()
	}
	j.quote(line)
	if line != nil {
		j.say("nginx writes this line at level %s when TCP keepalive finds the %s gone", line.Entry.Level, side(sideOf(line)))
	}
	j.sayCut()
	j.conclude(CausePeerVanished, j.sure(line, Likely))
	return true
}

// fin: a side closed TCP without a close frame. Seen from one leg, nginx's FIN
// may be the far end's FIN, its reset, or nginx's own doing.
func (j *judge) fin() bool {
	switch j.origin {
	case byClient:
		j.conclude(CauseClientFIN, j.sure(nil, Likely))
	case byServer:
		j.conclude(CauseServerFIN, j.sure(nil, Likely))
	case proxySide, proxySideBack:
		j.farEnd()
	case roleless:
		j.conclude(pickCause(j.Conn), Possible)
	default:
		return false
	}
	j.sayEnds()
	j.saySilence()
	return true
}

// farEnd judges what nginx passed on from the leg that is not seen.
func (j *judge) farEnd() {
	cause, far := CauseServerFIN, "server"
	if j.origin == proxySideBack {
		cause, far = CauseClientFIN, "client"
	}
	if j.v.FirstEndHow == HowReset {
		j.farReset()
		return
	}
	conf := Possible
	switch {
	case j.Around.Gone >= massLeast:
		j.say("within a second the server told %d other connections of this tap that it goes (1001, 1012): a deploy", j.Around.Gone)
	case j.LogInfo && cameOverTLS(j.Conn) != "":
		j.say("the log holds level info and nothing of this end, and the client came over TLS (%s): over TLS a reset leaves no line, and a FIN never does; a timeout and a leaving worker leave one", cameOverTLS(j.Conn))
	case j.LogInfo:
		conf = Likely
		j.say("the log holds level info and nothing of this end: a reset and a timeout leave a line there, and so does a leaving worker; a FIN of the %s leaves none (if nginx speaks to it over TLS, nor does a reset)", far)
	default:
		j.say("only the %s leg is seen: a FIN or reset of the %s, a reload and a stop of nginx all look like this", j.Conn.Role, far)
	}
	j.conclude(cause, conf)
}

// farReset: nginx does not pass resets on, it makes them for reasons of its own.
func (j *judge) farReset() {
	if j.origin == proxySide {
		j.say("nginx itself resets only with reset_timedout_connection, or a client that sends to a tunnel already closed")
	} else {
		j.say("nginx resets the server's side when it closes with bytes of the server unread: a client that did not read, or left while the server was sending; HAProxy does when the client resets")
	}
	j.conclude(CauseUnknown, Possible)
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

// atIdleLimit finds the idle limit that fits a gap, or nil.
func (j *judge) atIdleLimit(gap time.Duration) *Limit { return j.atLimit(Idle, gap) }

// atLimit finds the limit of a kind that fits d, or nil. One that was told
// explains more than one of a hop that may be elsewhere, and that more than the
// assumed one.
func (j *judge) atLimit(kind LimitKind, d time.Duration) (best *Limit) {
	rank := func(l *Limit) int {
		switch {
		case l.Told():
			return 3
		case l.Source == sourceLearned:
			return 2
		case l.ByHop():
			return 1
		}
		return 0
	}
	for i := range j.Limits {
		l := &j.Limits[i]
		if l.Kind == kind && fitsLimit(d, l.Value.Std()) && (best == nil || rank(l) > rank(best)) {
			best = l
		}
	}
	return best
}
