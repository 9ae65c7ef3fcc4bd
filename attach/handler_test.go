package attach

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
)

const token = "3f9c2b7e5a1d4c8890ab12cd34ef56aa"

func bearer(t string) http.Header { return http.Header{"Authorization": {"Bearer " + t}} }

// TestAdmission: who may come in, and what the others are told.
func TestAdmission(t *testing.T) {
	s := NewServer(ServerOptions{Token: token, AllowOrigins: []string{"https://ops.example:8443"}})
	defer closeNow(s)
	upgrade := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		"Authorization": {"Bearer " + token},
	}
	for i, c := range []struct {
		name, method, target string
		head                 http.Header
		status               int
		text                 string
	}{
		{"health", "GET", "/healthz", nil, 200, "ok"},
		{"elsewhere", "GET", "/", nil, 404, "connect to /attach"},
		{"not GET", "POST", "/attach", bearer(token), 405, "GET"},
		{"no token", "GET", "/attach", nil, 401, "Authorization: Bearer"},
		{"wrong token", "GET", "/attach", bearer("x" + token[1:]), 401, "wrong or missing"},
		{"longer token", "GET", "/attach", bearer(token + "0"), 401, "wrong or missing"},
		{"empty token", "GET", "/attach", bearer(""), 401, "wrong or missing"},
		{"two tokens", "GET", "/attach", http.Header{"Authorization": {"Bearer " + token, "Bearer x"}}, 401, "wrong or missing"},
		{"another scheme", "GET", "/attach", http.Header{"Authorization": {"Basic " + token}}, 401, "wrong or missing"},
		{"as subprotocol", "GET", "/attach", http.Header{"Sec-Websocket-Protocol": {token}}, 401, "wrong or missing"},
		{"in the URL", "GET", "/attach?token=" + token, nil, 400, "Authorization: Bearer"},
		{"in the URL too", "GET", "/attach?x=1", bearer(token), 400, "no query"},
		{"origin", "GET", "/attach", http.Header{"Authorization": {"Bearer " + token}, "Origin": {"https://evil.example"}}, 403, "Origin"},
		{"origin of another port", "GET", "/attach", http.Header{"Authorization": {"Bearer " + token}, "Origin": {"https://ops.example"}}, 403, "Origin"},
		{"null origin", "GET", "/attach", http.Header{"Authorization": {"Bearer " + token}, "Origin": {"null"}}, 403, "Origin"},
		{"right origin", "GET", "/attach", http.Header{"Authorization": {"bearer " + token}, "Origin": {"https://OPS.example:8443"}}, 426, "WebSocket"},
		{"no WebSocket", "GET", "/attach", bearer(token), 426, "wstap attach"},
		{"no hijack", "GET", "/attach", upgrade, 500, "hijack"},
	} {
		req := httptest.NewRequest(c.method, c.target, nil)
		req.RemoteAddr = fmt.Sprintf("10.0.0.%d:1", i)
		for k, v := range c.head {
			req.Header[k] = v
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, req)
		if w.Code != c.status || !contains(strings.ToLower(w.Body.String()), strings.ToLower(c.text)) {
			t.Errorf("%s: %d %q, want %d with %q", c.name, w.Code, w.Body.String(), c.status, c.text)
		}
		if contains(w.Body.String(), token) {
			t.Errorf("%s: the answer repeats the token", c.name)
		}
	}
	if st := s.Stats(); st.BadTokens != 7 || st.URLTokens != 2 || st.BadOrigins != 3 || st.Viewers != 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestWrongTokensByTheThousand: they are soon not heard any more, all are
// counted and told, and others come in as before.
func TestWrongTokensByTheThousand(t *testing.T) {
	said := make(chan string, 100)
	r := newRelay(t, ServerOptions{Token: token, OnHealth: func(status monitor.HealthStatus, text string) {
		if status == monitor.HealthWarning {
			said <- text
		}
	}})
	addr := r.listen()
	statuses := map[int]int{}
	for i := range 2000 {
		status, _ := get(t, "http://"+addr+Path, bearer(fmt.Sprint("guess-", i)))
		statuses[status]++
	}
	st := r.server.Stats()
	if statuses[401]+statuses[429] != 2000 || statuses[401] > triesAtOnce+20 || int(st.BadTokens) != statuses[401] || int(st.Limited) != statuses[429] {
		t.Errorf("answers %v, stats %+v", statuses, st)
	}
	if status, _ := get(t, "http://"+addr+Path, bearer(token)); status != 429 {
		t.Errorf("the right token from there: %d, want 429: it could be a guess", status)
	}
	select {
	case text := <-said:
		if !contains(text, "wrong token") || !contains(text, "127.0.0.1") || contains(text, "guess") {
			t.Errorf("health %q", text)
		}
	case <-time.After(20 * time.Second):
		t.Error("the health does not tell")
	}
	// A unix socket is another way in, and needs no token.
	s := watchRelay(t, ClientOptions{URL: "unix:" + r.listenUnix()})
	s.phase(Live)
}

func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g guard
		a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
		for i := range triesAtOnce {
			if g.blocked(a, time.Now()) {
				t.Fatalf("blocked after %d tries", i)
			}
			g.failed(a, time.Now())
		}
		if !g.blocked(a, time.Now()) || g.blocked(b, time.Now()) {
			t.Error("want a blocked and b not")
		}
		if !g.blocked(netip.MustParseAddr("::ffff:10.0.0.1"), time.Now()) {
			t.Error("the same address written for IPv6 is not blocked")
		}
		time.Sleep(6 * time.Second)
		if g.blocked(a, time.Now()) {
			t.Error("still blocked after 6 s")
		}
		// Half the internet: bounded memory, and the crowd is slowed down as one.
		for i := range 100_000 {
			g.failed(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1}), time.Now())
		}
		if len(g.peers) > peersKept || !g.blocked(netip.MustParseAddr("9.9.9.9"), time.Now()) {
			t.Errorf("%d peers kept", len(g.peers))
		}
		// Of IPv6 a whole network is one peer.
		if network(netip.MustParseAddr("2001:db8::1")) != network(netip.MustParseAddr("2001:db8::ffff:2%eth0")) {
			t.Error("two addresses of a /64 are two peers")
		}
		time.Sleep(time.Hour)
		g.tidy(time.Now())
		if len(g.peers) != 0 {
			t.Errorf("%d peers remembered for an hour", len(g.peers))
		}
	})
}

// TestSlowLoris: hundreds of requests that never end keep nobody out.
func TestSlowLoris(t *testing.T) {
	r := newRelay(t, ServerOptions{})
	addr := r.listen()
	for range 300 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("GET /attach HTTP/1.1\r\nHost: x\r\nX-Slow: "))
	}
	s := watchRelay(t, ClientOptions{URL: "ws://" + addr})
	s.phase(Live)
	if status, _ := get(t, "http://"+addr+HealthPath, nil); status != 200 {
		t.Errorf("health %d", status)
	}
}

// TestSlowRequestsEnd: a request has a time to end in, and a size.
func TestSlowRequestsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := silentServer(ServerOptions{})
		conn, err := p.dial()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		conn.Write([]byte("GET /attach HTTP/1.1\r\nX-Slow: "))
		b := make([]byte, 4096)
		for err == nil {
			_, err = conn.Read(b)
		}
		if took := time.Since(began); took > requestIn+time.Second {
			t.Errorf("the connection was kept for %s", took)
		}
		conn.Close()
		closeNow(s)
	})
}

func TestTooManyViewers(t *testing.T) {
	r := newRelay(t, ServerOptions{MaxViewers: 3})
	addr := r.listen()
	for range 3 {
		dialRaw(t, addr, nil).say(`{"type":"hello","v":1}`)
	}
	_, resp, err := websocket.DefaultDialer.Dial("ws://"+addr+Path, nil)
	if err == nil || resp == nil || resp.StatusCode != 503 {
		t.Errorf("the fourth: %v, %+v", err, resp)
	}
	if st := r.server.Stats(); st.Full != 1 {
		t.Errorf("stats %+v", st)
	}
	local := watchRelay(t, ClientOptions{URL: "unix:" + r.listenUnix()})
	local.phase(Live)
	s := watchRelay(t, ClientOptions{URL: "ws://" + addr})
	eventually(t, "the viewer is told", func() bool {
		err := s.client.State().Err
		return err != nil && contains(err.Error(), "3 viewers")
	})
}

// TestBadViewers: whatever a viewer sends, it is told what was wrong, its line
// ends, and nobody else notices.
func TestBadViewers(t *testing.T) {
	r := newRelay(t, ServerOptions{MaxViewers: 100})
	addr := r.listen()
	good := watchRelay(t, ClientOptions{URL: "ws://" + addr})
	good.phase(Live)
	hello := `{"type":"hello","v":1}`
	repeat := func(s string, n int) []string {
		out := []string{hello}
		for range n {
			out = append(out, s)
		}
		return out
	}
	for _, c := range []struct {
		name string
		send []string
		want string
	}{
		{"not JSON", []string{"GET / HTTP/1.1"}, "protocol"},
		{"empty", []string{""}, "protocol"},
		{"null", []string{"null"}, "want hello"},
		{"a list", []string{"[]"}, "protocol"},
		{"another type first", []string{`{"type":"watch"}`}, "want hello"},
		{"old version", []string{`{"type":"hello","v":0}`}, "version"},
		{"no version", []string{`{"type":"hello"}`}, "version"},
		{"new version", []string{`{"type":"hello","v":2,"version":"9.9"}`}, "update the relay"},
		{"version of words", []string{`{"type":"hello","v":"1"}`}, "protocol"},
		{"two hellos", []string{hello, hello}, "second hello"},
		{"oversized", []string{`{"type":"hello","v":1,"version":"` + strings.Repeat("x", maxRequest) + `"}`}, "at most 8192 bytes"},
		{"oversized later", []string{hello, strings.Repeat(" ", maxRequest+1)}, "at most 8192 bytes"},
		{"too many", repeat(`{"type":"ping"}`, 200), "messages a second"},
		{"too many unknown", repeat(`{"type":"?"}`, 200), "messages a second"},
		{"thanks for nothing", repeat(`{"type":"more","id":1}`, 200), "messages a second"},
		{"bad conn", []string{hello, `{"type":"watch","tap":"xyz","conn":1}`}, "protocol"},
		{"watches a hundred", []string{`{"type":"hello","v":1,"watch":[{"conn":1},{"conn":2},{"conn":3},{"conn":4},{"conn":5}]}`}, "at most 4"},
		{"bad time", []string{hello, `{"type":"past","from":"yesterday"}`}, "protocol"},
	} {
		v := dialRaw(t, addr, nil)
		for _, text := range c.send {
			if v.conn.WriteMessage(websocket.TextMessage, []byte(text)) != nil {
				break
			}
		}
		if got := v.until(`"type":"error"`); !contains(got, c.want) {
			t.Errorf("%s: told %q, want %q", c.name, got, c.want)
		}
	}
	binary := dialRaw(t, addr, nil)
	binary.conn.WriteMessage(websocket.BinaryMessage, []byte{'E', 1, 2, 3})
	if got := binary.until(`"type":"error"`); !contains(got, "text messages only") {
		t.Errorf("binary: told %q", got)
	}
	// Unknown types are of a later version: they are left alone.
	later := dialRaw(t, addr, nil)
	later.say(hello)
	later.say(`{"type":"zoom","factor":3}`)
	later.say(`{"type":"ping","id":7}`)
	if got := later.until(`"type":"pong"`); !contains(got, `"id":7`) {
		t.Errorf("after an unknown type: %q", got)
	}
	r.open()
	good.same(r)
	if n := good.client.State().Resumed; n != 0 {
		t.Errorf("another viewer's line broke %d times", n)
	}
}

// TestControlFrameFlood: pings of WebSocket count as messages.
func TestControlFrameFlood(t *testing.T) {
	r := newRelay(t, ServerOptions{})
	v := dialRaw(t, r.listen(), nil)
	v.say(`{"type":"hello","v":1}`)
	for range 1000 {
		if v.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)) != nil {
			break
		}
	}
	if got := v.until(`"type":"error"`); !contains(got, "too many messages") {
		t.Errorf("told %q", got)
	}
}
