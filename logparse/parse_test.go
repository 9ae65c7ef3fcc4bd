package logparse

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// parse gives the entries of text, as copies.
func parse(text string) []Entry {
	var p Parser
	var all []Entry
	emit := func(e *Entry) { all = append(all, *e) }
	for _, l := range strings.Split(text, "\n") {
		p.Line([]byte(l), emit)
	}
	p.Flush(emit)
	return all
}

// brief shows all that an entry has, but Raw.
func brief(e *Entry) string {
	var b strings.Builder
	add := func(has bool, format string, a ...any) {
		if has {
			fmt.Fprintf(&b, " "+format, a...)
		}
	}
	b.WriteString(string(e.Kind))
	add(e.Level != 0, "%s", e.Level)
	add(e.Has(HasStamp), "%d#%d", e.PID, e.TID)
	add(e.Has(HasConnection), "*%d", e.Connection)
	add(e.Parsed(), "<%s>", e.Message)
	add(e.Has(HasErrno), "errno=%d<%s>", e.Errno, e.ErrnoText)
	add(e.Has(HasAction), "action=<%s>", e.Action)
	add(e.Has(HasClient), "client=<%s>", e.Client)
	add(e.Has(HasServer), "server=<%s>", e.Server)
	add(e.Has(HasRequest), "request=<%s>", e.Request)
	add(e.Has(HasSubrequest), "subrequest=<%s>", e.Subrequest)
	add(e.Has(HasUpstream), "upstream=<%s>", e.Upstream)
	add(e.Has(HasHost), "host=<%s>", e.Host)
	add(e.Has(HasReferrer), "referrer=<%s>", e.Referrer)
	add(e.Has(HasBytes), "bytes=<%s>", e.Bytes)
	add(e.Rest != "", "rest=<%s>", e.Rest)
	add(e.Flags != 0, "%s", strings.Join(e.Flags.Strings(), ","))
	add(e.Prefix != "", "prefix=%q", e.Prefix)
	add(!e.SourceTime.IsZero(), "at=%s", e.SourceTime.Format(time.RFC3339Nano))
	return b.String()
}

const at = "2026/11/22 09:05:03 "

// grammarTable: a line each. It also seeds the fuzzer and the cut test.
var grammarTable = []struct{ name, line, want string }{
	{"all fields", at + `[error] 12#13: *4 connect() failed (111: Connection refused) while connecting to upstream, client: 1.2.3.4, server: a.b, request: "GET /x?y HTTP/1.1", subrequest: "/_auth", upstream: "http://127.0.0.1:1/x?y", host: "h", referrer: "http://r/"`,
		`connect_failed error 12#13 *4 <connect() failed> errno=111<Connection refused> action=<connecting to upstream> client=<1.2.3.4> server=<a.b> request=<GET /x?y HTTP/1.1> subrequest=</_auth> upstream=<http://127.0.0.1:1/x?y> host=<h> referrer=<http://r/>`},
	{"no host", at + `[error] 1#1: *4 no live upstreams while connecting to upstream, client: ::1, server: a, request: "GET / HTTP/1.0", upstream: "http://group/"`,
		`no_live_upstreams error 1#1 *4 <no live upstreams> action=<connecting to upstream> client=<::1> server=<a> request=<GET / HTTP/1.0> upstream=<http://group/>`},
	{"no upstream", at + `[error] 1#1: *4 access forbidden by rule, client: unix:, server: a, request: "GET / HTTP/1.0", host: "h"`,
		`access_forbidden error 1#1 *4 <access forbidden by rule> client=<unix:> server=<a> request=<GET / HTTP/1.0> host=<h>`},
	{"no request", at + `[info] 1#1: *4 client closed connection while waiting for request, client: 1.2.3.4, server: 0.0.0.0:80`,
		`client_closed info 1#1 *4 <client closed connection> action=<waiting for request> client=<1.2.3.4> server=<0.0.0.0:80>`},
	{"host and referrer only", at + `[error] 1#1: *4 access forbidden by rule, client: 1.2.3.4, server: a, host: "h", referrer: "r"`,
		`access_forbidden error 1#1 *4 <access forbidden by rule> client=<1.2.3.4> server=<a> host=<h> referrer=<r>`},
	{"empty server", at + `[error] 1#1: *4 access forbidden by rule, client: 1.2.3.4, server: , request: "GET / HTTP/1.0"`,
		`access_forbidden error 1#1 *4 <access forbidden by rule> client=<1.2.3.4> server=<> request=<GET / HTTP/1.0>`},
	{"empty server last", at + `[info] 1#1: *4 client closed connection, client: 1.2.3.4, server: `,
		`client_closed info 1#1 *4 <client closed connection> client=<1.2.3.4> server=<>`},
	{"regular expression as server", at + `[error] 1#1: *4 access forbidden by rule, client: 1.2.3.4, server: ~^\d{1, 3}\.b$, request: "GET / HTTP/1.0"`,
		`access_forbidden error 1#1 *4 <access forbidden by rule> client=<1.2.3.4> server=<~^\d{1, 3}\.b$> request=<GET / HTTP/1.0>`},
	{"empty host", at + `[error] 1#1: *4 access forbidden by rule, client: 1.2.3.4, server: a, request: "GET / HTTP/1.0", host: ""`,
		`access_forbidden error 1#1 *4 <access forbidden by rule> client=<1.2.3.4> server=<a> request=<GET / HTTP/1.0> host=<>`},
	{"SSL before action", at + `[info] 1#1: *2 SSL_do_handshake() failed (SSL: error:0A000126:SSL routines::unexpected eof while reading) while SSL handshaking, client: 1.2.3.4, server: 0.0.0.0:443`,
		`ssl_handshake_failed info 1#1 *2 <SSL_do_handshake() failed (SSL: error:0A000126:SSL routines::unexpected eof while reading)> action=<SSL handshaking> client=<1.2.3.4> server=<0.0.0.0:443>`},
	{"SSL before errno", at + `[crit] 1#1: *2 SSL_write() failed (SSL:) (32: Broken pipe) while proxying upgraded connection, client: 1.2.3.4, server: a`,
		`ssl_write_failed crit 1#1 *2 <SSL_write() failed (SSL:)> errno=32<Broken pipe> action=<proxying upgraded connection> client=<1.2.3.4> server=<a>`},
	{"comma in the message", at + `[info] 1#1: *165 epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too (104: Connection reset by peer) while sending request to upstream, client: 1.2.3.4, server: a`,
		`client_prematurely_closed info 1#1 *165 <epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too> errno=104<Connection reset by peer> action=<sending request to upstream> client=<1.2.3.4> server=<a>`},
	{"musl text", at + `[error] 1#1: *1 upstream timed out (110: Operation timed out) while reading upstream, client: 1.2.3.4, server: a`,
		`upstream_timed_out error 1#1 *1 <upstream timed out> errno=110<Operation timed out> action=<reading upstream> client=<1.2.3.4> server=<a>`},
	{"process", at + `[notice] 7#7: signal 1 (SIGHUP) received from 9, reconfiguring`,
		`signal_received notice 7#7 <signal 1 (SIGHUP) received from 9, reconfiguring>`},
	{"no connection, errno", at + `[crit] 7#7: accept4() failed (24: Too many open files)`,
		`accept_failed crit 7#7 <accept4() failed> errno=24<Too many open files>`},
	{"resolver", at + `[error] 7#7: send() failed (111: Connection refused) while resolving, resolver: 127.0.0.1:53`,
		`send_failed error 7#7 <send() failed> errno=111<Connection refused> action=<resolving> rest=<resolver: 127.0.0.1:53>`},
	{"DNS code is no errno", at + `[error] 7#7: *90 nx.test could not be resolved (3: Host not found), client: 1.2.3.4, server: a, request: "GET / HTTP/1.1"`,
		`not_resolved error 7#7 *90 <nx.test could not be resolved (3: Host not found)> client=<1.2.3.4> server=<a> request=<GET / HTTP/1.1>`},
	{"certificate code is no errno", at + `[error] 7#7: *240 upstream SSL certificate verify error: (18:self-signed certificate) while SSL handshaking to upstream, client: 1.2.3.4, server: a`,
		`certificate_verify_failed error 7#7 *240 <upstream SSL certificate verify error: (18:self-signed certificate)> action=<SSL handshaking to upstream> client=<1.2.3.4> server=<a>`},
	{"number first", at + `[warn] 7#7: 10 worker_connections are not enough, reusing connections`,
		`reusing_connections warn 7#7 <10 worker_connections are not enough, reusing connections>`},
	{"number first with context", at + `[alert] 7#7: *9 10 worker_connections are not enough while connecting to upstream, client: 1.2.3.4, server: a`,
		`worker_connections alert 7#7 *9 <10 worker_connections are not enough> action=<connecting to upstream> client=<1.2.3.4> server=<a>`},
	{"open socket", at + `[alert] 7#7: *5 open socket #3 left in connection 7`,
		`open_socket_left alert 7#7 *5 <open socket #3 left in connection 7>`},
	{"configuration", at + `[emerg] 7#7: unknown directive "x" in /etc/nginx/nginx.conf:14`,
		`config_error emerg 7#7 <unknown directive "x" in /etc/nginx/nginx.conf:14>`},
	{"configuration, unknown words", at + `[emerg] 7#7: "zone" is wonderful in /etc/nginx/nginx.conf:14`,
		`config_error emerg 7#7 <"zone" is wonderful in /etc/nginx/nginx.conf:14>`},
	{"console", `nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)`,
		`bind_failed emerg <bind() to 0.0.0.0:80 failed> errno=98<Address already in use>`},
	{"stream connected", at + `[info] 1#1: *355 client 127.0.0.1:53540 connected to 127.0.0.1:28122`,
		`stream_client_connected info 1#1 *355 <client 127.0.0.1:53540 connected to 127.0.0.1:28122>`},
	{"stream disconnected", at + `[info] 1#1: *345 client disconnected, bytes from/to client:158/129, bytes from/to upstream:129/158`,
		`stream_disconnected info 1#1 *345 <client disconnected> bytes=<bytes from/to client:158/129, bytes from/to upstream:129/158>`},
	{"stream context", at + `[info] 1#1: *337 connection timed out (110: Connection timed out) while proxying connection, client: 1.2.3.4, server: 0.0.0.0:5, upstream: "127.0.0.1:6", bytes from/to client:1/2, bytes from/to upstream:3/4`,
		`connection_timed_out info 1#1 *337 <connection timed out> errno=110<Connection timed out> action=<proxying connection> client=<1.2.3.4> server=<0.0.0.0:5> upstream=<127.0.0.1:6> bytes=<bytes from/to client:1/2, bytes from/to upstream:3/4>`},
	{"ctx suffix", at + `[error] 1#1: *4 access forbidden by rule, client: 1.2.3.4, server: a, request: "GET / HTTP/1.1", host: "h", referrer: "r", ctx: "id=5"`,
		`access_forbidden error 1#1 *4 <access forbidden by rule> client=<1.2.3.4> server=<a> request=<GET / HTTP/1.1> host=<h> referrer=<r> rest=<ctx: "id=5">`},
	{"ctx after host", at + `[error] 1#1: *4 access forbidden by rule, client: 1.2.3.4, server: a, host: "h", ctx: "id=5"`,
		`access_forbidden error 1#1 *4 <access forbidden by rule> client=<1.2.3.4> server=<a> host=<h> rest=<ctx: "id=5">`},
	{"CRLF", at + "[error] 1#1: *4 access forbidden by rule, client: 1.2.3.4, server: a, host: \"h\"\r",
		`access_forbidden error 1#1 *4 <access forbidden by rule> client=<1.2.3.4> server=<a> host=<h>`},
	{"quotes in URI and host", at + `[error] 1#1: *290 connect() failed (111: Connection refused) while connecting to upstream, client: 1.2.3.4, server: a, request: "GET /e"c?q="x",y=\x1b HTTP/1.1", upstream: "http://h:1/e"c?q="x",y=\x1b", host: "we"ird"`,
		`connect_failed error 1#1 *290 <connect() failed> errno=111<Connection refused> action=<connecting to upstream> client=<1.2.3.4> server=<a> request=<GET /e"c?q="x",y=\x1b HTTP/1.1> upstream=<http://h:1/e"c?q="x",y=\x1b> host=<we"ird>`},
	{"keys in the referrer", at + `[error] 1#1: *282 connect() failed (111: Connection refused) while connecting to upstream, client: 1.2.3.4, server: a, request: "GET / HTTP/1.1", host: "h", referrer: "x", upstream: "http://evil/", client: 6.6.6.6, host: "y"`,
		`connect_failed error 1#1 *282 <connect() failed> errno=111<Connection refused> action=<connecting to upstream> client=<1.2.3.4> server=<a> request=<GET / HTTP/1.1> host=<h> referrer=<x", upstream: "http://evil/", client: 6.6.6.6, host: "y>`},
	{"fields in a file name", at + `[error] 1#1: *9 open() "/srv/x, client: 6.6.6.6, server: b, request: "GET / HTTP/1.1"" failed (2: No such file or directory), client: 1.2.3.4, server: a, request: "GET /x%2C HTTP/1.1", host: "h"`,
		`open_failed error 1#1 *9 <open() "/srv/x, client: 6.6.6.6, server: b, request: "GET / HTTP/1.1"" failed> errno=2<No such file or directory> client=<1.2.3.4> server=<a> request=<GET /x%2C HTTP/1.1> host=<h>`},
	{"not found", at + `[error] 1#1: *9 "/srv/x/index.html" is not found (2: No such file or directory), client: 1.2.3.4, server: a`,
		`not_found error 1#1 *9 <"/srv/x/index.html" is not found> errno=2<No such file or directory> client=<1.2.3.4> server=<a>`},
	{"words of another kind in a header", at + `[info] 1#1: *9 client sent invalid header line: "X: closed keepalive connection, client: 6.6.6.6" while reading client request headers, client: 1.2.3.4, server: a, request: "GET / HTTP/1.1"`,
		`client_sent_invalid info 1#1 *9 <client sent invalid header line: "X: closed keepalive connection, client: 6.6.6.6"> action=<reading client request headers> client=<1.2.3.4> server=<a> request=<GET / HTTP/1.1>`},
	{"unknown words", at + `[error] 1#1: *9 the moon is down while howling, client: 1.2.3.4, server: a`,
		`other error 1#1 *9 <the moon is down> action=<howling> client=<1.2.3.4> server=<a>`},
	{"debug", at + `[debug] 1#1: *9 http upstream process upgraded, fu:1`, `debug debug 1#1 *9 <http upstream process upgraded, fu:1>`},
	{"empty message", at + `[info] 1#1: `, `other info 1#1 <>`},
	{"upgrade over HTTP/2", at + `[info] 1#1: *1 client sent "Upgrade" header while processing HTTP/2 connection, client: 1.2.3.4, server: a`,
		`client_sent_upgrade info 1#1 *1 <client sent "Upgrade" header> action=<processing HTTP/2 connection> client=<1.2.3.4> server=<a>`},

	{"access log", `1.2.3.4 - - [22/Nov/2026:09:05:03 +0000] "GET / HTTP/1.1" 101 0 "-" "-"`, `unparsed`},
	{"empty", ``, `unparsed`},
	{"no such month", `2026/13/22 09:05:03 [error] 1#1: x`, `unparsed`},
	{"no such level", `2026/11/22 09:05:03 [fatal] 1#1: x`, `unparsed`},
	{"no tid", `2026/11/22 09:05:03 [error] 1: x`, `unparsed`},
	{"only a time", `2026/11/22 09:05:03`, `unparsed`},
}

func TestGrammar(t *testing.T) {
	for _, c := range grammarTable {
		t.Run(c.name, func(t *testing.T) {
			got := parse(c.line)
			if len(got) != 1 {
				t.Fatalf("%d entries, want 1", len(got))
			}
			if b := brief(&got[0]); b != c.want {
				t.Errorf("\nline %s\ngot  %s\nwant %s", c.line, b, c.want)
			}
			if got[0].Raw != c.line || got[0].Line != 1 || got[0].Lines != 1 {
				t.Errorf("raw %q, line %d, lines %d", got[0].Raw, got[0].Line, got[0].Lines)
			}
		})
	}
}

func TestStamp(t *testing.T) {
	e := parse(at + "[info] 1#1: x")[0]
	if want := (Stamp{2026, 11, 22, 9, 5, 3}); e.Stamp != want {
		t.Errorf("stamp %v, want %v", e.Stamp, want)
	}
	zone := time.FixedZone("X", 3600)
	if got, want := e.Time(zone), time.Date(2026, 11, 22, 9, 5, 3, 0, zone); !got.Equal(want) {
		t.Errorf("time %v, want %v", got, want)
	}
	if e := parse("x")[0]; !e.Time(zone).IsZero() {
		t.Errorf("a line without a time has the time %v", e.Time(zone))
	}
}

func TestLevelsAreOrderedAndNamed(t *testing.T) {
	for l := LevelDebug; l <= LevelEmerg; l++ {
		if got, ok := LevelByName(l.String()); !ok || got != l {
			t.Errorf("LevelByName(%q) = %v, %v", l.String(), got, ok)
		}
		if e := parse(at + "[" + l.String() + "] 1#1: x")[0]; e.Level != l {
			t.Errorf("level %v, want %v", e.Level, l)
		}
	}
	if _, ok := LevelByName(""); ok || Level(99).String() != "" {
		t.Error("what is no level has a name")
	}
}

func TestRequestAndUpstreamParts(t *testing.T) {
	for _, c := range []struct{ request, upstream, want string }{
		{"GET /a?b HTTP/1.1", "http://127.0.0.1:80/a?b", "GET|/a?b|HTTP/1.1|127.0.0.1:80|/a?b"},
		{"GET /a b HTTP/1.1", "https://[::1]:443/", "GET|/a b|HTTP/1.1|[::1]:443|/"},
		{"GET /cut", "http://unix:/run/x.sock:/uri", "GET|/cut||unix:/run/x.sock|/uri"},
		{"GET", "unix:/run/x.sock", "GET|||unix:/run/x.sock|"},
		{"", "group", "|||group|"},
		{"\x16\x03\x01", "127.0.0.1:6", "\x16\x03\x01|||127.0.0.1:6|"},
		{"GET http://h/p HTTP/1.1", "http://GROUP?x=://", "GET|http://h/p|HTTP/1.1|GROUP|?x=://"},
	} {
		e := Entry{Request: c.request, Upstream: c.upstream}
		got := strings.Join([]string{e.Method(), e.RequestTarget(), e.Proto(), e.UpstreamAddr(), e.UpstreamURI()}, "|")
		if got != c.want {
			t.Errorf("%q, %q: got %q, want %q", c.request, c.upstream, got, c.want)
		}
	}
}
