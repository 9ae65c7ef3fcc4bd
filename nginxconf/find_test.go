package nginxconf

import (
	"fmt"
	"strings"
	"testing"
)

// names of the servers of this configuration are what a row wants.
const addressed = `http {
	server { listen 80; server_name v4; }
	server { listen 80 default_server; server_name v4default; }
	server { listen 127.0.0.1:80; server_name specific; }
	server { listen [::]:80; server_name v6; }
	server { listen [::1]:81; server_name v6specific; }
	server { listen unix:/run/a.sock; server_name socket; }
	server { listen 9000-9002; server_name range; }
	server { listen 443 ssl; listen 443 quic; server_name tls; }
	server { listen 10.0.0.1:82; server_name lan; }
	server { listen [::]:83 ipv6only=off; server_name both; }
	server { listen localhost:84; server_name local; }
	server { server_name none; listen 85 udp; }
}`

func TestFindAddress(t *testing.T) {
	c := parseClean(t, addressed)
	for addr, want := range map[string]string{
		"127.0.0.1:80": "specific", "10.1.2.3:80": "v4default", "[::1]:80": "v6", "[fe80::1]:80": "v6", "localhost:80": "specific",
		"nginx:80": "v4default", ":80": "specific", "0.0.0.0:80": "specific", "[0:0:0:0:0:0:0:1]:81": "v6specific", "localhost:81": "v6specific",
		"127.0.0.1:81": "", "unix:/run/a.sock": "socket", "unix:/run/b.sock": "", "127.0.0.1:9001": "range", "127.0.0.1:9003": "",
		"127.0.0.1:443": "tls", "10.0.0.1:82": "lan", "127.0.0.1:82": "", "localhost:82": "", "gateway:82": "lan",
		"127.0.0.1:83": "both", "[::1]:83": "both", "127.0.0.1:84": "local", "[::1]:84": "local", "10.0.0.1:84": "", "127.0.0.1:85": "",
		"": "v4default",
	} {
		a, ok := c.Find(Query{Addr: addr, Host: "nobody", Target: "/"})
		got := ""
		if ok {
			got = a.Server.Names[0]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
	for addr, want := range map[string]int{"127.0.0.1:80": 1, "10.0.0.9:80": 2, "127.0.0.1:86": 0, "": 0} {
		if got := len(c.ListeningAt(addr)); got != want {
			t.Errorf("%d servers listen at %q, want %d", got, addr, want)
		}
	}
}

func TestListens(t *testing.T) {
	c := parseClean(t, `http {
		server { listen *:81 ssl http2 proxy_protocol; }
		server { listen 81; ssl on; }
		server { server_name x; }
		server { listen [2001:DB8::0:1]:82 default_server; }
	}`)
	got := ""
	for _, s := range c.Servers {
		for _, l := range s.Listens {
			got += fmt.Sprintln(l.Address, l.Host, l.Port, l.Default, l.TLS, l.HTTP2, l.ProxyProtocol)
		}
	}
	want := "*:81  81 true true true true\n81  81 false true false false\n*:80  80 true false false false\n" +
		"[2001:DB8::0:1]:82 2001:db8::1 82 true false false false\n"
	if got != want {
		t.Errorf("%s", got)
	}
}

func TestFindName(t *testing.T) {
	c := parseClean(t, `http {
		server { listen 80; server_name first; }
		server { listen 80; server_name "" ; }
		server { listen 80; server_name Example.org; }
		server { listen 80; server_name *.example.org; }
		server { listen 80; server_name *.a.example.org; }
		server { listen 80; server_name www.*; }
		server { listen 80; server_name .example.net; }
		server { listen 80; server_name ~^x\d+; }
		server { listen 80; server_name ~^x1; }
		server { listen 80; server_name [::1]; }
	}`)
	for host, want := range map[string]string{
		"example.org": "Example.org", "EXAMPLE.ORG:81": "Example.org", "example.org.": "Example.org", "b.example.org": "*.example.org",
		"b.a.example.org": "*.a.example.org", "a.example.org": "*.example.org", "www.example.org": "*.example.org", "www.else.com": "www.*",
		"example.net": ".example.net", "b.example.net": ".example.net", "x12": `~^x\d+`, "nobody": "first", "": "", "[::1]:80": "[::1]",
	} {
		if got := find(t, c, "127.0.0.1:80", host, "/").Server.Names[0]; got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
	if got := find(t, c, "127.0.0.1:80", "nobody", "http://b.example.net/").Server.Names[0]; got != ".example.net" {
		t.Errorf("the host of the target: %q", got)
	}
}

func TestFindLocation(t *testing.T) {
	c := parseClean(t, `http { server { listen 80;
		location / { }
		location = /exact { }
		location /ws/ { location /ws/deep/ { location ~ \.x$ { } } location = /ws/one { } }
		location ^~ /first/ { location ~ \.y$ { } }
		location ~ \.x$ { }
		location ~* \.Z$ { }
		location "/a b/" { }
		location =/glued { }
		location ~*/GLUED/ { }
	} }`)
	for target, want := range map[string]string{
		"/": "/", "/else?x": "/", "/exact": "/exact", "/exact/": "/", "/ws/a": "/ws/", "/ws/a.x": `\.x$`, "/ws/one": "/ws/one",
		"/ws/deep/a": "/ws/deep/", "/ws/deep/a.x": `/ws/deep/ \.x$`, "/first/a.x": "/first/", "/first/a.y": `/first/ \.y$`, "/b.z": `\.Z$`,
		"/a%20b/": "/a b/", "/exact/../ws/": "/ws/", "/%65xact": "/exact", "/glued": "/glued", "/glued/x": "/GLUED/", "//ws//a": "/ws/",
	} {
		l := find(t, c, "127.0.0.1:80", "", target).Location
		got := l.Pattern
		if l.Parent != nil && strings.HasPrefix(got, `\`) {
			got = l.Parent.Pattern + " " + got
		}
		if got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

func TestFindNotes(t *testing.T) {
	c := parse(t, `http { server { listen 80;
		location / { }
		location /if { if ($http_upgrade) { proxy_pass http://u; } }
		location /in { internal; }
		location /try { try_files $uri @named; }
		location /err { error_page 404 = @named; }
		location /jump { rewrite ^/jump(.*)$ /in last; }
		location /lua { rewrite_by_lua_block { x() } }
		location /round { rewrite ^ /round last; }
		location /slash/ { proxy_pass http://u; }
		location ^~ /sure { return 204; }
		location ~ ^/(?!no|try|jump|lua|round|in|err|if|slash) { }
	}
	server { listen 81; return 301 https://$host; location / { } }
	}`)
	for target, want := range map[string]string{
		"/if/x": "if ($http_upgrade) at", "/in": "is internal", "/try": "try_files at nginx.conf:5", "/err": "location @named",
		"/jump": "makes the path /in", "/lua": "rewrite_by_lua_block at", "/round": "round in a circle", "/slash": "301 to /slash/",
		"/x": "may match first", "/../x": "refuses the target with 400", "/%zz": "refuses the target with 400",
	} {
		if got := strings.Join(find(t, c, "127.0.0.1:80", "", target).Notes, "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: notes %q, want %q", target, got, want)
		}
	}
	if a := find(t, c, "127.0.0.1:80", "", "/sure"); len(a.Notes) != 0 {
		t.Error(a.Notes)
	}
	a := find(t, c, "127.0.0.1:81", "", "/x")
	if a.Location != a.Server.Root || a.Location.Return.Status != 301 || a.Server.Locations[0].Return == nil {
		t.Errorf("%+v", a)
	}
}

func TestFindWithoutAddress(t *testing.T) {
	c := parseClean(t, "http { server { listen 80; server_name a; } server { listen 81; server_name a; } }")
	if a := find(t, c, "", "a", "/"); a.Server != c.Servers[0] || len(a.Notes) != 1 {
		t.Errorf("%+v", a)
	}
}

func TestPassingTo(t *testing.T) {
	c := parse(t, `http {
		upstream group { server 127.0.0.1:9000; server b:9001 backup; server unix:/run/x; }
		map $uri $mapped { default 10.0.0.7:9003; }
		map x $constant { default 10.0.0.8:9004; }
		server {
			location /group { proxy_pass http://group; }
			location /local { proxy_pass http://localhost:9000/u; }
			location /six { proxy_pass http://[::1]:9000; }
			location /port { proxy_pass http://b; }
			location /tls { proxy_pass https://b; }
			location /unix { proxy_pass http://unix:/run/x:/u; }
			location /set { set $to 10.0.0.9:9002; proxy_pass http://$to; }
			location /map { proxy_pass http://$mapped; }
			location /constant { proxy_pass http://$constant/u; }
			location /arg { proxy_pass http://$arg_x:9000; }
			location /outer { set $out 10.0.0.9:1; location /outer/in { proxy_pass http://$out; } }
		}
	}`)
	for addr, want := range map[string]string{
		"127.0.0.1:9000": "/group /local /six", "localhost:9000": "/group /local /six", "b:9001": "/group", "unix:/run/x": "/group /unix",
		"b:80": "/port", "b:443": "/tls", "B:443": "/tls", "10.0.0.9:9002": "/set", "10.0.0.7:9003": "/map", "10.0.0.8:9004": "/constant", "b:9002": "",
		"10.0.0.9:1": "", "10.0.0.1:9000": "",
	} {
		var got []string
		for _, l := range c.PassingTo(addr) {
			got = append(got, l.Pattern)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", addr, got, want)
		}
	}
}
