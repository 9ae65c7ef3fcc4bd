package nginxconf

import "fmt"

// server resolves a server block of http.
func (r *resolver) server(d *directive, base Settings) *Server {
	s := &Server{Place: d.place, Listens: r.listens(d), conf: r.c}
	for _, x := range d.block {
		if x.name == "server_name" {
			s.Names = append(s.Names, x.args...)
			s.names = append(s.names, serverNames(x)...)
		}
	}
	if s.Names == nil {
		s.Names = []string{""}
		s.names = []serverName{{kind: nameExact}}
	}
	for _, n := range s.names {
		if n.unknown != "" {
			r.problem(d.place, fmt.Sprintf("server_name %s: %s", n.text, n.unknown))
		}
	}
	s.Root = &Location{Place: d.place, Server: s, Settings: inner(base, d.block)}
	r.fill(s.Root, d.block)
	s.Locations = r.locations(s, nil, d.block)
	return s
}

// locations resolves the location blocks, and the if blocks with a proxy_pass,
// of a block: the server's if parent is nil.
func (r *resolver) locations(s *Server, parent *Location, block []*directive) (out []*Location) {
	outer := s.Root
	if parent != nil {
		outer = parent
	}
	for _, d := range block {
		isIf := parent != nil && d.name == "if" && first(d.block, "proxy_pass") != nil
		if !d.isBlock || d.name != "location" && !isIf {
			continue
		}
		if r.count >= maxLocations {
			break
		}
		out = append(out, r.location(s, parent, outer, d))
	}
	return out
}

// location resolves one location or if block.
func (r *resolver) location(s *Server, parent, outer *Location, d *directive) *Location {
	if r.count++; r.count == maxLocations {
		r.problem(d.place, fmt.Sprintf("more than %d locations: the rest is not looked at", maxLocations))
	}
	l := &Location{Place: d.place, Server: s, Parent: parent, Settings: inner(outer.Settings, d.block)}
	l.Match, l.Pattern = matchOf(d)
	if l.Match == MatchRegex || l.Match == MatchRegexNoCase {
		l.regex = compile(l.Pattern, l.Match == MatchRegexNoCase)
		if l.regex.unknown != "" {
			r.problem(d.place, fmt.Sprintf("location ~ %s: %s", l.Pattern, l.regex.unknown))
		}
	}
	r.fill(l, d.block)
	if s.Root.Return != nil {
		l.Return = s.Root.Return
	}
	l.Locations = r.locations(s, l, d.block)
	return l
}
