package nginxconf

import (
	"fmt"
	"testing"
	"time"
)

// passText is what is known of a proxy_pass.
func passText(p *Pass) string {
	group := ""
	if p.Upstream != nil {
		group = p.Upstream.Name
	}
	return fmt.Sprintf("%s|%s|%s|%s|%v", p.Scheme, p.Host, p.URI, group, p.Variables)
}

func TestPass(t *testing.T) {
	for url, want := range map[string]string{
		"http://h":                   "http|h:80|||false",
		"http://h:81/":               "http|h:81|/||false",
		"HTTPS://h/u?x":              "https|h:443|/u?x||false",
		"http://Group/u":             "http|group|/u|group|false",
		"https://group":              "https|group||group|false",
		"http://[::1]":               "http|[::1]:80|||false",
		"http://[::1]:81/":           "http|[::1]:81|/||false",
		"http://unix:/run/x.sock":    "http|unix:/run/x.sock|||false",
		"http://unix:/run/x.sock:/u": "http|unix:/run/x.sock|/u||false",
		"http://$arg_x":              "http||||true",
		"http://$arg_x/u":            "http||/u||true",
		"http://h$request_uri":       "http|h:80|$request_uri||true",
		"http://$arg_x$request_uri":  "http||$request_uri||true",
		"$arg_x":                     "||||true",
		"$fixed":                     "http|group||group|true",
		"$fixed/u":                   "http|group|/u|group|true",
		"$whole":                     "http|h:81|/v||true",
		"http://group/$arg_x":        "http|group|/$arg_x|group|true",
		"http://${name}:82/u":        "http|n:82|/u||true",
	} {
		c := parse(t, `http { upstream group { server 127.0.0.1:9000; } server {
			set $fixed http://group; set $whole http://h:81/v; set $name n;
			location / { proxy_pass "`+url+`"; } } }`)
		if got := passText(c.Servers[0].Locations[0].Pass); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestResolver(t *testing.T) {
	c := parseClean(t, `http { server {
		location /a { proxy_pass http://$arg_h; }
		location /b { resolver 127.0.0.11;
			proxy_pass http://$arg_h; }
	} }`)
	ls := c.Servers[0].Locations
	if !ls[0].Pass.Resolver.IsZero() || ls[1].Pass.Resolver.Line != 3 {
		t.Error(ls[0].Pass.Resolver, ls[1].Pass.Resolver)
	}
}

func TestUpstreams(t *testing.T) {
	c := parseClean(t, `http {
		upstream a { ip_hash; server h1; server h2:81 down max_conns=5; server [::1] backup resolve; keepalive 7; }
		upstream b { hash $remote_addr consistent; server unix:/x; }
		upstream c { sticky cookie id; server h; }
		upstream d { least_conn; server h; }
		upstream e { server 0.0.0.1; balancer_by_lua_block { x() } }
		server { }
	}`)
	got := ""
	for _, u := range c.Upstreams {
		got += fmt.Sprintf("%s %q %d %q", u.Name, u.Sticky, u.Keepalive.V, u.Elsewhere)
		for _, s := range u.Servers {
			got += fmt.Sprintf(" %s %v %v %d %v", s.Address, s.Down, s.Backup, s.MaxConns, s.Resolve)
		}
		got += "\n"
	}
	want := `a "ip_hash" 7 "" h1:80 false false 0 false h2:81 true false 5 false [::1]:80 false true 0 true
b "hash $remote_addr consistent" 0 "" unix:/x false false 0 false
c "sticky cookie id" 0 "" h:80 false false 0 false
d "" 0 "" h:80 false false 0 false
e "" 0 "balancer_by_lua_block" 0.0.0.1:80 false false 0 false
`
	if got != want {
		t.Errorf("%s", got)
	}
}

func TestStreams(t *testing.T) {
	c := parseClean(t, `stream {
		proxy_timeout 1h;
		upstream group { server h:1; }
		server { listen 81; proxy_pass group; }
		server { listen 82; proxy_timeout 5s; proxy_pass h:2; }
		server { listen 83; proxy_pass $ssl_preread_server_name; }
	}`)
	if len(c.Streams) != 3 || len(c.Upstreams) != 0 {
		t.Fatal(len(c.Streams), len(c.Upstreams))
	}
	a, b, v := c.Streams[0], c.Streams[1], c.Streams[2]
	if a.ProxyTimeout.V != time.Hour || a.Pass.Upstream == nil || a.Pass.Servers()[0] != "h:1" {
		t.Errorf("%+v", a)
	}
	if b.ProxyTimeout.V != 5*time.Second || b.Pass.Host != "h:2" || b.Listens[0].Port != "82" {
		t.Errorf("%+v", b)
	}
	if !v.Pass.Variables || v.Pass.Servers() != nil {
		t.Errorf("%+v", v.Pass)
	}
	if d := parseClean(t, "stream { server { listen 1; } }").Streams[0].ProxyTimeout; d.V != 10*time.Minute || !d.Place.IsZero() {
		t.Errorf("%+v", d)
	}
}

func TestIngress(t *testing.T) {
	const generated = `
# Configuration checksum: 123
http {
	upstream upstream_balancer {
		server 0.0.0.1; # placeholder
		balancer_by_lua_block { balancer.balance() }
		keepalive 320;
	}
	## start server example.org
	server {
		server_name example.org;
		listen 80;
		set $proxy_upstream_name "-";
		location / { set $proxy_upstream_name "ns-svc-80"; rewrite_by_lua_block { x() } proxy_pass http://upstream_balancer; }
	}
	## end server example.org
}`
	c := parseClean(t, generated)
	if u := c.Servers[0].Locations[0].Pass.Upstream; !c.IngressNGINX || u.Elsewhere != "balancer_by_lua_block" {
		t.Errorf("%v %+v", c.IngressNGINX, u)
	}
	if parseClean(t, addressed).IngressNGINX {
		t.Error("an ordinary configuration is taken for a generated one")
	}
}

func TestHandlers(t *testing.T) {
	for block, want := range map[string]string{
		"":                                "",
		"proxy_pass http://h;":            "",
		"root /x; index i; ":              "root",
		"root /x; fastcgi_pass h:1;":      "fastcgi_pass",
		"grpc_pass h:1; return 200;":      "return",
		"alias /x; try_files $uri =404;":  "try_files",
		"stub_status;":                    "stub_status",
		"proxy_pass_request_headers off;": "",
	} {
		c := parseClean(t, "http { server { location / { "+block+" } } }")
		if got := c.Servers[0].Locations[0].OtherPass; got != want {
			t.Errorf("%q: %q, want %q", block, got, want)
		}
	}
}

func TestReturn(t *testing.T) {
	for text, want := range map[string]string{"204": "204 ", "301 https://$host": "301 https://$host", "https://h": "302 https://h", `200 "a b"`: "200 a b"} {
		r := parseClean(t, "http { server { location / { return "+text+"; } } }").Servers[0].Locations[0].Return
		if got := fmt.Sprint(r.Status, " ", r.Text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
