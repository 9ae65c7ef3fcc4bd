package nginxconf

import (
	"fmt"
	"strconv"
	"strings"
)

// sticky are the directives of a group that tie a client to a server: nginx's
// own, nginx Plus's, and those of modules in wide use.
var sticky = map[string]bool{
	"ip_hash": true, "hash": true, "sticky": true, "sticky_route": true, "sticky_no_fallback": true,
	"jvm_route": true, "session_sticky": true, "consistent_hash": true, "chash": true,
}

// upstream resolves a group of http or of stream.
func (r *resolver) upstream(d *directive) *Upstream {
	u := &Upstream{Name: d.arg(0), Place: d.place}
	if r.c.Version.ModernProxy() {
		u.Keepalive.V = 32
	}
	for _, x := range d.block {
		switch {
		case x.name == "server":
			u.Servers = append(u.Servers, r.upstreamServer(x))
		case x.name == "keepalive":
			u.Keepalive = numberOf(x)
		case x.name == "state" || strings.HasPrefix(x.name, "balancer_by_lua"):
			u.Elsewhere = x.name
		case sticky[x.name] && u.Sticky == "":
			u.Sticky = strings.Join(append([]string{x.name}, x.args...), " ")
		}
	}
	return u
}

func (r *resolver) upstreamServer(d *directive) UpstreamServer {
	s := UpstreamServer{Address: withPort(d.arg(0), "80"), Place: d.place}
	if strings.ContainsAny(d.arg(0), "${}") {
		r.problem(d.place, fmt.Sprintf("server %s: a variable is not possible here; is it the placeholder of a template?", d.arg(0)))
	}
	for _, option := range d.args[min(1, len(d.args)):] {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "down":
			s.Down = true
		case "backup":
			s.Backup = true
		case "resolve":
			s.Resolve = true
		case "max_conns":
			s.MaxConns, _ = strconv.Atoi(value) // what is no number is no limit
		}
	}
	return s
}

// mapOf reads a map block.
func (r *resolver) mapOf(d *directive) *Map {
	m := &Map{Source: d.arg(0), Variable: d.arg(1), Place: d.place}
	for _, row := range d.block {
		switch row.name {
		case "hostnames":
			m.hostnames = m.hostnames || len(row.args) == 0
		case "volatile":
		case "include": // one that could not be read
			m.Incomplete = true
		default:
			m.Rows = append(m.Rows, MapRow{row.name, row.arg(0), row.place, keyRegex(row.name)})
		}
	}
	return m
}

// keyRegex is the pattern of a map's key, if it is one.
func keyRegex(key string) regex {
	pattern, ok := strings.CutPrefix(key, "~")
	if !ok {
		return regex{}
	}
	pattern, anyCase := strings.CutPrefix(pattern, "*")
	return compile(pattern, anyCase)
}
