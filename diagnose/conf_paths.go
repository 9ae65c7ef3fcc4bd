package diagnose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// pathRules look at what slashes do to paths.
var pathRules = []rule{
	{
		id: "slash-redirect", severity: monitor.SeverityInfo,
		title:     "Without its last slash nginx answers 301, and WebSocket clients do not follow",
		reference: "nginx: location (ngx_http_core_module), on prefixes that end in a slash",
		loc:       slashRedirect,
	},
	{
		id: "slash-doubled", severity: monitor.SeverityWarning,
		title:     "The server gets paths with two slashes",
		reference: "nginx: proxy_pass (ngx_http_proxy_module), on a URI",
		loc:       slashDoubled,
	},
	{
		id: "slash-missing", severity: monitor.SeverityWarning,
		title:     "The server gets paths with a slash missing",
		reference: "nginx: proxy_pass (ngx_http_proxy_module), on a URI",
		loc:       slashMissing,
	},
	{
		id: "prefix-stripped", severity: monitor.SeverityInfo,
		title:     "The server gets paths without the prefix of the location",
		reference: "nginx: proxy_pass (ngx_http_proxy_module), on a URI",
		loc:       prefixStripped,
	},
}

func isPrefix(l *nginxconf.Location) bool {
	return l.Match == nginxconf.MatchPrefix || l.Match == nginxconf.MatchPrefixFirst
}

// slashRedirect: a prefix or exact location that ends in a slash and passes to a
// server makes nginx redirect the path without it (px:pass sets auto_redirect),
// unless another location takes that path.
func slashRedirect(p *pass, l *nginxconf.Location) {
	bare := strings.TrimSuffix(l.Pattern, "/")
	if l.Pass == nil || bare == "" || !l.SlashRedirect(bare) || !p.conf.tunnels(l) {
		return
	}
	if slices.ContainsFunc(l.Server.Locations, func(o *nginxconf.Location) bool {
		return o.Pattern == bare && (o.Match == nginxconf.MatchExact || isPrefix(o))
	}) {
		return
	}
	p.aboutLocation(l).
		say("a request for %s gets 301 to %s from nginx itself, in no error log; a WebSocket client gives up at it", bare, l.Pattern).
		fix("%s", new(paste).in("server").
			add("location = %s {", bare).
			add("    rewrite ^ %s last;", l.Pattern).
			add("}"))
}

// rest is what a client asks for below a location, to show what becomes of it.
const rest = "room"

// rewritten is what the server gets for a request below a prefix that proxy_pass
// replaces.
func rewritten(l *nginxconf.Location) (from, to string, ok bool) {
	if l.Pass == nil || l.Pass.Variables || l.Pass.URI == "" || strings.Contains(l.Pass.URI, "?") || !isPrefix(l) || len(l.Rewrites) > 0 {
		return "", "", false
	}
	from = strings.TrimSuffix(l.Pattern, "/") + "/" + rest
	to, ok = l.UpstreamURI(from)
	return from, to, ok
}

func slashDoubled(p *pass, l *nginxconf.Location) {
	from, to, ok := rewritten(l)
	if !ok || !strings.Contains(to, "//") || !p.conf.tunnels(l) {
		return
	}
	p.aboutLocation(l).
		say("%s becomes %s: %s is replaced by %s, and the slash after it stays", from, to, l.Pattern, l.Pass.URI).
		fix("%s", new(paste).in(locationHead(l)).
			add("rewrite ^%s/?(.*)$ %s$1 break;", regexp.QuoteMeta(l.Pattern), l.Pass.URI).
			add("proxy_pass %s;", withoutURI(l.Pass)))
}

// withoutURI is a proxy_pass that leaves the path alone.
func withoutURI(p *nginxconf.Pass) string {
	url := strings.TrimSuffix(p.URL, p.URI)
	if strings.HasPrefix(p.Host, "unix:") {
		url = strings.TrimSuffix(url, ":")
	}
	return url
}

func slashMissing(p *pass, l *nginxconf.Location) {
	from, to, ok := rewritten(l)
	if !ok || !strings.HasSuffix(l.Pattern, "/") || strings.HasSuffix(l.Pass.URI, "/") || !p.conf.tunnels(l) {
		return
	}
	p.aboutLocation(l).
		say("%s becomes %s: %s is replaced by %s", from, to, l.Pattern, l.Pass.URI).
		fix("%s", new(paste).in(locationHead(l)).add("proxy_pass %s/;", l.Pass.URL))
}

// prefixStripped is a remark: many want it so.
func prefixStripped(p *pass, l *nginxconf.Location) {
	from, to, ok := rewritten(l)
	if !ok || l.Pattern == "/" || l.Pass.URI != "/" || strings.Contains(to, "//") || !p.conf.tunnels(l) {
		return
	}
	p.aboutLocation(l).
		say("%s becomes %s; a server that knows %s answers 404", from, to, from).
		fix("%s", new(paste).in(locationHead(l)).
			add("# only if the server is to get the path as it came").
			add("proxy_pass %s;", withoutURI(l.Pass)))
}
