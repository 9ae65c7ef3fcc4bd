package nginxconf

import (
	"fmt"
	"strings"
)

// knowledge says what of a Request may be relied on.
type knowledge struct{ target, host, headers bool }

// visit follows one request through the rewrite phase: what variables hold,
// where the path goes, and what about it is in doubt.
type visit struct {
	s     *Server
	r     Request
	knows knowledge
	u     uri
	at    *Location // the level whose steps run

	vars     map[string]value // by set, and by named groups
	groups   []string         // $0, $1, … of the last pattern that matched
	inArgs   bool             // groups are being put into the arguments of a rewrite
	depth    int              // of variables within variables
	used     int              // variables looked up
	resolved map[*Map]bool    // being looked up: a map may not need itself

	inside     Place // of the if block that was entered last
	rewritten  bool  // a rewrite took place: the target as sent is no longer used
	jump       bool  // … which makes nginx choose a location again
	stay       bool  // … by "break": the location's prefix is no longer replaced
	over       bool  // break, last or return: no further step of this level runs
	answered   bool  // a return, or a redirect: nothing is passed on
	redirected bool  // … which is a redirect to the same path with a slash
	lost       bool  // the path is not known any more
	notes      []string
}

// value is what a variable holds.
type value struct {
	text  string
	known bool
}

func (v *visit) note(format string, args ...any) {
	v.notes = append(v.notes, fmt.Sprintf(format, args...))
}

func newVisit(s *Server, r Request, knows knowledge, u uri) *visit {
	v := &visit{s: s, r: r, knows: knows, u: u, at: s.Root, vars: map[string]value{}, resolved: map[*Map]bool{}}
	if host, ok := v.host(); ok {
		for i := range s.names {
			if n := &s.names[i]; n.kind == nameRegex && n.fits(host) {
				v.matched(n.regex, host)
				break
			}
		}
	}
	return v
}

// maxJumps is how often nginx chooses a location again before it gives up with
// 500 (NGX_HTTP_MAX_URI_CHANGES).
const maxJumps = 10

// route takes the request to its location, through the steps of the server and
// of the locations that it passes.
func (v *visit) route() *Location {
	v.run(v.s.Root)
	if v.answered {
		return v.s.Root
	}
	v.jump = false
	for range maxJumps {
		c := choose(v.s.Locations, v.u.path, v.s.Root, func(l *Location) {
			v.note("location ~ %s at %s may match first: %s", l.Pattern, l.Place, l.regex.unknown)
		})
		if c.redirect {
			v.note("nginx answers with 301 to %s/", v.u.path)
			v.answered, v.redirected = true, true
			return c.l
		}
		if c.l == v.s.Root {
			return c.l
		}
		if v.run(c.l); !v.jump {
			return v.within(c.l)
		}
		v.jump = false
	}
	v.note("the rewrites lead round in a circle")
	v.answered = true
	return v.s.Root
}

// within is the if block of l in which the steps ended, if it has a proxy_pass
// of its own, else l.
func (v *visit) within(l *Location) *Location {
	for _, in := range l.Locations {
		if in.Match == MatchIf && in.Place == v.inside {
			return in
		}
	}
	return l
}

// run goes through the steps of a level.
func (v *visit) run(l *Location) {
	v.at, v.over, v.inside = l, false, Place{}
	v.located(l)
	v.steps(l.steps)
}

// located keeps the groups of the innermost pattern around l.
func (v *visit) located(l *Location) {
	if l.Parent != nil {
		v.located(l.Parent)
	}
	if l.regex.re != nil {
		v.matched(l.regex, v.u.path)
	}
}

func (v *visit) steps(steps []step) {
	for i := range steps {
		if v.over {
			return
		}
		switch d := &steps[i]; d.name {
		case "set":
			text, known := v.expand(d.arg(1))
			v.set(d.arg(0), value{text, known})
		case "break":
			v.over = true
		case "return":
			v.over, v.answered = true, true
			if v.at == v.s.Root {
				v.note("the server's return at %s answers before a location is chosen", d.place)
			}
		case "rewrite":
			v.rewrite(d)
		case "if":
			v.branch(d)
		case "set_by_lua", "set_by_lua_block", "set_by_lua_file":
			v.set(d.arg(0), value{})
		default:
			if strings.Contains(d.name, "_by_lua") {
				v.note("%s at %s may change what happens", d.name, d.place)
			}
		}
	}
}

func (v *visit) set(name string, x value) { v.vars[strings.TrimPrefix(name, "$")] = x }

// matched keeps the groups of a match.
func (v *visit) matched(x regex, s string) bool {
	m := x.re.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	v.groups = m
	for i, name := range x.re.SubexpNames() {
		if name != "" {
			v.vars[name] = value{m[i], true}
		}
	}
	return true
}

// branch runs the block of an if, or notes that it may run.
func (v *visit) branch(d *step) {
	holds, known := v.condition(d)
	switch {
	case known && holds:
		v.inside = d.place
		v.steps(d.inner)
	case !known:
		for _, x := range d.block {
			if x.name == "set" {
				v.set(x.arg(0), value{})
			}
		}
		if !onlySets(d.block) {
			v.note("if %s at %s may change what happens", strings.Join(d.args, " "), d.place)
		}
	}
}

// rewrite carries out a rewrite directive.
func (v *visit) rewrite(d *step) {
	re := d.regex
	if !v.knows.target || re.unknown != "" {
		v.lost = true
		v.note("rewrite %s at %s may change the path", d.arg(0), d.place)
		return
	}
	if !v.matched(re, v.u.path) {
		v.groups = nil // ngx_http_script.c:ngx_http_script_regex_start_code
		return
	}
	to, flag := d.arg(1), d.arg(2)
	if flag == "redirect" || flag == "permanent" || strings.Contains(to, "://") || strings.HasPrefix(to, "$scheme") {
		v.over, v.answered = true, true
		v.note("rewrite at %s answers with a redirect", d.place)
		return
	}
	v.over = flag == "last" || flag == "break"
	v.rewritten, v.jump, v.stay = true, flag != "break", v.stay || flag == "break"
	if !v.move(to) {
		v.lost = true
		v.note("rewrite at %s changes the path to what is not known", d.place)
		return
	}
	v.note("rewrite at %s makes the path %s", d.place, v.u.path)
}

// move sets the new path of a rewrite. Arguments begin at a question mark of
// the replacement itself, not at one in what a group holds, and come before those
// of the request, unless the replacement ends in that mark.
func (v *visit) move(to string) (known bool) {
	pathTo, argsTo, has := strings.Cut(to, "?")
	path, known := v.expand(pathTo)
	if !known {
		return false
	}
	if has {
		v.inArgs = true
		args, known := v.expand(argsTo)
		v.inArgs = false
		if !known {
			return false
		}
		if argsTo != "" && v.u.args != "" {
			args += "&" + v.u.args
		}
		v.u.args = args
	}
	v.u.path = path
	return true
}

// condition tells whether the condition of an if holds.
func (v *visit) condition(d *step) (holds, known bool) {
	w := d.words
	if len(w) == 0 || !strings.HasPrefix(w[0], "$") || len(w) == 2 || len(w) > 3 {
		return false, false // -f and the like look at files
	}
	text, known := v.expand(w[0])
	if !known {
		return false, false
	}
	if len(w) == 1 {
		return text != "" && text != "0", true
	}
	switch op := w[1]; op {
	case "=", "!=":
		with, known := v.expand(w[2])
		return (text == with) == (op == "="), known
	case "~", "~*", "!~", "!~*":
		if d.regex.re == nil {
			return false, false
		}
		matched := v.matched(d.regex, text)
		if !matched {
			v.groups = nil
		}
		return matched != strings.HasPrefix(op, "!"), true
	}
	return false, false
}
