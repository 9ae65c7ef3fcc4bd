package logparse

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var cet = time.FixedZone("CET", 3600)

func TestAppendJSON(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"all", grammarTable[0].line, `{"line":1,"time":"2026-11-22T09:05:03+01:00","level":"error","pid":12,"tid":13,"connection":4,"message":"connect() failed","errno":111,"errno_text":"Connection refused","action":"connecting to upstream","client":"1.2.3.4","server":"a.b","request":"GET /x?y HTTP/1.1","subrequest":"/_auth","upstream":"http://127.0.0.1:1/x?y","host":"h","referrer":"http://r/","kind":"connect_failed","file":"f.log","raw":RAW}`},
		{"empty server", at + `[info] 1#1: *4 client closed connection, client: 1.2.3.4, server: `, `{"line":1,"time":"2026-11-22T09:05:03+01:00","level":"info","pid":1,"tid":1,"connection":4,"message":"client closed connection","client":"1.2.3.4","server":"","kind":"client_closed","file":"f.log","raw":RAW}`},
		{"unparsed", "hello", `{"line":1,"kind":"unparsed","file":"f.log","raw":"hello"}`},
		{"console", "nginx: [emerg] x", `{"line":1,"level":"emerg","message":"x","kind":"other","file":"f.log","raw":"nginx: [emerg] x"}`},
		{"source time and prefix", "2026-11-22T08:05:03.123456789Z " + at + "[notice] 1#1: exit", `{"line":1,"time":"2026-11-22T08:05:03.123456789Z","level":"notice","pid":1,"tid":1,"message":"exit","kind":"exit","prefix":"2026-11-22T08:05:03.123456789Z ","source_time":"2026-11-22T08:05:03.123456789Z","file":"f.log","raw":RAW}`},
		{"flags", "<187>Nov 22 09:05:03 nginx: " + openFile + "\ny\tz", `{"line":1,"time":"2026-11-22T09:05:03+01:00","level":"error","pid":7,"tid":7,"connection":9,"message":"open() \"/srv/x\ny\tz","kind":"open_failed","flags":["joined","syslog"],"prefix":"<187>Nov 22 09:05:03 nginx: ","file":"f.log","raw":RAW}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := parse(c.text)[0]
			e.File = "f.log"
			raw, _ := json.Marshal(c.text)
			raw = []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(raw)))
			want := strings.ReplaceAll(c.want, "RAW", string(raw))
			want = strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(want)
			if got := string(e.AppendJSON(nil, cet)); got != want {
				t.Errorf("\ngot  %s\nwant %s", got, want)
			}
		})
	}
}

func TestAppendJSONHostileBytes(t *testing.T) {
	text := at + "[error] 1#1: *4 access forbidden by rule, client: 1.2.3.4, server: a, referrer: \"\x1b[2J\x07\x9b\xff\u009b\u2028\x7f\\\""
	e := parse(text)[0]
	got := string(e.AppendJSON(nil, time.UTC))
	if want := `"referrer":"\u001b[2J\u0007` + "\ufffd\ufffd" + `\u009b\u2028\u007f\\"`; !strings.Contains(got, want) {
		t.Errorf("got %s\nwant in it %s", got, want)
	}
	if want := `"raw_base64":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}`; !strings.HasSuffix(got, want) {
		t.Errorf("got %s\nwant at its end %s", got, want)
	}
}

func TestRealLogJSON(t *testing.T) {
	n := 0
	for _, e := range readAll(t, readRealLog(t)) {
		n += checkJSON(t, &e)
	}
	if n != 3 {
		t.Errorf("%d lines are not UTF-8, want 3", n)
	}
}

// checkJSON proves that the JSON of e is valid, safe to show, and complete.
func checkJSON(t *testing.T, e *Entry) (notUTF8 int) {
	t.Helper()
	b := e.AppendJSON(nil, time.UTC)
	var back struct {
		Line   int64  `json:"line"`
		Raw    string `json:"raw"`
		Base64 []byte `json:"raw_base64"`
		Kind   Kind   `json:"kind"`
	}
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatalf("%v: %q", err, b)
	}
	if !utf8.Valid(b) || strings.ContainsFunc(string(b), func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }) {
		t.Fatalf("control characters or invalid UTF-8 in %q", b)
	}
	if back.Line != e.Line || back.Kind != e.Kind {
		t.Fatalf("line %d, kind %s in %s", back.Line, back.Kind, b)
	}
	if utf8.ValidString(e.Raw) {
		if back.Raw != e.Raw || back.Base64 != nil {
			t.Fatalf("raw %q, want %q", back.Raw, e.Raw)
		}
		return 0
	}
	if string(back.Base64) != e.Raw {
		t.Fatalf("raw_base64 is %q, want %q", back.Base64, e.Raw)
	}
	return 1
}
