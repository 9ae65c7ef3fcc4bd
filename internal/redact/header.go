package redact

import "strings"

// Header redacts the value of the header called name. A sensitive name hides all of it, except the scheme of
// credentials and the names of cookies; every other header is Text, because a Referer or Location may hold a URL.
func (r *Redactor) Header(name, value string) string {
	if r == nil || isHandshakeProof(name) {
		return value
	}
	switch {
	case sameName(name, "Sec-WebSocket-Protocol"):
		return r.Subprotocols(value)
	case sameName(name, "Cookie"):
		return r.cookies(value, false)
	case sameName(name, "Set-Cookie"):
		return r.cookies(value, true)
	case sensitive(name):
		return r.credentials(value)
	}
	return r.Text(value)
}

// hidesHeader reports whether Header would do more with this header than Text does.
func hidesHeader(name string) bool {
	return !isHandshakeProof(name) && (sensitive(name) || sameName(name, "Sec-WebSocket-Protocol"))
}

// isHandshakeProof names the two headers that are no secrets (RFC 6455 §1.3) and join the legs of a WebSocket.
func isHandshakeProof(name string) bool {
	return sameName(name, "Sec-WebSocket-Key") || sameName(name, "Sec-WebSocket-Accept")
}

// sameName compares the name of a header with one that we know, without case. Last letters, of which ours have no
// forms but the two of ASCII, are quicker to compare than the first, which many names share.
func sameName(name, known string) bool {
	return len(name) >= len(known) && lower(name[len(name)-1]) == lower(known[len(known)-1]) && strings.EqualFold(name, known)
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
	w := rewriter{s: value}
	for start := 0; start < len(value); {
		end := indexFrom(value, start, ';')
		name, _, named := strings.Cut(value[start:end], "=")
		if !set || start == 0 || !cookieAttributes[strings.ToLower(strings.TrimSpace(name))] {
			if named {
				start += len(name) + 1
			}
			if from, to := trim(value, start, end); from < to {
				w.replace(from, to, r.mark(value[from:to]))
			}
		}
		start = end + 1
	}
	return w.result()
}

var cookieAttributes = map[string]bool{
	"expires": true, "max-age": true, "domain": true, "path": true, "secure": true, "httponly": true,
	"samesite": true, "partitioned": true, "priority": true, "version": true, "comment": true,
}
