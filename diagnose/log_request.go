package diagnose

import (
	"strings"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// requestRules look at what nginx itself refused or spoiled.
var requestRules = []rule{{
	id:        "limits-hit",
	severity:  monitor.SeverityWarning,
	title:     "nginx turns clients away: a limit is reached",
	reference: "nginx: limit_conn (ngx_http_limit_conn_module), limit_req (ngx_http_limit_req_module)",
	kinds:     []logparse.Kind{logparse.KindLimitConn, logparse.KindLimitReq, logparse.KindDelayingRequest},
	line:      limitsHit,
}, {
	id:        "upgrade-in-subrequest",
	severity:  monitor.SeverityError,
	title:     "A subrequest (auth_request, mirror) was answered with 101, and nginx drops the connection",
	reference: "nginx: ngx_http_upstream_process_headers; auth_request (ngx_http_auth_request_module)",
	kinds:     []logparse.Kind{logparse.KindUpgradeInSubrequest},
	line:      upgradeInSubrequest,
}, {
	id:        "auth-request-failed",
	severity:  monitor.SeverityError,
	title:     "auth_request got an answer that says neither yes nor no (500)",
	reference: "nginx: auth_request (ngx_http_auth_request_module): 2xx, 401 and 403 alone are answers",
	kinds:     []logparse.Kind{logparse.KindAuthRequestStatus},
	line:      authRequestFailed,
}, {
	id:        "http2-upgrade",
	severity:  monitor.SeverityWarning,
	title:     "Clients ask for a WebSocket over HTTP/2 or HTTP/3, which nginx does not do",
	reference: "RFC 8441 §4; nginx: ngx_http_v2_pseudo_header, http2",
	kinds:     []logparse.Kind{logparse.KindUnknownPseudoHeader, logparse.KindClientSentUpgrade},
	line:      http2Upgrade,
}}

func limitsHit(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	zone := quotedName(e.Message)
	t, first := p.entry("zone "+zone, r)
	if !first {
		return
	}
	switch {
	case strings.Contains(e.Message, "dry run"):
		t.grade(monitor.SeverityInfo).fix("Nothing is refused yet: limit_*_dry_run is on. With it off these clients would get 503.")
	case e.Kind == logparse.KindLimitConn:
		t.say("a tunnel holds its place in the zone until it ends, not only for its handshake")
		t.fix("# As many as one client may have tunnels, with all its tabs and its reconnects.\n# in %s:\nlimit_conn %s 100;", p.blockOf(e), zone)
	case e.Kind == logparse.KindDelayingRequest:
		t.grade(monitor.SeverityInfo).fix("# Handshakes are held back, not refused. To let them through at once,\n# in %s:\nlimit_req zone=%s burst=50 nodelay;", p.blockOf(e), zone)
	default:
		t.fix("# After a cut all clients come back at once: let them wait a random time before they do.\n# in %s:\nlimit_req zone=%s burst=200 nodelay;", p.blockOf(e), zone)
	}
	if p.state.HasRole(monitor.Front) {
		t.say("a front tap without --proxy-protocol makes nginx see one address for all clients, and a limit by address counts them as one; a back tap does not")
	}
}

func upgradeInSubrequest(p *pass, r *monitor.LogRef) {
	if t, first := p.entry(p.group(r.Entry.Subrequest), r); first {
		t.fix(`# The subrequest %s is no handshake.
# in its location { }:
proxy_set_header Upgrade "";
proxy_set_header Connection "";
proxy_set_header Sec-WebSocket-Key "";`, pasteable(r.Entry.Subrequest))
	}
}

func authRequestFailed(p *pass, r *monitor.LogRef) {
	status := pasteable(strings.TrimPrefix(r.Entry.Message, "auth request unexpected status: "))
	if t, first := p.entry(status, r); first {
		t.fix("Look at the server that auth_request asks: it answered %s. For 502 and 504 a line about the subrequest stands just before this one; for 400 and 426 it took the subrequest for a handshake: send it an empty Upgrade (proxy_set_header Upgrade \"\";).", status)
	}
}

// http2Upgrade: browsers fall back to HTTP/1.1 on a connection of its own when
// nginx refuses extended CONNECT; a client that sends Upgrade over HTTP/2 does not.
func http2Upgrade(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if e.Kind == logparse.KindClientSentUpgrade {
		if t, first := p.entry("an Upgrade header", r); first {
			t.fix("Let the client offer http/1.1 alone (ALPN) for WebSockets. If a proxy before nginx turned them into HTTP/2, let it speak HTTP/1.1 to nginx.")
		}
		return
	}
	if !strings.Contains(e.Message, `":protocol"`) {
		return
	}
	if t, first := p.entry("extended CONNECT", r); first {
		t.grade(monitor.SeverityInfo).fix("Nothing to do for browsers: they try again over HTTP/1.1. Other clients: offer http/1.1 alone (ALPN), or serve WebSockets under a name whose server { } has no http2.")
	}
}
