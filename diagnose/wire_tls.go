package diagnose

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// tlsTapRules look for TLS on one side of a tap and none on the other.
var tlsTapRules = []rule{{
	id:        "plain-on-tls",
	severity:  monitor.SeverityError,
	title:     "Plain HTTP is spoken to a port that wants TLS",
	reference: "RFC 6455 §3; nginx: listen … ssl, proxy_pass https://",
	conn:      plainOnTLS,
}, {
	id:        "tls-on-plain",
	severity:  monitor.SeverityError,
	title:     "TLS is spoken to a port that is plain",
	reference: "RFC 6455 §3; nginx: listen … ssl, proxy_pass http://",
	conn:      tlsOnPlain,
}}

// reasonTLS is ws's word for bytes that are a TLS record where HTTP is expected.
const reasonTLS = "TLS record"

func plainOnTLS(p *pass, c *monitor.Conn) {
	if c.Request == nil || c.Status() != 400 && c.Lost[ws.FromServer] != reasonTLS {
		return
	}
	how := tlsSign(c)
	if how == "" {
		return
	}
	p.about(portOf(c)).conn(c, c.Request.At).
		tell(func() string {
			return fmt.Sprintf("%s the request for %s came to %s as plain HTTP, and %s", clock(c.Request.At), c.Target(), c.Server, how)
		}).
		quoteLogs(c).
		fix("%s", plainFix(c))
}

// tlsSign says how a server showed that it wants TLS, or "".
func tlsSign(c *monitor.Conn) string {
	if c.Lost[ws.FromServer] == reasonTLS {
		return "it answered with a TLS record"
	}
	for _, r := range c.Logs {
		if r.Entry.Kind == logparse.KindPlainHTTPToHTTPS && !r.Ambiguous {
			return "nginx says that the port is for HTTPS"
		}
	}
	if a := c.Answer; a != nil && a.Proto == "HTTP/1.0" && a.HeadText != "" && !strings.Contains(a.HeadText, ":") {
		return "it answered HTTP/1.0 400 without any header, as TLS servers written in Go do"
	}
	return ""
}

func plainFix(c *monitor.Conn) string {
	switch c.Role {
	case monitor.Front:
		return "Let clients connect with wss://; or, if TLS ends before this tap, take ssl away from the listen that it leads to, or lead it to the plain port."
	case monitor.Back:
		return fmt.Sprintf("# The server %s wants TLS: this tap must speak it (back@LISTEN=https://%s). Without the tap, in the location { }:\nproxy_pass https://NAME:PORT;\nproxy_ssl_server_name on;", c.Server, c.Server)
	}
	return "Use wss:// (https://) towards this port, or the plain port."
}

// portOf is the side of nginx and the server of a conn: what a finding about a
// port is about.
func portOf(c *monitor.Conn) string { return c.Server + ", " + legName(c) }

// textToTLS are the reasons for which a server is known to speak no TLS.
var textToTLS = map[string]string{
	monitor.ReasonHTTPToTLS: "HTTP",
	monitor.ReasonTextToTLS: "plain text",
}

// tlsOnPlain looks at opaque streams that began with a TLS record and were
// answered with text. A tap before a TLS port passes TLS on unseen, and that is
// no fault, however little comes back.
func tlsOnPlain(p *pass, c *monitor.Conn) {
	if !c.Opaque || c.Lost[ws.FromClient] != reasonTLS {
		return
	}
	answer := textToTLS[c.Lost[ws.FromServer]]
	if answer == "" {
		return
	}
	p.about(portOf(c)).conn(c, c.Opened).
		tell(func() string {
			return fmt.Sprintf("%s the first bytes to %s were a TLS record, and it answered with %s", clock(c.Opened), c.Server, answer)
		}).
		quoteLogs(c).
		fix("%s", tlsFix(c))
}

func tlsFix(c *monitor.Conn) string {
	switch c.Role {
	case monitor.Front:
		return "Let clients use ws:// at this port; or let the port take TLS, in the server { } that listens there:\nlisten PORT ssl;\nssl_certificate     /PATH/OF/CERTIFICATE.pem;\nssl_certificate_key /PATH/OF/KEY.pem;"
	case monitor.Back:
		return fmt.Sprintf("# The server %s speaks plain HTTP. In the location { } with this proxy_pass:\nproxy_pass http://NAME:PORT;", c.Server)
	}
	return "Use ws:// (http://) towards this port, or the port for TLS."
}
