package tui

import (
	"flag"
	"fmt"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	time.Local = time.UTC
	flag.Parse()
	// Input on its way when the program ends stays in Bubble Tea's reader: nobody receives it any more.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/charmbracelet/ultraviolet.(*TerminalReader).sendEvents"))
}

// hostile is what nobody may find raw on the screen: escape sequences, bidi
// controls, broken UTF-8, a lone C1 control, wide characters, zalgo.
const hostile = "/\x1b]0;pwned\x07\x1b[2J\u202Egpj.exe\xff\xc3接続\u009b31m\u200b\n\re\u0301\u0301\u0301\u0301\u0301"

const tapInstance = monitor.Instance(0xfeed)

var start = monitor.TimeOf(time.Date(2025, 11, 3, 3, 0, 0, 0, time.UTC))

// story builds a State from hand-made events. Its conns are numbered by hand.
type story struct {
	s   *monitor.State
	now monitor.Time
}

func (b *story) at(d time.Duration) *story {
	b.now = start.Add(d)
	return b
}

func (b *story) head(leg string, n uint64) monitor.Header {
	return monitor.Header{At: b.now, Tap: tapInstance, Leg: leg, Conn: n}
}

func (b *story) apply(ev monitor.Event) { b.s.Apply(ev) }

func newStory() *story {
	b := &story{s: monitor.NewState(monitor.Bounds{})}
	b.at(0).apply(&monitor.Hello{
		Header: b.head("", 0), Host: "edge1", Version: "0.1", Started: start,
		Taps: []monitor.TapInfo{
			{Name: "front", Role: monitor.Front, Listen: "127.0.0.1:8080", Upstream: "http://127.0.0.1:80"},
			{Name: "back", Role: monitor.Back, Listen: "127.0.0.1:9001", Upstream: "http://10.0.0.5:3000"},
		},
		Notes: []string{"the proxy is a stand-in"},
	})
	b.apply(&monitor.Limit{Header: b.head("back", 0), Kind: monitor.Idle, Value: monitor.Millis(60 * time.Second), Source: "/etc/nginx/conf.d/ws.conf:12"})
	b.apply(&monitor.Settings{Header: b.head("", 0), Source: "/etc/nginx/nginx.conf", Files: 3, Findings: []monitor.Finding{{
		ID: "read-timeout-default", Severity: monitor.SeverityInfo, Title: "Silent tunnels end after 60 s: location /socket of ws.example.com",
		Subject: "location /socket of ws.example.com", Count: 1, File: "/etc/nginx/conf.d/ws.conf", Line: 12,
		Evidence: []string{"/etc/nginx/conf.d/ws.conf:12: no proxy_read_timeout, the default is 60 s " + hostile},
		Fix:      "# in location /socket { }:\nproxy_read_timeout 3600s;", Reference: "nginx: proxy_read_timeout (ngx_http_proxy_module)",
	}}})
	b.apply(&monitor.Health{Header: b.head("", 0), Name: "tap front", Status: monitor.HealthOK, Text: "listening"})
	b.apply(&monitor.Health{Header: b.head("", 0), Name: "tap back", Status: monitor.HealthOK, Text: "listening"})
	b.apply(&monitor.Health{Header: b.head("", 0), Name: "log error.log", Status: monitor.HealthWarning, Text: "rotated, waiting for nginx to reopen"})
	return b
}

// open begins an upgrade attempt.
func (b *story) open(leg string, n uint64, target, key string) {
	client, local := fmt.Sprintf("10.0.0.%d:%d", n%250, 40000+n), fmt.Sprintf("127.0.0.1:%d", 50000+n)
	listen, server := "127.0.0.1:8080", "127.0.0.1:80"
	if leg == "back" {
		client, listen, server = local, "127.0.0.1:9001", "10.0.0.5:3000"
	}
	b.apply(&monitor.Opened{Header: b.head(leg, n), Client: client, Listen: listen, Local: local, Server: server})
	connection := "Upgrade"
	if leg == "back" {
		connection = "upgrade"
	}
	b.apply(&monitor.Request{
		Header: b.head(leg, n), Began: b.now, Nth: 1, Method: "GET", Target: target, Proto: "HTTP/1.1", Host: "ws.example.com", Key: key,
		WSVersion: "13", Upgrade: []string{"websocket"}, Connection: []string{connection},
		HeadText: "GET " + target + " HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\nConnection: " + connection +
			"\r\nSec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\nAuthorization: ‹redacted:1f2e›\r\n\r\n",
	})
}

func (b *story) upgrade(leg string, n uint64) {
	b.now = b.now.Add(3 * time.Millisecond)
	b.apply(&monitor.Response{
		Header: b.head(leg, n), Proto: "HTTP/1.1", Status: 101, Reason: "Switching Protocols", AcceptOK: true,
		HeadText: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
	})
}

// traffic sets the sample: frames each way, the last byte now.
func (b *story) traffic(leg string, n uint64, up, down uint64) {
	s := sampleOf(b.now, up, down)
	b.apply(&monitor.Samples{Header: b.head(leg, 0), Conns: []uint64{n}, Samples: []monitor.Sample{s}})
}

func sampleOf(now monitor.Time, up, down uint64) (s monitor.Sample) {
	for d, frames := range []uint64{up, down} {
		t := &s.Dir[d]
		t.Messages, t.Bytes = frames, 400+frames*70
		t.Frames.Add(ws.OpText, frames)
		if frames > 0 {
			t.LastByte, t.LastData = now, now
		}
	}
	t := &s.Dir[ws.FromServer]
	t.Frames.Add(ws.OpPing, 4)
	t.PingEvery, t.PingAtLeast = monitor.Millis(25*time.Second), monitor.Millis(24900*time.Millisecond)
	t.LastRTT, t.WorstRTT, t.Unanswered = monitor.Millis(12*time.Millisecond), monitor.Millis(141*time.Millisecond), 1
	s.Dir[ws.FromClient].Frames.Add(ws.OpPong, 3)
	s.LongestGap, s.LongestGapAt = monitor.Millis(31*time.Second), now.Add(-45*time.Second)
	s.Gaps[9], s.Gaps[10], s.Gaps[11], s.Gaps[13], s.Gaps[14] = 3, 12, 40, 7, 2
	return s
}

func (b *story) end(leg string, n uint64, dir ws.Direction, how monitor.How) {
	b.apply(&monitor.SideEnded{Header: b.head(leg, n), Dir: dir, How: how})
}

func (b *story) close(leg string, n uint64, sample monitor.Sample) {
	ev := &monitor.Closed{Header: b.head(leg, n), Sample: sample}
	at := sample.LastByte()
	for i := range 5 {
		dir := ws.Direction(i % 2)
		ev.Last = append(ev.Last, monitor.RecordFrame(at.Add(time.Duration(i-4)*250*time.Millisecond), dir,
			ws.Frame{Length: uint64(100 * i * i), Opcode: ws.OpText, Fin: i != 2, Masked: dir == ws.FromClient}))
	}
	b.apply(ev)
}

func (b *story) log(n int64, level logparse.Level, kind logparse.Kind, message, raw string) {
	b.apply(&monitor.LogLine{Header: b.head("", 0), Source: "error.log", Stamp: b.now, Entry: logparse.Entry{
		Level: level, Kind: kind, Message: message, Raw: raw, PID: 77, Connection: n,
		Present: logparse.HasStamp | logparse.HasConnection | logparse.HasRequest,
		Request: "GET /chat HTTP/1.1", Action: "proxying upgraded connection", Client: "127.0.0.1",
		Upstream: "http://127.0.0.1:9001/chat", Host: "ws.example.com",
	}})
}

// live is a pair of legs whose last byte was quiet before the end of the story.
func (b *story) live(n uint64, target string, quiet time.Duration) {
	key := fmt.Sprintf("key%d==", n)
	b.at(8*time.Minute).open("front", n, target, key)
	b.now += 1e6
	b.open("back", n+1, target, key)
	b.upgrade("back", n+1)
	b.upgrade("front", n)
	b.at(storyEnd-quiet).traffic("back", n+1, 12*n, 3400*n)
	b.traffic("front", n, 12*n, 3400*n)
}

const storyEnd = 12*time.Minute + 45*time.Second

// fixed is the State of the golden screens.
func fixed() *monitor.State {
	b := newStory()
	b.closedIdle()
	b.closedOthers()
	b.live(20, "/socket?room=lobby", 19*time.Second)
	b.live(22, "/socket?room=ops", 47*time.Second)
	b.live(24, "/notifications/v2/stream", 56*time.Second)
	b.at(10*time.Minute).open("front", 30, "/legacy", "k30==")
	b.upgrade("front", 30)
	b.at(storyEnd-76*time.Second).traffic("front", 30, 4, 9)
	b.at(10*time.Minute).open("front", 31, hostile, "k31==")
	b.upgrade("front", 31)
	b.apply(&monitor.Violation{Header: b.head("front", 31), Dir: ws.FromClient, Rule: ws.RuleClientNotMasked.String(), Section: "RFC 6455 §5.1", Count: 3})
	b.at(storyEnd-5*time.Second).traffic("front", 31, 70, 2)
	b.apply(&monitor.Opened{Header: b.head("back", 33), Client: "127.0.0.1:50033", Listen: "127.0.0.1:9001", Server: "10.0.0.5:3000", Opaque: true, Reason: "not HTTP/1.x"})
	b.at(storyEnd-time.Second).open("front", 34, "/socket?room=new", "k34==")
	b.at(storyEnd).apply(&monitor.Tick{Header: b.head("", 0)})
	return b.s
}

// closedIdle is a WebSocket that nginx ended on both legs, with its log line.
func (b *story) closedIdle() {
	b.at(time.Minute).open("front", 1, "/chat", "k1==")
	b.now += 1e6
	b.open("back", 2, "/chat", "k1==")
	b.upgrade("back", 2)
	b.upgrade("front", 1)
	b.at(10 * time.Minute)
	s := sampleOf(b.now, 120, 9300)
	b.traffic("front", 1, 120, 9300)
	b.traffic("back", 2, 120, 9300)
	b.at(11 * time.Minute)
	b.end("front", 1, ws.FromServer, monitor.HowFIN)
	b.end("back", 2, ws.FromClient, monitor.HowFIN)
	b.close("front", 1, s)
	b.close("back", 2, s)
	b.log(24, logparse.LevelInfo, logparse.KindUpstreamTimedOut, "upstream timed out",
		`2025/11/03 03:11:00 [info] 77#77: *24 upstream timed out (110: Connection timed out) while proxying upgraded connection, client: 127.0.0.1, server: , request: "GET /chat HTTP/1.1", upstream: "http://127.0.0.1:9001/chat", host: "ws.example.com"`)
	b.apply(&monitor.Tick{Header: b.head("", 0)})
}

func (b *story) closedOthers() {
	b.at(2*time.Minute).open("back", 3, "/feed/prices", "k3==") // reset by the server
	b.upgrade("back", 3)
	b.at(11*time.Minute + 20*time.Second)
	s := sampleOf(b.now, 10, 88)
	b.end("back", 3, ws.FromServer, monitor.HowReset)
	b.close("back", 3, s)
	b.at(3*time.Minute).open("front", 4, "/socket?room=7", "k4==") // goodbye
	b.upgrade("front", 4)
	b.at(11*time.Minute + 40*time.Second)
	b.apply(&monitor.CloseFrame{Header: b.head("front", 4), Dir: ws.FromClient, Code: 1001, Reason: "bye " + hostile})
	b.apply(&monitor.CloseFrame{Header: b.head("front", 4), Dir: ws.FromServer, Code: 1001})
	b.end("front", 4, ws.FromServer, monitor.HowFIN)
	b.close("front", 4, sampleOf(b.now, 5, 6))
	b.at(12*time.Minute).open("front", 5, "/admin/socket", "k5==") // refused
	b.apply(&monitor.Response{Header: b.head("front", 5), Proto: "HTTP/1.1", Status: 502, Reason: "Bad Gateway", HeadText: "HTTP/1.1 502 Bad Gateway\r\nX-Evil: " + hostile + "\r\n\r\n"})
	b.end("front", 5, ws.FromClient, monitor.HowFIN)
	b.close("front", 5, monitor.Sample{})
	b.log(25, logparse.LevelError, logparse.KindConnectFailed, "connect() failed "+hostile, "2025/11/03 03:12:00 [error] 77#77: *25 connect() failed "+hostile)
	b.log(26, logparse.LevelCrit, logparse.KindUnparsed, "", "something \x1b[31m else")
	b.at(12*time.Minute + 5*time.Second)
	b.apply(&monitor.Opened{Header: b.head("front", 6), Client: "[2001:db8:85a3::8a2e:370:7334]:51234", Listen: "127.0.0.1:8080"})
	b.apply(&monitor.DialError{Header: b.head("front", 6), Error: "connect: connection refused", Errno: 111, Took: monitor.Millis(2 * time.Millisecond)})
	b.close("front", 6, monitor.Sample{})
	b.at(12*time.Minute + 10*time.Second).apply(&monitor.Tick{Header: b.head("", 0)})
}

// screenOf is a dashboard of a fixed State, with a size.
func screenOf(t testing.TB, o Options, s *monitor.State, w, h int) *Model {
	t.Helper()
	if o.Read == nil {
		o.Read = func(f func(*monitor.State)) { f(s) }
	}
	m := New(o)
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	return m
}

// press sends keys by their names.
func press(m *Model, keys ...string) (last tea.Cmd) {
	for _, k := range keys {
		_, last = m.Update(keyNamed(k))
	}
	return last
}

func idOf(n uint64) monitor.ID { return monitor.ID{Tap: tapInstance, Conn: n} }
