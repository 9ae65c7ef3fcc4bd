package nginxconf

import (
	"slices"
	"strings"
)

// hopByHop are the headers of a client that nginx does not pass on by itself
// (ngx_http_proxy_module.c: ngx_http_proxy_headers).
var hopByHop = []string{"connection", "upgrade", "te", "keep-alive", "expect"}

// Sent is the value of a header as nginx sends it to the server for r: by
// proxy_set_header, else nginx's default (Host: $proxy_host, Connection: close
// before 1.29.7), else passed on from the client unless it is hop-by-hop. Empty:
// not sent. Several: it is sent several times. known is false where a
// variable's value cannot be known. place is of the directive, zero for a default.
func (l *Location) Sent(name string, r Request) (values []string, known bool, place Place) {
	v := l.visit(r, knowledge{true, true, true})
	v.at = l
	known = true
	set := false
	for _, h := range l.SetHeaders {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		if !set {
			set, place = true, h.Place
		}
		text, ok := v.expand(h.Value)
		known = known && ok
		if text != "" {
			values = append(values, text)
		}
	}
	if set {
		return values, known, place
	}
	text, known := l.unset(strings.ToLower(name), v)
	if text == "" {
		return nil, known, Place{}
	}
	return []string{text}, known, Place{}
}

// unset is what is sent of a header that no proxy_set_header names.
func (l *Location) unset(name string, v *visit) (text string, known bool) {
	version := v.s.conf.Version
	switch {
	case name == "host":
		return v.expand("$proxy_host")
	case name == "connection" && !version.ModernProxy():
		return "close", true
	case slices.Contains(hopByHop, name):
		return "", true
	case name == "proxy-connection" && !version.Before(Version{1, 31, 0}):
		return "", true
	case name == "content-length" || name == "transfer-encoding":
		return "", false // as the body is sent, which is not known
	case !l.passHeaders:
		return "", true
	case strings.Contains(name, "_") && !l.underscores && !l.invalidHeaders:
		return "", true
	}
	return v.r.Header[name], true
}

// UpstreamURI is the request target that nginx sends to the server for target
// when l is chosen: the location's prefix replaced by Pass.URI (px:create_request).
// False if it cannot be known (variables, lookaround in a rewrite), and if
// nothing is sent because nginx answers itself.
func (l *Location) UpstreamURI(target string) (string, bool) {
	if l.Pass == nil {
		return "", false
	}
	v := l.visit(Request{Target: target}, knowledge{target: true})
	v.at = l
	if v.u.bad || v.answered || v.lost || v.jump {
		return "", false
	}
	if l.Pass.Variables && l.Pass.URI != "" {
		return v.variableTarget(l.Pass.URI)
	}
	if l.Pass.URI == "" && !v.rewritten {
		return v.u.raw, true
	}
	return v.replaced(l)
}

// replaced is the target that nginx makes of the decoded path: the location's
// prefix gives way to the URI of the proxy_pass, unless a rewrite with "break"
// went before, and what was decoded is encoded again.
func (v *visit) replaced(l *Location) (string, bool) {
	uri, tail := l.Pass.URI, v.u.path
	switch {
	case v.stay:
		uri = ""
	case uri != "":
		rest, ok := strings.CutPrefix(tail, l.Pattern)
		if !ok || !l.takesURI() {
			return "", false
		}
		tail = rest
	}
	if v.rewritten || v.u.quoted {
		tail = escape(tail, escapedInURI)
	}
	if v.u.args != "" {
		tail += "?" + v.u.args
	}
	return uri + tail, true
}

// variableTarget is the URI of a proxy_pass with variables: it is sent as it
// comes out, without the arguments of the request.
func (v *visit) variableTarget(uri string) (string, bool) {
	text, known := v.expand(uri)
	if strings.HasPrefix(text, "?") {
		text = "/" + text
	}
	return text, known && text != ""
}
