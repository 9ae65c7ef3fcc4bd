package diagnose

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// closeRules look at close frames and at broken rules of the protocol.
var closeRules = []rule{{
	id:        "unanswered-close",
	severity:  monitor.SeverityWarning,
	title:     "Close frames are not answered, and the connection stays",
	reference: "RFC 6455 §5.5.1, §7.1.2",
	conn:      unansweredClose,
}, {
	id:        "not-closed",
	severity:  monitor.SeverityWarning,
	title:     "Connections that have ended are not closed by one side",
	reference: "RFC 6455 §7.1.1; RFC 9293 §3.6 (CLOSE-WAIT)",
	conn:      notClosed,
}, {
	id:        "close-code",
	severity:  monitor.SeverityError,
	title:     "Connections are closed with a code that tells of trouble",
	reference: "RFC 6455 §7.4.1; IANA WebSocket Close Code Number Registry",
	conn:      closeCode,
}, {
	id:        "protocol-violation",
	severity:  monitor.SeverityError,
	title:     "The protocol is broken on the wire",
	reference: "RFC 6455",
	conn:      protocolViolation,
}}

// answerWithin is how long the answer to a close frame may take. A peer that
// closes TCP at once, as browsers do when a page goes, waits for none.
const answerWithin = 5 * time.Second

// unansweredLeast is how many make it a habit: a single peer may have gone.
const unansweredLeast = 3

func unansweredClose(p *pass, c *monitor.Conn) {
	if len(c.CloseFrames) == 0 || isSecondLeg(c) {
		return
	}
	f := &c.CloseFrames[0]
	if c.CloseFrame(f.Dir.Other()) != nil || c.Lost[f.Dir.Other()] != "" {
		return
	}
	until, what := p.state.Now(), "it is still open"
	if e := c.EndAt(); !e.IsZero() {
		until, what = e, "then it ended: "+endWords(c)
	}
	wait := until.Sub(f.At)
	if wait < answerWithin || seemsGone(c, until) {
		return
	}
	silent := sideName(f.Dir.Other())
	t := p.about(fmt.Sprintf("the %s of %s", silent, targetGroup(c.Target()))).conn(c, f.At)
	if t.Count < unansweredLeast {
		t.grade(monitor.SeverityInfo)
	} else {
		t.grade(monitor.SeverityWarning)
	}
	t.tell(func() string {
		return fmt.Sprintf("%s the %s sent a close frame (%s) on #%d; no answer came for %s, %s", clock(f.At), sideName(f.Dir), codeText(f), c.Seq, span(wait), what)
	}).
		fix("Let the %s answer a close frame with one of its own, and read to the end; let the %s close TCP itself after some seconds without an answer. Until then nginx keeps the tunnel: to it a close frame is data, and only proxy_read_timeout ends it.", silent, sideName(f.Dir))
}

// codeText is a close frame's code with its name and reason.
func codeText(f *monitor.CloseFrame) string {
	switch {
	case f.Derived:
		return "no code"
	case f.Reason != "":
		return fmt.Sprintf("%d %s, %q", f.Code, f.Code.Name(), f.Reason)
	}
	return fmt.Sprintf("%d %s", f.Code, f.Code.Name())
}

// endWords are who ended a conn first, and how, as this leg saw it.
func endWords(c *monitor.Conn) string {
	e := c.FirstEnd()
	if e == nil {
		return "how is not known"
	}
	return fmt.Sprintf("%s from the %s's side on the %s", e.How, sideName(e.Dir), legName(c))
}

// codeAdvice is what a close code asks for, by who sent it.
type codeAdvice struct {
	first, last ws.CloseCode
	severity    monitor.Severity
	fix         string
}

// codeAdvices are the codes that are looked at. Not 1000, 1001 and a close frame
// without a code, which are how WebSockets end; not those that must not be sent,
// which are protocolViolation's.
var codeAdvices = []codeAdvice{
	{1002, 1002, grave, "The sender saw broken frames: look for a finding protocol-violation on these connections, and for something between that changes bytes (a proxy that compresses, a library of another version)."},
	{1003, 1003, mild, "The sender does not take this type of data (binary where it wants text, or the other way round): agree on one, by a subprotocol."},
	{1007, 1007, grave, "A text message was not UTF-8, or could not be inflated: send other bytes as binary, and see that nothing on the way cuts or recodes text or changes permessage-deflate."},
	{1008, 1008, mild, "The sender's policy refused the other side: authentication, origin, rate. Its own log says which."},
	{1009, 1009, grave, "Raise the sender's limit on messages (ws: maxPayload, gorilla: SetReadLimit, Python websockets: max_size), or send less at a time. nginx has no such limit."},
	{1010, 1010, mild, "The client needs an extension that the server did not choose: switch it on in the server, and see that no proxy takes Sec-WebSocket-Extensions away."},
	{1011, 1011, grave, "The server failed while it served the connection: its own log has the exception. Several libraries also close with 1011 when a ping is not answered in time (Python websockets: keepalive ping timeout)."},
	{1012, 1012, small, "The server restarts. Let clients reconnect with a random delay."},
	{1013, 1013, mild, "The server sheds load: add servers, and let clients wait before they reconnect, longer each time."},
	{1014, 1014, grave, "A gateway behind nginx got a bad answer from its own server: look there."},
	{3000, 3000, mild, "The client is not authenticated (Unauthorized): renew the token before it expires, then reconnect."},
	{3003, 3003, mild, "The client may not do this (Forbidden)."},
	{3008, 3008, mild, "The sender waited too long (Timeout): see who was silent."},
	{3001, 3999, small, "A code of a library or framework: its documents say what it means."},
	{4000, 4999, small, "A code of the application's own: its authors know what it means."},
}

// adviceOn finds the row of a code, nil for one that is no trouble.
func adviceOn(code ws.CloseCode) *codeAdvice {
	for i := range codeAdvices {
		if a := &codeAdvices[i]; code >= a.first && code <= a.last {
			return a
		}
	}
	return nil
}

func closeCode(p *pass, c *monitor.Conn) {
	v := &c.Verdict
	if v.Code <= ws.CloseGoingAway || v.CodeDerived || isSecondLeg(c) {
		return
	}
	a := adviceOn(v.Code)
	if a == nil || v.CloseFrom == "none" {
		return
	}
	severity := a.severity
	if v.CloseFrom == "client" && severity == grave { // anybody can send any code
		severity = mild
	}
	t := p.about(fmt.Sprintf("%d %s from the %s", v.Code, v.CodeName, v.CloseFrom)).raise(severity)
	t.conn(c, c.EndAt()).tell(func() string { return closeCodeWords(c) }).fix("%s", a.fix)
}

func closeCodeWords(c *monitor.Conn) string {
	v := &c.Verdict
	from := ws.FromClient
	if v.CloseFrom == "server" {
		from = ws.FromServer
	}
	at := c.EndAt()
	if f := c.CloseFrame(from); f != nil {
		at = f.At
	}
	words := fmt.Sprintf("%s #%d to %s: the %s closed with %d %s", clock(at), c.Seq, targetGroup(c.Target()), v.CloseFrom, v.Code, v.CodeName)
	if v.Reason != "" {
		words += fmt.Sprintf(" (%q)", v.Reason)
	}
	if n := largestLately(c, from.Other()); v.Code == ws.CloseMessageTooBig && n > 0 {
		words += fmt.Sprintf("; the largest of the last frames to it had %d bytes", n)
	}
	return words
}

// largestLately is the largest payload of a direction among the last frames kept.
func largestLately(c *monitor.Conn, dir ws.Direction) (n uint64) {
	for _, r := range c.Last {
		if r.Direction() == dir {
			n = max(n, r.Length())
		}
	}
	return n
}

// ownRules are the rules of the protocol that have a finding of their own, which
// says more.
var ownRules = map[string]bool{
	ws.RuleUpgradeTokenMissing.String():    true,
	ws.RuleAcceptMismatch.String():         true,
	ws.RuleAcceptMissing.String():          true,
	ws.RuleSubprotocolNotOffered.String():  true,
	ws.RuleExtensionNotOffered.String():    true,
	ws.RuleConnectionTokenMissing.String(): true, // but not on a front leg, see ownRule
	ws.RuleHTTPVersionTooLow.String():      true, // likewise
}

// ownRule says that a violation on c belongs to another finding. On the front
// leg nothing else looks at the client's Connection and HTTP version.
func ownRule(c *monitor.Conn, rule string) bool {
	if c.Role == monitor.Front && (rule == ws.RuleConnectionTokenMissing.String() || rule == ws.RuleHTTPVersionTooLow.String()) {
		return false
	}
	return ownRules[rule]
}

// forgiven are the rules whose breach every receiver forgives.
var forgiven = map[string]bool{
	ws.RuleDataAfterClose.String():         true,
	ws.RuleLengthNotMinimal.String():       true,
	ws.RuleConnectionTokenMissing.String(): true,
	ws.RuleHTTPVersionTooLow.String():      true,
	ws.RuleMethodNotGet.String():           true,
}

func protocolViolation(p *pass, c *monitor.Conn) {
	if len(c.Sample.Violations) == 0 || isSecondLeg(c) {
		return
	}
	for _, v := range c.Sample.Violations {
		if !ownRule(c, v.Rule) {
			p.sayViolation(c, v)
		}
	}
}

func (p *pass) sayViolation(c *monitor.Conn, v monitor.ViolationCount) {
	side := sideName(v.Dir)
	t := p.about(fmt.Sprintf("%s by the %s", v.Rule, side))
	section, meaning := "RFC 6455", ""
	if r, ok := ws.RuleByName(v.Rule); ok {
		section, meaning = r.Section(), ": "+r.Meaning()
	}
	if t.Count == 0 {
		t.Reference = section
		if forgiven[v.Rule] {
			t.grade(monitor.SeverityWarning)
		}
	}
	t.conn(c, c.LastActivity()).tell(func() string {
		return fmt.Sprintf("#%d to %s, %s%s (%s)%s", c.Seq, targetGroup(c.Target()), times(v.Count), meaning, section, invalidCode(c, v))
	}).fix("Look at the %s's WebSocket library, and at what stands between it and this tap: nginx passes frames on as they are.", side)
}

// invalidCode names the code that must not be sent.
func invalidCode(c *monitor.Conn, v monitor.ViolationCount) string {
	if v.Rule != ws.RuleCloseCodeInvalid.String() {
		return ""
	}
	for i := range c.CloseFrames {
		if f := &c.CloseFrames[i]; f.Dir == v.Dir && !f.Code.ValidOnWire() && !f.Derived {
			return fmt.Sprintf("; %s the code was %d, %s", clock(f.At), f.Code, whyInvalid(f.Code))
		}
	}
	return ""
}

// whyInvalid says why a code must not be sent, RFC 6455 §7.4.1 and §7.4.2.
func whyInvalid(code ws.CloseCode) string {
	switch {
	case code == ws.CloseNoStatus || code == ws.CloseAbnormal || code == ws.CloseTLSHandshake:
		return "which stands for what does not come on the wire (§7.4.1)"
	case code == ws.CloseReserved:
		return "which is reserved without a meaning (§7.4.1)"
	case code < 1000:
		return "and codes below 1000 are not used (§7.4.2)"
	case code < 3000:
		return "which is reserved for the protocol and not assigned (§7.4.2)"
	}
	return "and codes of 5000 and more are not defined (§7.4.2)"
}
