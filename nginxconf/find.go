package nginxconf

import (
	"fmt"
	"slices"
)

// Find says which server and location nginx chooses for q (src/http/
// ngx_http_request.c:ngx_http_find_virtual_server, ngx_http_core_module.c:
// ngx_http_core_find_location); false if nothing listens at q.Addr.
func (c *Config) Find(q Query) (Answer, bool) {
	k, several := c.taking(q.Addr)
	if k == nil {
		return Answer{}, false
	}
	var a Answer
	if several {
		a.note("which address %q is cannot be told: the first that fits is taken", q.Addr)
	}
	// The target is taken apart before the name is known, with the setting of
	// the default server.
	u := parseURI(q.Target, k.byDefault.Root.slashes == merged)
	host := q.Host
	if u.host != "" {
		host = u.host
	}
	a.Server = k.byDefault
	if s := k.named(hostName(host)); s != nil {
		a.Server = s
	}
	a.noteNames(k.others)
	if q.Addr == "" {
		a.noteNamesakes(k.servers, hostName(host))
	}
	a.locate(u, Request{Host: q.Host, Target: q.Target})
	return a, true
}

func (a *Answer) note(format string, args ...any) {
	a.Notes = append(a.Notes, fmt.Sprintf(format, args...))
}

// noteNames notes names that could not be compared.
func (a *Answer) noteNames(servers []*Server) {
	for _, s := range servers {
		for _, n := range s.names {
			if n.unknown != "" && s != a.Server {
				a.note("server_name %s at %s may match: %s", n.text, s.Place, n.unknown)
			}
		}
	}
}

// noteNamesakes notes other servers with a name for host: without an address,
// the first is as good as they are.
func (a *Answer) noteNamesakes(servers []*Server, host string) {
	for _, s := range servers {
		for i := range s.names {
			if s != a.Server && s.names[i].fits(host) {
				a.note("the server at %s has a name for %q too; the address decides", s.Place, host)
				break
			}
		}
	}
}

// ListeningAt are the servers with a listen that takes connections to addr.
func (c *Config) ListeningAt(addr string) []*Server {
	if addr == "" {
		return nil
	}
	k, _ := c.taking(addr)
	if k == nil {
		return nil
	}
	return k.servers
}

// PassingTo are the locations whose proxy_pass leads to addr ("127.0.0.1:9000",
// "unix:/path"); "localhost" and the loopback addresses are the same.
func (c *Config) PassingTo(addr string) (out []*Location) {
	to := parseAddress(addr, "80")
	for l := range c.EachLocation {
		if l.Pass != nil && l.Pass.reaches(to) {
			out = append(out, l)
		}
	}
	return out
}

// PassesTo says that a pass leads to addr, as PassingTo compares it.
func (p *Pass) PassesTo(addr string) bool { return p.reaches(parseAddress(addr, "80")) }

func (p *Pass) reaches(to address) bool {
	for _, s := range p.Servers() {
		if parseAddress(s, "80").reaches(to) {
			return true
		}
	}
	return false
}

// StreamsListeningAt are the servers of stream that take connections to addr.
func (c *Config) StreamsListeningAt(addr string) (out []*StreamServer) {
	to := parseAddress(addr, "80")
	for _, s := range c.Streams {
		if slices.ContainsFunc(s.Listens, func(l Listen) bool { return l.takes(to) }) {
			out = append(out, s)
		}
	}
	return out
}

// takes says that connections to an address come to l.
func (l *Listen) takes(to address) bool {
	k := socket{at: address{host: l.Host, port: l.Port}, dual: l.dual}
	if !k.at.isUnix() {
		k.at.host = plainHost(l.Host)
	}
	return !l.udp && k.rank(to) > 0
}
