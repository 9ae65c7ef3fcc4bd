package diagnose

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// passRules look at where requests are passed to.
var passRules = []rule{
	{
		id: "resolver-missing", severity: monitor.SeverityError,
		title:     "A name is to be looked up at each request, and no resolver is set",
		reference: "nginx: resolver (ngx_http_core_module), proxy_pass (ngx_http_proxy_module)",
		loc:       resolverMissing,
	},
	{
		id: "pass-uri-lost", severity: monitor.SeverityWarning,
		title:     "A proxy_pass with variables replaces the path or drops the query",
		reference: "nginx: proxy_pass (ngx_http_proxy_module), on variables",
		loc:       passURILost,
	},
	{
		id: "polling-without-stickiness", severity: monitor.SeverityWarning,
		title:     "A polling transport is spread over several servers",
		reference: "nginx: ip_hash, hash, sticky (ngx_http_upstream_module)",
		loc:       pollingSpread,
	},
	{
		id: "redirect-to-tls", severity: monitor.SeverityInfo,
		title:     "ws:// clients get a redirect, which they do not follow",
		reference: "RFC 6455 §4.1; nginx: return (ngx_http_rewrite_module)",
		loc:       redirectToTLS,
	},
}

// resolverMissing: with a variable anywhere in proxy_pass the host is looked up
// at run time, unless it is an address or the name of a group.
func resolverMissing(p *pass, l *nginxconf.Location) {
	if l.Pass == nil || !l.Pass.Variables || !l.Pass.Resolver.IsZero() || isAddress(l.Pass) {
		return
	}
	what, _ := p.conf.purposeOf(l)
	if what == forOther || onlyGroups(p.opts.Conf, l.Pass.URL) {
		return
	}
	t := p.aboutLocation(l)
	if host := l.Pass.Host; host != "" {
		t.say("nginx looks up %s at each request, cannot, answers 502 and logs: no resolver defined to resolve %s", host, strings.Split(host, ":")[0])
	} else {
		t.say("what %s comes out as cannot be known from here: a name that is no upstream group ends in 502, no resolver defined", l.Pass.URL)
	}
	if l.Pass.Host == "" || what == forMaybe {
		t.grade(monitor.SeverityWarning)
	}
	t.fix("%s", new(paste).in("server").
		add("# your own: 127.0.0.11 in Docker, the address of kube-dns, or a nameserver of /etc/resolv.conf").
		add("resolver 127.0.0.11 valid=10s;"))
}

// onlyGroups says that the host of a URL is a variable of which a map makes
// nothing but names of upstream groups: there is nothing to look up.
func onlyGroups(c *nginxconf.Config, url string) bool {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	m := mapOf(c, host)
	if m == nil || m.Incomplete || len(m.Rows) == 0 {
		return false
	}
	return !slices.ContainsFunc(m.Rows, func(row nginxconf.MapRow) bool {
		return !slices.ContainsFunc(c.Upstreams, func(u *nginxconf.Upstream) bool { return u.Name == row.Value })
	})
}

// isAddress says that a pass needs no lookup: a group, a socket, an IP address.
func isAddress(p *nginxconf.Pass) bool {
	if p.Upstream != nil || strings.HasPrefix(p.Host, "unix:") {
		return true
	}
	_, err := netip.ParseAddrPort(p.Host)
	return err == nil
}

// passURILost: with variables a URI is passed as it is written: the request's
// path and query come only with $request_uri, or $uri and $is_args$args.
func passURILost(p *pass, l *nginxconf.Location) {
	if l.Pass == nil || !l.Pass.Variables || l.Pass.URI == "" || !p.conf.tunnels(l) {
		return
	}
	uri := l.Pass.URI
	for _, name := range []string{"request_uri", "args", "query_string"} {
		if strings.Contains(uri, "$"+name) || strings.Contains(uri, "${"+name) {
			return
		}
	}
	t := p.aboutLocation(l)
	f := new(paste).in(locationHead(l))
	if strings.Contains(uri, "$") {
		t.say("the query is dropped: what comes after the ? of a request does not reach the server")
		f.add("proxy_pass %s$is_args$args;", l.Pass.URL)
	} else {
		t.say("whatever is asked for, the server gets %s, without the query", uri)
		f.add("proxy_pass %s;", strings.TrimSuffix(l.Pass.URL, uri))
	}
	t.fix("%s", f)
}

// pollingWords are transports that begin, or fall back to, with several requests
// of one session.
var pollingWords = []string{"socket.io", "socketio", "sockjs", "engine.io", "engineio", "signalr"}

func pollingSpread(p *pass, l *nginxconf.Location) {
	if l.Pass == nil || l.Pass.Upstream == nil || l.Pass.Upstream.Sticky != "" || l.Pass.Upstream.Elsewhere != "" {
		return
	}
	name := pollingName(l)
	up := l.Pass.Upstream
	addresses := activeServers(up)
	if name == "" || len(addresses) < 2 {
		return
	}
	t := p.aboutLocation(l).quote(up.Place, "upstream "+up.Name+" { "+strings.Join(addresses, ", ")+" }").
		say("%s: the requests of one session reach different servers, and the one that does not know it answers 400", name)
	if p.opts.Conf.IngressNGINX {
		t.fix("%s", ingressAnnotation(`affinity: "cookie"`))
		return
	}
	t.fix("%s", new(paste).in("upstream "+up.Name).
		add("# before the servers, instead of another method (least_conn, random); it takes no backup servers").
		add("ip_hash;"))
}

// pollingName is the name in a location that speaks of a polling transport.
func pollingName(l *nginxconf.Location) string {
	for _, name := range namesOf(l) {
		text := plainText(name)
		if slices.ContainsFunc(pollingWords, func(w string) bool { return strings.Contains(text, w) }) {
			return name
		}
	}
	return ""
}

func activeServers(u *nginxconf.Upstream) (out []string) {
	for _, s := range u.Servers {
		if !s.Down && !s.Backup {
			out = append(out, s.Address)
		}
	}
	return out
}

// redirectToTLS: a plain server that sends all to https, beside one of the same
// name with WebSockets over TLS.
func redirectToTLS(p *pass, l *nginxconf.Location) {
	r := l.Return
	atServer := l == l.Server.Root
	if r == nil || r.Status < 301 || r.Status > 308 || !strings.HasPrefix(r.Text, "https:") || !atServer && (!catchesAll(l) || l.Server.Root.Return != nil) {
		return
	}
	if _, tls := tlsListen(l.Server); tls || !p.conf.tlsTwin(l.Server) {
		return
	}
	p.about("server "+serverName(l.Server)).place(r.Place, "return "+quotedReturn(r)).
		say("a ws:// URL of this name ends in %d; browsers and libraries report a failed handshake", r.Status).
		fix("nothing to paste: write wss:// instead of ws:// in the clients (pages: location.protocol === \"https:\" ? \"wss:\" : \"ws:\")")
}

func quotedReturn(r *nginxconf.Return) string {
	return strings.TrimSpace(strings.Join([]string{strconv.Itoa(r.Status), r.Text}, " ")) + ";"
}
