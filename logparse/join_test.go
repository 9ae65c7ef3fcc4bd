package logparse

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const (
	openFile = at + `[error] 7#7: *9 open() "/srv/x`
	fileTail = `" failed (2: No such file or directory), client: 1.2.3.4, server: a, request: "GET /x%0a HTTP/1.1", host: "h"`
	nextLine = at + `[info] 7#7: *9 client 1.2.3.4 closed keepalive connection`
)

// long pads a line so that it is n bytes long.
func long(n int, ending string) string {
	s := at + `[error] 7#7: *9 access forbidden by rule, client: 1.2.3.4, server: a, request: "GET /`
	return s + strings.Repeat("a", n-len(s)-len(ending)) + ending
}

var joinTable = []struct {
	name, text string
	want       []string // line+lines kind flags client
}{
	{"line feed in a file name", openFile + "\n" + "y" + fileTail + "\n" + nextLine,
		[]string{"1+2 open_failed joined 1.2.3.4", "3+1 client_closed_keepalive  "}},
	{"two line feeds", openFile + "\n\n" + fileTail, []string{"1+3 open_failed joined 1.2.3.4"}},
	{"forged", openFile + "\n" + at + "[emerg] 1#1: *1 forged, client: 6.6.6.6" + fileTail + "\n" + nextLine,
		[]string{"1+1 open_failed  ", "2+1 other forged 1.2.3.4", "3+1 client_closed_keepalive  "}},
	{"forged twice", openFile + "\n" + at + "[emerg] 1#1: a\n" + at + "[emerg] 1#1: b" + fileTail + "\n" + nextLine,
		[]string{"1+1 open_failed  ", "2+1 other forged ", "3+1 other forged 1.2.3.4", "4+1 client_closed_keepalive  "}},
	{"forged, then the rest", openFile + "\n" + at + "[emerg] 1#1: forged\n" + fileTail + "\n" + nextLine,
		[]string{"1+1 open_failed  ", "2+2 other joined,forged 1.2.3.4", "4+1 client_closed_keepalive  "}},
	{"forged with the pid of nginx", openFile + "\n" + at + "[emerg] 7#7: *1 forged" + fileTail,
		[]string{"1+1 open_failed  ", "2+1 other forged 1.2.3.4"}},
	{"forged behind a closing quote", openFile + "\"\n" + at + "[emerg] 1#1: forged" + fileTail + "\n" + nextLine,
		[]string{"1+1 open_failed  ", "2+1 other forged 1.2.3.4", "3+1 client_closed_keepalive  "}},
	{"forged in upstream", at + `[error] 7#7: *9 no live upstreams, client: 1.2.3.4, server: a, request: "GET /x%0a HTTP/1.1", upstream: "http://g/x` + "\n" + at + `[emerg] 1#1: forged", host: "h"` + "\n" + nextLine,
		[]string{"1+1 no_live_upstreams  1.2.3.4", "2+1 other forged ", "3+1 client_closed_keepalive  "}},
	{"upstream closed by the client, pid never seen", at + `[error] 7#7: *9 no live upstreams, client: 1.2.3.4, server: a, request: "GET /x%22%0a HTTP/1.1", upstream: "http://g/x"` + "\n" + at + `[emerg] 1#1: forged", host: "h"`,
		[]string{"1+1 no_live_upstreams  1.2.3.4", "2+1 other forged "}},
	{"not forged: the same without host", at + `[error] 7#7: *9 no live upstreams, client: 1.2.3.4, server: a, request: "GET /x%0a HTTP/1.0", upstream: "http://g/x"` + "\n" + nextLine,
		[]string{"1+1 no_live_upstreams  1.2.3.4", "2+1 client_closed_keepalive  "}},
	{"not forged: quotes in a debug line", at + `[debug] 7#7: *9 http filename: "/a"b"` + "\n" + nextLine,
		[]string{"1+1 debug  ", "2+1 client_closed_keepalive  "}},
	{"not forged: quotes in all fields", at + `[error] 7#7: *9 access forbidden by rule, client: 1.2.3.4, server: a, request: "GET /"x HTTP/1.1", host: "h"` + "\n" + nextLine,
		[]string{"1+1 access_forbidden  1.2.3.4", "2+1 client_closed_keepalive  "}},
	{"not forged: after the length of one write", openFile + strings.Repeat("z", 4000) + "\n" + at + "[info] 8#8: " + strings.Repeat("y", 90),
		[]string{"1+1 open_failed cut ", "2+1 other  "}},
	{"cut, then an entry", long(2047, "") + "\n" + nextLine,
		[]string{"1+1 access_forbidden cut 1.2.3.4", "2+1 client_closed_keepalive  "}},
	{"cut, then text", long(2047, "") + "\nmore\nand more",
		[]string{"1+2 access_forbidden cut,joined 1.2.3.4", "3+1 unparsed  "}},
	{"one less than the buffer, closed", long(2046, `"`) + "\nmore",
		[]string{"1+1 access_forbidden  1.2.3.4", "2+1 unparsed  "}},
	{"as long as the buffer with the line feed inside", openFile + "\n" + strings.Repeat("z", 2047-len(openFile)-1) + "\n" + nextLine,
		[]string{"1+2 open_failed cut,joined ", "3+1 client_closed_keepalive  "}},
	{"longer than the buffer, whole", long(3000, `"`), []string{"1+1 access_forbidden  1.2.3.4"}},
	{"longer than the buffer, not whole", long(3000, ``), []string{"1+1 access_forbidden cut 1.2.3.4"}},
	{"buffer of OpenResty", long(4095, `"`), []string{"1+1 access_forbidden cut 1.2.3.4"}},
	{"text after a whole entry", nextLine + "\nhello", []string{"1+1 client_closed_keepalive  ", "2+1 unparsed  "}},
	{"text first", "hello\n" + nextLine, []string{"1+1 unparsed  ", "2+1 client_closed_keepalive  "}},
	{"console after an open quote", openFile + "\nnginx: [emerg] x", []string{"1+1 open_failed  ", "2+1 other  "}},
	{"CRLF", openFile + "\r\ny" + fileTail + "\r\n" + nextLine + "\r",
		[]string{"1+2 open_failed joined 1.2.3.4", "3+1 client_closed_keepalive  "}},
	{"with prefixes", "nginx-1  | " + openFile + "\nnginx-1  | y" + fileTail + "\nnginx-1  | " + nextLine,
		[]string{"1+2 open_failed joined 1.2.3.4", "3+1 client_closed_keepalive  "}},
	{"another container in between", "nginx-1  | " + openFile + "\napp-1  | hello\nnginx-1  | " + nextLine,
		[]string{"1+1 open_failed  ", "2+1 unparsed  ", "3+1 client_closed_keepalive  "}},
	{"entry of another container", "a-1  | " + openFile + "\nb-1  | " + nextLine,
		[]string{"1+1 open_failed  ", "2+1 client_closed_keepalive  "}},
	{"made-up prefix", openFile + "\nx | " + at + "[emerg] 1#1: f" + fileTail + "\n" + nextLine,
		[]string{"1+2 open_failed joined 1.2.3.4", "3+1 client_closed_keepalive  "}},
	{"made-up JSON", openFile + "\n{\"log\":\"" + at + "[emerg] 1#1: f\"}" + fileTail + "\n" + nextLine,
		[]string{"1+2 open_failed joined 1.2.3.4", "3+1 client_closed_keepalive  "}},
	{"made-up prefix behind a true one", "nginx-1  | " + openFile + "\nnginx-1  | x | " + at + "[emerg] 1#1: f" + fileTail + "\nnginx-1  | " + nextLine,
		[]string{"1+1 open_failed  ", "2+1 other forged 1.2.3.4", "3+1 client_closed_keepalive  "}},
	{"syslog, then a bare line", "<187>Nov 22 09:05:03 vm nginx: " + openFile + "\ny" + fileTail,
		[]string{"1+2 open_failed joined,syslog 1.2.3.4"}},
	{"syslog, forged", "<187>Nov 22 09:05:03 vm nginx: " + openFile + "\n" + at + "[emerg] 1#1: f" + fileTail,
		[]string{"1+1 open_failed syslog ", "2+1 other forged 1.2.3.4"}},
	{"syslog, made-up prefix", "<187>Nov 22 09:05:03 vm nginx: " + openFile + "\nx | " + at + "[emerg] 1#1: f" + fileTail,
		[]string{"1+2 open_failed joined,syslog 1.2.3.4"}},
	{"journald, another unit", "Nov 22 09:05:03 vm nginx[7]: " + openFile + "\nNov 22 09:05:03 vm app[8]: y",
		[]string{"1+1 open_failed  ", "2+1 unparsed  "}},
	{"docker logs -t", "2026-11-22T09:05:03.1Z " + openFile + "\n2026-11-22T09:05:03.2Z y" + fileTail,
		[]string{"1+2 open_failed joined 1.2.3.4"}},
	{"forged with prefixes", "nginx-1  | " + openFile + "\nnginx-1  | " + at + "[emerg] 1#1: f" + fileTail + "\nnginx-1  | " + nextLine,
		[]string{"1+1 open_failed  ", "2+1 other forged 1.2.3.4", "3+1 client_closed_keepalive  "}},
}

func TestJoiningAndForging(t *testing.T) {
	for _, c := range joinTable {
		t.Run(c.name, func(t *testing.T) {
			var got, raw []string
			for _, e := range parse(c.text) {
				got = append(got, fmt.Sprintf("%d+%d %s %s %s", e.Line, e.Lines, e.Kind, sortedFlags(e.Flags), e.Client))
				raw = append(raw, e.Raw)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if strings.Join(raw, "\n") != c.text {
				t.Errorf("raw %q", raw)
			}
		})
	}
}

// sortedFlags is for reading: in the tables, by what strikes first.
func sortedFlags(f Flags) string {
	s := strings.Join(f.Strings(), ",")
	return strings.ReplaceAll(s, "forged,joined", "joined,forged")
}

func TestJoinedTextHasNoPrefixes(t *testing.T) {
	e := parse("n  | " + openFile + "\nn  | y" + fileTail)[0]
	if want := "open() \"/srv/x\ny\" failed"; e.Message != want {
		t.Errorf("message %q, want %q", e.Message, want)
	}
}

func TestJoinIsBounded(t *testing.T) {
	var p Parser
	var lines []int
	emit := func(e *Entry) { lines = append(lines, e.Lines) }
	p.Line([]byte(openFile), emit)
	for range 40 {
		p.Line([]byte("x"), emit)
	}
	p.Flush(emit)
	if lines[0] != MaxJoin || len(lines) != 1+41-MaxJoin {
		t.Errorf("entries of %v lines, want the first of %d and then single ones", lines, MaxJoin)
	}
}

func TestHeldBackOnlyIfItMayGoOn(t *testing.T) {
	var p Parser
	n := 0
	emit := func(*Entry) { n++ }
	p.Line([]byte(nextLine), emit)
	if n != 1 || p.Pending() {
		t.Errorf("after a whole entry: %d entries, pending %v", n, p.Pending())
	}
	p.Line([]byte(openFile), emit)
	if n != 1 || !p.Pending() {
		t.Errorf("after an open one: %d entries, pending %v", n, p.Pending())
	}
	p.Flush(emit)
	p.Flush(emit)
	if n != 2 || p.Pending() {
		t.Errorf("after two flushes: %d entries, pending %v", n, p.Pending())
	}
	p.Reset("f")
	p.Line([]byte(nextLine), func(e *Entry) {
		if e.Line != 1 || e.File != "f" {
			t.Errorf("after Reset: line %d of %q", e.Line, e.File)
		}
	})
}
