package ws

import (
	"slices"
	"strings"
	"testing"
)

// chromeRequest and goodResponse lack the last blank line, and have LF for CRLF. Key and accept are those of RFC 6455
// §1.3.
const (
	chromeRequest = `GET /chat?room=1 HTTP/1.1
Host: server.example.com
Connection: keep-alive, Upgrade
Pragma: no-cache
Cache-Control: no-cache
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36
Upgrade: WebSocket
Origin: http://example.com
Sec-WebSocket-Version: 13
Accept-Encoding: gzip, deflate
Accept-Language: en-US,en;q=0.9
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-other;a="b,c"
Sec-WebSocket-Protocol: chat, superchat
`
	goodResponse = `HTTP/1.1 101 Switching Protocols
Upgrade: websocket
Connection: upgrade
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
Sec-WebSocket-Protocol: chat
Sec-WebSocket-Extensions: permessage-deflate;server_no_context_takeover
`
)

// headOf parses a text as above.
func headOf(dir Direction, text string) *Head {
	return parseHead(dir, text+"\n")
}

// change replaces in a text what begins with from up to the end of its line, or the whole line by nothing.
func change(t *testing.T, text, from, to string) string {
	t.Helper()
	before, after, ok := strings.Cut(text, from)
	if !ok {
		t.Fatalf("no %q in the text", from)
	}
	_, after, _ = strings.Cut(after, "\n")
	if to != "" {
		to += "\n"
	}
	return before + to + after
}

func TestUpgradeRequest(t *testing.T) {
	for _, test := range []struct{ name, from, to, want string }{
		{"Chrome", "Host:", "Host: other", ""},
		{"no key", "Sec-WebSocket-Key", "", "key-missing"},
		{"empty key", "Sec-WebSocket-Key", "Sec-WebSocket-Key:", "key-missing"},
		{"key of 15 bytes", "Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA", "key-malformed"},
		{"key of 17 bytes", "Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=", "key-malformed"},
		{"key of 16 bytes", "Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", ""},
		{"key not base64", "Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAA-AAAAAAAAAA==", "key-malformed"},
		{"two keys", "Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "key-repeated"},
		{"version 8", "Sec-WebSocket-Version", "Sec-WebSocket-Version: 8", "version-unsupported"},
		{"no version", "Sec-WebSocket-Version", "", "version-unsupported"},
		{"no upgrade", "Upgrade: WebSocket", "", "upgrade-token-missing"},
		{"upgrade h2c", "Upgrade: WebSocket", "Upgrade: h2c", "upgrade-token-missing"},
		{"upgrade h2c and websocket", "Upgrade: WebSocket", "Upgrade: h2c, websocket", ""},
		{"connection close", "Connection", "Connection: close", "connection-token-missing"},
		{"connection UPGRADE", "Connection", "Connection: UPGRADE", ""},
		{"POST", "GET", "POST /chat HTTP/1.1", "method-not-get"},
		{"HTTP/1.0", "GET", "GET /chat HTTP/1.0", "http-version-too-low"},
		{"HTTP/1.2", "GET", "GET /chat HTTP/1.2", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, ok := UpgradeRequest(headOf(FromClient, change(t, chromeRequest, test.from, test.to)))
			if got := strings.Join(ruleNames(r.Violations), " "); !ok || got != test.want {
				t.Errorf("%v, %q, want %q", ok, got, test.want)
			}
			if valid := test.want == "key-missing" || test.want == "key-malformed"; r.KeyValid == valid {
				t.Errorf("key %q valid %v", r.Key, r.KeyValid)
			}
		})
	}
}

// TestUpgradeRequestFields reads what nginx by default makes of Chrome's request, before 1.29.7.
func TestUpgradeRequestFields(t *testing.T) {
	text := change(t, chromeRequest, "GET", "GET /chat HTTP/1.0")
	text = change(t, text, "Connection", "Connection: close")
	text = change(t, text, "Upgrade: WebSocket", "X-Real-IP: 10.0.0.7\nx-forwarded-for: 10.0.0.7\nForwarded: for=10.0.0.7\nVia: 1.1 a\nX-Forwarded: no")
	r, ok := UpgradeRequest(headOf(FromClient, text))
	if got := strings.Join(ruleNames(r.Violations), " "); !ok || got != "upgrade-token-missing connection-token-missing http-version-too-low" {
		t.Errorf("%v, %s", ok, got)
	}
	if r.Key != "dGhlIHNhbXBsZSBub25jZQ==" || r.Version != "13" || r.Host != "server.example.com" || r.Origin != "http://example.com" {
		t.Errorf("%+v", r)
	}
	for _, list := range []struct{ got, want []string }{
		{r.Subprotocols, []string{"chat", "superchat"}},
		{r.Extensions, []string{"permessage-deflate; client_max_window_bits", `x-other;a="b,c"`}},
		{r.Upgrade, nil},
		{r.Connection, []string{"close"}},
	} {
		if !slices.Equal(list.got, list.want) {
			t.Errorf("%q, want %q", list.got, list.want)
		}
	}
	want := []Field{{"X-Real-IP", "10.0.0.7"}, {"x-forwarded-for", "10.0.0.7"}, {"Forwarded", "for=10.0.0.7"}, {"Via", "1.1 a"}}
	if !slices.Equal(r.Forwarded, want) {
		t.Errorf("forwarded %q, want %q", r.Forwarded, want)
	}
}

func TestUpgradeRequestNone(t *testing.T) {
	for _, text := range []string{
		"GET / HTTP/1.1\nHost: a\n",
		"GET / HTTP/1.1\nUpgrade: h2c\nConnection: Upgrade\n",
		"GET / HTTP/1.1\nSec-WebSocket-Version: 13\n",
	} {
		if r, ok := UpgradeRequest(headOf(FromClient, text)); ok || r.Violations != 0 {
			t.Errorf("%q passes for an upgrade: %+v", text, r)
		}
	}
	if _, ok := UpgradeRequest(headOf(FromServer, goodResponse)); ok {
		t.Error("a response passes for an upgrade request")
	}
	if _, ok := UpgradeRequest(headOf(FromClient, "GET / HTTP/1.1\nUpgrade: websocket\n")); !ok {
		t.Error("an Upgrade token alone is no upgrade")
	}
}

func TestUpgradeResponse(t *testing.T) {
	req, _ := UpgradeRequest(headOf(FromClient, chromeRequest))
	for _, test := range []struct {
		name, from, to, want string
		acceptOK, deflate    bool
	}{
		{"good", "Upgrade", "Upgrade: websocket", "", true, true},
		{"no accept", "Sec-WebSocket-Accept", "", "accept-missing", false, true},
		{"other accept", "Sec-WebSocket-Accept", "Sec-WebSocket-Accept: AAAA", "accept-mismatch", false, true},
		{"accept in other case", "Sec-WebSocket-Accept", "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "accept-mismatch", false, true},
		{"no upgrade", "Upgrade", "", "response-upgrade-missing", true, true},
		{"upgrade WEBSOCKET", "Upgrade", "Upgrade: WEBSOCKET", "", true, true},
		{"no connection", "Connection", "Connection: keep-alive", "response-connection-missing", true, true},
		{"two connection tokens", "Connection", "Connection: keep-alive, Upgrade", "", true, true},
		{"other subprotocol", "Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: mqtt", "subprotocol-not-offered", true, true},
		{"subprotocol in other case", "Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: Chat", "subprotocol-not-offered", true, true},
		{"two subprotocols", "Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: chat, superchat", "subprotocol-not-offered", true, true},
		{"second subprotocol", "Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: superchat", "", true, true},
		{"no subprotocol", "Sec-WebSocket-Protocol", "", "", true, true},
		{"no extension", "Sec-WebSocket-Extensions", "", "", true, false},
		{"other extension", "Sec-WebSocket-Extensions", "Sec-WebSocket-Extensions: permessage-bzip2", "extension-not-offered", true, false},
		{"second extension", "Sec-WebSocket-Extensions", "Sec-WebSocket-Extensions: x-other ;z", "", true, false},
		{"refused", "HTTP/1.1", "HTTP/1.1 403 Forbidden", "", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := UpgradeResponse(&req, headOf(FromServer, change(t, goodResponse, test.from, test.to)))
			if got := strings.Join(ruleNames(r.Violations), " "); got != test.want {
				t.Errorf("rules %q, want %q", got, test.want)
			}
			if r.AcceptOK != test.acceptOK || r.Deflate != test.deflate || r.WantAccept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Errorf("accept %v %q, deflate %v", r.AcceptOK, r.WantAccept, r.Deflate)
			}
		})
	}
}

// TestUpgradeResponseAlone wants what needs the request not to be judged without it.
func TestUpgradeResponseAlone(t *testing.T) {
	head := headOf(FromServer, goodResponse)
	for name, req := range map[string]*Request{"no request": nil, "no key": {Subprotocols: []string{"chat"}, Extensions: []string{"permessage-deflate"}}} {
		r := UpgradeResponse(req, head)
		if r.Violations != 0 || r.AcceptOK || r.WantAccept != "" || !r.Deflate {
			t.Errorf("%s: %+v", name, r)
		}
	}
	r := UpgradeResponse(&Request{}, head)
	if got := strings.Join(ruleNames(r.Violations), " "); got != "subprotocol-not-offered extension-not-offered" {
		t.Errorf("nothing offered: %s", got)
	}
	if r.Status != 101 || r.Accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || r.Subprotocol != "chat" ||
		r.Extensions != "permessage-deflate;server_no_context_takeover" ||
		!slices.Equal(r.Upgrade, []string{"websocket"}) || !slices.Equal(r.Connection, []string{"upgrade"}) {
		t.Errorf("%+v", r)
	}
}

// TestAccept is the example of RFC 6455 §1.3.
func TestAccept(t *testing.T) {
	if got := Accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("Accept = %q", got)
	}
}
