package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// headerRules look at what proxy_set_header makes of Upgrade, Connection, Host
// and the like.
var headerRules = []rule{
	{
		id: "upgrade-header-missing", severity: monitor.SeverityError,
		title:     "nginx does not pass the upgrade on to the server",
		reference: "nginx.org/en/docs/http/websocket.html; RFC 6455 §4.2.1",
		loc:       upgradeMissing,
	},
	{
		id: "upgrade-header-wrong", severity: monitor.SeverityError,
		title:     "The Upgrade header that the server gets is not websocket",
		reference: "nginx: proxy_set_header (ngx_http_proxy_module); RFC 6455 §4.2.1",
		loc:       upgradeWrong,
	},
	{
		id: "connection-header-wrong", severity: monitor.SeverityError,
		title:     "The Connection header that the server gets does not say upgrade",
		reference: "nginx: proxy_set_header (ngx_http_proxy_module); RFC 6455 §4.2.1",
		loc:       connectionWrong,
	},
	{
		id: "connection-header-twice", severity: monitor.SeverityWarning,
		title:     "The server gets two Connection headers",
		reference: "nginx: proxy_set_header (ngx_http_proxy_module)",
		loc:       connectionTwice,
	},
	{
		id: "upgrade-literal", severity: monitor.SeverityInfo,
		title:     "Ordinary requests reach the server as upgrades, too",
		reference: "nginx.org/en/docs/http/websocket.html",
		loc:       upgradeLiteral,
	},
	{
		id: "headers-not-inherited", severity: monitor.SeverityError,
		title:     "A proxy_set_header here drops those of the level around it",
		reference: "nginx: proxy_set_header (ngx_http_proxy_module), on inheritance",
		loc:       headersLost,
	},
	{
		id: "host-not-passed", severity: monitor.SeverityInfo,
		title:     "The server does not get the client's Host",
		reference: "nginx: proxy_set_header (ngx_http_proxy_module); RFC 6455 §10.2",
		loc:       hostNotPassed,
	},
	{
		id: "websocket-key-dropped", severity: monitor.SeverityError,
		title:     "The server does not get Sec-WebSocket-Key",
		reference: "nginx: proxy_pass_request_headers (ngx_http_proxy_module); RFC 6455 §4.2.1",
		loc:       keyDropped,
	},
	{
		id: "origin-changed", severity: monitor.SeverityInfo,
		title:     "The server gets another Origin than the browser sent",
		reference: "nginx: proxy_set_header (ngx_http_proxy_module); RFC 6455 §10.2",
		loc:       originChanged,
	},
	{
		id: "forwarded-proto-missing", severity: monitor.SeverityInfo,
		title:     "The server cannot tell that the client came over TLS",
		reference: "nginx: proxy_set_header (ngx_http_proxy_module)",
		loc:       forwardedProtoMissing,
	},
}

// webSocketRequest is a handshake that comes to l, as browsers send it.
func webSocketRequest(l *nginxconf.Location) nginxconf.Request {
	r := ordinaryRequest(l)
	r.Header["upgrade"], r.Header["connection"] = "websocket", "Upgrade"
	r.Header["sec-websocket-version"], r.Header["sec-websocket-key"] = "13", "dGhlIHNhbXBsZSBub25jZQ=="
	return r
}

func ordinaryRequest(l *nginxconf.Location) nginxconf.Request {
	r := nginxconf.Request{Header: map[string]string{}, Scheme: "http", Host: serverName(l.Server), Target: "/"}
	if strings.HasPrefix(l.Pattern, "/") {
		r.Target = l.Pattern
	}
	if _, ok := tlsListen(l.Server); ok {
		r.Scheme = "https"
	}
	r.Header["host"] = r.Host
	return r
}

// carries says that one of a header's values has token in its list.
func carries(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// written is a header with a value that is set in l.
func written(l *nginxconf.Location, name string) (nginxconf.Header, bool) {
	h, ok := headerOf(l.SetHeaders, name)
	return h, ok && h.Value != ""
}

// quoteHeader is a header's directive as evidence.
func (t *tally) quoteHeader(h nginxconf.Header) *tally {
	return t.quote(h.Place, headerLine(h.Name, h.Value))
}

// lost says that an outer level's header was dropped on the way in.
func lost(l *nginxconf.Location, name string) bool {
	h, ok := headerOf(l.LostHeaders, name)
	return ok && h.Value != ""
}

// upgradeMissing: Upgrade is not passed on by default, nor is the client's
// Connection (facts: the commonest mistake, and it leaves no line in the log).
// A location that has Upgrade alone was meant to work, whatever its name.
func upgradeMissing(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	what, why := p.conf.purposeOf(l)
	upgrade, hasUpgrade := written(l, "Upgrade")
	_, anyUpgrade := headerOf(l.SetHeaders, "Upgrade")
	_, anyConnection := headerOf(l.SetHeaders, "Connection")
	if what == forOther || lost(l, "Upgrade") || lost(l, "Connection") || hasUpgrade && anyConnection {
		return
	}
	if anyUpgrade && !hasUpgrade && what == forMaybe { // suppressed on purpose
		return
	}
	t := p.aboutLocation(l)
	switch {
	case hasUpgrade:
		t.quoteHeader(upgrade).say("no proxy_set_header Connection is in force here: the server gets %s and refuses with 400 or 426", defaultConnection(c))
	case what == forMaybe:
		t.grade(monitor.SeverityInfo).say("no proxy_set_header Upgrade is in force here: if WebSockets are to come here, the server will refuse them with 400 or 426")
	default:
		t.say("no proxy_set_header Upgrade is in force here: the server gets Sec-WebSocket-Key, but no Upgrade, and refuses with 400 or 426; nothing in the error log tells")
	}
	if why != "" {
		t.say("why it is taken for a location of WebSockets: %s", why)
	}
	t.fix("%s", upgradeFix(c, l))
}

func defaultConnection(c *nginxconf.Config) string {
	if c.Version.ModernProxy() {
		return "no Connection header"
	}
	return "Connection: close"
}

func upgradeWrong(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	h, ok := written(l, "Upgrade")
	if what, _ := p.conf.purposeOf(l); !ok || what == forOther {
		return
	}
	values, known, _ := l.Sent("Upgrade", webSocketRequest(l))
	if known && len(values) > 1 {
		t := p.aboutLocation(l)
		for _, h := range l.SetHeaders {
			if strings.EqualFold(h.Name, "Upgrade") {
				t.quoteHeader(h)
			}
		}
		t.say("nginx sends Upgrade %d times, and servers refuse that with 400 or 426: leave one line of them", len(values)).
			fix("%s", upgradeFix(c, l))
		return
	}
	if !known || carries(values, "websocket") || brokenMap(c, h.Value) {
		return
	}
	p.aboutLocation(l).quoteHeader(h).
		say("a handshake reaches the server with Upgrade: %s", strings.Join(values, ", ")).
		fix("%s", upgradeFix(c, l))
}

// connectionWrong: what is sent for a handshake has no upgrade in it. Passing the
// client's own Connection on works until something before nginx writes it.
func connectionWrong(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	h, ok := headerOf(l.SetHeaders, "Connection")
	if what, _ := p.conf.purposeOf(l); !ok || what == forOther || !passesUpgrade(l) || brokenMap(c, h.Value) {
		return
	}
	values, known, _ := l.Sent("Connection", webSocketRequest(l))
	switch {
	case strings.Contains(h.Value, "$http_connection"):
		p.aboutLocation(l).grade(monitor.SeverityInfo).quoteHeader(h).
			say("the client's own Connection is passed on: it works as long as that says Upgrade, and not behind a balancer or proxy that writes close or keep-alive").
			fix("%s", upgradeFix(c, l))
	case known && !carries(values, "upgrade"):
		p.aboutLocation(l).quoteHeader(h).say("a handshake reaches the server with %s: it refuses with 400 or 426", headerSent("Connection", values)).
			fix("%s", upgradeFix(c, l))
	}
}

func headerSent(name string, values []string) string {
	if len(values) == 0 {
		return "no " + name + " header"
	}
	return name + ": " + strings.Join(values, ", ")
}

// connectionTwice: setting it twice sends it twice; servers differ in which one
// they believe.
func connectionTwice(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	var set []nginxconf.Header
	for _, h := range l.SetHeaders {
		if strings.EqualFold(h.Name, "Connection") && h.Value != "" {
			set = append(set, h)
		}
	}
	if what, _ := p.conf.purposeOf(l); len(set) < 2 || what == forOther {
		return
	}
	t := p.aboutLocation(l)
	for _, h := range set {
		t.quoteHeader(h)
	}
	t.say("nginx sends each of them; some servers look at one only").fix("%s", upgradeFix(c, l))
}

// upgradeLiteral: fixed words instead of variables make every request look like
// an upgrade. In a location of WebSockets alone that does no harm; in a
// catch-all a fixed Upgrade makes servers treat pages as handshakes.
func upgradeLiteral(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	upgrade, ok := written(l, "Upgrade")
	connection, _ := written(l, "Connection")
	fixedUpgrade, fixedConnection := strings.EqualFold(upgrade.Value, "websocket"), strings.EqualFold(connection.Value, "upgrade")
	if what, _ := p.conf.purposeOf(l); !ok || what == forOther || !fixedUpgrade && !fixedConnection {
		return
	}
	t := p.aboutLocation(l)
	if fixedUpgrade {
		t.quoteHeader(upgrade)
	}
	if fixedConnection {
		t.quoteHeader(connection)
	}
	if fixedUpgrade && catchesAll(l) {
		t.grade(monitor.SeverityWarning).say("ordinary requests come to this location, too: the server gets them as handshakes without a key and may refuse them")
	} else {
		t.say("harmless where only WebSockets come; an ordinary request says upgrade to the server, which ends its keepalive")
	}
	t.fix("%s", upgradeFix(c, l))
}

// headersLost: one proxy_set_header at a level and none of the outer ones hold
// (px:merge_loc_conf).
func headersLost(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	what, _ := p.conf.purposeOf(l)
	var gone []nginxconf.Header
	for _, name := range []string{"Upgrade", "Connection", "Host"} {
		if h, ok := headerOf(l.LostHeaders, name); ok && h.Value != "" {
			gone = append(gone, h)
		}
	}
	if what == forOther || len(gone) == 0 || c.IngressNGINX && passesUpgrade(l) {
		return
	}
	t := p.aboutLocation(l)
	switch onlyHost := !lost(l, "Upgrade") && !lost(l, "Connection"); {
	case onlyHost:
		t.grade(monitor.SeverityInfo)
	case what == forMaybe:
		t.grade(monitor.SeverityWarning)
	}
	for _, h := range gone {
		t.say("%s: %s is dropped", h.Place, headerLine(h.Name, h.Value))
	}
	if len(l.SetHeaders) > 0 {
		h := l.SetHeaders[0]
		t.say("%s: by %s", h.Place, headerLine(h.Name, h.Value))
	}
	t.fix("%s", lostFix(c, l))
}

// lostFix repeats all that was lost, right or wrong: other rules judge that.
func lostFix(c *nginxconf.Config, l *nginxconf.Location) string {
	if c.IngressNGINX {
		return ingressHeaders
	}
	return headersPaste(c, l, without(l.LostHeaders, l.SetHeaders)...).String()
}

// hostNotPassed: without a word on Host the server gets the name in proxy_pass,
// and one that compares Origin with it refuses all browsers.
func hostNotPassed(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	host, ok := written(l, "Host")
	if !p.conf.tunnels(l) || lost(l, "Host") || ok && host.Value != "$proxy_host" {
		return
	}
	t := p.aboutLocation(l)
	if ok {
		t.quoteHeader(host)
	}
	got := "another Host than the client sent"
	if values, known, _ := l.Sent("Host", webSocketRequest(l)); known && len(values) > 0 {
		got = "Host: " + strings.Join(values, ", ")
	}
	t.say("the server gets %s; one that compares Origin with Host refuses browsers with 403", got)
	if c.IngressNGINX {
		t.fix("%s", ingressAnnotation(`upstream-vhost: "$http_host"`))
		return
	}
	t.fix("%s", headersPaste(c, l, nginxconf.Header{Name: "Host", Value: "$http_host"}))
}

// forwardedProtoMissing: behind TLS the server sees plain HTTP, and takes the
// Origin https://… for a foreign one, or redirects.
func forwardedProtoMissing(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	listen, tls := tlsListen(l.Server)
	standard := slices.ContainsFunc(l.SetHeaders, func(h nginxconf.Header) bool {
		return strings.EqualFold(h.Name, "X-Forwarded-Proto") || strings.EqualFold(h.Name, "Forwarded") || strings.EqualFold(h.Name, "X-Forwarded-Scheme")
	})
	if !tls || standard || !p.conf.tunnels(l) || l.Pass.Scheme == "https" {
		return
	}
	t := p.aboutLocation(l).quote(listen.Place, fmt.Sprintf("listen %s ssl;", listen.Address)).
		say("no X-Forwarded-Proto is set: the server takes the client for one of http://, and may refuse its Origin or redirect it")
	if c.IngressNGINX {
		t.fix("%s", ingressHeaders)
		return
	}
	t.fix("%s", headersPaste(c, l, nginxconf.Header{Name: "X-Forwarded-Proto", Value: "$scheme"}))
}

// keyDropped: the client's headers pass unless somebody turned that off.
func keyDropped(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	if !p.conf.tunnels(l) {
		return
	}
	const key = "Sec-WebSocket-Key"
	values, known, _ := l.Sent(key, webSocketRequest(l))
	if !known || len(values) > 0 {
		return
	}
	t := p.aboutLocation(l)
	if h, ok := headerOf(l.SetHeaders, key); ok {
		t.quoteHeader(h).fix("%s", new(paste).in(locationHead(l)).add("%s", headerLine(key, "$http_sec_websocket_key")))
		return
	}
	t.say("proxy_pass_request_headers is off here: none of the client's headers reach the server, which refuses a handshake without key with 400")
	fixSetting(t, c, l, "proxy_pass_request_headers on;", `configuration-snippet: "proxy_pass_request_headers on;"`)
}

// originChanged: the server's check of Origin, which is all that protects a
// WebSocket from foreign pages, looks at what nginx made up.
func originChanged(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	h, ok := headerOf(l.SetHeaders, "Origin")
	if !ok || h.Value == "$http_origin" || !p.conf.tunnels(l) {
		return
	}
	t := p.aboutLocation(l).quoteHeader(h).
		say("a server that checks Origin refuses all, or takes pages of any site for its own")
	if c.IngressNGINX {
		t.fix("%s", ingressHeaders)
		return
	}
	t.fix("%s", headersPaste(c, l, nginxconf.Header{Name: "Origin", Value: "$http_origin"}))
}
