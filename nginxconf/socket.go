package nginxconf

import (
	"fmt"
	"strconv"
	"strings"
)

// socket is an address at which servers listen, with what chooses among them.
type socket struct {
	at        address
	dual      bool      // an IPv6 socket that takes IPv4 too
	servers   []*Server // in order of the text
	byDefault *Server   // gets what no name matches
	listen    *Listen   // of byDefault
	exact     map[string]*Server
	others    []*Server // with names that must be compared one by one
}

// maxPorts bounds what is kept of a range of ports.
const maxPorts = 1000

// makeSockets makes the sockets of http. Of each, the default server is the one that
// is written so, else the first (ngx_http_core_module.c: ngx_http_add_addresses);
// its merge_slashes holds for all of the socket.
func (r *resolver) makeSockets() {
	index := map[address]*socket{}
	for _, s := range r.c.Servers {
		for i := range s.Listens {
			l := &s.Listens[i]
			if l.QUIC || l.udp {
				continue // a WebSocket comes over TCP
			}
			for _, port := range r.ports(l) {
				at := address{l.Host, port}
				if index[at] == nil {
					index[at] = &socket{at: at, exact: map[string]*Server{}}
					r.c.sockets = append(r.c.sockets, index[at])
				}
				index[at].add(s, l)
			}
		}
	}
	for _, k := range r.c.sockets {
		k.listen.Default = true
		for _, s := range k.servers {
			s.merging |= k.byDefault.Root.slashes
		}
	}
}

// ports are those of a listen: one, or those of a range.
func (r *resolver) ports(l *Listen) (out []string) {
	low, high, _ := strings.Cut(l.Port, "-")
	from, err1 := strconv.Atoi(low)
	to, err2 := strconv.Atoi(high)
	if err1 != nil || err2 != nil {
		return []string{l.Port}
	}
	for port := from; port <= to; port++ {
		if len(out) == maxPorts {
			r.problem(l.Place, fmt.Sprintf("listen %s: only the first %d ports are looked at", l.Address, maxPorts))
			break
		}
		out = append(out, strconv.Itoa(port))
	}
	return out
}

// add takes a server that listens at k by l.
func (k *socket) add(s *Server, l *Listen) {
	k.dual = k.dual || l.dual
	if k.listen == nil || l.written && !k.listen.written {
		k.byDefault, k.listen = s, l
	}
	if n := len(k.servers); n > 0 && k.servers[n-1] == s {
		return
	}
	k.servers = append(k.servers, s)
	plain := true
	for _, n := range s.names {
		if n.kind != nameExact || n.unknown != "" {
			plain = false
		} else if k.exact[n.text] == nil {
			k.exact[n.text] = s
		}
	}
	if !plain {
		k.others = append(k.others, s)
	}
}

// named is the server for host, in lower case and without a port, or nil: by
// exact name, longest leading wildcard, longest trailing wildcard, first regex.
func (k *socket) named(host string) *Server {
	if s := k.exact[host]; s != nil {
		return s
	}
	for kind := nameHead; kind <= nameRegex; kind++ {
		var best *Server
		length := -1
		for _, s := range k.others {
			if n := s.longest(kind, host); n > length {
				best, length = s, n
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// longest is the length of the server's longest name of a kind that fits host,
// -1 for none. All regexes have the same length: the first wins.
func (s *Server) longest(kind nameKind, host string) int {
	length := -1
	for i := range s.names {
		n := &s.names[i]
		switch {
		case n.kind != kind || !n.fits(host):
		case kind == nameRegex:
			return 0
		default:
			length = max(length, len(n.text))
		}
	}
	return length
}

// rank says how well k fits a connection to an address, 0 for not at all: nginx
// takes the most specific one.
func (k *socket) rank(to address) int {
	own := k.at.host
	switch {
	case to.port != k.at.port:
		return 0
	case to.host == own && to.host != "" && to.host != "::":
		return 5
	case to.isUnix():
		return 0
	case isIPv4(to.host):
		return 4*one(to.host == "127.0.0.1" && own == "localhost") + one(own == "" || own == "::" && k.dual)
	case isIPv6(to.host) && to.host != "::":
		return 4*one(to.host == "::1" && own == "localhost") + one(own == "::")
	}
	return k.rankName(to.host)
}

// rankName is rank for a host whose address is not known, or is the machine's
// own: localhost is tried as IPv4 first.
func (k *socket) rankName(host string) int {
	own := k.at.host
	switch {
	case isHere(host) && (own == "127.0.0.1" || own == "localhost"):
		return 5
	case isHere(host) && own == "::1":
		return 4
	case own == "":
		return 3
	case own == "::":
		return 2
	case isHere(host):
		return 0
	}
	return 1
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// taking is the socket that takes connections to addr, or nil; several says
// that others fit as well. Without an address it is one of all servers.
func (c *Config) taking(addr string) (best *socket, several bool) {
	if addr == "" {
		return c.everywhere, false
	}
	to := parseAddress(addr, "80")
	rank := 0
	for _, k := range c.sockets {
		switch n := k.rank(to); {
		case n > rank:
			best, rank, several = k, n, false
		case n == rank && n > 0:
			several = true
		}
	}
	return best, several
}

// openEverywhere makes one socket of all servers, for a Query without an address.
func (c *Config) openEverywhere() {
	if len(c.Servers) == 0 {
		return
	}
	c.everywhere = &socket{exact: map[string]*Server{}}
	for _, s := range c.Servers {
		for i := range s.Listens {
			c.everywhere.add(s, &s.Listens[i])
		}
	}
}
