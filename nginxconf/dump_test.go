package nginxconf

import (
	"strings"
	"testing"
)

const dump = `nginx: the configuration file /etc/nginx/nginx.conf syntax is ok
nginx: configuration file /etc/nginx/nginx.conf test is successful
# configuration file /etc/nginx/nginx.conf:
http {
    include mime.types;
    include conf.d/*.conf;
    include /nowhere.conf;
}

# configuration file /etc/nginx/mime.types:
types { text/html html; }

# configuration file /etc/nginx/conf.d/a.conf:
server {
    listen 81;
}

# configuration file /etc/nginx/conf.d/a.conf:
server { listen 82; }
`

func TestParseDump(t *testing.T) {
	for name, text := range map[string]string{"unix": dump, "carriage returns": strings.ReplaceAll(dump, "\n", "\r\n")} {
		c, err := ParseDump([]byte(text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Servers) != 1 || c.Servers[0].Listens[0].Place.String() != "/etc/nginx/conf.d/a.conf:2" {
			t.Errorf("%s: %d servers", name, len(c.Servers))
		}
		if len(c.Problems) != 1 || !strings.Contains(c.Problems[0].Text, "/nowhere.conf is not in this output") || c.Problems[0].Place.Line != 4 {
			t.Error(name, c.Problems)
		}
	}
	if _, err := ParseDump([]byte("http { }"), Options{}); err == nil {
		t.Error("a text without marks is taken for a dump")
	}
}

func TestIsDump(t *testing.T) {
	for text, want := range map[string]bool{
		dump: true,
		"# configuration file /etc/nginx/nginx.conf:\nhttp { }":                                           true,
		"Defaulted container \"x\" out of: x, y\n# configuration file /etc/nginx/nginx.conf:\n":           true,
		"2026/11/25 10:00:00 [warn] 1#1: conflicting name\n# configuration file /etc/nginx/nginx.conf:\n": true,
		"":           false,
		"http { }\n": false,
		"user www;\n# configuration file /etc/x:\n": false,
		"# configuration file for us:\nhttp { }":    false,
	} {
		if got := IsDump([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
