package nginxconf

import (
	"fmt"
	"strings"
)

// passOf reads the proxy_pass of l.
func (r *resolver) passOf(d *directive, l *Location) *Pass {
	p := &Pass{URL: d.arg(0), Place: d.place, Resolver: l.resolver}
	p.Variables = strings.Contains(p.URL, "$")
	if name := envPlaceholder(p.URL); name != "" {
		r.problem(d.place, fmt.Sprintf("proxy_pass %s: %s looks like the placeholder of a template", p.URL, name))
	}
	if p.Variables {
		p.URI = variableURI(p.URL)
		return p // settle does the rest
	}
	scheme, host, uri, ok := splitURL(p.URL)
	if !ok {
		r.problem(d.place, fmt.Sprintf("proxy_pass %q: a URL begins with http:// or https://", p.URL))
		return p
	}
	p.Scheme, p.URI = scheme, uri
	p.aim(host, r.c.Upstreams)
	if p.URI != "" && !l.takesURI() {
		r.problem(d.place, fmt.Sprintf("proxy_pass %s: a URI is not possible in a regex or named location, nor in an if", p.URL))
	}
	return p
}

// takesURI says that a proxy_pass in l may have a URI.
func (l *Location) takesURI() bool {
	return l.Match == MatchExact || l.Match == MatchPrefix || l.Match == MatchPrefixFirst
}

// splitURL takes apart http://host:port/uri and http://unix:/path:/uri.
func splitURL(url string) (scheme, host, uri string, ok bool) {
	lower := strings.ToLower(url)
	switch {
	case strings.HasPrefix(lower, "http://"):
		scheme = "http"
	case strings.HasPrefix(lower, "https://"):
		scheme = "https"
	default:
		return "", "", "", false
	}
	rest := url[len(scheme)+len("://"):]
	if strings.HasPrefix(strings.ToLower(rest), "unix:") {
		path, uri, _ := strings.Cut(rest[len("unix:"):], ":")
		return scheme, "unix:" + path, uri, path != ""
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest, uri = rest[:i], rest[i:]
	}
	return scheme, rest, uri, rest != ""
}

// aim sets where p leads, a group or an address.
func (p *Pass) aim(host string, groups []*Upstream) {
	for _, u := range groups {
		if strings.EqualFold(u.Name, host) {
			p.Host, p.Upstream = u.Name, u
			return
		}
	}
	port := "80"
	if p.Scheme == "https" {
		port = "443"
	}
	p.Host = withPort(host, port)
}

// withPort is a host, as written, with a port; unix sockets have none.
func withPort(host, port string) string {
	if strings.HasPrefix(host, "unix:") {
		return host
	}
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.Contains(host[i:], "]") {
		return host + ":" + port
	}
	return host
}

// variableURI is the part of a URL with variables after the host, as written:
// what is sent instead of the whole request URI. "" if a variable may hide it.
func variableURI(url string) string {
	_, host, uri, ok := splitURL(url)
	if !ok {
		return ""
	}
	// "http://$host$request_uri": the host ends at its first variable that
	// cannot be part of a host.
	for _, v := range []string{"$request_uri", "$uri", "${request_uri}", "${uri}"} {
		if i := strings.Index(host, v); i > 0 {
			return host[i:] + uri
		}
	}
	return uri
}

// settle resolves a pass whose variables are all known, from set and from maps.
func (r *resolver) settle(l *Location) {
	p := l.Pass
	head := strings.TrimSuffix(p.URL, p.URI)
	url, known := l.constant(head)
	if !known {
		p.Scheme, _, _ = strings.Cut(head, "://")
		if strings.Contains(p.Scheme, "$") {
			p.Scheme = ""
		}
		return
	}
	scheme, host, uri, ok := splitURL(url)
	if !ok {
		r.problem(p.Place, fmt.Sprintf("proxy_pass %s: that is %q, which is no URL", p.URL, url))
		return
	}
	p.Scheme = scheme
	if p.URI == "" {
		p.URI = uri
	}
	p.aim(host, r.c.Upstreams)
}

// envPlaceholder is a ${NAME} in capitals, as envsubst replaces it, or "".
func envPlaceholder(s string) string {
	_, rest, ok := strings.Cut(s, "${")
	name, _, closed := strings.Cut(rest, "}")
	if !ok || !closed || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return ""
	}
	return "${" + name + "}"
}
