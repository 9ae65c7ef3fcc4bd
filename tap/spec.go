package tap

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wstap/wstap/monitor"
)

// Addr is a place to listen at or to dial.
type Addr struct {
	Network string // "tcp" or "unix"
	Address string // host:port, or a path
	TLS     bool   // https, wss
	Text    string // as given
}

// String is the address as given.
func (a Addr) String() string { return a.Text }

// Spec describes one tap: where it sits, where it listens and where it dials.
type Spec struct {
	Name     string
	Role     monitor.Role
	Listen   Addr
	Upstream Addr

	TLS         TLS
	RewriteHost bool // requests name the upstream's host instead of the one they came with
	SendProxy   bool // a PROXY protocol header, version 2, goes before the first byte
	AcceptProxy bool // one, version 1 or 2, must come first
}

// passesAll says that nothing is added, changed or taken away: the bytes of one
// socket are those of the other.
func (s Spec) passesAll() bool {
	return !s.TLS.listens() && !s.Upstream.TLS && !s.RewriteHost && !s.SendProxy && !s.AcceptProxy
}

// upstreamName is the upstream as a Host header names it: without a default port.
func (s Spec) upstreamName() string {
	host, port, err := net.SplitHostPort(s.Upstream.Address)
	switch {
	case err != nil:
		return "localhost" // a unix socket has no name
	case s.Upstream.TLS && port == "443", !s.Upstream.TLS && port == "80":
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return s.Upstream.Address
}

// specForm is what every usage error ends with.
const specForm = "expected [LEG[:NAME]@]LISTEN=UPSTREAM, for example back@:8081=127.0.0.1:3000"

var tapName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// ParseSpecs parses the arguments of `wstap tap`, each of the form
// [LEG[:NAME]@]LISTEN=UPSTREAM. Where the LEG is not written, place (nil: nobody)
// may know it from the two addresses; else one tap is front, and two are front
// and back in that order. The name is by default the leg.
func ParseSpecs(args []string, place func(listen, upstream Addr) monitor.Role) ([]Spec, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("tap: nothing to listen on; %s", specForm)
	}
	specs := make([]Spec, len(args))
	for i, arg := range args {
		s, err := parseSpec(arg)
		if err != nil {
			return nil, fmt.Errorf("tap %q: %w", arg, err)
		}
		if s.Role == "" && place != nil {
			s.Role = place(s.Listen, s.Upstream)
			s.Name = string(s.Role)
		}
		specs[i] = s
	}
	if err := assignRoles(args, specs); err != nil {
		return nil, err
	}
	return specs, checkNames(args, specs)
}

func parseSpec(arg string) (s Spec, err error) {
	place, upstream, ok := strings.Cut(arg, "=")
	if !ok {
		return s, errors.New("there is no =; " + specForm)
	}
	if leg, rest, ok := strings.Cut(place, "@"); ok {
		if s.Role, s.Name, err = parseLeg(leg); err != nil {
			return s, err
		}
		place = rest
	}
	if s.Listen, err = parseListen(place); err != nil {
		return s, err
	}
	if s.Upstream, err = parseUpstream(upstream); err != nil {
		return s, err
	}
	if s.Listen.Network == s.Upstream.Network && s.Listen.Address == s.Upstream.Address {
		return s, errors.New("LISTEN and UPSTREAM are the same: every connection would come back for ever")
	}
	return s, nil
}

func parseLeg(leg string) (monitor.Role, string, error) {
	text, name, named := strings.Cut(leg, ":")
	role := monitor.Role(text)
	if role != monitor.Front && role != monitor.Back {
		return "", "", fmt.Errorf("leg %q: expected front or back before the @", text)
	}
	if !named {
		return role, text, nil
	}
	if !tapName.MatchString(name) {
		return "", "", fmt.Errorf("name %q: expected a-z, then a-z, 0-9 and -", name)
	}
	return role, name, nil
}

// assignRoles gives the taps without a LEG theirs.
func assignRoles(args []string, specs []Spec) error {
	bare := slices.IndexFunc(specs, func(s Spec) bool { return s.Role == "" })
	if bare < 0 {
		return nil
	}
	legless := !slices.ContainsFunc(specs, func(s Spec) bool { return s.Role != "" })
	if !legless || len(specs) > 2 {
		return fmt.Errorf("tap %q: which side of nginx is it on? write front@ or back@ before each tap, "+
			"with names if there are several on a side: back:NAME@LISTEN=UPSTREAM", args[bare])
	}
	for i, role := range []monitor.Role{monitor.Front, monitor.Back}[:len(specs)] {
		specs[i].Role, specs[i].Name = role, string(role)
	}
	return nil
}

func checkNames(args []string, specs []Spec) error {
	seen := map[string]string{}
	for i, s := range specs {
		if first, ok := seen[s.Name]; ok {
			return fmt.Errorf("tap %q: the name %q is taken by %q; write %s:NAME@LISTEN=UPSTREAM with a name of its own",
				args[i], s.Name, first, s.Role)
		}
		seen[s.Name] = args[i]
	}
	return nil
}

func parseListen(text string) (Addr, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return unixAddr("listen address", text, path)
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port, 0) {
		return Addr{}, fmt.Errorf("listen address %q: expected HOST:PORT, :PORT, [IPv6]:PORT or unix:/PATH", text)
	}
	return Addr{Network: "tcp", Address: text, Text: text}, nil
}

func parseUpstream(text string) (Addr, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return unixAddr("upstream", text, path)
	}
	if strings.Contains(text, "://") {
		return parseURL(text)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || strings.ContainsAny(text, "/?#@") || !isPort(port, 1) {
		return Addr{}, fmt.Errorf("upstream %q: %s", text, upstreamForm)
	}
	return Addr{Network: "tcp", Address: text, Text: text}, nil
}

const upstreamForm = "expected HOST:PORT, http://HOST[:PORT], ws://HOST[:PORT] or unix:/PATH, without path, query or user"

var defaultPort = map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}

func parseURL(text string) (Addr, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Addr{}, fmt.Errorf("upstream %q: %s", text, upstreamForm)
	}
	port, ok := defaultPort[u.Scheme]
	// url.Parse drops a lone ? or #, hence the second look at the text.
	if !ok || u.Hostname() == "" || u.User != nil || u.Path != "" || strings.ContainsAny(text, "?#@") {
		return Addr{}, fmt.Errorf("upstream %q: %s", text, upstreamForm)
	}
	if strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port(), 1) {
		return Addr{}, fmt.Errorf("upstream %q: expected a port from 1 to 65535", text)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	a := Addr{Network: "tcp", Address: net.JoinHostPort(u.Hostname(), port), Text: text}
	a.TLS = u.Scheme == "https" || u.Scheme == "wss"
	return a, nil
}

// maxUnixPath is what sun_path holds with its final zero, see unix(7).
const maxUnixPath = 107

func unixAddr(what, text, path string) (Addr, error) {
	if !strings.HasPrefix(path, "/") {
		return Addr{}, fmt.Errorf("%s %q: expected an absolute path, unix:/PATH", what, text)
	}
	if len(path) > maxUnixPath {
		return Addr{}, fmt.Errorf("%s %q: expected a path of at most %d bytes", what, text, maxUnixPath)
	}
	return Addr{Network: "unix", Address: path, Text: text}, nil
}

func isPort(text string, least uint64) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n >= least
}
