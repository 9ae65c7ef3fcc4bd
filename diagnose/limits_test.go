package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/monitor"
)

const tapsConf = `events {}
http {
  upstream app { ip_hash; server 127.0.0.1:9000; server 127.0.0.1:9100; }
  server {
    listen 127.0.0.1:80;
    server_name ws.test;
    limit_conn perip 10;
    location /ws/ {
      proxy_pass http://app;
      proxy_read_timeout 75s;
    }
    location /slow/ {
      proxy_pass http://127.0.0.1:9000;
      proxy_read_timeout 1h;
    }
    location /plain/ { proxy_pass http://127.0.0.1:9200; }
    location /var/ { proxy_pass http://127.0.0.1:9300; proxy_read_timeout $t; }
    location / { return 404; }
  }
}
stream {
  server { listen 5000; proxy_pass 127.0.0.1:5001; proxy_timeout 2m; }
  server { listen 127.0.0.1:5443; proxy_pass localhost:5444; proxy_timeout 3m; }
}
`

func TestRoleOf(t *testing.T) {
	c := parseConf(t, tapsConf, "")
	for _, tt := range []struct {
		listen, upstream string
		want             monitor.Role
	}{
		{"127.0.0.1:8000", "127.0.0.1:80", monitor.Front},
		{":8000", "http://localhost", monitor.Front},
		{":8000", "ws://127.0.0.1:80", monitor.Front},
		{"127.0.0.1:9000", "127.0.0.1:3000", monitor.Back},
		{":9100", "127.0.0.1:3000", monitor.Back},
		{"0.0.0.0:9200", "10.0.0.5:3000", monitor.Back},
		{"127.0.0.1:8000", "127.0.0.1:81", ""},
		{"127.0.0.1:8000", "127.0.0.1:5000", monitor.Front},
		{"127.0.0.1:5444", "10.0.0.5:3000", monitor.Back},
		{"127.0.0.1:8000", "10.9.9.9:5443", ""}, // another host's
		{"127.0.0.1:9000", "127.0.0.1:80", ""},  // both: in a circle
	} {
		if got := RoleOf(c, tt.listen, tt.upstream); got != tt.want {
			t.Errorf("%s=%s: %q, want %q", tt.listen, tt.upstream, got, tt.want)
		}
	}
}

func limitsText(ls []monitor.Limit) string {
	var out []string
	for _, l := range ls {
		out = append(out, fmt.Sprintf("%s %s %s", l.Kind, l.Value.Std(), l.Source))
	}
	return strings.Join(out, ", ")
}

func TestTapLimits(t *testing.T) {
	c := parseConf(t, tapsConf, "")
	for _, tt := range []struct {
		tap  monitor.TapInfo
		want string
	}{
		{monitor.TapInfo{Role: monitor.Back, Listen: "127.0.0.1:9000"}, "idle 1m15s nginx.conf:10 (the least of 2 locations)"},
		{monitor.TapInfo{Role: monitor.Back, Listen: "127.0.0.1:9100"}, "idle 1m15s nginx.conf:10"},
		{monitor.TapInfo{Role: monitor.Back, Listen: "127.0.0.1:9200"}, "idle 1m0s nginx.conf:16 (default)"},
		{monitor.TapInfo{Role: monitor.Back, Listen: "127.0.0.1:9300"}, ""}, // a variable: not known
		{monitor.TapInfo{Role: monitor.Back, Listen: "127.0.0.1:9999"}, ""},
		{monitor.TapInfo{Role: monitor.Front, Listen: "127.0.0.1:8000", Upstream: "127.0.0.1:80"}, ""},
		{monitor.TapInfo{Role: monitor.Front, Listen: "127.0.0.1:8000", Upstream: "127.0.0.1:5000"}, "idle 2m0s nginx.conf:22"},
		{monitor.TapInfo{Role: monitor.Back, Listen: "127.0.0.1:5001"}, "idle 2m0s nginx.conf:22"},
		{monitor.TapInfo{Role: monitor.Back, Listen: "tcp://127.0.0.1:5444"}, "idle 3m0s nginx.conf:23"},
		{monitor.TapInfo{Role: monitor.Front, Upstream: "127.0.0.1:5443"}, "idle 3m0s nginx.conf:23"},
		{monitor.TapInfo{Role: monitor.Front, Upstream: "10.9.9.9:5443"}, ""}, // another host's
	} {
		if got := limitsText(TapLimits(c, tt.tap)); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.tap, got, tt.want)
		}
	}
}

func TestConnLimits(t *testing.T) {
	c := parseConf(t, tapsConf, "")
	front := monitor.TapInfo{Role: monitor.Front, Upstream: "http://127.0.0.1:80"}
	for target, want := range map[string]string{
		"/ws/room?x=1": "idle 1m15s nginx.conf:10", "/slow/": "idle 1h0m0s nginx.conf:14", "/plain/": "idle 1m0s nginx.conf:16 (default)",
		"/var/": "", "/": "", "/ws": "",
	} {
		if got := limitsText(ConnLimits(c, front, "ws.test", target)); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	if ls := ConnLimits(c, monitor.TapInfo{Role: monitor.Back, Upstream: "127.0.0.1:80"}, "ws.test", "/ws/"); ls != nil {
		t.Errorf("a back tap's conn: %v", ls)
	}
}

func TestFrontTapDisturbs(t *testing.T) {
	c := parseConf(t, tapsConf, "")
	notes := FrontTapDisturbs(c, monitor.TapInfo{Name: "front", Role: monitor.Front, Upstream: "127.0.0.1:80"}, false)
	for _, want := range []string{"limit_conn (nginx.conf:7)", "ip_hash (nginx.conf:3)"} {
		if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("nothing about %s in %q", want, notes)
		}
	}
	if len(notes) != 2 {
		t.Errorf("notes %q, want two", notes)
	}
	if n := FrontTapDisturbs(c, monitor.TapInfo{Role: monitor.Back, Upstream: "127.0.0.1:80"}, false); n != nil {
		t.Errorf("a back tap disturbs %q", n)
	}
}

// TestFrontTapSendsProxy: with --proxy-protocol nothing is disturbed where nginx
// takes the addresses over, and what is missing for that is said.
func TestFrontTapSendsProxy(t *testing.T) {
	const limited = "limit_conn perip 10; location / { allow 10.0.0.0/8; deny all; proxy_pass http://app; }"
	for name, tt := range map[string]struct {
		server string
		want   []string // a part of each note
	}{
		"taken over":   {"listen 127.0.0.1:80 proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; " + limited, nil},
		"not taken":    {"listen 127.0.0.1:80 proxy_protocol; " + limited, []string{"limit_conn", "allow/deny", "ip_hash"}},
		"not expected": {"listen 127.0.0.1:80; set_real_ip_from 127.0.0.1; " + limited, []string{"listen 127.0.0.1:80 (nginx.conf:1) does not expect it"}},
	} {
		c := parseConf(t, "events {} http { upstream app { ip_hash; server 127.0.0.1:9000; } server { "+tt.server+" } }", "")
		notes := FrontTapDisturbs(c, monitor.TapInfo{Name: "front", Role: monitor.Front, Upstream: "127.0.0.1:80"}, true)
		if len(notes) != len(tt.want) {
			t.Errorf("%s: %q, want %d notes", name, notes, len(tt.want))
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(notes[i], want) {
				t.Errorf("%s: note %q, want %q", name, notes[i], want)
			}
		}
		if len(tt.want) > 1 && !strings.Contains(notes[0], "real_ip_header proxy_protocol") {
			t.Errorf("%s: %q does not say what is missing", name, notes[0])
		}
	}
}
