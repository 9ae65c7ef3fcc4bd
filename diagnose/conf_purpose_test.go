package diagnose

import (
	"strings"
	"testing"

	"github.com/wstap/wstap/nginxconf"
)

// TestPurpose: what a location is taken for. The server is called example.org
// unless the row names it.
func TestPurpose(t *testing.T) {
	const (
		up  = "proxy_set_header Upgrade $http_upgrade;"
		app = "proxy_pass http://127.0.0.1:9000;"
	)
	for _, row := range []struct {
		pattern, body string
		server        string // directives of the server
		http          string
		want          purpose
	}{
		{pattern: "/ws", body: app, want: forWebSockets},
		{pattern: "/wss/", body: app, want: forWebSockets},
		{pattern: "/ws2/", body: app, want: forWebSockets},
		{pattern: "/api/ws/", body: app, want: forWebSockets},
		{pattern: "/api/v1/websocket", body: app, want: forWebSockets},
		{pattern: `~ ^/(ws|wss)/\w+$`, body: app, want: forWebSockets},
		{pattern: `~* \.(socket\.io|engine\.io)/`, body: app, want: forWebSockets},
		{pattern: "/socket.io/", body: app, want: forWebSockets},
		{pattern: "/sockjs-node", body: app, want: forWebSockets},
		{pattern: "= /cable", body: app, want: forWebSockets},
		{pattern: "/hubs/", body: app, want: forWebSockets},
		{pattern: "^~ /signalr", body: app, want: forWebSockets},
		{pattern: "/graphql-ws", body: app, want: forWebSockets},
		{pattern: "/live/websocket", body: app, want: forWebSockets},
		{pattern: "/x/", body: "proxy_pass http://ws-backend;", want: forWebSockets},
		{pattern: "/x/", body: "proxy_pass http://127.0.0.1:9000/websocket;", want: forWebSockets},
		{pattern: "@ws", body: app, want: forWebSockets},
		{pattern: "/", body: app, server: "server_name ws.example.org;", want: forWebSockets},
		{pattern: "/x/", body: app + up, want: forWebSockets},
		{pattern: "/", body: app + up, want: forWebSockets},
		{pattern: "/", body: app, http: "map $http_upgrade $connection_upgrade { default upgrade; '' close; }", want: forWebSockets},

		{pattern: "/", body: app, want: forMaybe},
		{pattern: "/x/", body: app, server: up, want: forMaybe},
		{pattern: "/x/", body: app + "proxy_set_header X-Other 1;", server: up, want: forMaybe},
		{pattern: "/live", body: app, want: forMaybe},
		{pattern: "/chathub", body: app, want: forMaybe},
		{pattern: "/x/", body: app + "proxy_read_timeout 300s;", want: forMaybe},
		{pattern: "/x/", body: app + "proxy_read_timeout 1d;", want: forMaybe},
		{pattern: "/live", body: app + "proxy_read_timeout 1d;", want: forWebSockets},

		{pattern: "/x/", body: app, want: forOther},
		{pattern: "/x/", body: app + "proxy_read_timeout 299s;", want: forOther},
		{pattern: "/x/", body: app, server: "proxy_read_timeout 1d;", want: forOther},
		{pattern: "/sse/", body: app + "proxy_read_timeout 1d; proxy_buffering off;", want: forOther},
		{pattern: "/api/", body: app, want: forOther},
		{pattern: "/api/", body: app, server: up, want: forOther},
		{pattern: "/api/events", body: app, want: forOther},
		{pattern: `~ \.(png|css)$`, body: app, server: up, want: forOther},
		{pattern: "/news/", body: app, want: forOther},
		{pattern: "/wsgi/", body: app, want: forOther},
		{pattern: "/windows/", body: app, want: forOther},
		{pattern: "/x/", body: app, server: "server_name ws.example.org;", want: forOther},
		{pattern: "/", body: app, server: "server_name shop.example.ws; location /y { " + app + up + " }", want: forOther},
		{pattern: "/x/", body: "proxy_pass http://unix:/run/app.socket;", want: forOther},
		{pattern: "/ws", body: "fastcgi_pass 127.0.0.1:9000;", want: forOther},
		{pattern: "/ws", body: "return 404;", want: forOther},
		{pattern: "= /check", body: "internal;" + app, server: up, want: forOther},
	} {
		text := "http { " + row.http + " server { " + row.server + " location " + row.pattern + " { " + row.body + " } } }"
		c := parseConf(t, text, "")
		got, why := (&confMemory{c: c}).purposeOf(findLocation(t, c, row.pattern))
		if got != row.want {
			t.Errorf("%s\n: got %d (%s), want %d", text, got, why, row.want)
		}
		if (why == "") != (got == forOther) {
			t.Errorf("%s: the reason is %q", text, why)
		}
	}
}

func findLocation(t *testing.T, c *nginxconf.Config, pattern string) *nginxconf.Location {
	t.Helper()
	for l := range c.EachLocation {
		if l.Match != nginxconf.MatchServer && strings.HasSuffix(pattern, l.Pattern) && "location "+pattern == locationHead(l) {
			return l
		}
	}
	t.Fatalf("no location %s", pattern)
	return nil
}
