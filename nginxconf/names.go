package nginxconf

import "strings"

type nameKind uint8

const (
	nameExact nameKind = iota
	nameHead           // *.example.org, kept as ".example.org"
	nameTail           // www.example.*, kept as "www.example."
	nameRegex
)

// serverName is one name of a server in the form that is compared.
type serverName struct {
	kind    nameKind
	text    string // lower case
	regex   regex
	unknown string
}

// serverNames are the names of a server_name directive.
func serverNames(d *directive) (out []serverName) {
	for _, s := range d.args {
		if pattern, ok := strings.CutPrefix(s, "~"); ok {
			// Hosts arrive in lower case; a pattern with a capital ignores case
			// (ngx_http_core_module.c:ngx_http_core_server_name).
			re := compile(pattern, strings.ToLower(pattern) != pattern)
			out = append(out, serverName{kind: nameRegex, text: pattern, regex: re, unknown: re.unknown})
			continue
		}
		s = strings.ToLower(s)
		switch {
		case s == "$hostname":
			out = append(out, serverName{text: s, unknown: "the name of the machine is not known here"})
		case strings.HasPrefix(s, "*."):
			out = append(out, serverName{kind: nameHead, text: s[1:]})
		case strings.HasPrefix(s, ".") && len(s) > 1:
			out = append(out, serverName{text: s[1:]}, serverName{kind: nameHead, text: s})
		case strings.HasSuffix(s, ".*"):
			out = append(out, serverName{kind: nameTail, text: s[:len(s)-1]})
		default:
			out = append(out, serverName{text: s})
		}
	}
	return out
}

// fits says whether host, in lower case and without a port, has the name.
func (n *serverName) fits(host string) bool {
	switch n.kind {
	case nameHead:
		return len(host) > len(n.text) && strings.HasSuffix(host, n.text)
	case nameTail:
		return len(host) > len(n.text) && strings.HasPrefix(host, n.text)
	case nameRegex:
		// An empty host is looked up among the fixed names only.
		return host != "" && n.regex.re != nil && n.regex.re.MatchString(host)
	}
	return n.unknown == "" && host == n.text
}

// hostName is what is looked up for a Host: without a port and a final dot, in
// lower case (ngx_http_request.c:ngx_http_validate_host).
func hostName(host string) string {
	if strings.HasPrefix(host, "[") {
		if i := strings.IndexByte(host, ']'); i >= 0 {
			return strings.ToLower(host[:i+1])
		}
		return strings.ToLower(host)
	}
	name, _, _ := strings.Cut(host, ":")
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
