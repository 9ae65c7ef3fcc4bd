package nginxconf

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const layered = `
error_log /var/log/main.log;
worker_processes auto;
worker_shutdown_timeout 10s;
events { worker_connections 1024; }
http {
	proxy_read_timeout 100s;
	proxy_set_header A http;
	proxy_set_header B http;
	limit_conn z 1;
	allow 10.0.0.0/8;
	deny all;
	auth_basic "x";
	server {
		http2 on;
		proxy_set_header C server;
		error_log syslog:server=h info;
		error_log /var/log/server.log;
		set_real_ip_from 10.0.0.1;
		location /own/ {
			proxy_read_timeout 1h;
			proxy_set_header b location;
			error_log /var/log/own.log info;
			limit_conn y 2;
			auth_basic off;
			auth_request /auth;
			proxy_pass http://127.0.0.1:9000;
			location /own/inner/ { proxy_socket_keepalive on; }
		}
		location /bare/ { proxy_pass http://127.0.0.1:9001; }
	}
}`

func headerText(hs []Header) string {
	var out []string
	for _, h := range hs {
		out = append(out, h.Name+"="+h.Value)
	}
	return strings.Join(out, " ")
}

func TestInheritance(t *testing.T) {
	c := parseClean(t, layered)
	s := c.Servers[0]
	own, bare := s.Locations[0], s.Locations[1]
	in := own.Locations[0]
	for _, row := range []struct {
		name      string
		got, want any
	}{
		{"read timeout of http", bare.ProxyReadTimeout.V, 100 * time.Second},
		{"its place", bare.ProxyReadTimeout.Place.String(), "nginx.conf:7"},
		{"read timeout of the location", own.ProxyReadTimeout.V, time.Hour},
		{"and within it", in.ProxyReadTimeout.V, time.Hour},
		{"a default", bare.ProxySendTimeout, Value[time.Duration]{V: time.Minute}},
		{"headers of the server", headerText(bare.SetHeaders), "C=server"},
		{"lost of http", headerText(bare.LostHeaders), "A=http B=http"},
		{"headers of the location", headerText(own.SetHeaders), "b=location"},
		{"lost of both", headerText(own.LostHeaders), "C=server A=http"},
		{"within it", headerText(in.SetHeaders), "b=location"},
		{"error logs of the server", fmt.Sprintf("%d %s %s", len(bare.ErrorLogs), bare.ErrorLogs[1].File, bare.ErrorLogs[1].Level), "2 /var/log/server.log error"},
		{"error log of the location", fmt.Sprintf("%d %s", len(own.ErrorLogs), own.ErrorLogs[0].Level), "1 info"},
		{"limit_conn of http", fmt.Sprint(bare.LimitConn), "[nginx.conf:10]"},
		{"limit_conn of the location", fmt.Sprint(own.LimitConn), "[nginx.conf:24]"},
		{"allow and deny", fmt.Sprint(own.Access), "[nginx.conf:11 nginx.conf:12]"},
		{"real IP", fmt.Sprint(in.RealIP), "[nginx.conf:19]"},
		{"auth of http", fmt.Sprint(bare.Auth), "[nginx.conf:13]"},
		{"auth of the location", fmt.Sprint(own.Auth), "[nginx.conf:26]"},
		{"http2", own.HTTP2.V, true},
		{"keepalive of sockets", in.ProxySocketKeepalive.V, true},
		{"proxy_pass is not inherited", in.Pass == nil, true},
		{"processes", c.WorkerProcesses.V, "auto"},
		{"connections", c.WorkerConnections.V, 1024},
		{"shutdown", c.WorkerShutdownTimeout.V, 10 * time.Second},
		{"main log", fmt.Sprint(c.ErrorLogs), "[{/var/log/main.log error nginx.conf:2}]"},
	} {
		if row.got != row.want {
			t.Errorf("%s: %v, want %v", row.name, row.got, row.want)
		}
	}
}

// TestBuiltInErrorLog: nginx opens one of its own unless a file is named.
func TestBuiltInErrorLog(t *testing.T) {
	for text, want := range map[string]string{
		"http { }": "[{ error default}]",
		"error_log syslog:server=h info; http { }": "[{syslog:server=h info nginx.conf:1} { error default}]",
		"error_log stderr warn; http { }":          "[{stderr warn nginx.conf:1}]",
	} {
		if got := fmt.Sprint(parseClean(t, text).ErrorLogs); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestDefaultsByVersion(t *testing.T) {
	text := `http { upstream u { server h; } upstream k { server h; keepalive 4; } server { location / { proxy_pass http://u; } } }`
	for version, want := range map[string]string{
		"":       "1.0 [close] 0 4",
		"1.22.1": "1.0 [close] 0 4",
		"1.29.6": "1.0 [close] 0 4",
		"1.29.7": "1.1 [] 32 4",
		"1.30.0": "1.1 [] 32 4",
		"2.0.0":  "1.1 [] 32 4",
	} {
		c := folder{"nginx.conf": text}.load(t, version)
		l := c.Servers[0].Locations[0]
		sent, _, place := l.Sent("Connection", Request{Header: map[string]string{"connection": "Upgrade"}, Target: "/"})
		got := fmt.Sprint(l.ProxyHTTPVersion.V, " ", sent, " ", c.Upstreams[0].Keepalive.V, " ", c.Upstreams[1].Keepalive.V)
		if got != want || !place.IsZero() {
			t.Errorf("%q: %s, want %s", version, got, want)
		}
	}
	if c := (folder{"nginx.conf": text}).load(t, "new"); len(c.Problems) != 1 {
		t.Error(c.Problems)
	}
}
