package filter

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

var start = monitor.TimeOf(time.Date(2025, 11, 3, 3, 0, 0, 0, time.UTC))

const instance = monitor.Instance(7)

// world is a State with four conns: 1 idle on /socket for 50 s of 60, 2 closed
// with 1001, 3 refused with 502, 4 busy with a broken rule.
func world(t testing.TB) *monitor.State {
	t.Helper()
	s := monitor.NewState(monitor.Bounds{})
	now := start
	head := func(leg string, n uint64) monitor.Header {
		return monitor.Header{At: now, Tap: instance, Leg: leg, Conn: n}
	}
	s.Apply(&monitor.Hello{Header: head("", 0), Started: start, Taps: []monitor.TapInfo{{Name: "edge", Role: monitor.Front}, {Name: "app", Role: monitor.Back}}})
	open := func(leg string, n uint64, client, target string, status int) {
		s.Apply(&monitor.Opened{Header: head(leg, n), Client: client, Server: "10.0.0.5:3000"})
		s.Apply(&monitor.Request{Header: head(leg, n), Began: now, Nth: 1, Method: "GET", Target: target, Proto: "HTTP/1.1", Host: "WS.example.com", Key: fmt.Sprintf("key%d==", n), WSVersion: "13", Upgrade: []string{"websocket"}, Connection: []string{"Upgrade"}})
		now = now.Add(5 * time.Millisecond)
		s.Apply(&monitor.Response{Header: head(leg, n), Proto: "HTTP/1.1", Status: status, AcceptOK: true, Subprotocol: "graphql-ws", Extensions: "permessage-deflate"})
	}
	sample := func(n, up, down uint64) (x monitor.Sample) {
		for d, k := range []uint64{up, down} {
			x.Dir[d].Bytes, x.Dir[d].LastByte = 1000*k, now
			x.Dir[d].Frames.Add(ws.OpText, k)
		}
		return x
	}
	give := func(leg string, n uint64, x monitor.Sample) {
		s.Apply(&monitor.Samples{Header: head(leg, 0), Conns: []uint64{n}, Samples: []monitor.Sample{x}})
	}
	open("edge", 1, "10.0.0.7:40001", "/socket?room=1", 101)
	give("edge", 1, sample(1, 5, 50))
	open("app", 2, "192.168.1.1:40002", "/chat", 101)
	s.Apply(&monitor.CloseFrame{Header: head("app", 2), Dir: ws.FromClient, Code: 1001, Reason: "bye bye"})
	s.Apply(&monitor.SideEnded{Header: head("app", 2), Dir: ws.FromClient, How: monitor.HowFIN})
	s.Apply(&monitor.Closed{Header: head("app", 2), Sample: sample(2, 1, 1)})
	open("edge", 3, "[2001:db8::1]:40003", "/admin", 502)
	s.Apply(&monitor.Closed{Header: head("edge", 3)})
	open("edge", 4, "10.0.9.9:40004", "/feed", 101)
	s.Apply(&monitor.Violation{Header: head("edge", 4), Rule: ws.RuleClientNotMasked.String(), Count: 1})
	now = start.Add(50 * time.Second)
	x := sample(4, 2000, 10)
	x.LongestGap = monitor.Millis(45 * time.Second)
	give("edge", 4, x)
	s.Apply(&monitor.LogLine{Header: head("", 0), Source: "error.log", Entry: logparse.Entry{Level: logparse.LevelError, Kind: logparse.KindUpstreamTimedOut, Raw: "upstream timed out (110)", Errno: 110, Connection: 77, Client: "10.0.0.7"}})
	s.Apply(&monitor.Tick{Header: head("", 0)})
	return s
}

// passing are the numbers of the conns that pass a filter.
func passing(t testing.TB, s *monitor.State, text string) string {
	t.Helper()
	f, err := Conns.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	var out []string
	s.Conns(func(c *monitor.Conn) bool {
		if f.Match(Conn{s, c}) {
			out = append(out, fmt.Sprint(c.Seq))
		}
		return true
	})
	return strings.Join(out, " ")
}

var conns = []struct{ text, want string }{
	{"", "1 2 3 4"},
	{"  ", "1 2 3 4"},
	{"socket", "1"},
	{"SOCKET", "1"},
	{"/socket", "1"},
	{"!/socket", "2 3 4"},
	{"/^.chat$/", "2"},
	{"/ROOM=\\d/", "1"},
	{"!/room=\\d/ !chat", "3 4"},
	{"target:/socket", "1"},
	{"target:/socket,/chat", "1 2"},
	{`target:"/socket?room"`, "1"},
	{"target:~^/[sf]", "1 4"},
	{"target:=/CHAT", "2"},
	{"target:=/cha", ""},
	{"group:=/socket", "1"},
	{"group:=/chat,=/socket", "1 2"},
	{`target:""`, ""},
	{"host:ws.EXAMPLE.com", "1 2 3 4"},
	{"example.com", "1 2 3 4"},
	{"client:10.0.0.7", "1"},
	{"client:10.0.0.7:40001", "1"},
	{"client:10.0.0.7:1", ""},
	{"client:10.0.0.0/8", "1 4"},
	{"client:10.0.", "1 4"},
	{"client:2001:db8::1", "3"},
	{"client:[2001:db8::1]:40003", "3"},
	{"!client:10.0.0.0/8", "2 3"},
	{"leg:back", "2"},
	{"leg:front,back", "1 2 3 4"},
	{"tap:edge", "1 3 4"},
	{"id:2", "2"},
	{"id:2-3", "2 3"},
	{"id:>=3", "3 4"},
	{"id:1,4", "1 4"},
	{"link:1", ""},
	{"key:key3", "3"},
	{"state:live", "1 4"},
	{"state:open", "1 4"},
	{"state:closed", "2 3"},
	{"state:refused", "3"},
	{"state:near", "1"},
	{"state:critical", ""},
	{"state:violating", "4"},
	{"state:flagged", "1 4"},
	{"state:pinned,opaque,linked,expired,closing,connecting", ""},
	{"cause:close_handshake", "2"},
	{"cause:CLOSE_HANDSHAKE,handshake_refused", "2 3"},
	{"confidence:confirmed", "2 3"},
	{"code:1001", "2"},
	{"code:1000-1015", "2"},
	{"!code:1001", "1 3 4"},
	{"1001", "2"},
	{"502", "3"},
	{"status:101", "1 2 4"},
	{"status:>=500", "3"},
	{`reason:"bye bye"`, "2"},
	{"subprotocol:graphql", "1 2 3 4"},
	{"extensions:deflate", "1 2 3 4"},
	{"idle:>30s", "1"},
	{"idle:30s", "1"},
	{"idle:<1s state:live", "4"},
	{"maxgap:>40s", "4"},
	{"age:>=49s", "1 4"},
	{"left:<15s", "1"},
	{"limit:=60s", "1 4"},
	{"handshake:<1ms", ""},
	{"handshake:>=5ms", "1 2 3 4"},
	{"frames:>1000", "4"},
	{"frames.up:2000", "4"},
	{"frames.down:50", "1"},
	{"bytes:>1.5MB", "4"},
	{"bytes:50k", "1 4"},
	{"bytes.down:>=50k", "1"},
	{"bytes.up:<2k", "2 3"},
	{"violation:mask", "4"},
	{"log:nothing", ""},
	{"server:10.0.0.5", "1 2 3 4"},
	{"leg:front !state:closed idle:>30s", "1"},
	{`"a b"`, ""},
	{"http://x", ""},
	{"10.0.0.7:40001", "1"},
}

func TestConns(t *testing.T) {
	s := world(t)
	for _, c := range conns {
		if got := passing(t, s, c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

var faults = []struct {
	text string
	at   string // what the error points at
	want string // part of what it says
}{
	{"stat:near", "stat", "stat is no field; there are target, group"},
	{"chat state:nere", "nere", "nere is none of live, connecting"},
	{"state:near,", "", "needs a value"},
	{"target:", "", "such as /socket"},
	{"idle:>soon", ">soon", "want a duration"},
	{"idle:30", "30", "want a duration"},
	{"idle:-1s", "-1s", "want a duration"},
	{"code:abc", "abc", "want a number"},
	{"code:1000-x", "1000-x", "1000-1015"},
	{"bytes:lots", "lots", "want a size"},
	{"!", "!", "needs a term"},
	{"/(/", "/(/", "no regular expression"},
	{"target:~(", "~(", "no regular expression"},
	{`target:"open`, `"open`, `closing "`},
	{`"open`, `"open`, `closing "`},
}

func TestFaults(t *testing.T) {
	for _, c := range faults {
		_, err := Conns.Parse(c.text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: no error", c.text)
			continue
		}
		if c.text[e.From:e.To] != c.at || !strings.Contains(e.Text, c.want) {
			t.Errorf("%q: %q at %q; want %q at %q", c.text, e.Text, c.text[e.From:e.To], c.want, c.at)
		}
	}
	if _, err := Conns.Parse(strings.Repeat("x ", Most)); err == nil {
		t.Error("there is no bound")
	}
}

func TestLogs(t *testing.T) {
	s := world(t)
	for text, want := range map[string]bool{
		"": true, "timed": true, "/TIMED out/": true, "nothing": false, "level:error": true, "level:warn": true, "level:crit": false,
		"kind:upstream_timed": true, `"upstream timed"`: true, "client:10.0.0.0/8": true, "connection:77": true, "errno:110": true, "source:error": true,
		"conn:1": false, "joined:yes": false, "joined:no": true, "!level:info": false, "upstream:x": false,
	} {
		f, err := Logs.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := f.Match(Log{s, s.Logs()[0]}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestFieldsAreWhole(t *testing.T) {
	checkFields(t, &Conns)
	checkFields(t, &Logs)
}

func checkFields[T any](t *testing.T, s *Set[T]) {
	seen := map[string]bool{}
	for i := range s.Fields {
		f := &s.Fields[i]
		if seen[f.Name] || !isName(f.Name) || f.What == "" || f.Example == "" {
			t.Errorf("field %q: given twice, no name, or without a word about it", f.Name)
		}
		seen[f.Name] = true
		if _, err := s.Parse(f.Name + ":" + f.Example); err != nil {
			t.Errorf("its own example: %s:%s: %v", f.Name, f.Example, err)
		}
		has := [...]bool{f.text != nil, f.is != nil, f.number != nil || f.numbers != nil}
		want := [...]bool{f.Kind == Text || f.Kind == Address, f.Kind == Word, f.Kind >= Number && f.Kind != Address}
		if has != want || (f.Kind == Word) != (len(f.Words) > 0) {
			t.Errorf("field %q cannot be asked by its kind", f.Name)
		}
	}
}

func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../docs/filter.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{Conns.Table(), Logs.Table()} {
		if !strings.Contains(string(text), table) {
			t.Errorf("docs/filter.md lacks this table:\n%s", table)
		}
	}
}

func TestMatchingDoesNotAllocate(t *testing.T) {
	s := world(t)
	var all []Conn
	s.Conns(func(c *monitor.Conn) bool { all = append(all, Conn{s, c}); return true })
	// No /re/: the scratch memory of package regexp comes from a pool, which may be empty.
	for _, text := range []string{"socket", "!target:/chat,/feed state:live", "idle:>3s left:<10s", "client:10.0.0.0/8", "code:1000-1015", "id:1,2,3"} {
		f, err := Conns.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			for _, c := range all {
				f.Match(c)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func TestComplete(t *testing.T) {
	values := func(field string) []string {
		return map[string][]string{"target": {"/chat", "/a b", "/chat"}, "code": {"1006"}}[field]
	}
	for _, c := range []struct {
		text   string
		cursor int
		want   []string // whole texts, with | at the cursor
	}{
		{"sta", 3, []string{"state:|", "status:|"}},
		{"!sta x", 4, []string{"!state:| x", "!status:| x"}},
		{"state:cl", 8, []string{"state:closing |", "state:closed |"}},
		{"chat state:near,cr", 18, []string{"chat state:near,critical |"}},
		{"target:", 7, []string{`target:"/a b" |`, "target:/chat |"}},
		{"target:/c", 9, []string{"target:/chat |"}},
		{"code:", 5, []string{"code:1006 |"}},
		{"idle:", 5, []string{"idle:>30s|"}},
		{"nofield:", 8, nil},
		{"cause:idle", 10, []string{"cause:idle_timeout |"}},
	} {
		var got []string
		for _, k := range Conns.Complete(c.text, c.cursor, values) {
			got = append(got, k.Text[:k.Cursor]+"|"+k.Text[k.Cursor:])
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	if n := len(Conns.Complete("", 0, nil)); n != len(Conns.Fields) {
		t.Errorf("of nothing there are %d completions, want all fields", n)
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"plain", "/a/b?c=d", "a b", `a"b\c`, "a,b", "", "~x", ">5", "接続", "!no"} {
		f, err := Conns.Parse("target:" + Quote(s))
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		st := monitor.NewState(monitor.Bounds{})
		st.Apply(&monitor.Opened{Header: monitor.Header{At: start, Tap: instance, Leg: "x", Conn: 1}})
		st.Apply(&monitor.Request{Header: monitor.Header{At: start, Tap: instance, Leg: "x", Conn: 1}, Nth: 1, Target: s})
		st.Conns(func(c *monitor.Conn) bool {
			if !f.Match(Conn{st, c}) {
				t.Errorf("%q is not found as target:%s", s, Quote(s))
			}
			return true
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range conns {
		f.Add(c.text)
	}
	for _, c := range faults {
		f.Add(c.text)
	}
	s := world(f)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Conns.Parse(text)
		if err != nil {
			e := err.(*Error)
			if e.From < 0 || e.To < e.From || e.To > len(text) || e.Text == "" {
				t.Fatalf("%q: error %+v", text, e)
			}
			return
		}
		b, err := Conns.Parse(a.String())
		if err != nil {
			t.Fatalf("%q is %q, which fails: %v", text, a.String(), err)
		}
		s.Conns(func(c *monitor.Conn) bool {
			if a.Match(Conn{s, c}) != b.Match(Conn{s, c}) {
				t.Fatalf("%q and %q differ", text, a.String())
			}
			return true
		})
		for _, k := range Conns.Complete(text, len(text), nil) {
			if k.Cursor < 0 || k.Cursor > len(k.Text) {
				t.Fatalf("%q: cursor %d of %q", text, k.Cursor, k.Text)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	s := world(b)
	var all []Conn
	s.Conns(func(c *monitor.Conn) bool { all = append(all, Conn{s, c}); return true })
	for _, text := range []string{"room=77", "target:/socket state:live", "state:near", "/room=7+/", "client:10.0.0.0/8 idle:>30s"} {
		f, err := Conns.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				f.Match(all[i%len(all)])
			}
		})
	}
}

// TestClientOfBothLegs: a client's WebSocket is found whole, though nginx is the
// client of the leg behind it.
func TestClientOfBothLegs(t *testing.T) {
	s := world(t)
	for n, client := range []string{5: "10.7.7.7:5000", 6: "127.0.0.1:6000"} {
		if client == "" {
			continue
		}
		h := monitor.Header{At: s.Now(), Tap: instance, Leg: map[int]string{5: "edge", 6: "app"}[n], Conn: uint64(n)}
		s.Apply(&monitor.Opened{Header: h, Client: client, Server: "10.0.0.5:3000"})
		s.Apply(&monitor.Request{Header: h, Began: h.At, Nth: 1, Method: "GET", Target: "/ws", Proto: "HTTP/1.1", Key: "both=="})
	}
	for text, want := range map[string]string{"client:10.7.7.7": "5 6", "10.7.7.7": "5 6", "127.0.0.1:6000": "6", "client:127.0.0.1": ""} {
		if got := passing(t, s, text); got != want {
			t.Errorf("%s finds %q, want %q", text, got, want)
		}
	}
}
