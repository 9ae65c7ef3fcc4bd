package diagnose

import (
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// versionRules look at the HTTP versions on both sides of nginx.
var versionRules = []rule{
	{
		id: "proxy-http10", severity: monitor.SeverityWarning,
		title:     "Handshakes reach the server as HTTP/1.0",
		reference: "nginx: proxy_http_version (ngx_http_proxy_module); RFC 6455 §4.1",
		loc:       proxyHTTP10,
	},
	{
		id: "proxy-http2", severity: monitor.SeverityError,
		title:     "nginx has no WebSockets to servers that it speaks HTTP/2 to",
		reference: "nginx: proxy_http_version (ngx_http_proxy_module)",
		loc:       proxyHTTP2,
	},
	{
		id: "http2-listen-plain", severity: monitor.SeverityError,
		title:     "A listen of HTTP/2 without TLS takes no WebSockets",
		reference: "nginx: listen, http2 (ngx_http_core_module, ngx_http_v2_module); CHANGES of 1.25.1",
		loc:       http2Plain,
	},
	{
		id: "http2-beside-websockets", severity: monitor.SeverityInfo,
		title:     "WebSockets do not travel over HTTP/2 here",
		reference: "RFC 8441; nginx: http2 (ngx_http_v2_module)",
		loc:       http2Beside,
	},
}

// proxyHTTP10: some servers take it (Node's ws, gorilla), some refuse it with 426.
func proxyHTTP10(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	v := l.ProxyHTTPVersion
	if !v.Known() || v.V != "1.0" || !p.conf.tunnels(l) {
		return
	}
	t := p.aboutLocation(l)
	switch {
	case !v.Place.IsZero():
		t.quote(v.Place, "proxy_http_version 1.0;")
	case c.Version == (nginxconf.Version{}):
		t.say("proxy_http_version is not set: 1.0 is the default of nginx before 1.29.7; the version of this one is not known")
	default:
		t.say("proxy_http_version is not set: 1.0 is the default of nginx %s", c.Version)
	}
	t.say("RFC 6455 wants HTTP/1.1 or higher: some servers accept it, others refuse with 426")
	fixSetting(t, c, l, "proxy_http_version 1.1;", `proxy-http-version: "1.1"`)
}

// fixSetting is one directive for a location, or its annotation.
func fixSetting(t *tally, c *nginxconf.Config, l *nginxconf.Location, directive, annotation string) {
	if c.IngressNGINX {
		t.fix("%s", ingressAnnotation(annotation))
		return
	}
	t.fix("%s", new(paste).in(locationHead(l)).add("%s", directive))
}

// proxyHTTP2: that module has no code for an upgrade at all.
func proxyHTTP2(p *pass, l *nginxconf.Location) {
	v := l.ProxyHTTPVersion
	if !v.Known() || v.V != "2" || !p.conf.tunnels(l) {
		return
	}
	t := p.aboutLocation(l).quote(v.Place, "proxy_http_version 2;").say("no handshake gets through: over HTTP/2 nginx passes no Upgrade on")
	fixSetting(t, p.opts.Conf, l, "proxy_http_version 1.1;", `proxy-http-version: "1.1"`)
}

// http2Detected is the first version that tells HTTP/1 from HTTP/2 on a plain port.
var http2Detected = nginxconf.Version{Major: 1, Minor: 25, Patch: 1}

func http2Plain(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	if !c.Version.Before(http2Detected) || !p.conf.tunnels(l) {
		return
	}
	for _, listen := range l.Server.Listens {
		if !listen.HTTP2 || listen.TLS {
			continue
		}
		t := p.about("listen "+listen.Address+" of "+serverName(l.Server)).place(listen.Place, "listen "+listen.Address+" http2;").
			say("before nginx 1.25.1 such a port speaks HTTP/2 and nothing else, and WebSockets need HTTP/1.1 there")
		if c.Version == (nginxconf.Version{}) {
			t.grade(monitor.SeverityWarning).say("the version of this nginx is not known")
		}
		t.fix("%s", new(paste).in("server").add("listen %s;", listen.Address))
	}
}

// http2Beside is a remark: nothing is wrong.
func http2Beside(p *pass, l *nginxconf.Location) {
	listen, tls := tlsListen(l.Server)
	on := listen.HTTP2 || l.HTTP2.Known() && l.HTTP2.V
	if !tls || !on || !p.conf.tunnels(l) {
		return
	}
	place, directive := l.HTTP2.Place, "http2 on;"
	if listen.HTTP2 {
		place, directive = listen.Place, "listen "+listen.Address+" ssl http2;"
	}
	p.about("server "+serverName(l.Server)).place(place, directive).
		say("nginx has no WebSockets over HTTP/2 (RFC 8441): browsers open an HTTP/1.1 connection beside it for each of them").
		fix("nothing to change: do not look for WebSockets inside the HTTP/2 connections, and leave http/1.1 in what TLS offers (ALPN)")
}
