package diagnose

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/wstap/wstap/monitor"
)

// statusFamily is what statuses of one kind mean when they answer a handshake,
// how grave that is (where nothing at that path is upgraded, where much is not,
// where hardly anything is not), and what to do.
type statusFamily struct {
	statuses []int // nil: every one
	meaning  string

	always, often, seldom monitor.Severity

	reference string
	fix       func(*pass, *monitor.Conn) string
}

const (
	grave = monitor.SeverityError
	mild  = monitor.SeverityWarning
	small = monitor.SeverityInfo
)

// statusFamilies are all families; the first that has a status is its.
var statusFamilies = []statusFamily{{
	statuses: []int{200, 204, 206, 304},
	meaning:  "that is an ordinary page: no WebSocket route is there, or the fallback of a single-page application (try_files … /index.html) took the request",
	always:   grave, often: grave, seldom: small,
	reference: "nginx: location, try_files (ngx_http_core_module)",
	fix:       routeFix,
}, {
	statuses: []int{301, 302, 303, 307, 308},
	meaning:  "WebSocket clients do not follow redirects",
	always:   grave, often: grave, seldom: small,
	reference: "RFC 6455 §4.1; nginx: location (ngx_http_core_module)",
	fix:       redirectFix,
}, {
	statuses: []int{400},
	meaning:  "the answer says nothing more; mostly Upgrade or Connection is missing at the server, the port wants TLS, or (Socket.IO) the session is another server's",
	always:   grave, often: mild, seldom: small,
	reference: "RFC 6455 §4.2.1; nginx: proxy_set_header (ngx_http_proxy_module)",
	fix:       badRequestFix,
}, {
	statuses: []int{401, 407},
	meaning:  "the handshake brings no credentials that are accepted: browsers can set no header on it, only cookies, the query and subprotocols",
	always:   grave, often: mild, seldom: small,
	reference: "RFC 6455 §10.5; nginx: auth_request, auth_basic",
	fix:       authFix,
}, {
	statuses: []int{403},
	meaning:  "the server, or an access rule of nginx, does not allow it; most servers answer so to an Origin they do not know",
	always:   grave, often: mild, seldom: small,
	reference: "RFC 6455 §10.2; nginx: allow, deny (ngx_http_access_module)",
	fix:       originFix,
}, {
	statuses: []int{404, 405, 410},
	meaning:  "nothing takes a handshake at that path: another location was chosen, or proxy_pass with a path changed it on the way",
	always:   grave, often: mild, seldom: small,
	reference: "nginx: location (ngx_http_core_module), proxy_pass (ngx_http_proxy_module)",
	fix:       routeFix,
}, {
	statuses: []int{426},
	meaning:  "the server wants an upgrade it was not asked for, or another version: Upgrade or Connection is missing at it, or the request is HTTP/1.0",
	always:   grave, often: mild, seldom: small,
	reference: "RFC 6455 §4.2.1, §4.4; nginx: proxy_set_header, proxy_http_version (ngx_http_proxy_module)",
	fix:       func(p *pass, c *monitor.Conn) string { return p.headersFix(c) },
}, {
	statuses: []int{429},
	meaning:  "too many attempts: a rate limit, of nginx (limit_req_status) or of the server",
	always:   grave, often: mild, seldom: small,
	reference: "RFC 6585 §4; nginx: limit_req (ngx_http_limit_req_module)",
	fix:       rateFix,
}, {
	statuses: []int{500},
	meaning:  "something failed inside: the server's own error, an auth_request that was answered neither 2xx, 401 nor 403, or nginx out of connections",
	always:   grave, often: grave, seldom: mild,
	reference: "nginx: auth_request (ngx_http_auth_request_module), worker_connections",
	fix:       say("Look at the server's own log for that time; an error of nginx itself is in its error log."),
}, {
	statuses: []int{502},
	meaning:  "nginx could not reach the server, or got no valid answer from it",
	always:   grave, often: grave, seldom: mild,
	reference: "nginx: proxy_pass (ngx_http_proxy_module), upstream",
	fix:       badGatewayFix,
}, {
	statuses: []int{503},
	meaning:  "nginx limits (limit_conn, limit_req: a tunnel holds its place for as long as it lives), or the server says that it is overloaded or in maintenance",
	always:   grave, often: grave, seldom: mild,
	reference: "nginx: limit_conn (ngx_http_limit_conn_module), limit_req (ngx_http_limit_req_module)",
	fix:       limitFix,
}, {
	statuses: []int{504},
	meaning:  "the server was not reached within proxy_connect_timeout, or gave no answer within proxy_read_timeout",
	always:   grave, often: grave, seldom: mild,
	reference: "nginx: proxy_connect_timeout, proxy_read_timeout (ngx_http_proxy_module)",
	fix:       gatewayTimeoutFix,
}, {
	meaning: "only 101 makes a WebSocket",
	always:  grave, often: mild, seldom: mild,
	fix: say("Ask whoever makes the answer why: the server's own log for that time, or nginx's."),
}}

func familyOf(status int) *statusFamily {
	for i := range statusFamilies {
		if f := &statusFamilies[i]; f.statuses == nil || slices.Contains(f.statuses, status) {
			return f
		}
	}
	return nil // not reached: the last one has every status
}

func say(text string) func(*pass, *monitor.Conn) string {
	return func(*pass, *monitor.Conn) string { return text }
}

// routeFix is a location for a path that has none.
func routeFix(p *pass, c *monitor.Conn) string {
	path, _, _ := strings.Cut(pasteable(targetGroup(c.Target())), ":id")
	f := new(paste)
	if l := p.chosen(c); l != nil {
		f.add("# nginx chose %s (%s). If that is not the WebSocket's, in server { }:", locationHead(l), l.Place)
	} else {
		f.in("server")
	}
	return f.add("location %s {", path).
		add("    proxy_pass http://THE.WEBSOCKET.SERVER:PORT;  # without a path: the target goes on unchanged").
		add("    proxy_http_version 1.1;").
		add("    proxy_set_header Upgrade $http_upgrade;").
		add("    proxy_set_header Connection %s;", mapVariable).
		add("    proxy_set_header Host $host;").
		add("}").
		addMapOf(mapVariable).String()
}

// redirectFix goes by where the redirect leads.
func redirectFix(p *pass, c *monitor.Conn) string {
	path := pasteable(pathPart(c.Target()))
	u, err := url.Parse(pasteable(withoutQuery(headField(c.Answer.HeadText, "Location"))))
	switch {
	case err != nil || *u == (url.URL{}):
		return "Let clients connect to where the redirect leads, or take the redirect away for this path."
	case u.Path == path+"/":
		return fmt.Sprintf(`# nginx adds the slash by itself where the location ends in one. Let clients connect to %s/, or in server { }:
location = %s {
    # as in location %s/: proxy_pass, proxy_http_version, proxy_set_header
}`, path, path, path)
	case u.Path+"/" == path:
		return fmt.Sprintf("Let clients connect to %s, without the slash at the end.", u.Path)
	case u.Scheme == "https" && u.Path == path:
		return fmt.Sprintf("Let clients connect to wss://%s%s: this port sends everybody to TLS. Behind a balancer that ends TLS, let it say so (X-Forwarded-Proto), and let the server believe it.", u.Host, path)
	}
	return fmt.Sprintf("The redirect leads to %s. If that is a login, the handshake brings no session: send its cookie or a token with it, and let the path answer 401 instead.", u)
}

// withoutQuery is a URL without its query.
func withoutQuery(u string) string {
	u, _, _ = strings.Cut(u, "?")
	return u
}

// headField is a field of a head's text, "" if it is not there.
func headField(head, name string) string {
	for line := range strings.Lines(head) {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// badRequestFix gives the headers, unless they are seen to come.
func badRequestFix(p *pass, c *monitor.Conn) string {
	_, back := c.Legs()
	if back == nil || back.Request == nil || !asksToUpgrade(back.Request) || conflictOf(back.Request) != "" || back.Request.Proto == "HTTP/1.0" {
		return p.headersFix(c)
	}
	return "Upgrade and Connection come to the server as they should, so it refuses for another reason: Origin, Host, a session that another server has, the version. Look at its log for that time."
}

func authFix(p *pass, c *monitor.Conn) string {
	f := new(paste).add("Let clients send what the server asks for: a cookie of the same site, a token in the query or as a subprotocol.")
	if l := p.chosen(c); l != nil && len(l.Auth) > 0 {
		f.add("# %s asks for it (%s). If the server checks WebSockets itself, in %s { }:", locationHead(l), l.Auth[0], locationHead(l)).
			add("auth_request off;").add("auth_basic off;")
	}
	return f.String()
}

func originFix(p *pass, c *monitor.Conn) string {
	if o := pasteable(c.Request.Origin); o != "" {
		return fmt.Sprintf("Add %s to the origins that the server allows. If it compares Origin with Host, Host must come unchanged:\n%s", o,
			new(paste).within(p.block(c)).add("proxy_set_header Host $http_host;  # and repeat the other proxy_set_header here"))
	}
	return "Look who refuses: access rules of nginx (allow, deny) leave a line in its error log, the server's own rules in the server's."
}

func limitFix(p *pass, c *monitor.Conn) string {
	return new(paste).
		add("# If nginx limits (its error log says so): a tunnel holds its place for life, so give tunnels a zone of their own. In http { }:").
		add("limit_conn_zone $binary_remote_addr zone=ws:10m;").
		within(p.block(c)).
		add("limit_conn ws 100;").
		add("# If the server limits: let clients wait before they try again, longer each time.").String()
}

func rateFix(p *pass, c *monitor.Conn) string {
	return new(paste).
		add("Let clients wait before they try again, longer each time and by chance.").
		add("# If nginx limits (its error log says so), in %s:", p.block(c)).
		add("limit_req zone=THE.ZONE burst=50 nodelay;").String()
}

func badGatewayFix(_ *pass, c *monitor.Conn) string {
	server := "the server"
	if _, back := c.Legs(); back != nil {
		server = back.Server
	}
	return fmt.Sprintf("See that %s runs, listens there, and speaks plain HTTP if proxy_pass says http://. If its name leads elsewhere since nginx started (a container that got a new address): nginx -s reload, for names in proxy_pass are looked up at the start only.", server)
}

func gatewayTimeoutFix(p *pass, c *monitor.Conn) string {
	return new(paste).
		add("See why the server is slow to accept or to answer handshakes. To find out sooner, and try the next server sooner:").
		within(p.block(c)).
		add("proxy_connect_timeout 5s;").String()
}
