package diagnose

import (
	"regexp"
	"strings"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// mapRules look at the map that makes Connection from $http_upgrade.
var mapRules = []rule{
	{
		id: "connection-map-missing", severity: monitor.SeverityError,
		title:     "A variable for Connection is used that no map makes",
		reference: "nginx: map (ngx_http_map_module); nginx.org/en/docs/http/websocket.html",
		loc:       mapMissing,
	},
	{
		id: "connection-map-wrong", severity: monitor.SeverityError,
		title:     "The map for Connection gives a handshake something else than upgrade",
		reference: "nginx: map (ngx_http_map_module); nginx.org/en/docs/http/websocket.html",
		loc:       mapWrong,
	},
	{
		id: "connection-map-no-empty-row", severity: monitor.SeverityWarning,
		title:     "The map for Connection gives ordinary requests upgrade, too",
		reference: "nginx: map (ngx_http_map_module); nginx.org/en/docs/http/websocket.html",
		loc:       mapNoEmptyRow,
	},
}

var oneVariable = regexp.MustCompile(`^\$(?:\{(\w+)\}|(\w+))$`)

// variableName is the one variable that a value is, without braces; "" if it is
// anything else.
func variableName(value string) string {
	m := oneVariable.FindStringSubmatch(value)
	if m == nil {
		return ""
	}
	return "$" + m[1] + m[2]
}

// mapOf is the map whose variable a header's value is.
func mapOf(c *nginxconf.Config, value string) *nginxconf.Map {
	name := variableName(value)
	for _, m := range c.Maps {
		if name != "" && m.Variable == name {
			return m
		}
	}
	return nil
}

// mapValue is what a map gives for a value of its source; false if rows are not
// known or not constant.
func mapValue(m *nginxconf.Map, source string) (string, bool) {
	if m.Incomplete {
		return "", false
	}
	row, ok := exactRow(m, source)
	if !ok {
		row, ok = patternRow(m, source)
	}
	if !ok { // and without a default: the empty string
		row, _ = exactRow(m, "default")
	}
	if strings.Contains(row.Value, "$") {
		return "", false
	}
	return row.Value, true
}

func exactRow(m *nginxconf.Map, key string) (nginxconf.MapRow, bool) {
	for _, r := range m.Rows {
		if strings.EqualFold(r.Key, key) {
			return r, true
		}
	}
	return nginxconf.MapRow{}, false
}

func patternRow(m *nginxconf.Map, source string) (nginxconf.MapRow, bool) {
	for _, r := range m.Rows {
		pattern, ok := strings.CutPrefix(r.Key, "~")
		if !ok {
			continue
		}
		if rest, ok := strings.CutPrefix(pattern, "*"); ok {
			pattern = "(?i)" + rest
		}
		if re, err := regexp.Compile(pattern); err == nil && re.MatchString(source) {
			return r, true
		}
	}
	return nginxconf.MapRow{}, false
}

// mapGives are a map's values for a handshake and for an ordinary request.
func mapGives(m *nginxconf.Map) (handshake, ordinary string, known bool) {
	handshake, known = mapValue(m, "websocket")
	ordinary, alsoKnown := mapValue(m, "")
	return handshake, ordinary, known && alsoKnown && m.Source == "$http_upgrade"
}

// saysUpgrade tells whether a Connection of this value is one of a handshake.
func saysUpgrade(value string) bool { return carries([]string{value}, "upgrade") }

// goodMap is a map that makes the right Connection of $http_upgrade.
func goodMap(c *nginxconf.Config) *nginxconf.Map {
	for _, m := range c.Maps {
		if handshake, ordinary, known := mapGives(m); known && saysUpgrade(handshake) && !saysUpgrade(ordinary) {
			return m
		}
	}
	return nil
}

// brokenMap says that a value is for one of the map rules.
func brokenMap(c *nginxconf.Config, value string) bool {
	m := mapOf(c, value)
	if m == nil {
		return variableName(value) == mapVariable
	}
	handshake, _, known := mapGives(m)
	return known && !saysUpgrade(handshake)
}

// mapMissing: nginx does not start with a variable that nothing defines; set, or
// a file that could not be read, may define it.
func mapMissing(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	h, ok := headerOf(l.SetHeaders, "Connection")
	if !ok || l.Pass == nil || mapOf(c, h.Value) != nil || !strings.Contains(variableName(h.Value), "upgrade") || variableName(h.Value) == "$http_upgrade" {
		return
	}
	if _, known := l.Expand(h.Value, webSocketRequest(l)); known {
		return
	}
	t := p.about(variableName(h.Value)).place(h.Place, headerLine(h.Name, h.Value))
	if len(c.Problems) > 0 {
		t.grade(monitor.SeverityWarning).say("no map makes it in what could be read; %s", c.Problems[0].Text)
	} else {
		t.say("nginx -t says: unknown %q variable", strings.TrimPrefix(variableName(h.Value), "$"))
	}
	t.fix("%s", mapPaste(variableName(h.Value)))
}

// mapPaste is the map of nginx's own WebSocket page for a variable.
func mapPaste(variable string) string {
	return new(paste).addMapOf(variable).String()
}

func mapWrong(p *pass, l *nginxconf.Location) {
	m := usedMap(p.opts.Conf, l)
	if m == nil {
		return
	}
	if handshake, _, known := mapGives(m); known && !saysUpgrade(handshake) {
		p.aboutMap(m, l).say("for a handshake it gives %q, and the server refuses it", handshake).fix("%s", mapPaste(m.Variable))
	}
}

func mapNoEmptyRow(p *pass, l *nginxconf.Location) {
	m := usedMap(p.opts.Conf, l)
	if m == nil {
		return
	}
	if handshake, ordinary, known := mapGives(m); known && saysUpgrade(handshake) && saysUpgrade(ordinary) {
		p.aboutMap(m, l).say("there is no row for '': a request without Upgrade gets Connection: %s, too, which ends its keepalive to the server", ordinary).
			fix("%s", mapPaste(m.Variable))
	}
}

// usedMap is the map of $http_upgrade that a location's Connection comes from.
func usedMap(c *nginxconf.Config, l *nginxconf.Location) *nginxconf.Map {
	h, ok := headerOf(l.SetHeaders, "Connection")
	if !ok || l.Pass == nil {
		return nil
	}
	m := mapOf(c, h.Value)
	if m == nil || m.Source != "$http_upgrade" {
		return nil
	}
	return m
}

// aboutMap is the finding of a map, with its rows and the location that uses it.
func (p *pass) aboutMap(m *nginxconf.Map, l *nginxconf.Location) *tally {
	t := p.about("map "+m.Source+" "+m.Variable).place(m.Place, "map "+m.Source+" "+m.Variable)
	for _, r := range m.Rows {
		t.quote(r.Place, quotedKey(r.Key)+" "+quoted(r.Value)+";")
	}
	return t.say("%s: used by %s of %s", l.Place, locationHead(l), serverName(l.Server))
}

func quotedKey(key string) string {
	if key == "" {
		return "''"
	}
	return quoted(key)
}
