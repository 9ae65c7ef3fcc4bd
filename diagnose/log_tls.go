package diagnose

import (
	"strings"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// tlsRules look at TLS where it should not be, or not be so.
var tlsRules = []rule{{
	id:        "tls-upstream",
	severity:  monitor.SeverityError,
	title:     "nginx and a server do not agree on TLS (502)",
	reference: "nginx: proxy_pass, proxy_ssl_name, proxy_ssl_server_name, proxy_ssl_verify (ngx_http_proxy_module)",
	kinds:     []logparse.Kind{logparse.KindSSLHandshakeFailed, logparse.KindPeerClosedSSLHandshake, logparse.KindCertificateVerifyFailed},
	line:      tlsUpstream,
}, {
	id:        "plain-to-https",
	severity:  monitor.SeverityWarning,
	title:     "Clients speak plain HTTP to a TLS port (400)",
	reference: "nginx: listen … ssl, status 497 (ngx_http_ssl_module)",
	kinds:     []logparse.Kind{logparse.KindPlainHTTPToHTTPS},
	line:      plainToHTTPS,
}, {
	id:        "tls-to-plain-port",
	severity:  monitor.SeverityInfo,
	title:     "Clients speak TLS to a plain port (400)",
	reference: "nginx: listen … ssl (ngx_http_ssl_module)",
	kinds:     []logparse.Kind{logparse.KindClientSentInvalid},
	line:      tlsToPlain,
}}

// tlsReasons are OpenSSL's and nginx's words, the first that the message holds
// decides. %s is the block, then the server.
var tlsReasons = []struct{ words, fix string }{
	{"wrong version number", tlsIsPlain},
	{"packet length too long", tlsIsPlain},
	{"record layer failure", tlsIsPlain},
	{"http request", tlsIsPlain},
	{"does not match", `# The certificate is for another name than proxy_pass has.
# in %s:
proxy_ssl_server_name on;
proxy_ssl_name THE.NAME.IN.THE.CERTIFICATE;`},
	{"certificate verify", `# proxy_ssl_verify is on, and no known authority signed the server's certificate.
# in %s:
proxy_ssl_trusted_certificate /PATH/OF/THE/AUTHORITY.pem;`},
	{"unrecognized name", tlsWantsName},
	{"alert handshake failure", tlsWantsName},
	{"alert internal error", tlsWantsName},
	{"protocol version", `# Server and nginx have no TLS version in common.
# in %s:
proxy_ssl_protocols TLSv1.2 TLSv1.3;`},
	{"unsupported protocol", `# The server speaks only an old TLS. Renew it, or allow it,
# in %s:
proxy_ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;`},
	{"certificate required", tlsWantsClient},
	{"bad certificate", tlsWantsClient},
}

const (
	tlsIsPlain   = "# The server speaks plain HTTP at this port.\n# in %s:\nproxy_pass http://%s;"
	tlsWantsName = "# The server chooses its certificate by name, which nginx does not send by default.\n# in %s:\nproxy_ssl_server_name on;"

	tlsWantsClient = `# The server asks for a client certificate.
# in %s:
proxy_ssl_certificate     /PATH/OF/CERTIFICATE.pem;
proxy_ssl_certificate_key /PATH/OF/KEY.pem;`
)

func tlsUpstream(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if e.Action != "SSL handshaking to upstream" {
		return // a client's handshake
	}
	t, first := p.entry(lineServer(e), r)
	if !first {
		return
	}
	for _, reason := range tlsReasons {
		if strings.Contains(e.Message, reason.words) {
			if reason.fix == tlsIsPlain {
				t.fix(reason.fix, p.blockOf(e), lineServer(e))
			} else {
				t.fix(reason.fix, p.blockOf(e))
			}
		}
	}
	t.fix("Try it from nginx's host: openssl s_client -connect %s -servername NAME. If the server speaks plain HTTP there, proxy_pass must begin with http://", lineServer(e))
}

func plainToHTTPS(p *pass, r *monitor.LogRef) {
	if t, first := p.entry(r.Entry.Server, r); first {
		t.fix("Let the clients use wss://, not ws://, for this port. If a load balancer takes TLS off before nginx, take ssl away from this listen: listen 443;")
	}
}

// tlsToPlain: nginx quotes the first bytes of a TLS record as a request line,
// up to its first line end: handshake, version 3.x (RFC 8446 §5.1).
func tlsToPlain(p *pass, r *monitor.LogRef) {
	if !strings.HasPrefix(r.Entry.Request, "\x16\x03") {
		return
	}
	if t, first := p.entry(r.Entry.Server, r); first {
		t.fix("If these are your clients and not scanners: let them use ws:// for this port, or add ssl to its listen (with ssl_certificate and ssl_certificate_key).")
	}
}
