package diagnose

import (
	"strings"

	"github.com/wstap/wstap/nginxconf"
)

// paste is configuration in the making: sections, each under a comment that
// names the block it belongs to. A directive replaces the block's own of the
// same name; proxy_set_header and map only that of the same header or variable. Text of a client
// stays in its line (see filled).
type paste struct{ lines []string }

// in begins the section of a block: "location /ws/", "http".
func (f *paste) in(block string) *paste { return f.within(block + " { }") }

// within is in for a block that is named in more words.
func (f *paste) within(block string) *paste { return f.add("# in %s:", block) }

// atTop begins the section outside all blocks.
func (f *paste) atTop() *paste { return f.add("# at the top level:") }

func (f *paste) add(format string, args ...any) *paste {
	f.lines = append(f.lines, filled(format, args))
	return f
}

func (f *paste) String() string { return strings.Join(f.lines, "\n") }

// ingressAnnotation is the fix where ingress-nginx writes the configuration.
func ingressAnnotation(lines ...string) string {
	return "# annotations of the Ingress:\n" + strings.Join(prefixed("nginx.ingress.kubernetes.io/", lines), "\n")
}

// ingressConfigMap is a fix for all of an ingress-nginx.
func ingressConfigMap(lines ...string) string {
	return "# data of the ConfigMap of ingress-nginx:\n" + strings.Join(lines, "\n")
}

func prefixed(prefix string, lines []string) (out []string) {
	for _, l := range lines {
		out = append(out, prefix+l)
	}
	return out
}

// ingressHeaders is the fix of headers under ingress-nginx, which writes the
// right ones itself: something took them away.
const ingressHeaders = `# ingress-nginx writes proxy_set_header Upgrade $http_upgrade and Connection $connection_upgrade itself.
# Take out what changes them: the annotations configuration-snippet and server-snippet of the Ingress,
# proxy-set-headers and location-snippet of the ConfigMap, or an own nginx.tmpl.`

// headersPaste sets headers in a location. Where it has proxy_set_header lines of
// its own, the new ones go beside them, and what they replace is named: twice
// the same header is worse than none. Where it inherits them, one line would drop
// them all, so they are repeated. The map of Connection comes with it if its
// variable is not there.
func headersPaste(c *nginxconf.Config, l *nginxconf.Location, set ...nginxconf.Header) *paste {
	f := new(paste).in(locationHead(l))
	if l.ProxyHTTPVersion.Known() && l.ProxyHTTPVersion.V == "1.0" {
		f.add("proxy_http_version 1.1;")
	}
	own := hasOwnHeaders(l)
	for _, h := range set {
		if old, ok := headerOf(l.SetHeaders, h.Name); ok && own {
			f.add("# in place of the line %s: %s", old.Place, headerLine(old.Name, old.Value))
		}
		f.add("%s", headerLine(h.Name, h.Value))
	}
	if !own {
		for _, h := range without(l.SetHeaders, set) {
			f.add("%s", headerLine(h.Name, h.Value))
		}
	}
	for _, h := range set {
		if h.Value == mapVariable && goodMap(c) == nil {
			f.addMapOf(mapVariable)
		}
	}
	return f
}

// hasOwnHeaders says that the proxy_set_header in force stand in the location
// itself, in a file that it includes too.
func hasOwnHeaders(l *nginxconf.Location) bool {
	outer := l.Parent
	if outer == nil {
		outer = l.Server.Root
	}
	if len(l.SetHeaders) == 0 || outer == l {
		return false
	}
	return len(outer.SetHeaders) == 0 || outer.SetHeaders[0].Place != l.SetHeaders[0].Place
}

// without are the headers of hs that others do not name.
func without(hs, others []nginxconf.Header) (left []nginxconf.Header) {
	for _, h := range hs {
		if _, ok := headerOf(others, h.Name); !ok {
			left = append(left, h)
		}
	}
	return left
}

// mapVariable is what everybody calls it.
const mapVariable = "$connection_upgrade"

// upgradeHeaders are the two that every WebSocket location needs.
func upgradeHeaders(c *nginxconf.Config) []nginxconf.Header {
	variable := mapVariable
	if m := goodMap(c); m != nil {
		variable = m.Variable
	}
	return []nginxconf.Header{{Name: "Upgrade", Value: "$http_upgrade"}, {Name: "Connection", Value: variable}}
}

// addMapOf is the section with the map of nginx's own WebSocket page.
func (f *paste) addMapOf(variable string) *paste {
	return f.in("http").
		add("map $http_upgrade %s {", variable).
		add("    default upgrade;").
		add("    ''      close;").
		add("}")
}

// upgradeFix is both headers for a location, with all that they need.
func upgradeFix(c *nginxconf.Config, l *nginxconf.Location) string {
	if c.IngressNGINX {
		return ingressHeaders
	}
	return headersPaste(c, l, upgradeHeaders(c)...).String()
}
