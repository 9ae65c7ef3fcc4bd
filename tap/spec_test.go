package tap

import (
	"strings"
	"testing"

	"github.com/wstap/wstap/monitor"
)

func TestParseSpecs(t *testing.T) {
	for _, test := range []struct {
		args string
		want string // name role listen upstream; or
		err  string // what the error has to say
	}{
		{args: ":8080=127.0.0.1:80", want: "front front tcp :8080 tcp 127.0.0.1:80"},
		{args: "back@:8080=127.0.0.1:80", want: "back back tcp :8080 tcp 127.0.0.1:80"},
		{args: "back:api-2@:8080=127.0.0.1:80", want: "api-2 back tcp :8080 tcp 127.0.0.1:80"},
		{args: ":1=a:1 :2=b:2", want: "front front tcp :1 tcp a:1; back back tcp :2 tcp b:2"},
		{args: "back@:1=a:1 front@:2=b:2", want: "back back tcp :1 tcp a:1; front front tcp :2 tcp b:2"},
		{args: "back:a@:1=a:1 back:b@:2=b:2 front@:3=c:3", want: "a back tcp :1 tcp a:1; b back tcp :2 tcp b:2; front front tcp :3 tcp c:3"},
		{args: "127.0.0.1:0=a:1", want: "front front tcp 127.0.0.1:0 tcp a:1"},
		{args: "[::1]:80=[::1]:81", want: "front front tcp [::1]:80 tcp [::1]:81"},
		{args: "unix:/run/a.sock=unix:/run/b.sock", want: "front front unix /run/a.sock unix /run/b.sock"},
		{args: ":1=unix:/run/a=b@c.sock", want: "front front tcp :1 unix /run/a=b@c.sock"},
		{args: ":1=http://app", want: "front front tcp :1 tcp app:80"},
		{args: ":1=ws://app:3000", want: "front front tcp :1 tcp app:3000"},
		{args: ":1=http://[::1]", want: "front front tcp :1 tcp [::1]:80"},
		{args: ":65535=a:65535", want: "front front tcp :65535 tcp a:65535"},

		{args: "", err: "nothing to listen on"},
		{args: ":8080", err: "no ="},
		{args: "middle@:1=a:1", err: `"middle"`},
		{args: "@:1=a:1", err: `""`},
		{args: "back:@:1=a:1", err: `""`},
		{args: "back:Api@:1=a:1", err: `"Api"`},
		{args: "back:1a@:1=a:1", err: `"1a"`},
		{args: ":1=a:1 back@:2=b:2", err: "front@ or back@"},
		{args: ":1=a:1 :2=b:2 :3=c:3", err: "front@ or back@"},
		{args: "back@:1=a:1 back@:2=b:2", err: "is taken by"},
		{args: "127.0.0.1:9=127.0.0.1:9", err: "are the same"},
		{args: "8080=a:1", err: `"8080"`},
		{args: ":65536=a:1", err: `":65536"`},
		{args: ":http=a:1", err: `":http"`},
		{args: "::1:80=a:1", err: `"::1:80"`},
		{args: "unix:rel=a:1", err: "absolute path"},
		{args: "unix:/" + strings.Repeat("x", 107) + "=a:1", err: "107 bytes"},
		{args: ":1=", err: `""`},
		{args: ":1=app", err: "HOST:PORT"},
		{args: ":1=:80", err: "HOST:PORT"},
		{args: ":1=a:0", err: "HOST:PORT"},
		{args: ":1=a:80/chat", err: `"a:80/chat"`},
		{args: ":1=http://a/chat", err: "without path"},
		{args: ":1=http://a/", err: "without path"},
		{args: ":1=http://a?b", err: "without path"},
		{args: ":1=http://a?", err: "without path"},
		{args: ":1=http://a#", err: "without path"},
		{args: ":1=http://u:p@a", err: "without path, query or user"},
		{args: ":1=http://", err: `"http://"`},
		{args: ":1=http://a:", err: "from 1 to 65535"},
		{args: ":1=http://a:70000", err: "from 1 to 65535"},
		{args: ":1=ftp://a", err: `"ftp://a"`},
		{args: ":1=https://a", want: "front front tcp :1 tcp a:443 tls"},
		{args: ":1=wss://a:8443", want: "front front tcp :1 tcp a:8443 tls"},
	} {
		specs, err := ParseSpecs(strings.Fields(test.args), nil)
		if got := specsText(specs); test.err == "" && (err != nil || got != test.want) {
			t.Errorf("%s: got %s, %v, want %s", test.args, got, err, test.want)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: error %v, want one with %s", test.args, err, test.err)
		}
	}
}

func specsText(specs []Spec) string {
	var all []string
	for _, s := range specs {
		text := strings.Join([]string{s.Name, string(s.Role),
			s.Listen.Network, s.Listen.Address, s.Upstream.Network, s.Upstream.Address}, " ")
		if s.Upstream.TLS {
			text += " tls"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestTapsBeforeStart(t *testing.T) {
	specs, err := ParseSpecs([]string{"back:api@:0=http://app"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := New(nil, specs, Options{}, nil).Taps()
	if want := (monitor.TapInfo{Name: "api", Role: monitor.Back, Upstream: "http://app"}); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
