// Package nginxconf answers what an nginx configuration makes true for a
// request: which server and location nginx chooses, and what proxy_pass,
// timeouts, headers and logs are in force there, each with the file and line
// that says so.
//
// Call [Load] for a file with its includes, or [ParseDump] for the output of
// nginx -T. What cannot be known from the text (variables, Lua, unknown
// modules, templates, missing files) is said, never guessed: a [Value] has an
// Unknown, a [Config] has Problems, an [Answer] has Notes.
//
// It reads files only through [Options.Open] and [Options.Glob], has no clock
// and starts no goroutine of its own. It is no judge of validity: nginx -t is.
package nginxconf

import (
	"fmt"
	"io"
	"time"
)

// Place is where a directive stands. Zero: nowhere, nginx's default holds.
type Place struct {
	File string
	Line int
}

// IsZero says that nothing was written: a default.
func (p Place) IsZero() bool { return p == Place{} }

// String is FILE:LINE, or "default".
func (p Place) String() string {
	if p.IsZero() {
		return "default"
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Value is a setting in force, with its place (zero: nginx's default).
type Value[T any] struct {
	V       T
	Place   Place
	Unknown string // why V is not known ("$t is a variable"); V is then the zero value
}

// Known says that V can be relied on.
func (v Value[T]) Known() bool { return v.Unknown == "" }

// ProblemKind tells how much a Problem says of the configuration itself.
type ProblemKind uint8

const (
	// Unsure: something is wrong or not known, and answers may be wrong for it.
	Unsure ProblemKind = iota
	// UnknownDirective: of a module that is not known here; common in
	// configurations that are right.
	UnknownDirective
	// Refused: nginx does not load such a configuration.
	Refused
	// Fragment: a file that is included elsewhere was read on its own.
	Fragment
)

// Problem is something of the configuration that could not be read or known.
type Problem struct {
	Place Place
	Text  string
	Kind  ProblemKind
	Fatal bool // a syntax error, or too much of something: what follows it in its file was not read
}

// Options of reading. Open is needed.
type Options struct {
	Open func(name string) (io.ReadCloser, error)
	// Glob lists the files that match a pattern of include, sorted. Nil: patterns
	// match nothing, and that is a Problem.
	Glob func(pattern string) ([]string, error)
	// Version of nginx ("1.29.7"), which selects defaults; "" is the newest
	// known before 1.29.7, and said where it matters.
	Version string
}

// Version of nginx; the zero Version is unknown.
type Version struct{ Major, Minor, Patch int }

// ModernProxy says that proxy_http_version is 1.1 by default, that Connection
// is not sent by default, and that upstream groups keep connections alive:
// 1.29.7 and later.
func (v Version) ModernProxy() bool { return !v.Before(Version{1, 29, 7}) }

// Before says that v is older than o; the unknown version is.
func (v Version) Before(o Version) bool {
	if v.Major != o.Major {
		return v.Major < o.Major
	}
	if v.Minor != o.Minor {
		return v.Minor < o.Minor
	}
	return v.Patch < o.Patch
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Config is a configuration, read and resolved. It does not change.
type Config struct {
	Version  Version   // of Options; zero if not given
	Files    []string  // read, in order
	Problems []Problem // in order of the text

	WorkerProcesses       Value[string] // "auto" or a number
	WorkerConnections     Value[int]    // 512 unless set
	WorkerShutdownTimeout Value[time.Duration]
	ErrorLogs             []ErrorLog // of the main level; never empty: nginx's built-in one has no File and no Place

	Servers   []*Server // of http, in order
	Upstreams []*Upstream
	Maps      []*Map
	Streams   []*StreamServer // of stream

	// IngressNGINX says that ingress-nginx generated it: a fix is an
	// annotation or a ConfigMap key then, not a directive.
	IngressNGINX bool

	assigned   map[string]bool // variables of set, anywhere
	sockets    []*socket       // in order of the text
	everywhere *socket         // of all servers; nil if there is none
}

// ErrorLog is one error_log in force.
type ErrorLog struct {
	File  string // or "stderr", "syslog:…"
	Level string // "error" unless written
	Place Place
}

// Listen is one address of a server.
type Listen struct {
	Address       string // as written, without options: "80", "*:8080", "[::1]:80", "unix:/path"
	Host, Port    string // "" host: any; a unix socket has the path as Host and no Port
	Default       bool   // default_server, or the first server of its address
	TLS           bool   // ssl
	HTTP2         bool   // the http2 option (since 1.25.1 a directive: Settings.HTTP2)
	ProxyProtocol bool
	QUIC          bool // quic: UDP, no WebSocket comes here
	Place         Place

	written bool // default_server stands there
	udp     bool
	dual    bool // ipv6only=off: IPv4 too
}

// Server is a server block of http.
type Server struct {
	Place   Place
	Names   []string // as written; "" alone without a server_name
	Listens []Listen // one, port 80 (8000 for an unprivileged user), without a listen
	// Root is the server's own level: what holds where no location matches.
	Root *Location
	// Locations, in order of the text; nested ones are in their Locations.
	Locations []*Location

	names   []serverName
	conf    *Config
	merging slashes // of its addresses
}

// Match is how a location's pattern is compared.
type Match uint8

const (
	MatchServer      Match = iota // the server's own level: Server.Root
	MatchExact                    // location = /x
	MatchPrefix                   // location /x
	MatchPrefixFirst              // location ^~ /x: no regex is tried after it
	MatchRegex                    // location ~ x
	MatchRegexNoCase              // location ~* x
	MatchNamed                    // location @x: reached by try_files, error_page
	MatchIf                       // an if block with a proxy_pass of its own
)

// Location is a location with everything in force in it, after inheritance.
type Location struct {
	Place     Place
	Server    *Server
	Parent    *Location // nil at the server's level
	Match     Match
	Pattern   string // "/ws/", "\.php$", "@app"; an if has its condition, MatchServer ""
	Locations []*Location

	// Pass is the location's own proxy_pass, or nil: it is not inherited.
	Pass *Pass
	// OtherPass is the name of another content handler in it ("fastcgi_pass",
	// "content_by_lua_block", "grpc_pass", "return", "root", …), or "".
	OtherPass string
	// Return is the location's own return (or the server's, which comes first).
	Return *Return
	// Rewrites are rewrite directives, and Lua of the rewrite and access phases,
	// that may change what the location gets or which one is chosen; Ifs the if
	// blocks that may.
	Rewrites, Ifs []Place
	// Internal says that a request from outside gets 404 here.
	Internal bool

	regex      regex
	steps      []step // of the rewrite phase, in order
	tryFiles   Place
	errorPages []*directive

	Settings
}

// Settings are what is inherited from http to server to location.
type Settings struct {
	ProxyReadTimeout    Value[time.Duration] // 60 s
	ProxySendTimeout    Value[time.Duration] // 60 s
	ProxyConnectTimeout Value[time.Duration] // 60 s
	SendTimeout         Value[time.Duration] // send_timeout, 60 s
	ProxyHTTPVersion    Value[string]        // "1.0" before 1.29.7, then "1.1"; "2"
	ProxyBufferSize     Value[int]           // bytes; 4096
	ProxyBuffering      Value[bool]          // true
	ProxySocketKeepalive,
	ResetTimedout,
	HTTP2 Value[bool]
	ProxyNextUpstream Value[string] // "error timeout"
	// SetHeaders are the proxy_set_header in force, in order; they all come
	// from one level, for one directive at a level drops all inherited ones.
	SetHeaders []Header
	// LostHeaders are those of outer levels that a proxy_set_header of this
	// level, or of one between, dropped and did not repeat.
	LostHeaders []Header
	ErrorLogs   []ErrorLog
	LimitConn   []Place // limit_conn
	LimitReq    []Place // limit_req
	Access      []Place // allow, deny
	RealIP      []Place // set_real_ip_from
	Auth        []Place // auth_request, auth_basic

	resolver               Place
	authRequest, authBasic Place
	underscores            bool // underscores_in_headers on
	invalidHeaders         bool // ignore_invalid_headers off
	passHeaders            bool // proxy_pass_request_headers
	slashes                slashes
}

// Header is a proxy_set_header.
type Header struct {
	Name, Value string // as written; an empty value means: not sent
	Place       Place
}

// Return is a return directive.
type Return struct {
	Status int
	Text   string // URL or body, as written
	Place  Place
}

// Pass is a proxy_pass, resolved.
type Pass struct {
	URL    string // as written
	Place  Place
	Scheme string // "http" or "https"; "" if a variable hides it, and of a stream's pass
	// Host is host:port as it follows from the URL (port 80 or 443 if none),
	// "unix:/path", or the group's name; "" if a variable hides it.
	Host string
	// URI is the part after the host: "" passes the request's own URI on, "/"
	// and more replace the location's prefix by it.
	URI      string
	Upstream *Upstream // the group, or nil
	// Variables says that the URL has variables: it is resolved at run time,
	// needs a resolver unless it is a group or an IP address, and a written URI
	// replaces the whole request URI. What maps and set make constant is known.
	Variables bool
	Resolver  Place // of the resolver in force, zero if there is none
}

// Servers are the addresses (host:port, unix:/path) that the pass leads to; none
// if variables hide them.
func (p *Pass) Servers() []string {
	switch {
	case p.Upstream == nil && p.Host == "":
		return nil
	case p.Upstream == nil:
		return []string{p.Host}
	}
	var out []string
	for _, s := range p.Upstream.Servers {
		out = append(out, s.Address)
	}
	return out
}

// Upstream is an upstream group.
type Upstream struct {
	Name    string
	Place   Place
	Servers []UpstreamServer
	// Sticky is what ties a client to a server: "ip_hash", "hash $x", "sticky
	// cookie …"; "" for none (round robin, least_conn, random).
	Sticky    string
	Keepalive Value[int] // connections kept; 0 for none, 32 from 1.29.7 on
	// Elsewhere says what chooses servers that are not written here
	// ("balancer_by_lua_block", "state"), or is "".
	Elsewhere string
}

// UpstreamServer is a server line of a group.
type UpstreamServer struct {
	Address      string // host:port (80 if none is written) or unix:/path
	Down, Backup bool
	MaxConns     int  // 0: no limit
	Resolve      bool // resolve: a name is looked up again
	Place        Place
}

// Map is a map block of http.
type Map struct {
	Source   string // "$http_upgrade"
	Variable string // "$connection_upgrade"
	Place    Place
	Rows     []MapRow
	// Incomplete says that rows are not known (an include that could not be read).
	Incomplete bool

	hostnames bool // keys may be *.example.org
}

// MapRow is one line of a map; Key is "default" for the default.
type MapRow struct {
	Key, Value string
	Place      Place

	regex regex
}

// StreamServer is a server block of stream.
type StreamServer struct {
	Place        Place
	Listens      []Listen
	Pass         *Pass
	ProxyTimeout Value[time.Duration] // 10 min
}

// Query is a request that nginx gets.
type Query struct {
	Addr   string // where it was connected: "127.0.0.1:80", "[::1]:80", "unix:/path"; "": any
	Host   string // Host, with or without a port
	Target string // request target: "/ws/room?x=1", also with scheme and host
}

// Answer is what nginx chooses for a Query.
type Answer struct {
	Server *Server
	// Location is the server's Root where no location matches, or where the
	// server's own return answers; an if block where its condition is known to
	// hold and it has a proxy_pass. Rewrites whose outcome is known are followed.
	Location *Location
	// Notes say what nginx does on the way (a rewrite, a redirect to the slash)
	// and, with the word "may", what can make it choose otherwise: an if,
	// try_files, a regex that could not be compiled.
	Notes []string
}
