package diagnose

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// Signs of a peer that is no longer there. nginx's idle timer does not see it:
// a byte in either direction holds the tunnel, pings into nowhere included.
const (
	pingsLeast   = 2                // unanswered pings; one may be on its way
	pongsLate    = 10 * time.Second // and nothing else has come for so long
	unackedLeast = 10 * time.Second // longer than any retransmission on a path that works
	quietLeast   = 2 * time.Minute  // a side that used to send has stopped
	quietTimes   = 20               // for so many times its own usual interval
	usualLeast   = 20               // messages that make an interval usual
)

// halfOpen looks at each side of an upgraded WebSocket: has it gone?
func halfOpen(p *pass, c *monitor.Conn) {
	if !c.IsUpgraded() || isSecondLeg(c) {
		return
	}
	until := p.state.Now()
	if !c.EndAt().IsZero() {
		until = c.EndAt()
	}
	if s, to := signOn(c, until); s.weight != "" {
		p.sayHalfOpen(c, s, to, until)
	}
}

// signOn is the first sign on either leg, and the direction whose receiver it is of.
func signOn(c *monitor.Conn, until monitor.Time) (goneSign, ws.Direction) {
	for _, leg := range [2]*monitor.Conn{c, c.Other()} {
		if leg == nil {
			continue
		}
		for d := range leg.Sample.Dir {
			if s := signOf(leg, ws.Direction(d), until); s.weight != "" {
				return s, ws.Direction(d)
			}
		}
	}
	return goneSign{}, 0
}

// seemsGone says that halfOpen has something to say of c.
func seemsGone(c *monitor.Conn, until monitor.Time) bool {
	s, _ := signOn(c, until)
	return s.weight != ""
}

// goneSign is how a silent side gives itself away.
type goneSign struct {
	weight monitor.Severity // "" if there is none
	words  string
}

// signOf looks for a sign that the receiver of dir's bytes is gone. This is the
// one place for such signs.
func signOf(c *monitor.Conn, dir ws.Direction, until monitor.Time) goneSign {
	to, from := &c.Sample.Dir[dir], &c.Sample.Dir[dir.Other()]
	silent := until.Sub(max(from.LastByte, c.Upgraded))
	switch {
	case to.Unacked.Std() >= unackedLeast:
		return goneSign{monitor.SeverityWarning, fmt.Sprintf("its kernel has acknowledged nothing for %s (TCP, %s)", span(to.Unacked.Std()), legName(c))}
	case to.Unanswered >= pingsLeast && silent >= max(pongsLate, to.PingEvery.Std()):
		return goneSign{monitor.SeverityWarning, fmt.Sprintf("%s sent to it are unanswered, and no byte came from it for %s", pingsText(to.Unanswered), span(silent))}
	case c.EndAt().IsZero() && silent >= quietLeast && fellSilent(c, to, from, silent, until):
		return goneSign{monitor.SeverityInfo, fmt.Sprintf("it sent %d messages, one every %s, then nothing for %s, while the other side goes on: has it gone, or has it nothing to say?", from.Messages, span(usualInterval(c, from)), span(silent))}
	}
	return goneSign{}
}

// pingsText: no more than 4 pings are remembered.
func pingsText(n uint32) string {
	if n >= 4 {
		return "4 pings or more"
	}
	return fmt.Sprintf("%d pings", n)
}

// fellSilent says that a side that used to send regularly has stopped, although
// the other has not. Where data flows one way only that is no sign at all.
func fellSilent(c *monitor.Conn, to, from *monitor.Traffic, silent time.Duration, until monitor.Time) bool {
	if from.Messages < usualLeast || until.Sub(to.LastByte) > silent/4 || !sentForLong(c, from) {
		return false
	}
	return silent >= quietTimes*usualInterval(c, from)
}

// sentForLong says that a side sent over a long part of the time before its
// silence. Who subscribes to twenty things and then listens does not.
func sentForLong(c *monitor.Conn, from *monitor.Traffic) bool {
	sent := from.LastData.Sub(c.Upgraded)
	return sent >= quietLeast && 2*sent >= max(from.LastByte, c.Upgraded).Sub(c.Upgraded)
}

// usualInterval is the mean time between the messages of a side while it sent.
func usualInterval(c *monitor.Conn, from *monitor.Traffic) time.Duration {
	return from.LastData.Sub(c.Upgraded) / time.Duration(from.Messages)
}

func (p *pass) sayHalfOpen(c *monitor.Conn, s goneSign, to ws.Direction, until monitor.Time) {
	gone := sideName(to.Other())
	t := p.about(gone+" of "+targetGroup(c.Target())).raise(s.weight).conn(c, until).tell(func() string {
		state := "is still open"
		if e := c.EndAt(); !e.IsZero() {
			state = fmt.Sprintf("ended at %s (%s)", clock(e), c.Verdict.Cause.Short())
		}
		return fmt.Sprintf("#%d, of %s, %s: %s", c.Seq, c.Client, state, s.words)
	})
	t.repair(func() string { return p.halfOpenFix(c, gone) })
}

func (p *pass) halfOpenFix(c *monitor.Conn, gone string) string {
	f := new(paste).add("Let each side close a connection whose ping is not answered in time: whoever pings alone keeps a dead tunnel alive in nginx, whose timer any byte resets.")
	if gone == "server" {
		return f.add("# So that nginx itself notices a vanished server, in %s:", p.block(c)).add("proxy_socket_keepalive on;").String()
	}
	return f.add("# So that nginx itself notices a vanished client, in the server { } it connects to:").add("listen PORT so_keepalive=30s:10s:3;  # and the parameters it has").String()
}
