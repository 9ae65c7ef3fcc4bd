package diagnose

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/nginxrun"
	"github.com/wstap/wstap/monitor"
)

// fixCase is a broken configuration that a rule finds something in. PORT is
// where nginx listens, BACKEND and OTHER are addresses of servers.
type fixCase struct {
	id      string
	conf    string
	version string // that nginxconf is told
	// refused says that nginx does not even start with the broken configuration.
	refused bool
	// probe tells what a client meets, before and after. Nil: what the setting
	// does is not waited for, nginx -t is all.
	probe         func(*testing.T, *rig) string
	before, after string
}

// around is a configuration with one location, and what http needs beside.
func around(location string, beside ...string) string {
	return "http {\n" + strings.Join(beside, "\n") + "\nserver {\nlisten 127.0.0.1:PORT;\nserver_name ws.test;\n" + location + "\n}\n}\n"
}

const (
	rightMap     = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }"
	rightHeaders = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; "
	rightHost    = "proxy_set_header Host $http_host; "
)

// right is a location that works, with more in it.
func right(location, pass string, more ...string) string {
	return around("location "+location+" { "+rightHeaders+rightHost+strings.Join(more, " ")+" proxy_pass "+pass+"; }", rightMap)
}

var fixCases = []fixCase{
	{
		id:    "upgrade-header-missing",
		conf:  around("proxy_set_header Host $http_host;\nlocation /ws/ { proxy_pass http://BACKEND; }"),
		probe: handshake("/ws/room?a=1"), before: "400", after: "101 /ws/room?a=1",
	},
	{
		id:    "upgrade-header-missing",
		conf:  around("location /ws/ { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header X-Real-IP \"$remote_addr x\"; proxy_pass http://BACKEND; }"),
		probe: handshake("/ws/room"), before: "400", after: "101 /ws/room",
	},
	{
		id:    "upgrade-header-wrong",
		conf:  around("location /ws/ { proxy_http_version 1.1; proxy_set_header Upgrade $http_connection; proxy_set_header Connection upgrade; proxy_pass http://BACKEND; }"),
		probe: handshake("/ws/room"), before: "400", after: "101 /ws/room",
	},
	{
		id:    "connection-header-wrong",
		conf:  around("location /ws/ { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_upgrade; proxy_pass http://BACKEND; }"),
		probe: handshake("/ws/room"), before: "400", after: "101 /ws/room",
	},
	{
		id:    "connection-header-wrong",
		conf:  around("location /ws/ { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"\"; proxy_pass http://BACKEND; }"),
		probe: handshake("/ws/room"), before: "400", after: "101 /ws/room",
	},
	{
		id:    "connection-header-twice",
		conf:  around("location /ws/ { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection keep-alive; proxy_set_header Connection upgrade; proxy_pass http://BACKEND; }"),
		probe: seen("/ws/room", "Connection"), before: "keep-alive|upgrade", after: "upgrade",
	},
	{
		id:    "upgrade-literal",
		conf:  around("location / { proxy_http_version 1.1; proxy_set_header Upgrade websocket; proxy_set_header Connection upgrade; proxy_pass http://BACKEND; }"),
		probe: ordinary("/", "Upgrade"), before: "websocket", after: "",
	},
	{
		id: "headers-not-inherited",
		conf: around("proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection $connection_upgrade;\nproxy_set_header Host $http_host;\n"+
			"location /ws/ { proxy_set_header X-Only-This 1; proxy_pass http://BACKEND; }", rightMap),
		probe: handshakeOf("/ws/room", "http://HOST"), before: "400", after: "101 /ws/room",
	},
	{
		id:    "host-not-passed",
		conf:  around("location /ws/ { "+rightHeaders+"proxy_pass http://BACKEND; }", rightMap),
		probe: handshakeOf("/ws/room", "http://HOST"), before: "403", after: "101 /ws/room",
	},
	{
		id:    "websocket-key-dropped",
		conf:  right("/ws/", "http://BACKEND", "proxy_pass_request_headers off;"),
		probe: handshake("/ws/room"), before: "200", after: "101 /ws/room",
	},
	{
		id:    "origin-changed",
		conf:  right("/ws/", "http://BACKEND", "proxy_set_header Origin https://inside.test;"),
		probe: handshakeOf("/ws/room", "http://HOST"), before: "403", after: "101 /ws/room",
	},
	{
		id: "forwarded-proto-missing",
		conf: "http {\n" + rightMap + "\nserver { listen 127.0.0.1:PORT ssl; server_name ws.test; ssl_certificate cert.pem; ssl_certificate_key key.pem;\n" +
			"location /ws/ { " + rightHeaders + rightHost + "proxy_pass http://BACKEND; } } }",
		probe: seen("/ws/room", "X-Forwarded-Proto"), before: "", after: "https",
	},
	{
		id:      "connection-map-missing",
		conf:    around("location /ws/ { " + rightHeaders + "proxy_pass http://BACKEND; }"),
		refused: true, probe: handshake("/ws/room"), after: "101 /ws/room",
	},
	{
		id:    "connection-map-wrong",
		conf:  around("location /ws/ { "+rightHeaders+"proxy_pass http://BACKEND; }", "map $http_upgrade $connection_upgrade { default close; '' upgrade; }"),
		probe: handshake("/ws/room"), before: "400", after: "101 /ws/room",
	},
	{
		id:    "connection-map-no-empty-row",
		conf:  around("location /ws/ { "+rightHeaders+"proxy_pass http://BACKEND; }", "map $http_upgrade $connection_upgrade { default upgrade; }"),
		probe: ordinary("/ws/page", "Connection"), before: "upgrade", after: "close",
	},
	{
		id:    "proxy-http10",
		conf:  around("location /ws/ { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://BACKEND; }"),
		probe: seen("/ws/room", ":proto"), before: "HTTP/1.0", after: "HTTP/1.1",
	},
	{
		id:      "proxy-http2",
		conf:    strings.Replace(right("/ws/", "http://BACKEND"), "proxy_http_version 1.1", "proxy_http_version 2", 1),
		version: "1.29.4", refused: true, probe: handshake("/ws/room"), after: "101 /ws/room",
	},
	{
		id:      "http2-listen-plain",
		conf:    strings.Replace(right("/ws/", "http://BACKEND"), "127.0.0.1:PORT", "127.0.0.1:PORT http2", 1),
		version: "1.22.1", probe: handshake("/ws/room"), before: "no answer", after: "101 /ws/room",
	},
	{id: "read-timeout-default", conf: right("/ws/", "http://BACKEND")},
	{
		id:    "read-timeout-short",
		conf:  right("/ws/", "http://BACKEND", "proxy_read_timeout 1s;"),
		probe: silence(2500 * time.Millisecond), before: "ended", after: "open",
	},
	{
		id:    "read-timeout-zero",
		conf:  right("/ws/", "http://BACKEND", "proxy_read_timeout 0;"),
		probe: handshake("/ws/room"), before: "504", after: "101 /ws/room",
	},
	{
		id:    "upgrade-header-wrong",
		conf:  around("location /ws/ { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://BACKEND; }"),
		probe: seen("/ws/room", "Upgrade"), before: "websocket|websocket", after: "websocket",
	},
	{id: "write-timeout-short", conf: right("/ws/", "http://BACKEND", "send_timeout 2s; proxy_send_timeout 500ms;")},
	{id: "shutdown-timeout-missing", conf: right("/ws/", "http://BACKEND")},
	{id: "shutdown-timeout-cuts", conf: "worker_shutdown_timeout 2s;\n" + right("/ws/", "http://BACKEND")},
	{
		id: "stream-timeout-default",
		conf: "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\nstream { server { listen 127.0.0.1:PORT; proxy_pass BACKEND; } }\n" +
			"http { server { listen 127.0.0.1:OTHERPORT; } }",
		probe: handshake("/ws/room"), before: "101 /ws/room", after: "101 /ws/room",
	},
	{
		id:    "slash-redirect",
		conf:  right("/socket/", "http://BACKEND"),
		probe: handshake("/socket?a=1"), before: "301", after: "101 /socket/?a=1",
	},
	{
		id:    "slash-doubled",
		conf:  right("/ws", "http://BACKEND/"),
		probe: handshake("/ws/room?a=1"), before: "101 //room?a=1", after: "101 /room?a=1",
	},
	{
		id:    "slash-missing",
		conf:  right("/ws/", "http://BACKEND/app"),
		probe: handshake("/ws/room?a=1"), before: "101 /approom?a=1", after: "101 /app/room?a=1",
	},
	{
		id:    "prefix-stripped",
		conf:  right("/ws/", "http://BACKEND/"),
		probe: handshake("/ws/room?a=1"), before: "101 /room?a=1", after: "101 /ws/room?a=1",
	},
	{
		id:    "resolver-missing",
		conf:  around("resolver_timeout 1s;\nset $to chat.invalid;\nlocation /ws/ { "+rightHeaders+"proxy_pass http://$to:9000; }", rightMap),
		probe: handshakeLogged("/ws/room", "no resolver defined to resolve chat.invalid"), before: "502 logged", after: "",
	},
	{
		id:    "pass-uri-lost",
		conf:  right("/ws/", "http://$to/socket", "set $to BACKEND;"),
		probe: handshake("/ws/room?a=1"), before: "101 /socket", after: "101 /ws/room?a=1",
	},
	{
		id:    "pass-uri-lost",
		conf:  right("/ws/", "http://BACKEND$uri"),
		probe: handshake("/ws/room?a=1"), before: "101 /ws/room", after: "101 /ws/room?a=1",
	},
	{
		id: "polling-without-stickiness",
		conf: around("location /socket.io/ { "+rightHeaders+rightHost+"proxy_pass http://nodes; }", rightMap,
			"upstream nodes { server BACKEND; server OTHER; keepalive 4; }"),
		probe: servers("/socket.io/?EIO=4&transport=polling"), before: "2 servers", after: "1 servers",
	},
	{id: "tunnel-capacity", conf: "events { worker_connections 64; }\n" + right("/ws/", "http://BACKEND")},
	{id: "tunnel-capacity", conf: right("/ws/", "http://BACKEND")},
	{
		id:    "error-log-level",
		conf:  "error_log logs/error.log error;\n" + right("/ws/", "http://BACKEND", "proxy_read_timeout 1s;"),
		probe: idleKillLogged, before: "no line", after: "a line",
	},
}

// noPaste are the rules whose fix is no configuration, and why.
var noPaste = map[string]string{
	"http2-beside-websockets": "a remark on what is right",
	"redirect-to-tls":         "the clients' URLs are to change",
	"limit-conn-held":         "how many tunnels one key may have is the user's choice",
	"configuration-unread":    "what to look at depends on what could not be read",
}

// TestFixes pastes the fix of each rule, and asks the rule and nginx.
func TestFixes(t *testing.T) {
	if _, err := nginxrun.Binary(); errors.Is(err, nginxrun.ErrMissing) {
		t.Skip(err)
	}
	for i := range fixCases {
		c := &fixCases[i]
		t.Run(c.id, func(t *testing.T) {
			needs(t, c.conf)
			r := newRig(t)
			conf := r.fill(c.conf)
			f, ok := findingOf(Check(parseConf(t, conf, c.version)), c.id)
			if !ok {
				t.Fatalf("nothing is found in\n%s", conf)
			}
			fixed := pasted(t, conf, f.Fix)
			checkPasted(t, c, conf, fixed)
			if c.refused {
				if out, err := r.test(conf); err == nil {
					t.Errorf("nginx -t takes what it should refuse: %s", out)
				}
			} else {
				r.meets(c, conf, c.before)
			}
			if out, err := r.test(fixed); err != nil {
				t.Fatalf("nginx -t: %s\n%s", out, fixed)
			}
			r.meets(c, fixed, c.after)
		})
	}
}

// needs skips a case whose dynamic module is not installed.
func needs(t *testing.T, conf string) {
	_, after, ok := strings.Cut(conf, "load_module ")
	module, _, _ := strings.Cut(after, ";")
	if _, err := os.Stat(module); ok && err != nil {
		t.Skip(err)
	}
}

// checkPasted: the finding is gone, and nothing above info came instead.
func checkPasted(t *testing.T, c *fixCase, conf, fixed string) {
	t.Helper()
	had := map[string]bool{}
	for _, f := range Check(parseConf(t, conf, c.version)) {
		had[f.ID] = true
	}
	for _, f := range Check(parseConf(t, fixed, c.version)) {
		if f.ID == c.id {
			t.Errorf("the fix does not help:\n%s%s", fixed, render([]Finding{f}))
		}
		if !had[f.ID] && f.Severity != monitor.SeverityInfo {
			t.Errorf("the fix brings:\n%s%s", render([]Finding{f}), fixed)
		}
	}
}

func findingOf(fs []Finding, id string) (Finding, bool) {
	i := slices.IndexFunc(fs, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		return Finding{}, false
	}
	return fs[i], true
}

// TestEveryFixIsTried: each rule of the configuration is in one of the tables.
func TestEveryFixIsTried(t *testing.T) {
	for i := range confRules {
		id := confRules[i].id
		tried := slices.ContainsFunc(fixCases, func(c fixCase) bool { return c.id == id })
		if _, not := noPaste[id]; tried == not {
			t.Errorf("%s: tried %v, listed as not to be pasted %v", id, tried, not)
		}
	}
}

// split takes a configuration apart for nginxrun, which brings a head of its own.
func split(conf string) (c nginxrun.Config, events string) {
	var top []*node
	for _, n := range parseText(conf) {
		switch n.words[0] {
		case "http":
			c.HTTP = textOf(n.kids)
		case "events":
			events = textOf([]*node{n})
		default:
			top = append(top, n)
		}
	}
	c.Main = textOf(top)
	return c, events
}

// test is nginx -t.
func (r *rig) test(conf string) ([]byte, error) {
	c, events := split(conf)
	dir := r.dir()
	if err := c.Write(dir); err != nil {
		r.t.Fatal(err)
	}
	name := filepath.Join(dir, "nginx.conf")
	if events != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			r.t.Fatal(err)
		}
		changed := strings.Replace(string(text), "events { worker_connections 10000; }", events, 1)
		if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	bin, err := nginxrun.Binary()
	if err != nil {
		r.t.Fatal(err)
	}
	return exec.Command(bin, "-t", "-p", dir, "-c", name, "-e", "logs/start.log").CombinedOutput()
}

// meets runs nginx with conf and compares what the probe meets with want. An
// empty answer of a probe is compared as any other; no probe, no run.
func (r *rig) meets(c *fixCase, conf, want string) {
	r.t.Helper()
	if c.probe == nil {
		return
	}
	r.start(conf)
	defer r.stop()
	if got := c.probe(r.t, r); got != want {
		r.t.Errorf("a client meets %q, want %q, with\n%s", got, want, conf)
	}
}
