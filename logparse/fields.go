package logparse

import "strings"

// The keys of the quoted fields, in the order in which nginx writes them
// (src/http/ngx_http_request.c:ngx_http_log_error_handler). Each ends the
// value before it, together with the quote in front.
var quotedKeys = [...]string{`, request: "`, `, subrequest: "`, `, upstream: "`, `, host: "`, `, referrer: "`}

const (
	keyRequest = iota
	keySubrequest
	keyUpstream
	keyHost
	keyReferrer
)

// Keys that may follow any field; what begins with one goes to Entry.Bytes or
// Entry.Rest. ctx is the suffix proposed in nginx/nginx#703.
const (
	keyBytes    = ", bytes from/to client:"
	keyCtx      = `, ctx: "`
	keyClient   = ", client: "
	keyServer   = ", server: "
	keyResolver = ", resolver: "
)

var trailers = [...]string{keyBytes, keyCtx, `, login: "`}

// fit says how the rest of a line agrees with the grammar.
type fit uint8

const (
	misfit   fit = iota
	partFit      // agrees, but the line ends within a field
	wholeFit     // agrees to the end
)

// fields of an entry that parseContext sets.
const contextFields = HasClient | HasServer | HasRequest | HasSubrequest | HasUpstream | HasHost | HasReferrer | HasBytes

func (e *Entry) clearContext() {
	e.Present &^= contextFields
	e.Client, e.Server, e.Request, e.Subrequest = "", "", "", ""
	e.Upstream, e.Host, e.Referrer, e.Bytes, e.Rest = "", "", "", "", ""
}

// parseContext reads the fields of s, which begins with keyClient. It goes
// from left to right and never searches for a key beyond the value it must
// end: a client can write keys into most values. strict refuses what no nginx
// would have written there; it is for places where the message before may have
// been made up by a client.
func (e *Entry) parseContext(s string, strict bool) fit {
	s = s[len(keyClient):]
	n := strings.IndexByte(s, ',')
	if n < 0 {
		n = len(s)
	}
	if strict && !plausibleAddr(s[:n]) {
		return misfit
	}
	e.Client, e.Present = s[:n], e.Present|HasClient
	s = s[n:]
	if !strings.HasPrefix(s, keyServer) { // nginx always writes it, be it empty
		return beginning(s, keyServer)
	}
	s = s[len(keyServer):]
	n, f := serverEnd(s)
	if strict && strings.IndexByte(s[:n], '"') >= 0 {
		return misfit
	}
	e.Server, e.Present = s[:n], e.Present|HasServer
	if f == partFit || n == len(s) {
		return f
	}
	return e.quoted(s[n:])
}

// plausibleAddr says whether s can be the client field, or its beginning.
func plausibleAddr(s string) bool {
	if s == "" || strings.HasPrefix("unix:", s) || strings.HasPrefix(s, "unix:") {
		return true
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c-'0' > 9 && c|0x20-'a' > 5 && c != '.' && c != ':' {
			return false
		}
	}
	return true
}

// beginning says whether s is the beginning of key: cut off there by nginx.
func beginning(s, key string) fit {
	if len(s) < len(key) && strings.HasPrefix(key, s) {
		return partFit
	}
	return misfit
}

// serverEnd finds where the server field, which has no quotes, ends: before
// the next key. A regular expression for a name may hold commas.
func serverEnd(s string) (int, fit) {
	for i := 0; ; {
		n := strings.IndexByte(s[i:], ',')
		if n < 0 {
			return len(s), wholeFit
		}
		i += n
		if keyAt(s[i:], keyRequest) {
			return i, wholeFit
		}
		if keyBegins(s[i:], keyRequest) {
			return i, partFit
		}
		i++
	}
}

// keyAt says whether s begins with a key from the given one on.
func keyAt(s string, from int) bool {
	if len(s) < 3 || s[1] != ' ' {
		return false
	}
	for i := from; i < len(quotedKeys); i++ {
		if k := quotedKeys[i]; s[2] == k[2] && strings.HasPrefix(s, k) {
			return true
		}
	}
	for _, k := range trailers {
		if s[2] == k[2] && strings.HasPrefix(s, k) {
			return true
		}
	}
	return false
}

// keyBegins says whether s is no more than the beginning of such a key.
func keyBegins(s string, from int) bool {
	if len(s) >= len(keyBytes) {
		return false
	}
	for _, k := range quotedKeys[from:] {
		if beginning(s, k) == partFit {
			return true
		}
	}
	for _, k := range trailers {
		if beginning(s, k) == partFit {
			return true
		}
	}
	return false
}

// quoted reads the quoted fields and what follows them.
func (e *Entry) quoted(s string) fit {
	for k := keyRequest; k < len(quotedKeys); k++ {
		key := quotedKeys[k]
		if len(s) < 3 || s[2] != key[2] || !strings.HasPrefix(s, key) {
			continue
		}
		v := s[len(key):]
		n, f := valueEnd(v, k)
		e.set(k, v[:n])
		if f == partFit || n+1 >= len(v) {
			return f
		}
		s = v[n+1:]
	}
	return e.trailer(s)
}

func (e *Entry) set(key int, v string) {
	switch key {
	case keyRequest:
		e.Request, e.Present = v, e.Present|HasRequest
	case keySubrequest:
		e.Subrequest, e.Present = v, e.Present|HasSubrequest
	case keyUpstream:
		e.Upstream, e.Present = v, e.Present|HasUpstream
	case keyHost:
		e.Host, e.Present = v, e.Present|HasHost
	case keyReferrer:
		e.Referrer, e.Present = v, e.Present|HasReferrer
	}
}

// valueEnd finds the quote that ends the value v of the given key: the first
// one before a later key, or the last byte of the line. Values may hold quotes.
// partFit: the line ends within the value, or within the key after it.
func valueEnd(v string, key int) (int, fit) {
	if key == keyReferrer {
		return referrerEnd(v)
	}
	for i := 0; ; i++ {
		n := strings.IndexByte(v[i:], '"')
		if n < 0 {
			return len(v), partFit
		}
		i += n
		rest := v[i+1:]
		if rest == "" || keyAt(rest, key+1) {
			return i, wholeFit
		}
		if keyBegins(rest, key+1) {
			return i, partFit
		}
	}
}

// referrerEnd: the referrer comes last, so everything up to the final quote
// belongs to it, except a ctx suffix, whole or cut.
func referrerEnd(v string) (int, fit) {
	const next = `"` + keyCtx
	i := -1
	if strings.Contains(v, next) { // LastIndex is slow where there is none
		i = strings.LastIndex(v, next)
	}
	if i >= 0 && strings.IndexByte(strings.TrimSuffix(v[i+len(next):], `"`), '"') < 0 {
		return i, wholeFit
	}
	if v != "" && v[len(v)-1] == '"' {
		return len(v) - 1, wholeFit
	}
	if i = strings.LastIndexByte(v, '"'); i >= 0 && beginning(v[i+1:], keyCtx) == partFit {
		return i, partFit
	}
	return len(v), partFit
}

// trailer takes what follows the last quoted field.
func (e *Entry) trailer(s string) fit {
	switch {
	case s == "":
	case strings.HasPrefix(s, keyBytes):
		e.Bytes, e.Present = s[len(", "):], e.Present|HasBytes
	case keyBegins(s, len(quotedKeys)):
		return partFit
	case keyAt(s, len(quotedKeys)):
		e.Rest = s[len(", "):]
	default:
		return misfit
	}
	return wholeFit
}
