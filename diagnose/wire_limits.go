package diagnose

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// limitRules look at the limits that ended WebSockets, or should have.
var limitRules = []rule{{
	id:        "idle-timeout",
	severity:  monitor.SeverityError,
	title:     "WebSockets are ended for being idle",
	reference: "nginx: proxy_read_timeout (ngx_http_proxy_module); RFC 6455 §5.5.2",
	conn:      idleTimeout,
	done:      recommendPings,
}, {
	id:        "lifetime-limit",
	severity:  monitor.SeverityWarning,
	title:     "WebSockets are ended at a certain age, however busy they are",
	reference: "RFC 6455 §7.2.3",
	conn:      lifetimeLimit,
}, {
	id:        "lingering-tcp",
	severity:  monitor.SeverityInfo,
	title:     "WebSockets closed in order leave their TCP connection open until the idle timer ends it: a false alarm in nginx's log",
	reference: "RFC 6455 §7.1.1; nginx: proxy_read_timeout (ngx_http_proxy_module)",
	conn:      lingeringTCP,
}, {
	id:        "limit-contradicted",
	severity:  monitor.SeverityWarning,
	title:     "What was seen contradicts a limit",
	reference: "nginx: proxy_read_timeout (ngx_http_proxy_module)",
	conn:      limitContradicted,
	done:      limitsUndercut,
}}

// silenceBefore is the silence before the end: of the leg that saw it shorter.
func silenceBefore(c *monitor.Conn) time.Duration {
	gap := c.Gap(c.Ended)
	if o := c.Other(); o != nil && o.FirstEnd() != nil {
		gap = min(gap, o.Gap(o.Ended))
	}
	return gap
}

// limitAt is the limit of a kind nearest to d, one that was told before others
// as near.
func (p *pass) limitAt(c *monitor.Conn, kind monitor.LimitKind, d time.Duration) (best monitor.Limit, ok bool) {
	off := func(l monitor.Limit) time.Duration { return (l.Value.Std() - d).Abs() }
	for _, l := range p.state.Limits(c) {
		if l.Kind != kind {
			continue
		}
		nearer := !ok || off(l) < off(best)-2*monitor.Slack
		if nearer || off(l) <= off(best)+2*monitor.Slack && l.Told() && !best.Told() {
			best, ok = l, true
		}
	}
	return best, ok
}

func idleTimeout(p *pass, c *monitor.Conn) {
	if c.Verdict.Cause != monitor.CauseIdleTimeout || isSecondLeg(c) {
		return
	}
	gap := silenceBefore(c)
	limit, ok := p.limitAt(c, monitor.Idle, gap)
	if !ok { // an opaque stream: nothing is assumed of it
		limit = monitor.Limit{Kind: monitor.Idle, Value: monitor.Millis(gap), Source: "not known"}
	}
	t := p.about(targetGroup(c.Target()))
	if c.Verdict.Confidence == monitor.Possible {
		t.raise(monitor.SeverityWarning)
	} else {
		t.raise(monitor.SeverityError)
	}
	t.conn(c, c.EndAt()).tell(func() string {
		return fmt.Sprintf("%s #%d was ended after %s without a byte either way; the limit is %s (%s); %s",
			clock(c.EndAt()), c.Seq, span(gap), span(limit.Value.Std()), limit.Source, c.Verdict.Confidence)
	})
	if limit.Learned() {
		t.say("nobody has stated that limit; the hops that have it by default: %s", knownHops(limit.Value.Std(), monitor.Idle))
	}
	if t.File == "" {
		t.at(placeOf(limit.Source))
	}
	if len(t.Evidence) < logsOfRefusals {
		t.quoteLogs(c)
	}
	p.note(t, c, limit, gap)
}

// placeOf reads FILE:LINE as the source of a limit has it; zero for other sources.
func placeOf(source string) nginxconf.Place {
	place, _, _ := strings.Cut(source, " (") // "(default)", "(the least of 2 locations)"
	file, line, ok := cutLast(place, ":")
	n, err := strconv.Atoi(line)
	if !ok || err != nil {
		return nginxconf.Place{}
	}
	return nginxconf.Place{File: file, Line: n}
}

func lifetimeLimit(p *pass, c *monitor.Conn) {
	if c.Verdict.Cause != monitor.CauseLifetimeLimit || isSecondLeg(c) {
		return
	}
	age := c.EndAt().Sub(c.Opened)
	limit, _ := p.limitAt(c, monitor.Lifetime, age)
	t := p.about(targetGroup(c.Target())).conn(c, c.EndAt()).tell(func() string {
		return fmt.Sprintf("%s #%d was ended at an age of %s, %s after its last byte; the lifetime limit is %s (%s)",
			clock(c.EndAt()), c.Seq, span(age), span(silenceBefore(c)), span(limit.Value.Std()), limit.Source)
	})
	t.fix("No ping helps against it. Raise the lifetime at %s if it can be raised; let clients reconnect by themselves, and let the server close with 1001 or 1012 a little earlier, at different times for different clients.", limit.Source)
}

func lingeringTCP(p *pass, c *monitor.Conn) {
	if c.Verdict.Cause != monitor.CauseLingering || isSecondLeg(c) {
		return
	}
	p.about(targetGroup(c.Target())).conn(c, c.EndAt()).
		tell(func() string {
			return fmt.Sprintf("%s #%d: both sides had sent their close frames, and TCP stayed open for %s", clock(c.EndAt()), c.Seq, span(silenceBefore(c)))
		}).
		fix("Nothing is lost. The server should close TCP as soon as both close frames are through (RFC 6455 §7.1.1); until then each such connection holds two of nginx's worker_connections.")
}
