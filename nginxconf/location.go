package nginxconf

import (
	"slices"
	"strconv"
	"strings"
)

// matchOf reads the modifier and the pattern of a location, which may stand
// together ("=/x", "~*\.php$": ngx_http_core_module.c:ngx_http_core_location),
// or the condition of an if.
func matchOf(d *directive) (Match, string) {
	if d.name == "if" {
		return MatchIf, strings.Join(d.args, " ")
	}
	modifier, pattern := d.arg(0), d.arg(1)
	if len(d.args) == 1 {
		modifier, pattern = splitModifier(d.arg(0))
	}
	switch modifier {
	case "=":
		return MatchExact, pattern
	case "^~":
		return MatchPrefixFirst, pattern
	case "~":
		return MatchRegex, pattern
	case "~*":
		return MatchRegexNoCase, pattern
	}
	if strings.HasPrefix(pattern, "@") {
		return MatchNamed, pattern
	}
	return MatchPrefix, pattern
}

func splitModifier(s string) (modifier, pattern string) {
	for _, m := range []string{"=", "^~", "~*", "~"} {
		if rest, ok := strings.CutPrefix(s, m); ok {
			return m, rest
		}
	}
	return "", s
}

// fill reads what a block of a location, an if or a server does itself, which
// no inner block inherits.
func (r *resolver) fill(l *Location, block []*directive) {
	for _, d := range block {
		switch {
		case d.name == "proxy_pass":
			l.Pass = r.passOf(d, l)
		case d.name == "return":
			if l.Return == nil {
				l.Return = returnOf(d)
			}
		case d.name == "internal":
			l.Internal = true
		case d.name == "try_files":
			l.tryFiles = d.place
		case d.name == "error_page":
			l.errorPages = append(l.errorPages, d)
		}
		l.OtherPass = graver(l.OtherPass, d.name)
		l.addStep(d)
	}
}

// handlers are the directives that answer a request, the weightiest first. Any
// other that ends in "_pass" is one too.
var handlers = []string{
	"return", "content_by_lua_block", "content_by_lua_file", "content_by_lua", "js_content", "perl", "stub_status",
	"api", "status", "empty_gif", "flv", "mp4", "f4f", "hls", "random_index", "dav_methods", "try_files",
	"autoindex", "alias", "root", "index",
}

// graver is which of two handlers decides; b may be none.
func graver(a, b string) string {
	ra, rb := handlerRank(a), handlerRank(b)
	if rb < ra {
		return b
	}
	return a
}

func handlerRank(name string) int {
	if name == "return" {
		return -2
	}
	if strings.HasSuffix(name, "_pass") && name != "proxy_pass" {
		return -1
	}
	for i, h := range handlers {
		if h == name {
			return i
		}
	}
	return len(handlers)
}

func returnOf(d *directive) *Return {
	ret := &Return{Place: d.place}
	if status, err := strconv.Atoi(d.arg(0)); err == nil {
		ret.Status, ret.Text = status, d.arg(1)
	} else {
		ret.Status, ret.Text = 302, d.arg(0) // return URL
	}
	return ret
}

// addStep keeps what runs before the content of a location: it may change where
// the request goes and what variables hold.
func (l *Location) addStep(d *directive) {
	switch d.name {
	case "set", "return", "break", "set_by_lua_block", "set_by_lua_file", "set_by_lua":
	case "rewrite":
		l.Rewrites = append(l.Rewrites, d.place)
	case "if":
		if !onlySets(d.block) {
			l.Ifs = append(l.Ifs, d.place)
		}
	case "rewrite_by_lua_block", "rewrite_by_lua_file", "rewrite_by_lua", "server_rewrite_by_lua_block",
		"server_rewrite_by_lua_file", "access_by_lua_block", "access_by_lua_file", "access_by_lua":
		l.Rewrites = append(l.Rewrites, d.place)
	default:
		return
	}
	l.steps = append(l.steps, l.stepOf(d))
}

// step is a directive of the rewrite phase, ready to be followed.
type step struct {
	*directive
	regex regex    // of a rewrite, or of the condition of an if
	words []string // the condition of an if
	inner []step   // what runs in the block of an if
}

func (l *Location) stepOf(d *directive) step {
	s := step{directive: d}
	switch d.name {
	case "set":
		l.Server.conf.assigned[strings.TrimPrefix(d.arg(0), "$")] = true
	case "rewrite":
		s.regex = compile(d.arg(0), false)
	case "if":
		s.words = conditionWords(d.args)
		if len(s.words) == 3 && strings.Contains(s.words[1], "~") {
			s.regex = compile(s.words[2], strings.HasSuffix(s.words[1], "*"))
		}
		for _, x := range d.block {
			if x.name != "if" { // nginx has no if within an if
				s.inner = append(s.inner, l.stepOf(x))
			}
		}
	}
	return s
}

// conditionWords are the words of an if without its parentheses.
func conditionWords(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	w := slices.Clone(args)
	last := len(w) - 1
	w[0] = strings.TrimPrefix(w[0], "(")
	w[last] = strings.TrimSuffix(w[last], ")")
	return slices.DeleteFunc(w, func(s string) bool { return s == "" })
}

// onlySets says that an if block changes variables and nothing else.
func onlySets(block []*directive) bool {
	for _, d := range block {
		if d.name != "set" {
			return false
		}
	}
	return true
}
