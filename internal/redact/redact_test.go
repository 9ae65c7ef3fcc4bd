package redact

import (
	"regexp"
	"strings"
	"testing"
)

var testKey = []byte("0123456789abcdef")

var marks = regexp.MustCompile(`‹redacted:[0-9a-f]{4}›`)

// shape replaces every mark by ‹›, so that tables stay readable.
func shape(s string) string { return marks.ReplaceAllString(s, "‹›") }

// jwt is a token in shape only.
const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLWl0"

var targetCases = []struct{ name, in, want string }{
	{"nothing", "/ws?room=1&x=2", "/ws?room=1&x=2"},
	{"no query", "/auth/token", "/auth/token"},
	{"token", "/ws?token=abc&x=1", "/ws?token=‹›&x=1"},
	{"each word", "/?auth=a&Access_Token=b&client_secret=c&PASSWD=d&cookie=e&session=f&sid=g&signature=h",
		"/?auth=‹›&Access_Token=‹›&client_secret=‹›&PASSWD=‹›&cookie=‹›&session=‹›&sid=‹›&signature=‹›"},
	{"api keys and jwt", "/?api-key=a&apikey=b&X-Api_Key=c&jwt=d&key=e", "/?api-key=‹›&apikey=‹›&X-Api_Key=‹›&jwt=‹›&key=e"},
	{"encoded name", "/ws?acc%65ss_token=abc", "/ws?acc%65ss_token=‹›"},
	{"wholly encoded name", "/ws?%74%4F%6b%65%6E=abc", "/ws?%74%4F%6b%65%6E=‹›"},
	{"odd name", "/ws?user{token}/x=abc", "/ws?user{token}/x=‹›"},
	{"name with brackets", "/ws?user[token]=abc", "/ws?user[token]=‹›"},
	{"empty value", "/ws?token=&x=1", "/ws?token=&x=1"},
	{"no value", "/ws?token&x=1", "/ws?token&x=1"},
	{"value with =", "/ws?token=YWJj==&x=1", "/ws?token=‹›&x=1"},
	{"value with comma", "/ws?token=abc,def&x=1", "/ws?token=‹›&x=1"},
	{"value with slash", "/ws?token=ab/cd+ef?gh&x=1", "/ws?token=‹›&x=1"},
	{"semicolon separates", "/ws?token=abc;x=1", "/ws?token=‹›;x=1"},
	{"semicolon belongs", "/ws?token=abc;def&x=1", "/ws?token=‹›&x=1"},
	{"quote and blank belong", `/ws?token=a"b" c`, "/ws?token=‹›"},
	{"fragment", "/ws?token=abc#top", "/ws?token=‹›#top"},
	{"matrix", "/a;jsessionid=ABC/b?x=1", "/a;jsessionid=‹›/b?x=1"},
	{"matrix before the query", "/a;jsessionid=ABC?x=1", "/a;jsessionid=‹›?x=1"},
	{"path segment", "/ws/token=abc/chat", "/ws/token=‹›/chat"},
	{"absolute", "ws://user:pw@host/ws?x=1", "ws://‹›@host/ws?x=1"},
	{"token as userinfo", "http://ghp_abc@host/", "http://‹›@host/"},
	{"at sign in the path", "http://host/@user", "http://host/@user"},
	{"jwt in the path", "/ws/" + jwt + "/x", "/ws/‹›/x"},
	{"bearer in a value", "/ws?h=Bearer%20abcdef&x=1", "/ws?h=Bearer%20‹›&x=1"},
	{"nested", "/login?next=/ws?token=abc&x=1", "/login?next=/ws?token=‹›&x=1"},
	{"nested, encoded", "/login?next=%2Fws%3Ftoken%3Dabc%26x%3D1&y=2", "/login?next=%2Fws%3Ftoken%3D‹›%26x%3D1&y=2"},
	{"not utf-8", "/\xff?token=a\xfeb&\xfd=1", "/\xff?token=‹›&\xfd=1"},
	{"mark in front", "/?token=‹redacted:00ff›abc", "/?token=‹›"},
	{"many", strings.Repeat("/?token=a&", 3), strings.Repeat("/?token=‹›&", 3)},
}

func TestTarget(t *testing.T) {
	r := New(testKey)
	for _, c := range targetCases {
		t.Run(c.name, func(t *testing.T) {
			if got := shape(r.Target(c.in)); got != c.want {
				t.Errorf("Target(%q)\n got %q\nwant %q", c.in, got, c.want)
			}
		})
	}
}

var textCases = []struct{ name, in, want string }{
	{"plain", "going away: server restart", "going away: server restart"},
	{"nginx line without secrets", `2026/11/22 10:00:00 [info] 7#7: *3 upstream timed out (110: Connection timed out) while proxying upgraded connection, client: 10.0.0.7, server: , request: "GET /ws HTTP/1.1", upstream: "http://127.0.0.1:1/ws", host: "h:80"`,
		`2026/11/22 10:00:00 [info] 7#7: *3 upstream timed out (110: Connection timed out) while proxying upgraded connection, client: 10.0.0.7, server: , request: "GET /ws HTTP/1.1", upstream: "http://127.0.0.1:1/ws", host: "h:80"`},
	{"request", `request: "GET /ws?token=abc HTTP/1.1", host: "h"`, `request: "GET /ws?token=‹› HTTP/1.1", host: "h"`},
	{"value that names a scheme", `request: "GET /ws?auth=token HTTP/1.1"`, `request: "GET /ws?auth=‹› HTTP/1.1"`},
	{"upstream", `upstream: "http://127.0.0.1:1/ws?token=abc", host: "h"`, `upstream: "http://127.0.0.1:1/ws?token=‹›", host: "h"`},
	{"quote inside a value", `request: "GET /ws?token=ab"cd HTTP/1.1"`, `request: "GET /ws?token=‹› HTTP/1.1"`},
	{"comma ends before a blank", "sid=abc, retry", "sid=‹›, retry"},
	{"matrix", `"GET /a;sid=abc/b?x=1 HTTP/1.1"`, `"GET /a;sid=‹›/b?x=1 HTTP/1.1"`},
	{"no matrix in a sentence", "x=1;token=ab/cd", "x=1;token=‹›"},
	{"quoted value", `token="abc def", x`, `token="‹›", x`},
	{"referrer with userinfo", `referrer: "https://u:p@h/?q=1"`, `referrer: "https://‹›@h/?q=1"`},
	{"bearer", "rejected Bearer abc.def-123, bye", "rejected Bearer ‹›, bye"},
	{"bearer after =", "auth=Bearer abc x", "auth=Bearer ‹› x"},
	{"bearer in a sentence", "bearer token missing", "bearer token missing"},
	{"bearer challenge", `got Bearer realm="x"`, `got Bearer realm="x"`},
	{"jwt", "bad: " + jwt + ".", "bad: ‹›"},
	{"not a jwt", "eyJust.one", "eyJust.one"},
	{"json", `{"token":"abc","n":1,"pin": 2}`, `{"token":"‹›","n":1,"pin": 2}`},
	{"json number and words", `{"sid": 123, "authenticated":true,"jwt":null}`, `{"sid": ‹›, "authenticated":true,"jwt":null}`},
	{"json escapes", `{"secret":"a\"b\\","x":"y"}`, `{"secret":"‹›","x":"y"}`},
	{"json in json", `{"body":"{\"token\":\"abc\",\"x\":1}"}`, `{"body":"{\"token\":\"‹›\",\"x\":1}"}`},
	{"json array and object", `{"tokens":["a","b]"],"session":{"id":"c"},"x":1}`, `{"tokens":‹›,"session":‹›,"x":1}`},
	{"json cut off", `{"session":{"id":"c`, `{"session":‹›`},
	{"nginx header line", `sent invalid header line: "X-Api-Token: abc def" while`, `sent invalid header line: "X-Api-Token: ‹›" while`},
	{"nginx duplicate header", `duplicate header line: "Set-Cookie: a=b; Path=/", previous value: "Set-Cookie: a=c"`,
		`duplicate header line: "Set-Cookie: a=‹›; Path=/", previous value: "Set-Cookie: a=‹›"`},
	{"close reason stays readable", "session: expired", "session: expired"},
	{"file name", `cannot load "/etc/auth.pem": no such file`, `cannot load "/etc/auth.pem": no such file`},
	{"bytes", "\xff\xfe token=\xfd \x80", "\xff\xfe token=‹› \x80"},
}

func TestText(t *testing.T) {
	r := New(testKey)
	for _, c := range textCases {
		t.Run(c.name, func(t *testing.T) {
			if got := shape(r.Text(c.in)); got != c.want {
				t.Errorf("Text(%q)\n got %q\nwant %q", c.in, got, c.want)
			}
		})
	}
}

var headerCases = []struct{ name, header, in, want string }{
	{"key", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="},
	{"accept", "sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
	{"bearer", "Authorization", "Bearer abc", "Bearer ‹›"},
	{"basic", "proxy-authorization", "Basic  dTpw", "Basic  ‹›"},
	{"unknown scheme", "Authorization", "hunter2 more", "‹›"},
	{"only a scheme", "Authorization", "Bearer", "‹›"},
	{"own header", "X-Auth-Token", "abc", "‹›"},
	{"api key", "X-API-Key", "abc", "‹›"},
	{"empty", "Authorization", "", ""},
	{"cookie", "Cookie", "a=1; theme=dark;b=x=y; lone", "a=‹›; theme=‹›;b=‹›; ‹›"},
	{"set-cookie", "Set-Cookie", "sid=abc; Path=/; HttpOnly; Max-Age=3; other=x", "sid=‹›; Path=/; HttpOnly; Max-Age=3; other=‹›"},
	{"other cookie header", "X-Cookie", "a=1; b=2", "‹›"},
	{"referer", "Referer", "https://h/?token=abc&x=1", "https://h/?token=‹›&x=1"},
	{"subprotocols", "sec-websocket-protocol", "bearer, abc", "bearer, ‹›"},
	{"origin", "Origin", "https://auth.example.com", "https://auth.example.com"},
}

func TestHeader(t *testing.T) {
	r := New(testKey)
	for _, c := range headerCases {
		t.Run(c.name, func(t *testing.T) {
			if got := shape(r.Header(c.header, c.in)); got != c.want {
				t.Errorf("Header(%q, %q) = %q, want %q", c.header, c.in, got, c.want)
			}
		})
	}
}

var subprotocolCases = []struct{ name, in, want string }{
	{"plain", "graphql-transport-ws, graphql-ws", "graphql-transport-ws, graphql-ws"},
	{"own names", "chat.v2,acme-events", "chat.v2,acme-events"},
	{"kubernetes", "base64url.bearer.authorization.k8s.io.QUJD, v4.channel.k8s.io", "base64url.bearer.authorization.k8s.io.‹›, v4.channel.k8s.io"},
	{"kubernetes without token", "base64url.bearer.authorization.k8s.io", "base64url.bearer.authorization.k8s.io"},
	{"after a name", "bearer, abc, chat", "bearer, ‹›, chat"},
	{"after access_token", "access_token,abc", "access_token,‹›"},
	{"two names", "token, auth-tok, abc", "token, ‹›, ‹›"},
	{"known after a name", "auth, graphql-ws", "auth, graphql-ws"},
	{"prefix with dot", "bearer.abc, chat", "bearer.‹›, chat"},
	{"word inside the token", "bearer.abcsidxyz", "bearer.‹›"},
	{"prefix with dash", "access_token-abcdefgh1", "access_token-‹›"},
	{"version of a name", "auth-v1, mine", "auth-v1, ‹›"},
	{"jwt", "chat, " + jwt, "chat, ‹›"},
	{"prefixed jwt", "x-" + jwt, "x-‹›"},
	{"hex", "chat, 9f86d081884c7d659a2feaa0c55ad015", "chat, ‹›"},
	{"31 characters", "chat, 9f86d081884c7d659a2feaa0c55ad01", "chat, 9f86d081884c7d659a2feaa0c55ad01"},
	{"long name", "very-long-name-of-a-subprotocol-without-numbers", "very-long-name-of-a-subprotocol-without-numbers"},
	{"empty items", ", ,", ", ,"},
}

func TestSubprotocols(t *testing.T) {
	r := New(testKey)
	for _, c := range subprotocolCases {
		t.Run(c.name, func(t *testing.T) {
			if got := shape(r.Subprotocols(c.in)); got != c.want {
				t.Errorf("Subprotocols(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

const headIn = "GET /ws?token=abc&x=1 HTTP/1.1\r\nHOST: h\r\ncookie:a=b;  c=d \r\nX-Auth: one\r\n two\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nAuthorization : Basic x\r\nno colon\r\nX: \xff\r\n\r\n"

const headWant = "GET /ws?token=‹›&x=1 HTTP/1.1\r\nHOST: h\r\ncookie:a=‹›;  c=‹› \r\nX-Auth: ‹›\r\n ‹›\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nAuthorization : Basic ‹›\r\nno colon\r\nX: \xff\r\n\r\n"

func TestHead(t *testing.T) {
	r := New(testKey)
	cases := []struct{ name, in, want string }{
		{"request", headIn, headWant},
		{"response", "HTTP/1.1 101 Switching\r\nSet-Cookie: sid=x; Path=/\r\n\r\n", "HTTP/1.1 101 Switching\r\nSet-Cookie: sid=‹›; Path=/\r\n\r\n"},
		{"blank in the target", "GET /?token=a b HTTP/1.1\n\n", "GET /?token=‹› HTTP/1.1\n\n"},
		{"no version", "GET /?token=a", "GET /?token=‹›"},
		{"cut in a value", "GET / HTTP/1.1\r\nAuthorization: Bearer ab", "GET / HTTP/1.1\r\nAuthorization: Bearer ‹›"},
		{"body", "GET / HTTP/1.1\r\n\r\ntoken=a", "GET / HTTP/1.1\r\n\r\ntoken=‹›"},
		{"no name", "\ntoken=a", "\ntoken=‹›"},
		{"secret in a name", "GET / HTTP/1.1\ntoken=a: b", "GET / HTTP/1.1\ntoken=‹›: ‹›"},
		{"empty", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			checkIdempotent(t, r, c.in)
			if got := shape(r.Head(c.in)); got != c.want {
				t.Errorf("Head(%q)\n got %q\nwant %q", c.in, got, c.want)
			}
		})
	}
}
