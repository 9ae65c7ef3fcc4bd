package tui

import (
	"fmt"

	"github.com/wstap/wstap/monitor"
)

// causeWords say a cause: short in the list, and in one line on the
// connection screen and in the help. A test holds them against monitor.Causes.
var causeWords = map[monitor.Cause]struct{ short, line string }{
	monitor.CauseTapShutdown:     {"wstap stopped", "wstap itself was stopped and ended this connection"},
	monitor.CauseLingering:       {"lingering TCP", "closed cleanly, but TCP was left open until nginx's idle timer ended it: not a drop"},
	monitor.CauseCloseHandshake:  {"closed cleanly", "one side said goodbye with a close frame, as it should be"},
	monitor.CauseProxyShutdown:   {"nginx shutdown", "nginx left: a worker ended after a reload or deploy, or nginx was stopped"},
	monitor.CauseSlowConsumer:    {"slow consumer", "a side stopped reading; nginx gave up sending to it (send_timeout)"},
	monitor.CauseClientReset:     {"client reset", "the client cut the connection (RST) without a close frame"},
	monitor.CauseServerReset:     {"server reset", "the server cut the connection (RST) without a close frame: a crash, or closed with data unread"},
	monitor.CauseIdleTimeout:     {"idle timeout", "nothing was sent for the limit; nginx closed both sides"},
	monitor.CauseLifetimeLimit:   {"lifetime limit", "it reached the longest age some hop allows, however busy it was"},
	monitor.CausePeerVanished:    {"peer vanished", "a side stopped answering on TCP until the kernel gave up: power, radio or firewall"},
	monitor.CauseClientFIN:       {"client FIN", "the client closed TCP (FIN) without a close frame"},
	monitor.CauseServerFIN:       {"server FIN", "the server closed TCP (FIN) without a close frame"},
	monitor.CauseTLSFailed:       {"TLS failed", "the TLS handshake failed"},
	monitor.CauseConnectFailed:   {"connect failed", "the upstream could not be reached"},
	monitor.CauseRefused:         {"refused", "the upgrade was answered, but not with 101"},
	monitor.CauseHandshakeFailed: {"no answer", "the upgrade was never answered"},
	monitor.CauseUnknown:         {"unknown", "it ended, and nothing seen says why"},
}

func causeShort(c monitor.Cause) string {
	if w, ok := causeWords[c]; ok {
		return w.short
	}
	return string(c)
}

// signs of a verdict's confidence.
var confidenceSigns = []struct {
	is         monitor.Confidence
	sign, line string
}{
	{monitor.Confirmed, "✓", "confirmed: the wire alone proves it, or both legs agree, or a leg and its log line"},
	{monitor.Likely, "~", "likely: one leg and the timing say so"},
	{monitor.Possible, "?", "possible: nothing contradicts it, other causes fit too"},
}

const settlingSign = "…"

func confidenceSign(v *monitor.Verdict, settled bool) string {
	if !settled {
		return settlingSign
	}
	for _, c := range confidenceSigns {
		if c.is == v.Confidence {
			return c.sign
		}
	}
	return ""
}

// stage is what a row is about: where the conn is in its life.
type stage uint8

const (
	connecting stage = iota
	open
	closing
	closed
	refused
)

// glyph is the mark of a row, readable without colour.
type glyph struct {
	sign string
	st   style
	help string
}

var stageGlyphs = [...]glyph{
	connecting: {"…", stPlain, "connecting: no answer to the upgrade yet"},
	open:       {"·", stOK, "open, less than 75 % of its limit used"},
	closing:    {"×", stPlain, "closing: one side has ended"},
	closed:     {"×", stClosed, "closed"},
	refused:    {"⊘", stRefused, "never upgraded: refused, failed or unreachable"},
}

var markGlyphs = map[monitor.Mark]glyph{
	monitor.MarkNear:     {"!", stNear, "near: past 75 % of its limit"},
	monitor.MarkCritical: {"‼", stCritical, "critical: past 90 %"},
	monitor.MarkExpired:  {"?", stExpired, "past its limit and still open: the limit is not what it seems"},
}

const (
	pinSign       = "◆"
	violationSign = "§"
	linkSign      = "↔"
)

func glyphOf(st stage, m monitor.Mark) glyph {
	if st == open {
		if g, ok := markGlyphs[m]; ok {
			return g
		}
	}
	return stageGlyphs[st]
}

// codeText is a close code; one that was never on the wire is in brackets.
func codeText(v *monitor.Verdict) string {
	switch {
	case v.Code == 0:
		return ""
	case v.CodeDerived || v.Code.Derived():
		return fmt.Sprintf("(%d)", v.Code)
	}
	return fmt.Sprint(uint16(v.Code))
}

// howWords say how a side of TCP ended.
var howWords = map[monitor.How]string{
	monitor.HowFIN:         "closed TCP (FIN)",
	monitor.HowReset:       "reset TCP (RST)",
	monitor.HowCloseNotify: "closed TLS (close_notify)",
	monitor.HowTimeout:     "vanished (ETIMEDOUT)",
	monitor.HowError:       "failed",
}

func directionWords(client bool) string {
	if client {
		return "from client"
	}
	return "from server"
}
