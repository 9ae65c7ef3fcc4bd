package nginxconf

import (
	"strings"
	"time"
)

// stream resolves a stream block.
func (r *resolver) stream(block []*directive) {
	outer := Value[time.Duration]{V: 10 * time.Minute}
	if d := first(block, "proxy_timeout"); d != nil {
		outer = timeOf(d)
	}
	for _, d := range block {
		if d.name == "upstream" && d.isBlock {
			r.streams = append(r.streams, r.upstream(d))
		}
	}
	for _, d := range block {
		if d.name == "server" && d.isBlock {
			r.c.Streams = append(r.c.Streams, r.streamServer(d, outer))
		}
	}
}

func (r *resolver) streamServer(d *directive, timeout Value[time.Duration]) *StreamServer {
	s := &StreamServer{Place: d.place, ProxyTimeout: timeout}
	for _, x := range d.block {
		switch x.name {
		case "listen":
			s.Listens = append(s.Listens, r.listenOf(x))
		case "proxy_timeout":
			s.ProxyTimeout = timeOf(x)
		case "proxy_pass":
			s.Pass = r.streamPass(x)
		}
	}
	return s
}

// streamPass reads a stream's proxy_pass: an address or a group, without a
// scheme, and without a default port.
func (r *resolver) streamPass(d *directive) *Pass {
	p := &Pass{URL: d.arg(0), Place: d.place, Variables: strings.Contains(d.arg(0), "$")}
	if p.Variables {
		return p
	}
	p.Host = p.URL
	for _, u := range r.streams {
		if strings.EqualFold(u.Name, p.URL) {
			p.Host, p.Upstream = u.Name, u
		}
	}
	return p
}
