package nginxconf

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzLoad: no text makes a panic, and every question has an answer.
func FuzzLoad(f *testing.F) {
	names, err := filepath.Glob("../testdata/nginx/*.conf")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "/rt3/echo")
	}
	f.Add(dump, "/")
	f.Add("http { map $a $b { default $b; ~x $c; include x; } server { set $a $b; location / { proxy_pass http://$b$uri; } } }", "/%2e%2e/")
	f.Add("http { server { listen [::1]:80; location ~ (.)(?<n>x) { rewrite ^ /$1$n? last; if ($http_x ~ y) { proxy_pass http://u; } } } }", "//..//x?y")
	f.Add("http { server { content_by_lua_block { --[[ } ]] } set_by_lua_block $x { } location @x { } } }", "*")
	f.Add("http { upstream u { server unix:; server [; hash $x; } server { location { proxy_pass http://u/; } if { } return; rewrite; set; listen; } }", "http://h")
	f.Add("stream { server { listen 1; proxy_pass x; } } events { } \"", "")
	f.Fuzz(func(t *testing.T, text, target string) {
		o := Options{
			Open: func(name string) (io.ReadCloser, error) { return folder{"nginx.conf": text}.open(name) },
			Glob: folder{"nginx.conf": text}.glob,
		}
		if IsDump([]byte(text)) {
			if c, err := ParseDump([]byte(text), o); err == nil {
				askAll(c, target)
			}
		}
		if c, err := Load("nginx.conf", o); err == nil {
			askAll(c, target)
		}
	})
}

// askAll asks all that can be asked.
func askAll(c *Config, target string) {
	r := Request{Header: map[string]string{"upgrade": "websocket", "cookie": "a=b"}, Host: "example.org", Target: target}
	c.Find(Query{Host: "www.example.org", Target: target})
	for _, addr := range []string{"", ":80", "localhost:80", "[::1]:80", "unix:/x", "h", target} {
		c.Find(Query{Addr: addr, Target: target})
		c.ListeningAt(addr)
		c.PassingTo(addr)
	}
	for l := range c.EachLocation {
		l.SlashRedirect(target)
		l.UpstreamURI(target)
		l.Sent("Host", r)
		for _, h := range l.SetHeaders {
			l.Sent(h.Name, r)
		}
	}
}
