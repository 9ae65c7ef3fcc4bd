package nginxconf

import (
	"strconv"
	"strings"
)

// address is a place to connect to or to listen at. The host is in lower case,
// IPv6 in its shortest form and without brackets; "" is any IPv4 address, "::"
// any IPv6 address. A unix socket has its path as host and no port.
type address struct{ host, port string }

// parseAddress reads "host", "host:port", "[v6]:port", ":port" or "unix:/path";
// port is what a missing one means.
func parseAddress(s, port string) address {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return address{host: strings.TrimSuffix(path, ":")}
	}
	host := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.Contains(s[i:], "]") && (s[0] == '[' || strings.Count(s, ":") == 1) {
		host = s[:i]
		if s[i+1:] != "" {
			port = s[i+1:]
		}
	}
	return address{host: plainHost(host), port: port}
}

// plainHost is a host in the form that can be compared.
func plainHost(host string) string {
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	switch {
	case host == "*" || host == "0.0.0.0":
		return ""
	case strings.Contains(host, ":"):
		return shortIPv6(host)
	}
	return host
}

// shortIPv6 drops leading zeros and the first longest run of zero groups
// (RFC 5952 §4). What is no IPv6 address stays as it is.
func shortIPv6(s string) string {
	groups, ok := ipv6Groups(s)
	if !ok {
		return s
	}
	from, n := longestZeros(groups)
	join := func(part []string) string { return strings.Join(part, ":") }
	if n < 2 {
		return join(groups)
	}
	return join(groups[:from]) + "::" + join(groups[from+n:])
}

func ipv6Groups(s string) (groups []string, ok bool) {
	head, tail, gap := strings.Cut(s, "::")
	left, right := fields(head), fields(tail)
	missing := 8 - len(left) - len(right)
	if missing < 0 || gap != (missing > 0) {
		return nil, false
	}
	groups = append(groups, left...)
	for range missing {
		groups = append(groups, "0")
	}
	groups = append(groups, right...)
	for i, g := range groups {
		n, err := strconv.ParseUint(g, 16, 16)
		if err != nil {
			return nil, false
		}
		groups[i] = strconv.FormatUint(n, 16)
	}
	return groups, true
}

func fields(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ":")
}

func longestZeros(groups []string) (from, n int) {
	for i := 0; i < len(groups); i++ {
		j := i
		for j < len(groups) && groups[j] == "0" {
			j++
		}
		if j-i > n {
			from, n = i, j-i
		}
		i = max(i, j-1)
	}
	return from, n
}

// isUnix says that a is a unix socket.
func (a address) isUnix() bool { return a.port == "" }

func isIPv4(host string) bool {
	return strings.Count(host, ".") == 3 && strings.Trim(host, "0123456789.") == ""
}

func isIPv6(host string) bool { return strings.Contains(host, ":") }

// isHere says that a host names the machine itself: a loopback address, or what
// connects to one when it is dialled.
func isHere(host string) bool {
	switch host {
	case "localhost", "::1", "", "::":
		return true
	}
	return isIPv4(host) && strings.HasPrefix(host, "127.")
}

// reaches says that two addresses to connect to are the same place, as far as
// their text shows it.
func (a address) reaches(b address) bool {
	if a.port != b.port {
		return false
	}
	return a.host == b.host || !a.isUnix() && isHere(a.host) && isHere(b.host)
}
