package monitor

import "strings"

// On a leg with TLS nginx writes nothing of a reset: ngx_ssl_handle_recv takes a
// failed read without an OpenSSL error for an end in order. So the silence of
// its log tells less there.

// cameOverTLS says what shows that a back conn's client speaks TLS to nginx, or
// to something before it, or "".
func cameOverTLS(c *Conn) string {
	if c.Role != Back || c.Request == nil {
		return ""
	}
	for _, field := range c.Request.Forwarded {
		if saysHTTPS(field) {
			return field
		}
	}
	if strings.HasPrefix(c.Request.Origin, "https://") { // its page may open no ws://
		return "Origin: " + c.Request.Origin
	}
	return ""
}

// saysHTTPS reads X-Forwarded-Proto, and proto= of Forwarded (RFC 7239 §5.4): the
// first value is the client's.
func saysHTTPS(field string) bool {
	name, value, _ := strings.Cut(strings.ToLower(field), ":")
	value, _, _ = strings.Cut(value, ",")
	switch name {
	case "x-forwarded-proto":
		return strings.TrimSpace(value) == "https"
	case "forwarded":
		for part := range strings.SplitSeq(value, ";") {
			if k, v, _ := strings.Cut(strings.TrimSpace(part), "="); k == "proto" {
				return strings.Trim(v, `"`) == "https"
			}
		}
	}
	return false
}
