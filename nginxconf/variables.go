package nginxconf

import (
	"slices"
	"strings"
)

// Request is what the values of proxy_set_header may depend on.
type Request struct {
	Header map[string]string // by lower-case name
	Scheme string            // "http" or "https"; "" is what the server's listens say
	Host   string
	Target string
}

// What one request may cost: variables within variables, all variables
// together, and bytes of one value. Beyond, a value is not known.
const (
	maxDepth     = 16
	maxVariables = 10_000
	maxValue     = 64 << 10
)

// Expand replaces the variables of s as they are for r in l: $http_*, $host,
// $http_host, $proxy_host, $server_port, $scheme, $request_uri, $uri, $arg_*,
// maps, set, groups of patterns. known is false if one of them is not known.
func (l *Location) Expand(s string, r Request) (text string, known bool) {
	return l.visit(r, knowledge{true, true, true}).expand(s)
}

// constant is s if its variables hold the same for every request.
func (l *Location) constant(s string) (text string, known bool) {
	return l.visit(Request{}, knowledge{}).expand(s)
}

// visit is a request that arrived at l: along the way that leads there, or, if
// the request would not come here by itself, as if it were sent here.
func (l *Location) visit(r Request, knows knowledge) *visit {
	u, sure := l.Server.parse(r.Target)
	if knows.target && !u.bad {
		v := newVisit(l.Server, r, knows, u)
		v.lost = !sure
		if v.route() == l {
			return v
		}
	}
	v := newVisit(l.Server, r, knows, u)
	v.lost = !sure
	v.run(l.Server.Root)
	if l.Match == MatchIf {
		v.run(l.Parent)
	}
	if l.Match != MatchServer {
		v.run(l)
	}
	return v
}

// parse takes a target apart; sure is false if the addresses of the server
// disagree about its slashes.
func (s *Server) parse(target string) (u uri, sure bool) {
	u = parseURI(target, s.merging != kept)
	return u, s.merging != either || u.path == parseURI(target, false).path
}

// expand replaces the variables of s.
func (v *visit) expand(s string) (string, bool) {
	if v.depth >= maxDepth {
		return "", false
	}
	v.depth++
	defer func() { v.depth-- }()
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, after := variableName(rest)
		text, known := v.variable(name)
		if v.used++; !known || v.used > maxVariables || b.Len()+len(text) > maxValue {
			return "", false
		}
		b.WriteString(text)
		s = after
	}
}

// variableName is the name at the start of s, which follows a "$": "{name}",
// "name", or one digit.
func variableName(s string) (name, after string) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		name, after, _ = strings.Cut(inner, "}")
		return name, after
	}
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		return s[:1], s[1:]
	}
	i := 0
	for i < len(s) && isNameByte(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// variable is what a variable holds.
func (v *visit) variable(name string) (string, bool) {
	if x, ok := v.vars[name]; ok {
		return x.text, x.known
	}
	if len(name) == 1 && name[0] >= '1' && name[0] <= '9' {
		return v.group(int(name[0] - '0'))
	}
	if m := v.s.conf.mapTo(name); m != nil {
		return v.lookUp(m)
	}
	if text, known := v.builtIn(name); known {
		return text, true
	}
	for _, p := range prefixed {
		if key, ok := strings.CutPrefix(name, p.prefix); ok {
			return p.of(v, key)
		}
	}
	// A variable that only another location sets is empty here.
	return "", v.s.conf.assigned[name]
}

func (v *visit) group(i int) (string, bool) {
	switch {
	case !v.knows.target:
		return "", false
	case i >= len(v.groups):
		return "", true
	case v.inArgs && (v.u.quoted || strings.Contains(v.u.raw, "+")):
		return escape(v.groups[i], escapedInArgs), true
	}
	return v.groups[i], true
}

// prefixed are the families of variables.
var prefixed = []struct {
	prefix string
	of     func(v *visit, key string) (string, bool)
}{
	{"http_", (*visit).header},
	{"arg_", (*visit).arg},
	{"cookie_", (*visit).cookie},
}

// builtIn are the variables that a Request tells.
func (v *visit) builtIn(name string) (string, bool) {
	switch name {
	case "host":
		return v.host()
	case "http_host":
		return v.r.hostHeader(), v.knows.host
	case "request_uri":
		return v.u.raw, v.knows.target
	case "uri", "document_uri":
		return v.u.path, v.knows.target && !v.lost
	case "args", "query_string":
		return v.u.args, v.knows.target && !v.lost
	case "is_args":
		return strings.Repeat("?", one(v.u.args != "")), v.knows.target && !v.lost
	case "scheme":
		return v.scheme()
	case "https":
		scheme, known := v.scheme()
		return strings.Repeat("on", one(scheme == "https")), known
	case "server_name":
		return v.s.firstName(), true
	case "server_port":
		return v.port()
	case "proxy_host", "proxy_port":
		return v.proxyHost(name)
	case "nginx_version":
		return v.s.conf.Version.String(), v.s.conf.Version != Version{}
	}
	return "", false
}

func (r *Request) hostHeader() string {
	if h, ok := r.Header["host"]; ok {
		return h
	}
	return r.Host
}

// host is $host: of the target, of Host, or the server's first name.
func (v *visit) host() (string, bool) {
	switch host := v.r.hostHeader(); {
	case !v.knows.host:
		return "", false
	case v.u.host != "":
		return hostName(v.u.host), true
	case host != "":
		return hostName(host), true
	}
	return v.s.firstName(), true
}

// firstName is $server_name.
func (s *Server) firstName() string {
	name := s.Names[0]
	if strings.HasPrefix(name, "~") {
		return name
	}
	return strings.TrimPrefix(strings.ToLower(name), ".")
}

// scheme is that of the request, or what all listens of the server say.
func (v *visit) scheme() (string, bool) {
	if v.r.Scheme != "" && v.knows.host {
		return v.r.Scheme, true
	}
	tls := 0
	for _, l := range v.s.Listens {
		tls += one(l.TLS)
	}
	switch tls {
	case 0:
		return "http", true
	case len(v.s.Listens):
		return "https", true
	}
	return "", false
}

// port is the one at which the server listens, if it is only one.
func (v *visit) port() (string, bool) {
	first := v.s.Listens[0].Port
	for _, l := range v.s.Listens {
		if l.Port != first || l.Port == "" || strings.Contains(l.Port, "-") {
			return "", false
		}
	}
	return first, true
}

// proxyHost is $proxy_host or $proxy_port of the level that is visited
// (ngx_http_proxy_module.c:ngx_http_proxy_set_vars): the port is left out where
// it is the scheme's own.
func (v *visit) proxyHost(name string) (string, bool) {
	p := v.at.Pass
	if p == nil || p.Host == "" {
		return "", false
	}
	port := "80"
	if p.Scheme == "https" {
		port = "443"
	}
	if p.Upstream == nil && strings.HasPrefix(p.Host, "unix:") {
		return strings.Repeat("localhost", one(name == "proxy_host")), true
	}
	host := p.Host
	if p.Upstream == nil {
		if bare, ok := strings.CutSuffix(p.Host, ":"+port); ok {
			host = bare
		} else {
			port = p.Host[strings.LastIndexByte(p.Host, ':')+1:]
		}
	}
	if name == "proxy_port" {
		return port, true
	}
	return host, true
}

// header is $http_key: dashes are underscores. Headers that have underscores of
// their own are dropped unless the configuration lets them through.
func (v *visit) header(key string) (string, bool) {
	if !v.knows.headers {
		return "", false
	}
	for name, text := range v.r.Header {
		if strings.Contains(name, "_") && !v.at.underscores {
			continue
		}
		if strings.EqualFold(strings.ReplaceAll(name, "-", "_"), key) {
			return text, true
		}
	}
	return "", true
}

func (v *visit) arg(key string) (string, bool) {
	for pair := range strings.SplitSeq(v.u.args, "&") {
		if name, text, _ := strings.Cut(pair, "="); strings.EqualFold(name, key) {
			return text, v.knows.target
		}
	}
	return "", v.knows.target && !v.lost
}

func (v *visit) cookie(key string) (string, bool) {
	for pair := range strings.SplitSeq(v.r.Header["cookie"], ";") {
		name, text, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, key) {
			return text, v.knows.headers
		}
	}
	return "", v.knows.headers
}

// mapTo is the map that gives a variable, or nil.
func (c *Config) mapTo(name string) *Map {
	i := slices.IndexFunc(c.Maps, func(m *Map) bool { return strings.TrimPrefix(m.Variable, "$") == name })
	if i < 0 {
		return nil
	}
	return c.Maps[i]
}
