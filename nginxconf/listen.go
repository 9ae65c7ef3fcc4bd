package nginxconf

import (
	"fmt"
	"strings"
)

// listenOf reads a listen directive.
func (r *resolver) listenOf(d *directive) Listen {
	l := Listen{Address: d.arg(0), Place: d.place}
	l.Host, l.Port = splitListen(l.Address)
	if strings.ContainsAny(l.Address, "${}") {
		r.problem(d.place, fmt.Sprintf("listen %s: a variable is not possible here; is it the placeholder of a template?", l.Address))
	}
	for _, option := range d.args[min(1, len(d.args)):] {
		switch option {
		case "default_server", "default":
			l.written = true
		case "ssl":
			l.TLS = true
		case "http2":
			l.HTTP2 = true
		case "proxy_protocol":
			l.ProxyProtocol = true
		case "quic":
			l.QUIC = true
		case "udp":
			l.udp = true
		case "ipv6only=off":
			l.dual = true
		}
	}
	return l
}

// splitListen takes apart "80", "*:8080", "[::1]:80", "localhost", "unix:/path".
func splitListen(s string) (host, port string) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return path, ""
	}
	if isPorts(s) {
		return "", s
	}
	a := parseAddress(s, "80")
	return a.host, a.port
}

// isPorts says that s is a port, or a range of ports ("8000-8010").
func isPorts(s string) bool {
	return s != "" && strings.Trim(s, "0123456789-") == ""
}

// listens are those of a server block.
func (r *resolver) listens(d *directive) (out []Listen) {
	tls := false
	for _, x := range d.block {
		switch x.name {
		case "listen":
			out = append(out, r.listenOf(x))
		case "ssl":
			tls = x.arg(0) == "on" // before 1.25.1
		}
	}
	if out == nil {
		out = []Listen{{Address: "*:80", Port: "80"}}
	}
	for i := range out {
		out[i].TLS = out[i].TLS || tls
	}
	return out
}

// slashes says whether two slashes in a path are one.
type slashes uint8

const (
	merged slashes = 1 << iota
	kept
	either = merged | kept // as the address says that took the request
)
