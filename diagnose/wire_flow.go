package diagnose

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// flowRules look at who does not take what is sent, and who is not there.
var flowRules = []rule{{
	id:        "slow-consumer",
	severity:  monitor.SeverityError,
	title:     "A receiver does not read what is sent to it",
	reference: "nginx: send_timeout (ngx_http_core_module), proxy_send_timeout (ngx_http_proxy_module)",
	conn:      slowConsumer,
}, {
	id:        "server-down",
	severity:  monitor.SeverityError,
	title:     "A server cannot be reached",
	reference: "nginx: server, max_fails (ngx_http_upstream_module); connect(2)",
	conn:      serverDown,
}}

// stuckLeast is how long a write must wait, while the conn is open, to be worth
// a warning: short of send_timeout's 60 s, and more than a pause for breath.
const stuckLeast = 10 * time.Second

func slowConsumer(p *pass, c *monitor.Conn) {
	if isSecondLeg(c) {
		return
	}
	if c.Verdict.Cause == monitor.CauseSlowConsumer {
		p.sayCutSlow(c)
		return
	}
	for d := range c.Sample.Dir {
		t := &c.Sample.Dir[d]
		if !t.BlockedNow || t.Waiting.Std() < stuckLeast || !c.EndAt().IsZero() {
			continue
		}
		to := ws.Direction(d).Other()
		p.about(fmt.Sprintf("the %s of %s", sideName(to), targetGroup(c.Target()))).raise(monitor.SeverityWarning).conn(c, p.state.Now()).
			tell(func() string {
				return fmt.Sprintf("#%d: a write to the %s waits at this moment, for %s by now; such writes have waited for %s in all", c.Seq, sideName(to), span(t.Waiting.Std()), span(t.Blocked.Std()))
			}).
			repair(func() string { return p.consumerFix(c, to) })
	}
}

func (p *pass) sayCutSlow(c *monitor.Conn) {
	to := ws.FromClient // nginx's log line is about the client
	var waited time.Duration
	for _, leg := range legs(c) {
		for d := range leg.Sample.Dir {
			if w := leg.Sample.Dir[d].BlockedAtEnd.Std(); w > waited {
				to, waited = ws.Direction(d).Other(), w
			}
		}
	}
	p.about(fmt.Sprintf("the %s of %s", sideName(to), targetGroup(c.Target()))).raise(monitor.SeverityError).conn(c, c.EndAt()).
		tell(func() string {
			if waited == 0 {
				return fmt.Sprintf("%s nginx ended #%d because the %s did not read", clock(c.EndAt()), c.Seq, sideName(to))
			}
			return fmt.Sprintf("%s #%d was ended; a write to the %s had been waiting for %s", clock(c.EndAt()), c.Seq, sideName(to), span(waited))
		}).
		quoteLogs(c).
		repair(func() string { return p.consumerFix(c, to) })
}

func (p *pass) consumerFix(c *monitor.Conn, to ws.Direction) string {
	if to == ws.FromServer {
		return new(paste).add("See why the server reads slowly: a handler that works between two reads, a full queue behind it.").
			add("# To wait longer for it, in %s:", p.block(c)).add("proxy_send_timeout 300s;").String()
	}
	return new(paste).add("Let the server watch how much waits for a client (ws: bufferedAmount, gorilla: SetWriteDeadline), send less to one that lags, or close it with 1013.").
		add("# To wait longer for clients, in %s:", p.block(c)).add("send_timeout 300s;").String()
}

// dialWords are what the errno of a failed dial means, and what to do.
var dialWords = map[int]string{
	111: "Nothing listens at %s: start the server, or correct its address; in a container it must listen on 0.0.0.0, not on 127.0.0.1.",
	110: "%s does not answer at all: a firewall that drops, a wrong address, or a full backlog.",
	113: "There is no route to %s: the host is down, or a firewall rejects.",
	101: "The network of %s cannot be reached from here.",
	99:  "No local port is left towards %s: too many connections to one address (net.ipv4.ip_local_port_range).",
	24:  "wstap has no descriptor left for %s: raise the limit of open files (ulimit -n) of wstap.",
	2:   "The socket %s is not there: the server does not run, or makes it elsewhere.",
	13:  "wstap may not connect to %s: the permissions of the socket or of its directory.",
}

func serverDown(p *pass, c *monitor.Conn) {
	if c.Dial == nil {
		return
	}
	d := c.Dial
	t := p.about(c.Server).conn(c, d.At).tell(func() string {
		return fmt.Sprintf("%s our connection to %s for tap %s failed after %s: %s", clock(d.At), c.Server, c.Tap, span(d.Took.Std()), d.Error)
	})
	if len(t.Evidence) < logsOfRefusals && len(c.Logs) > 0 {
		t.quoteLogs(c).say("nginx logs the reset that wstap passed on; without wstap the line would be connect() failed with the errno above")
	}
	words, ok := dialWords[d.Errno]
	if !ok {
		words = "See that %s runs, listens there, and can be reached from this host."
	}
	t.fix(words, c.Server)
}
