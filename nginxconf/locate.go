package nginxconf

import "strings"

// choice is what ngx_http_core_find_location gives.
type choice struct {
	l        *Location
	final    bool // an exact location, a regex, a redirect: the search is over
	redirect bool // to the same path with a slash
}

// choose searches among the locations of one level; outer is what holds if
// none matches.
func choose(ls []*Location, path string, outer *Location, doubt func(*Location)) choice {
	c := chooseFixed(ls, path, outer)
	noRegex := false
	if !c.final && c.l != outer {
		noRegex = c.l.Match == MatchPrefixFirst
		c = choose(c.l.Locations, path, c.l, doubt)
	}
	if c.final || noRegex {
		return c
	}
	for _, l := range ls {
		if l.Match != MatchRegex && l.Match != MatchRegexNoCase {
			continue
		}
		if l.regex.re == nil {
			doubt(l)
		} else if l.regex.re.MatchString(path) {
			c = choose(l.Locations, path, l, doubt)
			c.final = true
			return c
		}
	}
	return c
}

// chooseFixed searches among the exact and the prefix locations.
func chooseFixed(ls []*Location, path string, outer *Location) choice {
	best := outer
	length := -1
	for _, l := range ls {
		switch {
		case !l.takesURI():
		case l.Match == MatchExact && l.Pattern == path:
			return choice{l: l, final: true}
		case l.Match != MatchExact && strings.HasPrefix(path, l.Pattern) && len(l.Pattern) > length:
			best, length = l, len(l.Pattern)
		}
	}
	if length < len(path) {
		if l := redirecting(ls, path+"/"); l != nil {
			return choice{l: l, final: true, redirect: true}
		}
	}
	return choice{l: best}
}

// redirecting is the location of a path to which nginx redirects from the path
// without the final slash, or nil. The exact and the prefix location of a path
// are one in this: either makes the redirect, the exact one answers.
func redirecting(ls []*Location, path string) (found *Location) {
	redirect := false
	for _, l := range ls {
		if !l.takesURI() || l.Pattern != path {
			continue
		}
		redirect = redirect || l.addsSlash()
		if found == nil || l.Match == MatchExact {
			found = l
		}
	}
	if !redirect {
		return nil
	}
	return found
}

// addsSlash says that nginx redirects to the location from the same path
// without its final slash.
func (l *Location) addsSlash() bool {
	if !strings.HasSuffix(l.Pattern, "/") {
		return false
	}
	return l.Pass != nil || strings.HasSuffix(l.OtherPass, "_pass")
}

// SlashRedirect says that nginx answers target itself with a 301 to target and
// a slash (a prefix location with proxy_pass that ends in a slash, or an exact
// one; ngx_http_core_module.c:ngx_http_core_find_config_phase).
func (l *Location) SlashRedirect(target string) bool {
	u, _ := l.Server.parse(target)
	v := newVisit(l.Server, Request{Target: target}, knowledge{target: true}, u)
	return !u.bad && v.route() == l && v.redirected
}

// locate chooses the location of a.Server, with notes.
func (a *Answer) locate(u uri, r Request) {
	a.Location = a.Server.Root
	if u.bad {
		a.note("nginx refuses the target with 400")
		return
	}
	v := newVisit(a.Server, r, knowledge{target: true, host: true}, u)
	a.Location = v.route()
	a.Notes = append(a.Notes, v.notes...)
	if !v.answered {
		a.noteLocation()
	}
}

// noteLocation notes what of the chosen location may lead elsewhere.
func (a *Answer) noteLocation() {
	l := a.Location
	if l.Internal {
		a.note("the location is internal: a request from outside gets 404")
	}
	if !l.tryFiles.IsZero() {
		a.note("try_files at %s may lead elsewhere", l.tryFiles)
	}
	for _, d := range l.errorPages {
		if to := d.arg(len(d.args) - 1); strings.HasPrefix(to, "@") {
			a.note("error_page at %s may lead to location %s", d.place, to)
		}
	}
}
