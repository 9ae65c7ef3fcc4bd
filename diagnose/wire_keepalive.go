package diagnose

import (
	"fmt"
	"slices"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
	"github.com/wstap/wstap/ws"
)

// keepaliveRules ask what keeps a silent WebSocket open.
var keepaliveRules = []rule{{
	id:        "half-open",
	severity:  monitor.SeverityWarning,
	title:     "One side seems to be gone, and nobody has noticed",
	reference: "RFC 6455 §5.5.2; nginx: proxy_socket_keepalive, listen … so_keepalive",
	conn:      halfOpen,
}, {
	id:        "no-keepalive",
	severity:  monitor.SeverityWarning,
	title:     "Silences come near the idle limit, and nobody pings",
	reference: "RFC 6455 §5.5.2; nginx: proxy_read_timeout (ngx_http_proxy_module)",
	conn:      noKeepalive,
	done:      recommendPings,
}, {
	id:        "ping-too-slow",
	severity:  monitor.SeverityWarning,
	title:     "Pings come too seldom for the idle limit",
	reference: "RFC 6455 §5.5.2; nginx: proxy_read_timeout (ngx_http_proxy_module)",
	conn:      pingTooSlow,
	done:      recommendPings,
}}

const (
	// nearPart of its limit is where a silence comes near it: 3/4, as the screen marks it.
	nearPart = 0.75
	// pingPart of the limit is where an interval of pings leaves no room: 9/10.
	pingPart = 0.9
	// gapLeast is the shortest silence that is looked at: no limit in use is as short.
	gapLeast = 2 * time.Second
)

// rhythm is what a recommended interval rests on, for one finding.
type rhythm struct {
	tally   *tally
	limit   monitor.Limit // the smallest
	longest time.Duration // silence seen
	block   string
	stream  bool // bytes that nginx passes on unread: in stream { }, not in a location
}

type rhythms struct{ of map[*tally]*rhythm }

// note widens what is known for a finding.
func (p *pass) note(t *tally, c *monitor.Conn, l monitor.Limit, gap time.Duration) {
	m := remember[rhythms](p)
	r := m.of[t]
	if r == nil {
		r = &rhythm{t, l, gap, p.block(c), c.Opaque || p.ofStream(l)}
		if m.of == nil {
			m.of = map[*tally]*rhythm{}
		}
		m.of[t] = r
		return
	}
	if l.Value < r.limit.Value {
		r.limit, r.stream = l, c.Opaque || p.ofStream(l)
	}
	r.longest = max(r.longest, gap)
}

// ofStream says that a limit is the proxy_timeout of a server of stream.
func (p *pass) ofStream(l monitor.Limit) bool {
	return p.opts.Conf != nil && slices.ContainsFunc(p.opts.Conf.Streams, func(s *nginxconf.StreamServer) bool {
		return l.Source == placeText(s.ProxyTimeout.Place, s.Place)
	})
}

// recommendPings writes the fixes, when all silences and limits are known.
func recommendPings(p *pass) {
	for t, r := range remember[rhythms](p).of {
		t.fix("%s", r.advice())
	}
}

// advice is an interval for pings, and the other way out.
func (r *rhythm) advice() string {
	limit := r.limit.Value.Std()
	f := new(paste).add("Let one side ping every %s: at most half of the smallest limit, %s (%s); the longest silence seen is %s.",
		pingText(PingEvery(limit)), span(limit), r.limit.Source, span(r.longest))
	switch {
	case r.limit.ByHop():
		return f.add("# Or raise the idle timeout of that hop.").String()
	case r.limit.Learned():
		return f.add("# Or raise it where it is: proxy_read_timeout of nginx, if that is not longer already, or a hop before or behind nginx.").String()
	}
	if r.stream {
		return f.add("# Or allow longer silences, in the server { } of stream { } that leads there:").
			add("proxy_timeout %s;", seconds(max(longEnough, 4*r.longest))).String()
	}
	return f.add("# Or allow longer silences, in %s:", r.block).
		add("proxy_read_timeout %s;", seconds(max(longEnough, 4*r.longest))).
		add("proxy_send_timeout %s;", seconds(max(longEnough, 4*r.longest))).String()
}

// longEnough is what proxy_read_timeout is mostly raised to for WebSockets.
const longEnough = time.Hour

// PingEvery is the interval to ping in for an idle limit: half of it, rounded down to what people
// write in a configuration.
func PingEvery(limit time.Duration) time.Duration {
	half := limit / 2
	for _, unit := range []time.Duration{time.Minute, 5 * time.Second, time.Second, 100 * time.Millisecond} {
		if half >= 2*unit {
			return half.Truncate(unit)
		}
	}
	return half
}

func pingText(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%g s", d.Seconds())
}

// longestGap is the longest silence of a tunnel so far, the present one included.
func longestGap(p *pass, c *monitor.Conn) time.Duration {
	return max(c.Sample.LongestGap.Std(), c.Gap(p.state.Now()))
}

// beats is the number of pings and pongs of both sides: a pong nobody asked for
// is a heartbeat, too (RFC 6455 §5.5.3).
func beats(c *monitor.Conn) (n uint64) {
	for d := range c.Sample.Dir {
		f := &c.Sample.Dir[d].Frames
		n += f.Of(ws.OpPing) + f.Of(ws.OpPong)
	}
	return n
}

// noKeepalive: a silence that outlived its limit says that the limit is not
// what it seems, which is limitContradicted's.
func noKeepalive(p *pass, c *monitor.Conn) {
	if !c.IsUpgraded() {
		return
	}
	gap := longestGap(p, c)
	if gap < gapLeast || isSecondLeg(c) || beats(c) > 0 {
		return
	}
	died := c.Verdict.Cause == monitor.CauseIdleTimeout
	limit, ok := p.state.IdleLimit(c)
	if !ok || !died && (float64(gap) < nearPart*float64(limit.Value) || outlived(gap, limit)) {
		return
	}
	t := p.about(targetGroup(c.Target()))
	t.raise(severityOf(died, limit)).conn(c, c.LastActivity())
	p.note(t, c, limit, gap)
	t.tell(func() string {
		return fmt.Sprintf("#%d was silent for %s of the %s that are allowed (%s), without a ping from either side%s",
			c.Seq, span(gap), span(limit.Value.Std()), limit.Source, diedText(c, died))
	})
}

// severityOf: an assumed limit that killed nobody is no more than a hint.
func severityOf(died bool, l monitor.Limit) monitor.Severity {
	if !died && l.Source == monitor.SourceAssumed {
		return monitor.SeverityInfo
	}
	return monitor.SeverityWarning
}

func diedText(c *monitor.Conn, died bool) string {
	if !died {
		return ""
	}
	return ", and died of it at " + clock(c.EndAt())
}

// outlived says that a silence was longer than a limit, its tolerance included.
func outlived(gap time.Duration, l monitor.Limit) bool {
	return gap > l.Value.Std()+max(time.Second, l.Value.Std()/50)
}

// pingTooSlow looks at whoever pings more often.
func pingTooSlow(p *pass, c *monitor.Conn) {
	every, who := fasterPing(c)
	if every == 0 || isSecondLeg(c) {
		return
	}
	limit, ok := p.state.IdleLimit(c)
	gap := longestGap(p, c)
	died := c.Verdict.Cause == monitor.CauseIdleTimeout
	if !ok || float64(every) < pingPart*float64(limit.Value) || !died && outlived(gap, limit) {
		return
	}
	t := p.about(targetGroup(c.Target()))
	if died || float64(gap) >= nearPart*float64(limit.Value) {
		t.raise(severityOf(died, limit))
	} else {
		t.raise(monitor.SeverityInfo) // other traffic fills the pauses, as yet
	}
	t.conn(c, c.LastActivity())
	p.note(t, c, limit, gap)
	t.tell(func() string {
		return fmt.Sprintf("#%d: the %s pings every %s, and after %s of silence the tunnel is ended (%s); the longest silence was %s%s",
			c.Seq, sideName(who), span(every), span(limit.Value.Std()), limit.Source, span(gap), diedText(c, died))
	})
}

// fasterPing is the smaller mean interval of pings, and whose they are; 0 if
// nobody has pinged twice.
func fasterPing(c *monitor.Conn) (every time.Duration, who ws.Direction) {
	for d := range c.Sample.Dir {
		if e := c.Sample.Dir[d].PingEvery.Std(); e > 0 && (every == 0 || e < every) {
			every, who = e, ws.Direction(d)
		}
	}
	return every, who
}
