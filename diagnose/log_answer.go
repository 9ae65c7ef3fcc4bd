package diagnose

import (
	"fmt"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// answerRules look at what servers answer, or do not.
var answerRules = []rule{{
	id:        "upstream-timeout",
	severity:  monitor.SeverityError,
	title:     "A server was too slow for nginx",
	reference: "nginx: proxy_connect_timeout, proxy_send_timeout, proxy_read_timeout (ngx_http_proxy_module)",
	kinds:     []logparse.Kind{logparse.KindUpstreamTimedOut},
	line:      upstreamTimeout,
}, {
	id:        "upstream-reset",
	severity:  monitor.SeverityError,
	title:     "A server reset its connections",
	reference: "nginx: ngx_http_upstream_process_upgraded; the level error names the server's side, info the client's",
	kinds:     []logparse.Kind{logparse.KindRecvFailed, logparse.KindSendFailed, logparse.KindSSLWriteFailed, logparse.KindSSLReadFailed},
	line:      upstreamReset,
}, {
	id:        "premature-close",
	severity:  monitor.SeverityError,
	title:     "A server closed the connection before its answer was complete",
	reference: "nginx: ngx_http_upstream_process_header, keepalive (ngx_http_upstream_module)",
	kinds:     []logparse.Kind{logparse.KindUpstreamPrematurelyClosed},
	line:      prematureClose,
}, {
	id:        "bad-upstream-answer",
	severity:  monitor.SeverityError,
	title:     "A server's answer is no HTTP, or breaks its rules",
	reference: "RFC 9112; nginx: ngx_http_proxy_process_status_line, ngx_http_proxy_process_header",
	kinds:     []logparse.Kind{logparse.KindNoValidHeader, logparse.KindInvalidHeader, logparse.KindUpstreamSentInvalid},
	line:      badAnswer,
}, {
	id:        "header-too-large",
	severity:  monitor.SeverityError,
	title:     "The head of an answer is larger than nginx's buffer (502)",
	reference: "nginx: proxy_buffer_size (ngx_http_proxy_module)",
	kinds:     []logparse.Kind{logparse.KindTooBigHeader},
	line:      headerTooLarge,
}}

// timeoutPhase is what nginx waited for when its time was up.
type timeoutPhase struct {
	action   string
	words    string // after the address, in the subject
	severity monitor.Severity
	fix      string
}

// timeoutPhases hold the phases before a tunnel; that of a tunnel itself is
// idle-timeout-log.
var timeoutPhases = []timeoutPhase{{
	"connecting to upstream", "connecting", monitor.SeverityError,
	`# Nothing answered within proxy_connect_timeout (60s): a firewall drops the packets,
# the host is gone, or its listen queue is full. To wait longer does not help.
# To ask the next server sooner,
# in %s:
proxy_connect_timeout 5s;`,
}, {
	"SSL handshaking to upstream", "TLS handshake", monitor.SeverityError,
	`# The server took the connection and did not answer TLS within proxy_connect_timeout:
# is it stuck? If it speaks plain HTTP, the scheme of proxy_pass is wrong,
# in %s:
proxy_pass http://ADDRESS;`,
}, {
	"sending request to upstream", "sending the request", monitor.SeverityError,
	`# The server does not read: it is stuck or overloaded. To wait longer,
# in %s:
proxy_send_timeout 120s;`,
}, {
	"reading response header from upstream", "waiting for its answer", monitor.SeverityError,
	`# The server did not answer within proxy_read_timeout: 504; with several servers nginx
# sends the same handshake to the next one. Let the server answer 101 first, and do its
# slow work then. To wait longer,
# in %s:
proxy_read_timeout 300s;`,
}, {
	"reading upstream", "in the body of its answer", monitor.SeverityWarning,
	`# An ordinary response stalled: a long poll, an event stream, or a 101 to a request
# without Upgrade, which makes no tunnel. For the first two,
# in %s:
proxy_read_timeout 3600s;`,
}}

func upstreamTimeout(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if inTunnel(e) || p.ownDial(r) != nil {
		return
	}
	phase := timeoutPhase{words: e.Action, severity: monitor.SeverityError, fix: "# Look at the server, or wait longer,\n# in %s:\nproxy_read_timeout 300s;"}
	for i := range timeoutPhases {
		if timeoutPhases[i].action == e.Action {
			phase = timeoutPhases[i]
		}
	}
	t, first := p.entry(lineServer(e)+", "+phase.words, r)
	if first {
		t.grade(phase.severity).fix(phase.fix, p.blockOf(e))
	}
}

// upstreamReset: who reset is told by the level, or by stream's own words.
func upstreamReset(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if !e.Has(logparse.HasUpstream) || e.Action == "resolving" || p.ownDial(r) != nil {
		return
	}
	if !atServer(e) {
		clientReset(p, r)
		return
	}
	if t, first := p.entry(lineServer(e), r); first {
		t.fix("%s", resetFix(e))
	}
}

// clientReset: closed tabs and lost mobiles are every day's life.
func clientReset(p *pass, r *monitor.LogRef) {
	if !inTunnel(&r.Entry) || explained(r) {
		return
	}
	t, first := p.entry("", r)
	if first {
		t.Title = "Clients reset their connections, or vanished"
		t.grade(monitor.SeverityInfo).fix("Nothing to do in nginx: a crash, a closed tab, a network left. If many fall at once, look for what stands between the clients and nginx.")
	}
}

func resetFix(e *logparse.Entry) string {
	addr := lineServer(e)
	switch {
	case e.Errno == 110 || e.Errno == 60:
		return fmt.Sprintf("%s vanished without a word, and TCP gave up: its host crashed, was moved, or a firewall between forgot the connection. Let the server or the client ping, so that it is noticed sooner.", addr)
	case inTunnel(e):
		return fmt.Sprintf("Look into the log of %s at these times: it crashed, was killed or restarted, or closed with bytes unread. nginx passes it on to the client as a plain end, without a close frame (1006).", addr)
	}
	return fmt.Sprintf("%s ended the connection where its answer should come: it crashed, or it expects TLS. If it does, proxy_pass must begin with https://", addr)
}

func prematureClose(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if p.ownDial(r) != nil {
		return
	}
	if e.Action == "reading upstream" {
		t, first := p.entry(lineServer(e)+", in the body of its answer", r)
		if first {
			t.grade(monitor.SeverityWarning).fix("Look into the log of %s at these times. A tunnel is not concerned: an answer with a body was cut off.", lineServer(e))
		}
		return
	}
	if t, first := p.entry(lineServer(e), r); first {
		t.fix(`# Look into the log of %s at these times: it crashed,
# refused the client, or expects TLS (proxy_pass https://…).
# If it happens on reused connections only, the server closes them sooner than nginx;
# make nginx the first,
# in upstream { }:
keepalive_timeout 30s;`, lineServer(e))
	}
}

func badAnswer(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	t, first := p.entry(lineServer(e), r)
	switch {
	case !first:
	case e.Level < logparse.LevelError: // "… ignored"
		t.grade(monitor.SeverityWarning).fix("nginx ignored a header of %s that breaks the rules. Correct the server.", lineServer(e))
	case e.Kind == logparse.KindNoValidHeader:
		t.fix("%s does not answer in HTTP/1, and its bytes went to the client as they are. Correct the port in proxy_pass; for a server with TLS write https://, for a protocol that is not HTTP use stream { }.", lineServer(e))
	default:
		t.fix("%s sends a head that nginx refuses (502). Correct the server: the line names the header.", lineServer(e))
	}
}

func headerTooLarge(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if t, first := p.entry(lineServer(e), r); first {
		t.fix(`# Often a large Set-Cookie is the reason.
# in %s:
proxy_buffer_size 16k;
proxy_buffers 8 16k;`, p.blockOf(e))
	}
}
