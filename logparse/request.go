package logparse

import "strings"

// Method is the first word of the request line.
func (e *Entry) Method() string {
	method, _, _ := strings.Cut(e.Request, " ")
	return method
}

// RequestTarget is the second word of the request line: the raw URI.
func (e *Entry) RequestTarget() string {
	target, _ := e.targetProto()
	return target
}

// Proto is the last word of the request line, "HTTP/1.1"; "" if it was cut off
// or never sent.
func (e *Entry) Proto() string {
	_, proto := e.targetProto()
	return proto
}

func (e *Entry) targetProto() (target, proto string) {
	_, rest, _ := strings.Cut(e.Request, " ")
	if !strings.Contains(rest, " HTTP/") {
		return rest, "" // most often a long one that was cut off, where LastIndexByte is slow
	}
	if i := strings.LastIndexByte(rest, ' '); i >= 0 && strings.HasPrefix(rest[i+1:], "HTTP/") {
		return rest[:i], rest[i+1:]
	}
	return rest, ""
}

// UpstreamAddr is the peer in the upstream field: host:port, unix:/path, or
// the name of the group when no server was chosen.
func (e *Entry) UpstreamAddr() string {
	addr, _ := splitUpstream(e.Upstream)
	return addr
}

// UpstreamURI is what follows the peer in the upstream field.
func (e *Entry) UpstreamURI() string {
	_, uri := splitUpstream(e.Upstream)
	return uri
}

// splitUpstream divides `http://host:port/uri`, `http://unix:/path:/uri` and
// stream's bare `host:port`.
func splitUpstream(s string) (addr, uri string) {
	if i := strings.Index(s, "://"); i >= 0 && strings.IndexByte(s[:i], '/') < 0 {
		s = s[i+len("://"):]
	}
	if strings.HasPrefix(s, "unix:") {
		if i := strings.Index(s[len("unix:"):], ":"); i >= 0 {
			i += len("unix:")
			return s[:i], s[i+1:]
		}
		return s, ""
	}
	addr, _, _ = strings.Cut(s, "/")
	addr, _, _ = strings.Cut(addr, "?")
	return addr, s[len(addr):]
}
