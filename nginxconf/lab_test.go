package nginxconf

import (
	"os"
	"testing"
	"time"
)

// lab reads a configuration of testdata/nginx, which provoke nginx's behaviours.
func lab(t *testing.T, name string) *Config {
	t.Helper()
	text, err := os.ReadFile("../testdata/nginx/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return parseClean(t, string(text))
}

func TestLabMain(t *testing.T) {
	c := lab(t, "main.conf")
	if len(c.Servers) != 12 || len(c.Streams) != 5 || len(c.Upstreams) != 6 || len(c.Maps) != 2 {
		t.Fatalf("%d servers, %d streams, %d upstreams, %d maps", len(c.Servers), len(c.Streams), len(c.Upstreams), len(c.Maps))
	}
	if got := c.Streams[0].ProxyTimeout.V; got != 3*time.Second {
		t.Errorf("proxy_timeout %v", got)
	}
	for _, row := range []struct {
		target, location string
		read             time.Duration
		connection       string
	}{
		{"/rt3/echo", "/rt3/", 3 * time.Second, "upgrade"},
		{"/dead/echo", "/dead/", time.Minute, "upgrade"},
		{"/conn2/echo", "/conn2/", time.Minute, "keep-alive"},
		{"/map/echo", "/map/", time.Minute, "upgrade"},
		{"/noconn/echo", "/noconn/", time.Minute, "close"},
		{"/inherit/echo", "/inherit/", time.Minute, "close"},
	} {
		a := find(t, c, "127.0.0.1:28101", "ws.example.test", row.target)
		l := a.Location
		if l.Pattern != row.location || l.ProxyReadTimeout.V != row.read {
			t.Errorf("%s: location %s, read timeout %v", row.target, l.Pattern, l.ProxyReadTimeout.V)
		}
		sent, known, _ := l.Sent("Connection", Request{Header: map[string]string{"upgrade": "websocket"}, Target: row.target})
		if !known || len(sent) == 0 || sent[0] != row.connection {
			t.Errorf("%s: Connection %q, known %v", row.target, sent, known)
		}
	}
}

func TestLabInheritance(t *testing.T) {
	l := find(t, lab(t, "main.conf"), "localhost:28101", "", "/inherit/x").Location
	if len(l.SetHeaders) != 1 || len(l.LostHeaders) != 3 {
		t.Errorf("set %v, lost %v", l.SetHeaders, l.LostHeaders)
	}
}

func TestLabOthers(t *testing.T) {
	if c := lab(t, "realws.conf"); len(c.Servers) != 5 || c.Servers[4].Locations[0].ProxyHTTPVersion.V != "1.1" {
		t.Errorf("realws: %d servers", len(c.Servers))
	}
	if c := lab(t, "small.conf"); c.WorkerConnections.V != 10 || c.WorkerConnections.Place.Line != 8 {
		t.Errorf("small: worker_connections %v", c.WorkerConnections)
	}
	c := lab(t, "badhost.conf")
	if got := c.PassingTo("nowhere.invalid:80"); len(got) != 1 {
		t.Errorf("badhost: %d locations pass there", len(got))
	}
}
