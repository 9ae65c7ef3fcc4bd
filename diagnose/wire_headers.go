package diagnose

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/monitor"
)

// upgradeHeadRules compare what a handshake's request is with what it should be
// on its leg: the commonest misconfigurations leave no line in any log.
var upgradeHeadRules = []rule{{
	id:        "upgrade-header-stripped",
	severity:  monitor.SeverityError,
	title:     "The request comes to the server with a Sec-WebSocket-Key and without Upgrade",
	reference: "RFC 6455 §4.1; nginx: proxy_set_header (ngx_http_proxy_module)",
	conn:      upgradeStripped,
}, {
	id:        "http10-upstream",
	severity:  monitor.SeverityWarning,
	title:     "The handshake goes to the server as HTTP/1.0, which only some servers accept",
	reference: "RFC 6455 §4.1; nginx: proxy_http_version (ngx_http_proxy_module)",
	conn:      http10Upstream,
}, {
	id:        "connection-header-conflict",
	severity:  monitor.SeverityError,
	title:     "The Connection header that comes to the server does not say just upgrade",
	reference: "RFC 6455 §4.1; nginx: proxy_set_header (ngx_http_proxy_module)",
	conn:      connectionConflict,
}, {
	id:        "host-or-origin-rewritten",
	severity:  monitor.SeverityError,
	title:     "The server refuses a handshake whose Host or Origin nginx has changed",
	reference: "RFC 6455 §4.2.2, §10.2; nginx: proxy_set_header Host (ngx_http_proxy_module)",
	conn:      hostRewritten,
}}

// asksToUpgrade says that the request's Upgrade names WebSocket.
func asksToUpgrade(r *monitor.Request) bool { return hasFold(r.Upgrade, "websocket") }

func hasFold(tokens []string, token string) bool {
	for _, t := range tokens {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// upgradeStripped: a key without Upgrade means that a proxy took it, for nobody
// makes a key without asking to upgrade. Where the front leg shows the same it
// was not nginx that took it.
func upgradeStripped(p *pass, c *monitor.Conn) {
	if c.Request == nil || len(c.Request.Upgrade) > 0 || c.Request.Key == "" || c.Role == "" {
		return
	}
	if isSecondLeg(c) && lacksUpgrade(c.Link.Front) {
		return
	}
	r := c.Request
	group := targetGroup(r.Target)
	if c.Role == monitor.Front {
		p.about(group+", before nginx").raise(p.strippedWeight(c, group)).conn(c, r.At).
			say("%s the request for %s came to nginx with Sec-WebSocket-Key and without Upgrade%s", clock(r.At), r.Target, answerWords(c)).
			fix("What stands before nginx (a balancer, a CDN, another proxy) does not pass Upgrade on: switch its WebSocket support on.")
		return
	}
	weight := p.strippedWeight(c, group)
	if len(remember[bounded[askers]](p).names) > strangersMost && weight != grave {
		p.sayStrippedStranger(c)
		return
	}
	t := p.about(group).raise(weight).conn(c, r.At).tell(func() string {
		return fmt.Sprintf("%s the request for %s came to %s as %s, with Sec-WebSocket-Key and without Upgrade%s%s",
			clock(r.At), r.Target, c.Server, r.Proto, byDefault(r), answerWords(c))
	})
	if f := c.Other(); f != nil {
		t.say("on the front leg the client had sent Upgrade: %s; nginx does not pass it on unless proxy_set_header says so", strings.Join(f.Request.Upgrade, ", "))
	}
	t.repair(func() string { return p.headersFix(c) })
}

// sayStrippedStranger is of a path that hardly anybody asked for, where there
// are many such: scanners make them up, and they pass through any location.
func (p *pass) sayStrippedStranger(c *monitor.Conn) {
	p.about("paths that few asked for").raise(monitor.SeverityWarning).conn(c, c.Request.At).
		tell(func() string {
			return fmt.Sprintf("%s the request for %s came to %s without Upgrade%s", clock(c.Request.At), c.Target(), c.Server, answerWords(c))
		}).
		fix("Few tried each of these paths: that is how scanners look, and clients with a wrong address. If one of them is a WebSocket's, look at that one; the others need nothing.")
}

// strippedWeight: a server that answers 101 all the same does not mind, yet, and
// a path that one client asked for may be no WebSocket's.
func (p *pass) strippedWeight(c *monitor.Conn, group string) monitor.Severity {
	if c.Status() == 101 {
		return monitor.SeverityWarning
	}
	a := remember[bounded[askers]](p).get(group)
	if a == nil {
		return monitor.SeverityWarning
	}
	if a.count(c); a.many() {
		return monitor.SeverityError
	}
	return monitor.SeverityWarning
}

func lacksUpgrade(c *monitor.Conn) bool { return c.Request != nil && len(c.Request.Upgrade) == 0 }

// byDefault recognises what nginx sends where nothing is configured: HTTP/1.0
// with Connection: close before 1.29.7, HTTP/1.1 without Connection since.
func byDefault(r *monitor.Request) string {
	switch {
	case r.Proto == "HTTP/1.0" && hasFold(r.Connection, "close"):
		return " and with Connection: close, as nginx before 1.29.7 sends it where nothing is configured"
	case r.Proto == "HTTP/1.1" && len(r.Connection) == 0:
		return " and without Connection, as nginx since 1.29.7 sends it where nothing is configured"
	}
	return ""
}

// answerWords tell what came of a request: "; the answer was 426 Upgrade Required".
func answerWords(c *monitor.Conn) string {
	switch {
	case c.Answer != nil:
		return "; the answer was " + answerText(c.Answer)
	case c.IsClosed():
		return "; it was not answered"
	}
	return ""
}

// answerText is a status with its reason phrase.
func answerText(r *monitor.Response) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, r.Reason))
}

// headersFix is the configuration that passes the upgrade on.
func (p *pass) headersFix(c *monitor.Conn) string {
	if l := p.chosen(c); l != nil {
		return upgradeFix(p.opts.Conf, l)
	}
	return new(paste).within(p.block(c)).
		add("proxy_http_version 1.1;").
		add("proxy_set_header Upgrade $http_upgrade;").
		add("proxy_set_header Connection %s;", mapVariable).
		add("proxy_set_header Host $host;  # with one proxy_set_header a level inherits none: repeat the others here").
		addMapOf(mapVariable).String()
}

func http10Upstream(p *pass, c *monitor.Conn) {
	if c.Role != monitor.Back || c.Request == nil || c.Request.Proto != "HTTP/1.0" || !asksToUpgrade(c.Request) {
		return
	}
	r := c.Request
	t := p.about(targetGroup(r.Target))
	if c.Answer != nil && c.Answer.Status != 101 {
		t.raise(monitor.SeverityError)
	}
	t.conn(c, r.At).tell(func() string {
		return fmt.Sprintf("%s nginx asked %s for %s with HTTP/1.0%s", clock(r.At), c.Server, r.Target, answerWords(c))
	})
	if c.IsUpgraded() {
		t.say("%s accepts it; servers that keep to RFC 6455 §4.1 answer 426 or 400", c.Server)
	}
	t.repair(func() string { return new(paste).within(p.block(c)).add("proxy_http_version 1.1;").String() })
}

// connectionConflict looks at handshakes that have their Upgrade; one that lacks
// both is upgradeStripped's.
func connectionConflict(p *pass, c *monitor.Conn) {
	if c.Role != monitor.Back || c.Request == nil || !asksToUpgrade(c.Request) {
		return
	}
	what := conflictOf(c.Request)
	if what == "" {
		return
	}
	t := p.about(targetGroup(c.Request.Target))
	if c.IsUpgraded() {
		t.raise(monitor.SeverityWarning)
	} else {
		t.raise(monitor.SeverityError)
	}
	t.conn(c, c.Request.At).tell(func() string {
		return fmt.Sprintf("%s the request for %s came to %s with %s%s", clock(c.Request.At), c.Request.Target, c.Server, what, answerWords(c))
	})
	t.repair(func() string { return p.headersFix(c) })
}

// conflictOf says what is wrong with a request's Connection header, or "".
func conflictOf(r *monitor.Request) string {
	all := strings.Join(r.Connection, ", ")
	switch {
	case len(r.Connection) == 1 && strings.EqualFold(r.Connection[0], "upgrade"):
		return "" // nearly always
	case len(r.Connection) == 0:
		return "Upgrade and no Connection header"
	case !hasFold(r.Connection, "upgrade"):
		return "Connection: " + all + " instead of upgrade"
	case hasFold(r.Connection, "close"):
		return "Connection: " + all + ", which contradicts itself"
	case connectionLines(r.HeadText) > 1:
		return "two Connection headers (" + all + ")"
	}
	return ""
}

// connectionLines counts the Connection headers of a head.
func connectionLines(head string) (n int) {
	for line := range strings.Lines(head) {
		if name, _, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Connection") {
			n++
		}
	}
	return n
}

// hostRewritten: servers compare Origin with Host, or look Host up among the
// names they allow. A handshake without Upgrade is refused for that.
func hostRewritten(p *pass, c *monitor.Conn) {
	if s := c.Status(); s != 400 && s != 403 || !isSecondLeg(c) || c.Request == nil || !asksToUpgrade(c.Request) {
		return
	}
	front, back := c.Link.Front.Request, c.Request
	if front.Host == back.Host && front.Origin == back.Origin || c.Status() == 403 && foreignOrigin(front, back) {
		return
	}
	p.about(targetGroup(front.Target)).conn(c.Link.Front, c.Answer.At).tell(func() string {
		return fmt.Sprintf("%s %s answered %s to a request for %s: %s", clock(c.Answer.At), c.Server, answerText(c.Answer), front.Target, headDifference(front, back))
	}).repair(func() string { return p.hostFix(c, front, back) })
}

// foreignOrigin says that a refusal with 403 has not to do with what nginx changed:
// there is no Origin to compare, or it was another site's from the beginning.
func foreignOrigin(front, back *monitor.Request) bool {
	_, host, _ := strings.Cut(front.Origin, "://")
	return front.Origin == back.Origin && !strings.EqualFold(host, front.Host)
}

func (p *pass) hostFix(c *monitor.Conn, front, back *monitor.Request) string {
	f := new(paste).within(p.block(c))
	if front.Host != back.Host {
		f.add("proxy_set_header Host $http_host;")
	}
	if front.Origin != back.Origin {
		f.add("proxy_set_header Origin $http_origin;  # or no such line: nginx passes it unchanged")
	}
	return f.add("# with one proxy_set_header a level inherits none: repeat Upgrade, Connection and the others here").String()
}

func headDifference(front, back *monitor.Request) string {
	var parts []string
	if front.Host != back.Host {
		parts = append(parts, fmt.Sprintf("Host was %s at nginx and %s at the server", orNone(front.Host), orNone(back.Host)))
	}
	if front.Origin != back.Origin {
		parts = append(parts, fmt.Sprintf("Origin was %s at nginx and %s at the server", orNone(front.Origin), orNone(back.Origin)))
	} else if front.Origin != "" {
		parts = append(parts, "Origin "+front.Origin+" came unchanged")
	}
	return strings.Join(parts, ", ")
}

func orNone(v string) string {
	if v == "" {
		return "absent"
	}
	return v
}
