package monitor

import (
	"github.com/wstap/wstap/ws"
	"strings"
)

// Confidence in a cause.
type Confidence string

const (
	// Confirmed: the wire alone proves it, or both legs agree, or a leg and its log line.
	Confirmed Confidence = "confirmed"
	Likely    Confidence = "likely"   // one leg and the timing
	Possible  Confidence = "possible" // nothing contradicts it, other causes fit too
)

// Verdict says why a conn ended, and how we know.
type Verdict struct {
	Cause         Cause        `json:"cause"`
	Confidence    Confidence   `json:"confidence"`
	Code          ws.CloseCode `json:"code,omitempty"` // 0: never upgraded, there is none
	CodeDerived   bool         `json:"code_derived,omitempty"`
	CodeName      string       `json:"code_name,omitempty"`
	Reason        string       `json:"reason,omitempty"`
	CloseFrom     string       `json:"close_from"` // "client", "server", "none"
	CloseAnswered bool         `json:"close_answered,omitempty"`
	FirstEnd      string       `json:"first_end,omitempty"` // "client", "server", "tap": as this leg saw it
	FirstEndHow   How          `json:"first_end_how,omitempty"`
	Evidence      []string     `json:"evidence"`
}

// Case is all that a verdict may look at.
type Case struct {
	Conn       *Conn
	Other      *Conn   // the other leg, nil when it is not seen
	Limits     []Limit // all that hold for Conn
	Around     Crowd   // what happened to other conns of the tap about then
	BackTap    bool    // some tap is behind nginx
	Notice     *LogRef // a reload's or stop's log line that fits the time
	LogBlind   bool    // a log is followed, and its level hides idle kills
	LogNotices bool    // the logs followed hold level notice, at which workers leave
	LogInfo    bool    // the logs followed hold level info, at which tunnels end
}

// Judge is pure: the same case gives the same verdict.
func Judge(k Case) Verdict {
	j := &judge{Case: k, origin: originOf(k.Conn)}
	j.front, j.back = k.Conn.Legs()
	j.code()
	j.firstEnd()
	j.cause()
	if len(j.v.Evidence) == 0 {
		j.say("how it ended was not seen")
	}
	return j.v
}

// judge collects one verdict.
type judge struct {
	Case
	front, back *Conn
	origin      origin
	quoted      map[*LogRef]bool
	v           Verdict
}

func (j *judge) conclude(c Cause, conf Confidence) { j.v.Cause, j.v.Confidence = c, conf }

func (j *judge) cause() {
	c := j.Conn
	switch {
	case c.ByTap:
		j.say("%s wstap was being stopped and ended this connection", Clock(c.Ended))
		j.conclude(CauseTapShutdown, Confirmed)
	case c.Dial != nil:
		j.connectFailed()
	case !c.IsUpgraded() && (c.Answer != nil || c.decoded()):
		j.noUpgrade()
	case j.unheard():
	case j.tlsFailed():
	default:
		j.tunnel()
	}
}

// unheard: the client failed before its first byte, at what it had to say first.
func (j *judge) unheard() bool {
	switch j.Conn.Lost[ws.FromClient] {
	case ReasonTLSFailed:
		j.conclude(CauseTLSFailed, Confirmed)
	case ReasonNoProxyHeader:
		j.say("this tap wants a PROXY protocol header first (--accept-proxy-protocol), and the client sent none that can be read")
		j.conclude(CauseHandshakeFailed, Confirmed)
	default:
		return false
	}
	j.sayEnds()
	if line := j.line(isTLSFailure); line != nil {
		j.quote(line)
	}
	return true
}

// tlsFailed: an opaque stream that nginx says was a TLS handshake, and failed.
func (j *judge) tlsFailed() bool {
	line := j.line(isTLSFailure)
	if line == nil || j.Conn.IsUpgraded() {
		return false
	}
	j.sayEnds()
	j.quote(line)
	j.conclude(CauseTLSFailed, Confirmed)
	return true
}

// code fills in the close code: the first close frame's before the end, else
// the derived 1006. Where frames could not be decoded there is none: nobody
// knows that no close frame came.
func (j *judge) code() {
	c := j.Conn
	j.v.CloseFrom = "none"
	if !c.IsUpgraded() {
		return
	}
	f := c.closeBeforeEnd()
	if f == nil {
		if c.decoded() {
			j.setCode(ws.CloseAbnormal, true, "")
		}
		return
	}
	j.setCode(f.Code, f.Derived, f.Reason)
	j.v.CloseFrom = dirName(f.Dir)
	j.v.CloseAnswered = c.CloseFrame(f.Dir.Other()) != nil
}

func (j *judge) setCode(code ws.CloseCode, derived bool, reason string) {
	j.v.Code, j.v.CodeDerived, j.v.CodeName, j.v.Reason = code, derived, code.Name(), reason
}

func (j *judge) firstEnd() {
	switch e := j.Conn.FirstEnd(); {
	case e != nil:
		j.v.FirstEnd, j.v.FirstEndHow = dirName(e.Dir), e.How
	case j.Conn.ByTap:
		j.v.FirstEnd = "tap"
	}
}

func (j *judge) connectFailed() {
	d := j.Conn.Dial
	j.say("%s our connection to %s failed after %s: %s; the client side was reset", Clock(d.At), j.Conn.Server, Span(d.Took.Std()), d.Error)
	if line := j.anyLine(); line != nil {
		j.quote(line)
		j.sayWhatNginxSaw(line)
	}
	cause := CauseConnectFailed
	if strings.HasPrefix(d.Error, DialTLS) {
		cause = CauseTLSFailed
	}
	j.conclude(cause, Confirmed)
}

// sayWhatNginxSaw explains a line that was written because wstap could not dial.
func (j *judge) sayWhatNginxSaw(line *LogRef) {
	saw := "nginx saw the reset that wstap passed on (104)"
	if line.Entry.Errno != errnoReset {
		saw = "nginx saw that wstap ended its connection: over TLS nginx does not tell a reset from an end"
	}
	if strings.HasPrefix(j.Conn.Dial.Error, DialTLS) { // without wstap nginx would speak TLS itself
		j.add(saw)
		return
	}
	j.add(saw + "; without wstap it would have logged connect() failed with the errno above")
}

func (j *judge) noUpgrade() {
	c := j.Conn
	if c.Answer != nil {
		j.say("%s the answer was %d %s, not 101", Clock(c.Answer.At), c.Answer.Status, c.Answer.Reason)
		j.otherHandshake()
		j.strippedUpgrade()
		if c.Role == Front && j.BackTap && j.Other == nil {
			j.say("no request for it came to a back tap: nginx answered itself, or asked a server that no tap is before")
		}
		j.quoteAttempt()
		j.conclude(CauseRefused, Confirmed)
		return
	}
	if e := c.FirstEnd(); e != nil {
		j.say("%s the %s, before any answer", Clock(e.At), j.endWords(e))
	}
	j.otherHandshake()
	j.quoteAttempt()
	conf := Likely
	if j.Other != nil && (j.Other.Dial != nil || j.Other.Answer != nil || j.Other.FirstEnd() != nil) || j.anyLine() != nil {
		conf = Confirmed
	}
	j.conclude(CauseHandshakeFailed, conf)
}

// strippedUpgrade: the commonest misconfiguration leaves no log line.
func (j *judge) strippedUpgrade() {
	for _, c := range []*Conn{j.Conn, j.Other} {
		if c != nil && c.Role == Back && c.Request != nil && c.Key() != "" && len(c.Request.Upgrade) == 0 {
			j.say("the request came to the server with a Sec-WebSocket-Key and without an Upgrade header: nginx does not pass Upgrade on unless proxy_set_header says so")
			return
		}
	}
}

// otherHandshake tells what the other leg saw of the attempt.
func (j *judge) otherHandshake() {
	switch o := j.Other; {
	case o == nil:
	case o.Dial != nil:
		j.say("on the %s leg the server %s could not be reached: %s", o.Role, o.Server, o.Dial.Error)
	case o.Answer != nil:
		j.say("on the %s leg the answer was %d %s", o.Role, o.Answer.Status, o.Answer.Reason)
	case o.FirstEnd() != nil:
		j.say("on the %s leg the %s without an answer", o.Role, j.endWordsOf(o, o.FirstEnd()))
	}
}

// tunnel judges an established tunnel or an opaque stream, by precedence.
func (j *judge) tunnel() {
	for _, rule := range []func() bool{
		j.lingering, j.closeHandshake, j.proxyShutdown, j.slowConsumer, j.hopLimit, j.reset,
		j.idleTimeout, j.lifetimeLimit, j.vanished, j.fin, j.busyCut,
	} {
		if rule() {
			j.caveats()
			return
		}
	}
	j.sayEnds()
	j.saySilence()
	j.conclude(CauseUnknown, Possible)
	j.caveats()
}

// bothLegs says that the other leg's end is in, too.
func (j *judge) bothLegs() bool {
	return j.Other != nil && j.Other.FirstEnd() != nil
}

// sure is Confirmed when both legs are seen to have ended or a log line
// supports it.
func (j *judge) sure(line *LogRef, otherwise Confidence) Confidence {
	if j.bothLegs() || line != nil {
		return Confirmed
	}
	return otherwise
}
