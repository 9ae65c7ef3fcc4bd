package nginxconf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const sending = `http {
	map $http_upgrade $connection_upgrade { default upgrade; '' close; }
	map $http_x $byKey { volatile; default d; One 1; ~^t(?<rest>.*)$ "two $rest"; ~*^THREE 3; \default literal; }
	map $host $byHost { hostnames; default no; .example.org yes; *.a.example.org deep; www.* www; }
	map $byKey $chained { default $byHost; 1 one; }
	map $http_y $nothing { x y; }
	map $http_z $unread { include missing; a b; }
	map $circle $circle { default $circle; }
	server {
		listen 8080;
		server_name .example.org;
		set $outer $http_x;
		proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection $connection_upgrade;
		proxy_set_header Two a;
		proxy_set_header two $http_x;
		proxy_set_header Gone "";
		proxy_set_header From $remote_addr;
		location / { proxy_pass http://h:8081; set $inner "$outer!"; set $inner "$inner!"; if ($http_y) { set $sometimes 1; } }
		location /off { proxy_pass_request_headers off; proxy_set_header A a; proxy_pass https://h:443; }
		location /other { set $elsewhere 1; proxy_pass http://unix:/x; proxy_set_header A a; }
		location ~ ^/re/(?<room>\w+)/(.*)$ { proxy_set_header Room $room; proxy_set_header Rest $2; proxy_pass http://h; }
	}
}`

func TestSent(t *testing.T) {
	c := parse(t, sending)
	r := Request{Header: map[string]string{"upgrade": "websocket", "connection": "Upgrade", "x": "v", "cookie": "a=b", "x_y": "z", "te": "t"}, Host: "example.org"}
	for _, row := range []struct {
		target, name, want string
		line               int
	}{
		{"/", "Upgrade", "[websocket] true", 13},
		{"/", "connection", "[upgrade] true", 14},
		{"/", "Two", "[a v] true", 15},
		{"/", "Gone", "[] true", 17},
		{"/", "From", "[] false", 18},
		{"/", "Cookie", "[a=b] true", 0},
		{"/", "X_Y", "[] true", 0},
		{"/", "TE", "[] true", 0},
		{"/", "Host", "[h:8081] true", 0},
		{"/", "Content-Length", "[] false", 0},
		{"/off", "Cookie", "[] true", 0},
		{"/off", "Host", "[h] true", 0},
		{"/off", "Upgrade", "[] true", 0},
		{"/off", "Connection", "[close] true", 0},
		{"/other", "Host", "[localhost] true", 0},
		{"/re/lobby/1/2", "Room", "[lobby] true", 22},
		{"/re/lobby/1/2", "Rest", "[1/2] true", 22},
	} {
		r.Target = row.target
		l := find(t, c, "127.0.0.1:8080", r.Host, row.target).Location
		values, known, place := l.Sent(row.name, r)
		if got := fmt.Sprint(values, known); got != row.want || place.Line != row.line {
			t.Errorf("%s of %s: %s at %s, want %s", row.name, row.target, got, place, row.want)
		}
	}
}

func TestExpand(t *testing.T) {
	l := parse(t, sending).Servers[0].Locations[0]
	for _, row := range []struct{ x, in, want string }{
		{"", "plain", "plain"}, {"v", "$http_x-${http_x}b", "v-vb"}, {"v", "$http_none", ""}, {"v", "$remote_addr", "?"}, {"v", "a$", "?"},
		{"v", "$host $http_host $server_name", "www.example.org WWW.example.org:81 example.org"},
		{"v", "$server_port $scheme $https|", "8080 http |"}, {"v", "$proxy_host $proxy_port", "h:8081 8081"},
		{"v", "$request_uri $uri $args $arg_A $arg_b$is_args", "/a/../b%20?a=1&c /b  a=1&c 1 ?"}, {"v", "$cookie_id", "7"},
		{"one", "$byKey", "1"}, {"ten", "$byKey", "two en"}, {"threes", "$byKey", "two hrees"}, {"THREE", "$byKey", "3"}, {"default", "$byKey", "literal"},
		{"x", "$byKey", "d"}, {"x", "$byHost", "yes"}, {"x", "$chained", "yes"}, {"one", "$chained", "one"}, {"x", "$nothing", ""},
		{"x", "$unread", "?"}, {"x", "$circle", "?"}, {"x", "$inner", "x!!"}, {"x", "$sometimes", "?"}, {"x", "$elsewhere", ""}, {"x", "$never", "?"},
	} {
		r := Request{Header: map[string]string{"x": row.x, "cookie": "s=1; id=7"}, Host: "WWW.example.org:81", Target: "/a/../b%20?a=1&c"}
		if row.in == "$sometimes" {
			r = Request{Host: "x"}
			if got, known := l.Expand(row.in, r); got != "" || !known { // the condition is known: not met
				t.Errorf("%s: %q %v", row.in, got, known)
			}
			continue
		}
		got, known := l.Expand(row.in, r)
		if !known {
			got = "?"
		}
		if got != row.want {
			t.Errorf("%s with %q: %q, want %q", row.in, row.x, got, row.want)
		}
	}
}

// TestExpandIsBounded: values that double, and maps that fan out.
func TestExpandIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("http { map $uri $m0 { default x; } ")
	for i := range 30 {
		fmt.Fprintf(&b, "map $uri $m%d { default $m%d$m%d$m%d$m%d; } ", i+1, i, i, i, i)
	}
	b.WriteString("server { location / { set $a x; " + strings.Repeat("set $a $a$a; ", 60) + "} } }")
	l := parseClean(t, b.String()).Servers[0].Locations[0]
	for _, s := range []string{"$a", "$m12", "$m30"} {
		if _, known := l.Expand(s, Request{Target: "/"}); known {
			t.Errorf("%s is known", s)
		}
	}
}

// The differential test has the many cases; these are the ones that people meet.
func TestUpstreamURI(t *testing.T) {
	for _, row := range []struct{ location, target, want string }{
		{"/ws/ { proxy_pass http://h; }", "/ws/a%20b/../c?x=1", "/ws/a%20b/../c?x=1"},
		{"/ws/ { proxy_pass http://h/; }", "/ws/a%20b?x=1", "/a%20b?x=1"},
		{"/ws { proxy_pass http://h/; }", "/ws/room", "//room"},
		{"/ws/ { proxy_pass http://h/app; }", "/ws/room", "/approom"},
		{"= /ws { proxy_pass http://h/socket; }", "/ws?a", "/socket?a"},
		{"/ws/ { proxy_pass http://h/x?k=v; }", "/ws/a?b", "/x?k=va?b"},
		{"~ ^/ws { proxy_pass http://h; }", "/ws/a", "/ws/a"},
		{"~ ^/ws { proxy_pass http://h/u; }", "/ws/a", "?"},
		{"/ws/ { rewrite ^/ws/(.*)$ /$1 break; proxy_pass http://h; }", "/ws/a%20b?x", "/a%20b?x"},
		{"/ws/ { rewrite ^/ws/(.*)$ /$1 break; proxy_pass http://h/gone/; }", "/ws/a", "/a"},
		{"/ws/ { rewrite ^/(?!x) /y break; proxy_pass http://h; }", "/ws/a", "?"},
		{"/ws/ { proxy_pass http://h$request_uri; }", "/ws//a?x", "/ws//a?x"},
		{"/ws/ { set $h h; proxy_pass http://$h/u; }", "/ws/a?x", "/u"},
		{"/ws/ { set $h h; proxy_pass http://$h; }", "/ws/a?x", "/ws/a?x"},
		{"/ws/ { proxy_pass http://h/$http_x; }", "/ws/a", "?"},
		{"/ws/ { return 204; proxy_pass http://h; }", "/ws/a", "?"},
		{"/ws/ { }", "/ws/a", "?"},
		{"/ws/ { proxy_pass http://h/u/; }", "/else", "?"},
		{"/ws/ { proxy_pass http://h; }", "/../x", "?"},
	} {
		c := parse(t, "http { server { location "+row.location+" } }")
		got, known := c.Servers[0].Locations[0].UpstreamURI(row.target)
		if !known {
			got = "?"
		}
		if got != row.want {
			t.Errorf("%s, %s: %q, want %q", row.location, row.target, got, row.want)
		}
	}
}

func TestSlashRedirect(t *testing.T) {
	for _, row := range []struct {
		block, target string
		want          bool
	}{
		{"location /ws/ { proxy_pass http://h; }", "/ws", true},
		{"location /ws/ { proxy_pass http://h; }", "/ws?x=1", true},
		{"location /ws/ { proxy_pass http://h; }", "//ws", true},
		{"location /ws/ { proxy_pass http://h; }", "/ws/", false},
		{"location = /ws/ { proxy_pass http://h; }", "/ws", true},
		{"location ^~ /ws/ { grpc_pass h; }", "/ws", true},
		{"location /ws/ { return 204; }", "/ws", false},
		{"location /ws/ { proxy_pass http://h; } location /ws { }", "/ws", false},
		{"location /ws/ { proxy_pass http://h; } location = /ws { }", "/ws", false},
		{"location /ws/ { proxy_pass http://h; } location ~ ^/ws { }", "/ws", true},
		{"location /ws { proxy_pass http://h; }", "/w", false},
		{"return 204; location /ws/ { proxy_pass http://h; }", "/ws", false},
	} {
		c := parseClean(t, "http { server { "+row.block+" } }")
		if got := c.Servers[0].Locations[0].SlashRedirect(row.target); got != row.want {
			t.Errorf("%s, %s: %v", row.block, row.target, got)
		}
	}
}

func TestEachLocationStops(t *testing.T) {
	c := parseClean(t, "http { server { location /a { location /a/b { } if ($x) { proxy_pass http://h; } } location /c { } } server { } }")
	var seen []string
	for l := range c.EachLocation {
		seen = append(seen, l.Pattern)
	}
	if want := []string{"", "/a", "/a/b", "($x)", "/c", ""}; !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
	for n := range len(seen) {
		count := 0
		for range c.EachLocation {
			if count++; count > n {
				break
			}
		}
	}
}
