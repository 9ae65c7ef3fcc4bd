package diagnose

import (
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// tunnelRules look at what the log tells of tunnels that no tap sees: of the
// others the findings from the wire tell more.
var tunnelRules = []rule{{
	id:        "idle-timeout-log",
	severity:  monitor.SeverityWarning,
	title:     "nginx ended tunnels that were idle",
	reference: "nginx: proxy_read_timeout, proxy_send_timeout; ngx_http_upstream_process_upgraded",
	kinds:     []logparse.Kind{logparse.KindUpstreamTimedOut, logparse.KindConnectionTimedOut},
	line:      idleTimeoutLog,
}, {
	id:        "slow-client-log",
	severity:  monitor.SeverityWarning,
	title:     "nginx ended tunnels whose client did not read",
	reference: "nginx: send_timeout (ngx_http_core_module); ngx_http_upstream_process_upgraded",
	kinds:     []logparse.Kind{logparse.KindClientTimedOut},
	line:      slowClientLog,
}}

func idleTimeoutLog(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if !inTunnel(e) || explained(r) {
		return
	}
	if e.Kind == logparse.KindConnectionTimedOut {
		if t, first := p.entry("stream at "+e.Server, r); first {
			t.fix("# Let a peer ping more often than proxy_timeout (10m by default), or wait longer,\n# in %s:\nproxy_timeout 1h;", p.blockOf(e))
		}
		return
	}
	t, first := p.entry(p.group(e.RequestTarget()), r)
	if !first {
		return
	}
	if l := p.locationOf(e); l != nil && l.ProxyReadTimeout.Known() {
		t.say("the limit there is %s (proxy_read_timeout, %s)", span(l.ProxyReadTimeout.V), placeText(l.ProxyReadTimeout.Place, l.Place))
	} else {
		t.say("the limit is proxy_read_timeout, 60 s where the configuration does not say otherwise: no byte came from either side for so long")
	}
	t.say("a tunnel that was closed by close frames, and whose TCP connection nobody ended, leaves the same line and lost nothing")
	t.fix(`# Let the client or the server ping at less than half the limit: a byte in either
# direction holds the tunnel. To wait longer,
# in %s:
proxy_read_timeout 3600s;
proxy_send_timeout 3600s;`, p.blockOf(e))
}

func slowClientLog(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if !inTunnel(e) || explained(r) {
		return
	}
	if t, first := p.entry(p.group(e.RequestTarget()), r); first {
		t.fix(`# The clients take less than the server sends: send less, or let the server itself drop
# those that lag. To wait longer for them,
# in %s:
send_timeout 300s;`, p.blockOf(e))
	}
}
