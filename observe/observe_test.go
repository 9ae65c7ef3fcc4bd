package observe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

const (
	client = ws.FromClient
	server = ws.FromServer
	key    = "dGhlIHNhbXBsZSBub25jZQ==" // RFC 6455 §1.3
)

var start = monitor.TimeOf(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))

// part is bytes of one direction, or, without bytes, its end.
type part struct {
	dir ws.Direction
	p   string
	how monitor.How
}

func c(p string) part                        { return part{dir: client, p: p} }
func s(p string) part                        { return part{dir: server, p: p} }
func end(d ws.Direction, h monitor.How) part { return part{dir: d, how: h} }

// script is a connection as its bytes.
type script []part

// play runs a script with one millisecond between parts, each cut by split.
func play(sc script, split func(p string) []string) []monitor.Event {
	var evs []monitor.Event
	h := &Hub{Instance: 1, Records: true, Redact: redact.New([]byte("k")), Emit: func(ev monitor.Event) bool {
		evs = append(evs, ev)
		return true
	}}
	at := start
	st := h.Open("front", at, "10.0.0.1:1", "127.0.0.1:80")
	st.Dialed("127.0.0.1:2", "127.0.0.1:81")
	for _, p := range sc {
		at = at.Add(time.Millisecond)
		if p.how != "" {
			st.End(p.dir, at, p.how, "")
			continue
		}
		for _, piece := range split(p.p) {
			st.Bytes(p.dir, at, []byte(piece))
		}
	}
	at = at.Add(time.Millisecond)
	st.Close(at, false)
	h.Collect(at)
	return evs
}

// only is the events of one type.
func only[E monitor.Event](evs []monitor.Event) (out []E) {
	for _, ev := range evs {
		if e, ok := ev.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

func whole(p string) []string { return []string{p} }

func single(p string) (out []string) {
	for i := range len(p) {
		out = append(out, p[i:i+1])
	}
	return out
}

func cut(at int) func(string) []string {
	return func(p string) []string {
		if at >= len(p) {
			return []string{p}
		}
		return []string{p[:at], p[at:]}
	}
}

// tell is an event as one line, for comparing whole lives.
func tell(ev monitor.Event) string {
	conn := ev.Head().Conn
	at := ev.Head().At.Sub(start).Milliseconds()
	switch ev := ev.(type) {
	case *monitor.Opened:
		return fmt.Sprintf("%d opened #%d opaque=%v %s", at, conn, ev.Opaque, ev.Reason)
	case *monitor.Request:
		return fmt.Sprintf("%d request #%d nth=%d %s %s key=%s began=%d", at, conn, ev.Nth, ev.Method, ev.Target, ev.Key, ev.Began.Sub(start).Milliseconds())
	case *monitor.Response:
		return fmt.Sprintf("%d response #%d %d accept=%v", at, conn, ev.Status, ev.AcceptOK)
	case *monitor.CloseFrame:
		return fmt.Sprintf("%d close frame #%d %v %d derived=%v %q", at, conn, ev.Dir, ev.Code, ev.Derived, ev.Reason)
	case *monitor.SideEnded:
		return fmt.Sprintf("%d end #%d %v %s", at, conn, ev.Dir, ev.How)
	case *monitor.Violation:
		return fmt.Sprintf("%d violation #%d %v %s", at, conn, ev.Dir, ev.Rule)
	case *monitor.Lost:
		return fmt.Sprintf("%d lost #%d %v %s", at, conn, ev.Dir, ev.Reason)
	case *monitor.HTTP:
		return fmt.Sprintf("http %v", ev.Counts)
	case *monitor.Closed:
		d := ev.Sample.Dir
		return fmt.Sprintf("%d closed #%d bytes %d/%d messages %d/%d frames %v/%v last %d", at, conn, d[0].Bytes, d[1].Bytes, d[0].Messages, d[1].Messages, tally(d[0]), tally(d[1]), len(ev.Last))
	}
	return ""
}

func tally(t monitor.Traffic) string {
	var b strings.Builder
	for op := range ws.Opcode(16) {
		if n := t.Frames.Of(op); n > 0 {
			fmt.Fprintf(&b, "%v:%d ", op, n)
		}
	}
	return strings.TrimSpace(b.String())
}

func story(evs []monitor.Event) string {
	var lines []string
	for _, ev := range evs {
		if l := tell(ev); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

// frame makes an RFC 6455 frame; from the client it is masked.
func frame(dir ws.Direction, op ws.Opcode, fin bool, payload string) string {
	var b []byte
	first := byte(op)
	if fin {
		first |= 0x80
	}
	b = append(b, first)
	mask := byte(0)
	if dir == client {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if dir == server {
		return string(b) + payload
	}
	m := [4]byte{1, 2, 3, 4}
	b = append(b, m[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^m[i%4])
	}
	return string(b)
}

func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

const (
	upgrade  = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n\r\n"
	switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	plain    = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
	ok       = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
	refusal  = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
	opened   = "0 opened"
)

var stories = []struct {
	name string
	sc   script
	want string
}{
	{"upgrade, echo, clean close", script{
		c(upgrade), s(switched),
		c(frame(client, ws.OpText, true, "hello")), s(frame(server, ws.OpText, true, "hello")),
		c(frame(client, ws.OpClose, true, closePayload(1000, "bye"))), s(frame(server, ws.OpClose, true, closePayload(1000, ""))),
		end(server, monitor.HowFIN), end(client, monitor.HowFIN),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
2 response #1 101 accept=true
5 close frame #1 from client 1000 derived=false "bye"
6 close frame #1 from server 1000 derived=false ""
7 end #1 from server fin
8 end #1 from client fin
9 closed #1 bytes ` + fmt.Sprint(len(upgrade)+11+11) + `/` + fmt.Sprint(len(switched)+7+4) + ` messages 1/1 frames text:1 close:1/text:1 close:1 last 4`},
	{"101 and the first frames in one burst", script{
		c(upgrade), s(switched + frame(server, ws.OpBinary, true, "x") + frame(server, ws.OpPing, true, "p")),
		c(frame(client, ws.OpPong, true, "p")),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
2 response #1 101 accept=true
4 closed #1 bytes ` + fmt.Sprint(len(upgrade)+7) + `/` + fmt.Sprint(len(switched)+6) + ` messages 0/1 frames pong:1/binary:1 ping:1 last 3`},
	{"frames before the 101", script{
		c(upgrade + frame(client, ws.OpText, true, "early")), c(frame(client, ws.OpText, false, "more")), s(switched),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
3 response #1 101 accept=true
4 closed #1 bytes ` + fmt.Sprint(len(upgrade)+11+10) + `/` + fmt.Sprint(len(switched)) + ` messages 1/0 frames text:2/ last 2`},
	{"keep-alive requests before the upgrade", script{
		c(plain), s(ok), c(plain + plain), s(ok), s(ok), c(upgrade), s(switched),
	}, `
6 opened #1 opaque=false 
6 request #1 nth=4 GET /ws key=` + key + ` began=6
7 response #1 101 accept=true
8 closed #1 bytes ` + fmt.Sprint(len(upgrade)) + `/` + fmt.Sprint(len(switched)) + ` messages 0/0 frames / last 0
http map[200:3]`},
	{"refused, then upgraded on the same connection", script{
		c(upgrade), s(refusal), c(upgrade), s(switched), s(frame(server, ws.OpText, true, "hi")),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
2 response #1 403 accept=false
2 closed #1 bytes ` + fmt.Sprint(len(upgrade)) + `/` + fmt.Sprint(len(refusal)) + ` messages 0/0 frames / last 0
3 opened #2 opaque=false 
3 request #2 nth=2 GET /ws key=` + key + ` began=3
4 response #2 101 accept=true
6 closed #2 bytes ` + fmt.Sprint(len(upgrade)) + `/` + fmt.Sprint(len(switched)+4) + ` messages 0/1 frames /text:1 last 1`},
	{"a request behind an upgrade that is refused", script{
		c(upgrade + plain), s(refusal), s(ok),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
2 response #1 403 accept=false
2 closed #1 bytes ` + fmt.Sprint(len(upgrade)) + `/` + fmt.Sprint(len(refusal)) + ` messages 0/0 frames / last 0
http map[200:1]`},
	{"100-continue and 103 before the 101", script{
		c(upgrade), s("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), s(switched),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
3 response #1 101 accept=true
4 closed #1 bytes ` + fmt.Sprint(len(upgrade)) + `/` + fmt.Sprint(len(switched)+len("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")) + ` messages 0/0 frames / last 0`},
	{"no answer", script{c(upgrade), end(server, monitor.HowReset)}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
2 end #1 from server reset
3 closed #1 bytes ` + fmt.Sprint(len(upgrade)) + `/0 messages 0/0 frames / last 0`},
	{"stripped upgrade header is an attempt still", script{
		c(strings.Replace(upgrade, "Upgrade: websocket\r\nConnection: Upgrade\r\n", "", 1)), s("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
1 violation #1 from client upgrade-token-missing
1 violation #1 from client connection-token-missing
2 response #1 426 accept=false
2 closed #1 bytes ` + fmt.Sprint(len(upgrade)-len("Upgrade: websocket\r\nConnection: Upgrade\r\n")) + `/` + fmt.Sprint(len("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")) + ` messages 0/0 frames / last 0`},
	{"TLS where plain is expected", script{c("\x16\x03\x01\x02\x00"), s("\x15\x03\x03")}, `
1 opened #1 opaque=true TLS record
3 closed #1 bytes 5/3 messages 0/0 frames / last 0`},
	{"plain HTTP where TLS is expected", script{c("\x16\x03\x01\x02\x00"), s("HTTP/1.1 400 Bad Request\r\n")}, `
1 opened #1 opaque=true TLS record
2 lost #1 from server answered TLS with HTTP
3 closed #1 bytes 5/26 messages 0/0 frames / last 0`},
	{"plain text where TLS is expected", script{c("\x16\x03\x01\x02\x00"), s("220 ready\r\n")}, `
1 opened #1 opaque=true TLS record
2 lost #1 from server answered TLS with plain text
3 closed #1 bytes 5/11 messages 0/0 frames / last 0`},
	{"TLS that goes through", script{c("\x16\x03\x01\x02\x00"), s("\x16\x03\x03\x00\x7a\x02HTTP/")}, `
1 opened #1 opaque=true TLS record
3 closed #1 bytes 5/11 messages 0/0 frames / last 0`},
	{"the server speaks first", script{s("220 ready\r\n"), c("QUIT\r\n")}, `
1 opened #1 opaque=true the server spoke first
3 closed #1 bytes 6/11 messages 0/0 frames / last 0`},
	{"opaque only after the server's end", script{c("hel"), end(server, monitor.HowFIN), c("lo\x00")}, `
3 opened #1 opaque=true not HTTP
2 end #1 from server fin
4 closed #1 bytes 6/0 messages 0/0 frames / last 0`},
	{"plain HTTP only", script{c(plain), s(ok), end(client, monitor.HowFIN)}, `http map[200:1]`},
	{"plain HTTP without an answer", script{c(plain), end(server, monitor.HowReset)}, `http map[000:1]`},
	{"answer until the end of the connection", script{c(plain), s("HTTP/1.0 200 OK\r\n\r\nbody"), end(server, monitor.HowFIN)}, `http map[200:1]`},
	{"nothing at all", script{end(client, monitor.HowFIN)}, ``},
	{"unmasked client, masked server", script{
		c(upgrade), s(switched), c(frame(server, ws.OpText, true, "x")), s(frame(client, ws.OpText, true, "x")), c(frame(server, ws.OpText, true, "x")),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
2 response #1 101 accept=true
3 violation #1 from client client-not-masked
4 violation #1 from server server-masked
6 closed #1 bytes ` + fmt.Sprint(len(upgrade)+6) + `/` + fmt.Sprint(len(switched)+7) + ` messages 2/1 frames text:2/text:1 last 3`},
	{"impossible length", script{
		c(upgrade), s(switched), c("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04rest"), s(frame(server, ws.OpText, true, "x")),
	}, `
1 opened #1 opaque=false 
1 request #1 nth=1 GET /ws key=` + key + ` began=1
2 response #1 101 accept=true
3 violation #1 from client length-overflow
3 lost #1 from client impossible frame length
5 closed #1 bytes ` + fmt.Sprint(len(upgrade)+18) + `/` + fmt.Sprint(len(switched)+3) + ` messages 0/1 frames /text:1 last 1`},
}

func TestStories(t *testing.T) {
	for _, tt := range stories {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.TrimPrefix(tt.want, "\n")
			if got := story(play(tt.sc, whole)); got != want {
				t.Errorf("whole:\n--- got\n%s\n--- want\n%s", got, want)
			}
			if got := story(play(tt.sc, single)); got != want && !strings.Contains(want, "lost #1") {
				t.Errorf("byte by byte:\n--- got\n%s\n--- want\n%s", got, want)
			}
			most := 0
			for _, p := range tt.sc {
				most = max(most, len(p.p))
			}
			for i := 1; i < most; i++ {
				if got := story(play(tt.sc, cut(i))); got != want {
					t.Fatalf("cut at %d:\n--- got\n%s\n--- want\n%s", i, got, want)
				}
			}
		})
	}
}

func TestSecretsAreTakenOut(t *testing.T) {
	req := strings.Replace(upgrade, "/ws", "/ws?access_token=hunter2hunter2&x=1", 1)
	req = strings.Replace(req, "Host: h\r\n", "Host: h\r\nAuthorization: Bearer hunter2hunter2\r\nCookie: sid=hunter2hunter2\r\n", 1)
	req = strings.Replace(req, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: bearer, hunter2hunter2\r\n\r\n", 1)
	evs := play(script{
		c(req), s(strings.Replace(switched, "\r\n\r\n", "\r\nSet-Cookie: session=hunter2hunter2\r\n\r\n", 1)),
		s(frame(server, ws.OpClose, true, closePayload(1008, "bad ?token=hunter2hunter2"))),
	}, whole)
	for _, ev := range evs {
		if monitor.IsBinary(ev) {
			continue
		}
		b, err := monitor.AppendJSON(nil, ev)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("hunter2")) {
			t.Errorf("secret survives in %s", b)
		}
		if ev.Type() == "request" && !bytes.Contains(b, []byte(key)) {
			t.Errorf("the key must stay: %s", b)
		}
	}
}

func TestGapsAndPings(t *testing.T) {
	var last *monitor.Closed
	h := &Hub{Instance: 1, Emit: func(ev monitor.Event) bool {
		if c, ok := ev.(*monitor.Closed); ok {
			last = c
		}
		return true
	}}
	at := start
	st := h.Open("front", at, "a", "b")
	tell := func(dir ws.Direction, after time.Duration, p string) {
		at = at.Add(after)
		st.Bytes(dir, at, []byte(p))
	}
	tell(client, 0, upgrade)
	tell(server, time.Second, switched) // before the upgrade: no gap
	tell(server, 3*time.Second, frame(server, ws.OpPing, true, "1"))
	tell(client, 20*time.Millisecond, frame(client, ws.OpPong, true, "1"))
	tell(server, 4*time.Second, frame(server, ws.OpPing, true, "2"))
	tell(server, 2*time.Second, frame(server, ws.OpPing, true, "3"))
	tell(client, 50*time.Millisecond, frame(client, ws.OpPong, true, "nobody asked"))
	tell(client, 10*time.Millisecond, frame(client, ws.OpPong, true, "3"))
	tell(server, time.Second, frame(server, ws.OpPing, true, "4"))
	st.Close(at.Add(9*time.Second), false)

	d := last.Sample.Dir[server]
	if d.LastRTT.Std() != 60*time.Millisecond || d.WorstRTT.Std() != 60*time.Millisecond || d.Unanswered != 1 {
		t.Errorf("rtt %v worst %v unanswered %d", d.LastRTT.Std(), d.WorstRTT.Std(), d.Unanswered)
	}
	// pings at 0, 4.02, 6.02 and 7.08 s
	if d.PingAtLeast.Std() != 1060*time.Millisecond || d.PingEvery.Std() != 2360*time.Millisecond {
		t.Errorf("ping interval least %v mean %v", d.PingAtLeast.Std(), d.PingEvery.Std())
	}
	if last.Sample.LongestGap.Std() != 9*time.Second {
		t.Errorf("longest gap %v, want the 9 s before the end", last.Sample.LongestGap.Std())
	}
	var n uint32
	for _, g := range last.Sample.Gaps {
		n += g
	}
	if n != 8 {
		t.Errorf("%d gaps counted, want 8", n)
	}
}

func TestBlocked(t *testing.T) {
	var evs []monitor.Event
	h := &Hub{Emit: func(ev monitor.Event) bool { evs = append(evs, ev); return true }}
	st := h.Open("front", start, "a", "b")
	st.Bytes(client, start, []byte(upgrade))
	st.Bytes(server, start, []byte(switched))
	st.Blocked(server, start.Add(time.Second), true)
	h.Collect(start.Add(3 * time.Second))
	got := evs[len(evs)-1].(*monitor.Samples).Samples[0].Dir[server]
	if got.Blocked.Std() != 2*time.Second || !got.BlockedNow || got.Waiting.Std() != 2*time.Second {
		t.Errorf("sample while blocked: %v %v, waiting for %v", got.Blocked.Std(), got.BlockedNow, got.Waiting.Std())
	}
	st.End(server, start.Add(4*time.Second), monitor.HowFIN, "")
	st.Blocked(server, start.Add(5*time.Second), false) // the write comes back with an error
	st.Close(start.Add(5*time.Second), false)
	last := evs[len(evs)-1].(*monitor.Closed).Sample.Dir[server]
	if last.Blocked.Std() != 4*time.Second || !last.BlockedNow {
		t.Errorf("last sample: %v %v, want what held at the first end", last.Blocked.Std(), last.BlockedNow)
	}
}

// TestWaiting: a second wait counts from its own beginning.
func TestWaiting(t *testing.T) {
	var got *monitor.Samples
	h := &Hub{Emit: func(ev monitor.Event) bool {
		if s, ok := ev.(*monitor.Samples); ok {
			got = s
		}
		return true
	}}
	st := h.Open("front", start, "a", "b")
	st.Bytes(client, start, []byte(upgrade))
	st.Bytes(server, start, []byte(switched))
	st.Blocked(server, start.Add(time.Second), true)
	st.Blocked(server, start.Add(10*time.Second), false)
	st.Blocked(server, start.Add(20*time.Second), true)
	h.Collect(start.Add(21 * time.Second))
	if d := got.Samples[0].Dir[server]; d.Waiting.Std() != time.Second || d.Blocked.Std() != 10*time.Second {
		t.Errorf("waiting for %v of %v in all, want 1s of 10s", d.Waiting.Std(), d.Blocked.Std())
	}
	st.Blocked(server, start.Add(22*time.Second), false)
	h.Collect(start.Add(23 * time.Second))
	if d := got.Samples[0].Dir[server]; d.Waiting != 0 {
		t.Errorf("waiting for %v when no write waits", d.Waiting.Std())
	}
}

// TestBlockedUntilTheReset: the write comes back with the reset, before its news.
func TestBlockedUntilTheReset(t *testing.T) {
	var last *monitor.Closed
	h := &Hub{Emit: func(ev monitor.Event) bool {
		if c, ok := ev.(*monitor.Closed); ok {
			last = c
		}
		return true
	}}
	st := h.Open("front", start, "a", "b")
	st.Bytes(client, start, []byte(upgrade))
	st.Bytes(server, start, []byte(switched))
	st.Blocked(server, start.Add(time.Second), true)
	st.Blocked(server, start.Add(5*time.Second), false)
	st.End(client, start.Add(5*time.Second+time.Millisecond), monitor.HowReset, "")
	st.Close(start.Add(6*time.Second), false)
	if got := last.Sample.Dir[server].BlockedAtEnd.Std(); got != 4*time.Second {
		t.Errorf("blocked at the end for %v, want 4s", got)
	}
	if got := last.Sample.Dir[client].BlockedAtEnd; got != 0 {
		t.Errorf("the other direction: %v", got.Std())
	}
}

func TestLimitOfStreams(t *testing.T) {
	var dropped uint64
	h := &Hub{MaxConns: 2, Emit: func(ev monitor.Event) bool {
		if d, ok := ev.(*monitor.Dropped); ok {
			dropped += d.N
		}
		return true
	}}
	a, b, over := h.Open("f", start, "", ""), h.Open("f", start, "", ""), h.Open("f", start, "", "")
	if over != nil {
		t.Fatal("opened past the limit")
	}
	over.Bytes(client, start, []byte(upgrade))
	over.End(client, start, monitor.HowFIN, "")
	over.Close(start, false)
	if !over.Tunnel() {
		t.Error("an undecoded stream must not hold up writes")
	}
	a.Close(start, false)
	b.Close(start, false)
	if h.Open("f", start, "", "") == nil {
		t.Error("room again, and refused")
	}
	h.Collect(start)
	if dropped != 1 {
		t.Errorf("dropped %d, want 1", dropped)
	}
}

// TestMuted: a conn refused by a full queue is relayed, emits nothing more, and is counted.
func TestMuted(t *testing.T) {
	var types []string
	h := &Hub{Records: true, Emit: func(ev monitor.Event) bool {
		types = append(types, ev.Type())
		return ev.Type() != "opened"
	}}
	st := h.Open("front", start, "a", "b")
	st.Bytes(client, start, []byte(upgrade))
	st.Bytes(server, start, []byte(switched+frame(server, ws.OpText, true, "x")))
	h.Collect(start)
	st.Close(start, false)
	if want := []string{"opened", "dropped"}; !reflect.DeepEqual(types, want) {
		t.Errorf("emitted %v, want %v", types, want)
	}
}

// TestFrameFlood: records collapse, counts stay exact.
func TestFrameFlood(t *testing.T) {
	var last *monitor.Closed
	records, collapsed := 0, uint64(0)
	h := &Hub{Records: true, Emit: func(ev monitor.Event) bool {
		switch ev := ev.(type) {
		case *monitor.Frames:
			records += len(ev.Records)
			collapsed += ev.Collapsed
		case *monitor.Closed:
			last = ev
		}
		return true
	}}
	st := h.Open("front", start, "a", "b")
	st.Bytes(client, start, []byte(upgrade))
	st.Bytes(server, start, []byte(switched))
	flood := []byte(strings.Repeat(frame(server, ws.OpBinary, true, "x"), 1000))
	for i := range 10 {
		st.Bytes(server, start.Add(time.Duration(i)*50*time.Millisecond), flood)
		h.Collect(start.Add(time.Duration(i) * 50 * time.Millisecond))
	}
	st.Close(start.Add(time.Second), false)
	if n := last.Sample.Dir[server].Frames.Of(ws.OpBinary); n != 10000 {
		t.Errorf("counted %d frames, want 10000", n)
	}
	if records != 5000 || collapsed != 5000 || last.Sample.Collapsed != 5000 {
		t.Errorf("records %d, collapsed %d (sample %d), want 5000 each", records, collapsed, last.Sample.Collapsed)
	}
}

// TestBroken: after a panic of ours bytes are counted and nothing more.
func TestBroken(t *testing.T) {
	var evs []monitor.Event
	h := &Hub{Instance: 1, Emit: func(ev monitor.Event) bool { evs = append(evs, ev); return true }}
	st := h.Open("front", start, "a", "b")
	st.Bytes(client, start, []byte(upgrade))
	st.Bytes(server, start, []byte(switched))
	st.Broken(start, "the decoder failed")
	st.Bytes(server, start, []byte(frame(server, ws.OpText, true, "x")))
	st.Close(start, false)
	st.Broken(start, "again")
	want := fmt.Sprintf("0 lost #1 from client the decoder failed\n0 closed #1 bytes %d/%d messages 0/0 frames / last 0", len(upgrade), len(switched)+3)
	if got := story(evs); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant the end\n%s", got, want)
	}
	fresh := h.Open("front", start, "a", "b")
	fresh.Bytes(client, start, []byte("GET /half"))
	fresh.Broken(start, "the decoder failed")
	fresh.Bytes(client, start, []byte(" a head"))
	evs = nil
	fresh.Close(start, false)
	if got, want := story(evs), "0 closed #2 bytes 16/0 messages 0/0 frames / last 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestTooManyRequests: pipelined beyond what is remembered, in one piece; an
// upgrade among those beyond makes no conn of its own.
func TestTooManyRequests(t *testing.T) {
	get := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	sent := strings.Repeat(get, maxWaiting) + upgrade + strings.Repeat(get, 5)
	for name, split := range map[string]func(string) []string{"whole": whole, "halves": cut(len(sent) / 2), "the upgrade apart": cut(len(get) * maxWaiting)} {
		evs := play(script{c(sent)}, split)
		opened, closed := only[*monitor.Opened](evs), only[*monitor.Closed](evs)
		if len(opened) != 1 || len(closed) != 1 || !opened[0].Opaque || !strings.Contains(opened[0].Reason, "too many requests") {
			t.Fatalf("%s: opened %+v, %d closed; want one opaque conn", name, opened, len(closed))
		}
		want := uint64(len(sent) - len(get)*maxWaiting) // those before were plain HTTP
		if got := closed[0].Sample.Dir[client].Bytes; got != want {
			t.Errorf("%s: %d bytes from the client, want %d", name, got, want)
		}
	}
}

// TestNotHTTPAfterARefusal: what the client sent before the refusal came counts
// for the conn that it turns out to belong to, to the last byte.
func TestNotHTTPAfterARefusal(t *testing.T) {
	garbage := "\x16\x03\x01" + strings.Repeat("x", 1000)
	evs := play(script{c(upgrade), c(garbage), s("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")}, whole)
	closed := only[*monitor.Closed](evs)
	if len(closed) != 2 {
		t.Fatalf("%d conns, want the refused one and an opaque one", len(closed))
	}
	if got := closed[1].Sample.Dir[client].Bytes; got != uint64(len(garbage)) {
		t.Errorf("%d bytes of %d counted", got, len(garbage))
	}
}

// TestGapAtTheEnd: each end has the silence before it; late bytes do not
// shorten that of the first.
func TestGapAtTheEnd(t *testing.T) {
	var ends []*monitor.SideEnded
	var last monitor.Sample
	h := &Hub{Redact: redact.New([]byte("k")), Emit: func(ev monitor.Event) bool {
		switch ev := ev.(type) {
		case *monitor.SideEnded:
			ends = append(ends, ev)
		case *monitor.Closed:
			last = ev.Sample
		}
		return true
	}}
	st := h.Open("front", start, "c", "l")
	st.Bytes(client, start, []byte(upgrade))
	st.Bytes(server, start, []byte(switched))
	st.Blocked(server, start.Add(2*time.Second), true)
	st.End(client, start.Add(5*time.Second), monitor.HowReset, "")
	st.Bytes(server, start.Add(6*time.Second), []byte(frame(server, ws.OpText, true, "late")))
	st.End(server, start.Add(8*time.Second), monitor.HowFIN, "")
	st.Blocked(server, start.Add(9*time.Second), false)
	st.Close(start.Add(9*time.Second), false)
	if len(ends) != 2 || ends[0].Gap.Std() != 5*time.Second || ends[1].Gap.Std() != 2*time.Second {
		t.Errorf("ends %+v, want gaps of 5s and 2s", ends)
	}
	if got := last.Dir[server].BlockedAtEnd.Std(); got != 3*time.Second || last.Dir[client].BlockedAtEnd != 0 {
		t.Errorf("blocked at the end for %v and %v, want 3s and 0", got, last.Dir[client].BlockedAtEnd.Std())
	}
	ends = nil
	st = h.Open("front", start, "c", "l")
	st.DialFailed(start, "s", monitor.DialError{})
	st.End(client, start.Add(time.Second), monitor.HowFIN, "")
	if len(ends) != 1 || ends[0].Gap != 0 {
		t.Errorf("without a byte: %+v, want no gap", ends)
	}
}

// TestRefusedConnIsCountedOnce: by the hub, for the feed cannot tell a conn
// refused from one that never was.
func TestRefusedConnIsCountedOnce(t *testing.T) {
	n := uint64(0)
	h := &Hub{Redact: redact.New([]byte("k")), Emit: func(ev monitor.Event) bool {
		if d, ok := ev.(*monitor.Dropped); ok && d.What == "conns" {
			n += d.N
		}
		_, opened := ev.(*monitor.Opened)
		return !opened
	}}
	st := h.Open("front", start, "c", "l")
	st.Bytes(client, start, []byte(upgrade))
	h.Collect(start)
	if n != 1 {
		t.Errorf("one conn refused, counted %d times", n)
	}
}

// FuzzStream: any bytes in any pieces never panic, and never count other than
// the bytes that came.
func FuzzStream(f *testing.F) {
	for _, tt := range stories {
		var a, b string
		for _, p := range tt.sc {
			if p.dir == client {
				a += p.p
			} else {
				b += p.p
			}
		}
		f.Add([]byte(a), []byte(b), uint64(1), uint16(0))
	}
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []byte(nil), uint64(1), uint16(maxWaiting+5))
	f.Add([]byte(upgrade), []byte(switched), uint64(1), uint16(maxWaiting+5))
	// The client's bytes are sent again and again: limits on what a stream
	// remembers are out of reach of small inputs.
	f.Fuzz(func(t *testing.T, a, b []byte, seed uint64, again uint16) {
		a = bytes.Repeat(a, 1+min(int(again), 2*maxWaiting, (1<<18)/(len(a)+1)))
		var counted [2]uint64
		h := &Hub{Records: true, Redact: redact.New([]byte("k")), Emit: func(ev monitor.Event) bool {
			if c, ok := ev.(*monitor.Closed); ok {
				counted[0] += c.Sample.Dir[0].Bytes
				counted[1] += c.Sample.Dir[1].Bytes
			}
			return true
		}}
		rnd := rand.New(rand.NewPCG(seed, 1))
		st := h.Open("front", start, "a", "b")
		sent := [2]uint64{uint64(len(a)), uint64(len(b))}
		left := [2][]byte{a, b}
		for len(left[0])+len(left[1]) > 0 {
			d := ws.Direction(rnd.IntN(2))
			n := min(len(left[d]), 1+rnd.IntN(64<<rnd.IntN(8)))
			st.Bytes(d, start, left[d][:n])
			left[d] = left[d][n:]
		}
		st.Close(start, false)
		if counted[0] > sent[0] || counted[1] > sent[1] {
			t.Errorf("counted %v of %v", counted, sent)
		}
	})
}
