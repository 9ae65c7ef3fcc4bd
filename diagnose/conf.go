package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wstap/wstap/nginxconf"
)

// confRules look at the configuration.
var confRules = slices.Concat(headerRules, mapRules, versionRules, timeoutRules, pathRules, passRules, serverRules)

// place counts a place of the configuration, and quotes what stands there. The
// finding stands at the first.
func (t *tally) place(p nginxconf.Place, directive string) *tally {
	if t.Count++; t.File == "" {
		t.at(p)
	}
	return t.quote(p, directive)
}

// quote is a directive as evidence.
func (t *tally) quote(p nginxconf.Place, directive string) *tally {
	return t.say("%s: %s", p, directive)
}

// aboutLocation is the finding of a location, counted at its head.
func (p *pass) aboutLocation(l *nginxconf.Location) *tally {
	t := p.about(locationHead(l) + " of " + serverName(l.Server))
	return t.place(l.Place, passLine(l))
}

// passLine is a location and where it leads to, on one line.
func passLine(l *nginxconf.Location) string {
	if l.Pass == nil {
		return locationHead(l)
	}
	return fmt.Sprintf("%s { proxy_pass %s; }", locationHead(l), l.Pass.URL)
}

var matchSigns = map[nginxconf.Match]string{
	nginxconf.MatchExact: "= ", nginxconf.MatchPrefixFirst: "^~ ", nginxconf.MatchRegex: "~ ", nginxconf.MatchRegexNoCase: "~* ",
}

// locationHead is how a location is written: "location = /ws". An if block has
// the name of the location around it, for headers and timeouts cannot be set
// in it.
func locationHead(l *nginxconf.Location) string {
	for l.Match == nginxconf.MatchIf && l.Parent != nil {
		l = l.Parent
	}
	if l.Match == nginxconf.MatchServer || l.Match == nginxconf.MatchIf {
		return "server"
	}
	return "location " + matchSigns[l.Match] + l.Pattern
}

// serverName is a server's first name, else the first address it listens at.
func serverName(s *nginxconf.Server) string {
	if i := slices.IndexFunc(s.Names, func(n string) bool { return n != "" }); i >= 0 {
		return s.Names[i]
	}
	if len(s.Listens) > 0 {
		return s.Listens[0].Address
	}
	return s.Place.String()
}

// outer is the level around a location; nil for a server's own.
func outer(l *nginxconf.Location) *nginxconf.Location {
	switch {
	case l.Parent != nil:
		return l.Parent
	case l.Server.Root != l:
		return l.Server.Root
	}
	return nil
}

// headerOf is the last header of a name among hs.
func headerOf(hs []nginxconf.Header, name string) (nginxconf.Header, bool) {
	for _, h := range slices.Backward(hs) {
		if strings.EqualFold(h.Name, name) {
			return h, true
		}
	}
	return nginxconf.Header{}, false
}

// headerLine is a proxy_set_header as nginx wants it written.
func headerLine(name, value string) string {
	return fmt.Sprintf("proxy_set_header %s %s;", name, quoted(value))
}

// quoted is a word of a configuration, in quotes where it needs them.
func quoted(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\r\n;{}\"'\\#") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// tlsListen is a listen of a server that takes TLS.
func tlsListen(s *nginxconf.Server) (nginxconf.Listen, bool) {
	i := slices.IndexFunc(s.Listens, func(l nginxconf.Listen) bool { return l.TLS })
	if i < 0 {
		return nginxconf.Listen{}, false
	}
	return s.Listens[i], true
}
