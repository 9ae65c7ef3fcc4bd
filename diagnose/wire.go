package diagnose

import (
	"fmt"
	"slices"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
	"github.com/wstap/wstap/ws"
)

// wireRules look at conns. Their functions run for each of maybe 100,000 conns,
// so each looks for what is rare first, and makes text only when it fires.
var wireRules = slices.Concat(
	upgradeHeadRules, statusRules, handshakeRules, tlsTapRules, keepaliveRules, limitRules, closeRules, flowRules, massRules,
)

// isSecondLeg says that c is the back leg of a WebSocket whose front leg is
// there, too: what both legs show is counted once, on the front leg.
func isSecondLeg(c *monitor.Conn) bool {
	return c.Link != nil && c.Link.Front != nil && c.Link.Front != c
}

// legs are the conns of the WebSocket that c belongs to.
func legs(c *monitor.Conn) []*monitor.Conn {
	if o := c.Other(); o != nil {
		return []*monitor.Conn{c, o}
	}
	return []*monitor.Conn{c}
}

// sideName is the side that a direction comes from.
func sideName(d ws.Direction) string {
	if d == ws.FromClient {
		return "client"
	}
	return "server"
}

// legName is "front leg", or the tap's name where its side of nginx is not known.
func legName(c *monitor.Conn) string {
	if c.Role == "" {
		return "tap " + c.Tap
	}
	return string(c.Role) + " leg"
}

// raise makes a finding graver, never less grave.
func (t *tally) raise(s monitor.Severity) *tally {
	if t.Count == 0 || s.AtLeast(t.Severity) {
		t.Severity = s
	}
	return t
}

// full says that further sentences would only be counted: no need to make them.
func (t *tally) full() bool { return len(t.Evidence) >= evidenceMost }

// tell adds a sentence that is costly to make.
func (t *tally) tell(sentence func() string) *tally {
	if t.full() {
		t.said++
		return t
	}
	return t.say("%s", sentence())
}

// conclude adds a sentence that must not be missing: a full finding gives up
// its last one for it.
func (t *tally) conclude(format string, args ...any) *tally {
	if t.full() {
		t.Evidence = t.Evidence[:evidenceMost-1]
		t.said++
	}
	return t.say(format, args...)
}

// repair is fix for what is costly to make.
func (t *tally) repair(fix func() string) *tally {
	if t.Fix == "" {
		t.Fix = asPasted(fix())
	}
	return t
}

// quoteLogs adds the log lines that were joined to any leg of c.
func (t *tally) quoteLogs(c *monitor.Conn) *tally {
	for _, leg := range legs(c) {
		for _, r := range leg.Logs {
			if !r.Ambiguous && !t.full() {
				t.say("log: %s", r.Entry.Raw)
			}
		}
	}
	return t
}

// chosen is the location that nginx chose for c, or nil: without a
// configuration, and where only the back leg is seen and several lead there.
func (p *pass) chosen(c *monitor.Conn) *nginxconf.Location {
	if p.opts.Conf == nil || c.Request == nil {
		return nil
	}
	if front, _ := c.Legs(); front != nil {
		a, _ := p.opts.Conf.Find(nginxconf.Query{Addr: front.Server, Host: front.Host(), Target: front.Target()})
		return a.Location
	}
	if ls := p.opts.Conf.PassingTo(c.Listen); len(ls) == 1 {
		return ls[0]
	}
	return nil
}

// block is the block that c went through, for the comment above a fix: exactly
// where the configuration is known.
func (p *pass) block(c *monitor.Conn) string {
	if l := p.chosen(c); l != nil {
		return locationHead(l) + " { }"
	}
	if c.Request == nil {
		return "the location { } that leads there"
	}
	return "the location { } that serves " + pasteable(targetGroup(c.Target()))
}

// seconds is a duration as nginx wants it written.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%ds", int64((d+time.Second-1)/time.Second))
}
