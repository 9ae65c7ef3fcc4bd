package redact

import "strings"

// Header redacts the value of the header called name. A sensitive name hides all of it, except the scheme of
// credentials and the names of cookies; every other header is Text, because a Referer or Location may hold a URL.
func (r *Redactor) Header(name, value string) string {
	if r == nil || isHandshakeProof(name) {
		return value
	}
	switch {
	case strings.EqualFold(name, "Sec-WebSocket-Protocol"):
		return r.Subprotocols(value)
	case strings.EqualFold(name, "Cookie"):
		return r.cookies(value, false)
	case strings.EqualFold(name, "Set-Cookie"):
		return r.cookies(value, true)
	case sensitive(name):
		return r.credentials(value)
	}
	return r.Text(value)
}

// hidesHeader reports whether Header would do more with this header than Text does.
func hidesHeader(name string) bool {
	return !isHandshakeProof(name) && (sensitive(name) || strings.EqualFold(name, "Sec-WebSocket-Protocol"))
}

// isHandshakeProof names the two headers that are no secrets (RFC 6455 §1.3) and join the legs of a WebSocket.
func isHandshakeProof(name string) bool {
	return strings.EqualFold(name, "Sec-WebSocket-Key") || strings.EqualFold(name, "Sec-WebSocket-Accept")
}

// credentials redacts a whole value but for the authentication scheme it begins with.
func (r *Redactor) credentials(value string) string {
	n := schemeLen(value)
	rest := strings.TrimRight(value[n:], " \t")
	return value[:n] + r.mark(rest) + value[n+len(rest):]
}

// schemes of the IANA registry and of wide use. An unknown first word is not kept: it may be the secret.
var schemes = []string{
	"bearer", "basic", "digest", "token", "apikey", "negotiate", "ntlm", "hoba", "mutual", "dpop", "gnap", "vapid",
	"scram-sha-1", "scram-sha-256", "aws4-hmac-sha256",
}

// schemeLen returns the length of the authentication scheme and the blanks that s begins with, 0 if there is none.
func schemeLen(s string) int {
	for _, scheme := range schemes {
		n := len(scheme)
		if len(s) <= n || !isAny(s[n], " \t") || !strings.EqualFold(s[:n], scheme) {
			continue
		}
		for n < len(s) && isAny(s[n], " \t") {
			n++
		}
		return n
	}
	return 0
}

// cookies keeps the names and redacts the values of a Cookie or, with set, a Set-Cookie header (RFC 6265 §4). A
// piece without a name is a value.
func (r *Redactor) cookies(value string, set bool) string {
	pieces := strings.Split(value, ";")
	for i, piece := range pieces {
		name, v, named := strings.Cut(piece, "=")
		switch {
		case set && i > 0 && cookieAttributes[strings.ToLower(strings.TrimSpace(name))]:
		case named:
			pieces[i] = name + "=" + r.inner(v)
		default:
			pieces[i] = r.inner(piece)
		}
	}
	return strings.Join(pieces, ";")
}

// inner redacts a value and leaves the blanks around it.
func (r *Redactor) inner(v string) string {
	core := strings.Trim(v, " \t\r\n")
	if core == "" {
		return v
	}
	at := strings.Index(v, core)
	return v[:at] + r.mark(core) + v[at+len(core):]
}

var cookieAttributes = map[string]bool{
	"expires": true, "max-age": true, "domain": true, "path": true, "secure": true, "httponly": true,
	"samesite": true, "partitioned": true, "priority": true, "version": true, "comment": true,
}
