package nginxconf

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0": 0, "60": time.Minute, "60s": time.Minute, "1m30s": 90 * time.Second, "1m 30s": 90 * time.Second, "500ms": 500 * time.Millisecond,
		"1h": time.Hour, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "1M": 30 * 24 * time.Hour,
		"1y": 365 * 24 * time.Hour, "1m30": 90 * time.Second, "1s500ms": 1500 * time.Millisecond, "3600": time.Hour,
	} {
		if got, ok := parseTime(s); !ok || got != want {
			t.Errorf("%q: %v %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "s", "-1", "1x", "30s1m", "1s1s", "1.5s", "$t", "999999999999999999999", "300000000y", " 1"} {
		if got, ok := parseTime(s); ok {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int{"0": 0, "4096": 4096, "4k": 4096, "4K": 4096, "1m": 1 << 20, "2M": 2 << 20, "1g": 1 << 30} {
		if got, ok := parseSize(s); !ok || got != want {
			t.Errorf("%q: %d %v, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "k", "4kb", "4 k", "-4k", "9999999999999g", "$s"} {
		if got, ok := parseSize(s); ok {
			t.Errorf("%q is taken for %d", s, got)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]Version{
		"1.29.7": {1, 29, 7}, "nginx/1.22.1": {1, 22, 1}, "nginx version: nginx/1.22.1 (Debian)": {1, 22, 1}, "v1.30.0": {1, 30, 0},
		"openresty/1.21.4.1": {1, 21, 4}, "nginx version: nginx/1.25.3": {1, 25, 3},
	} {
		if got, ok := ParseVersion(s); !ok || got != want {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "nginx", "1.29", "1.x.3", "10000.0.0", "nginx/"} {
		if got, ok := ParseVersion(s); ok {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}

func TestUnknownValues(t *testing.T) {
	c := parse(t, `http { server { location / {
		proxy_read_timeout ${TIMEOUT};
		proxy_send_timeout fast;
		proxy_buffer_size 4kb;
	} } }`)
	l := c.Servers[0].Locations[0]
	if v := l.ProxyReadTimeout; v.Known() || v.V != 0 || v.Unknown != "${TIMEOUT} is a variable" || v.Place.Line != 2 {
		t.Errorf("read timeout %+v", v)
	}
	if v := l.ProxySendTimeout; v.Known() || v.Unknown != `"fast" is no time` {
		t.Errorf("send timeout %+v", v)
	}
	if v := l.ProxyBufferSize; v.Known() || v.Place.String() != "nginx.conf:4" {
		t.Errorf("buffer size %+v", v)
	}
}
