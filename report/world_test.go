package report

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	time.Local = time.UTC // evidence and times are in the local zone
	flag.Parse()
	os.Exit(m.Run())
}

// start is the time of every world.
var start = monitor.TimeOf(time.Date(2026, 8, 23, 10, 22, 3, 123_000_000, time.UTC))

// world makes a State by hand-made events, and the lines that they print.
type world struct {
	t     testing.TB
	s     *monitor.State
	out   strings.Builder
	lines *Lines
	now   time.Duration // since start
	n     uint64
}

func newWorld(t testing.TB, b monitor.Bounds) *world {
	w := &world{t: t, s: monitor.NewState(b)}
	w.lines = NewLines(&w.out, Options{})
	return w
}

// add applies events at w.now and prints them as feed would.
func (w *world) add(evs ...monitor.Event) {
	for _, ev := range evs {
		if h := ev.Head(); h.At.IsZero() {
			h.At = start.Add(w.now)
		}
		ev.Head().Tap = 7
		w.s.Apply(ev)
	}
	w.lines.Events(evs)
	w.settled()
}

func (w *world) settled() {
	var evs []monitor.Event
	for _, c := range w.s.Settled() {
		evs = append(evs, w.s.Verdicted(c))
	}
	w.lines.Events(evs)
}

func (w *world) finish() {
	w.s.Finish()
	w.settled()
}

// after lets time pass, with a tick.
func (w *world) after(d time.Duration) {
	w.now += d
	w.add(&monitor.Tick{})
}

func (w *world) hello() {
	w.add(&monitor.Hello{
		Host: "lab", Version: "0.1.0", Started: start, LogTimezone: "UTC",
		Taps: []monitor.TapInfo{
			{Name: "front", Role: monitor.Front, Listen: "127.0.0.1:8080", Upstream: "http://127.0.0.1:8081"},
			{Name: "back", Role: monitor.Back, Listen: "127.0.0.1:9001", Upstream: "http://127.0.0.1:9000"},
		},
	})
}

// conn is a conn being made: its events carry its header.
type conn struct {
	w   *world
	h   monitor.Header
	sum monitor.Sample
}

func (w *world) conn(leg string) *conn {
	w.n++
	return &conn{w: w, h: monitor.Header{Leg: leg, Conn: w.n}}
}

// open is the TCP connection and the request for target.
func (c *conn) open(key, target string) *conn {
	o := &monitor.Opened{Header: c.h, Client: "10.0.0.7:51234", Listen: "127.0.0.1:8080", Local: "127.0.0.1:40001", Server: "127.0.0.1:8081"}
	if c.h.Leg == "back" {
		o.Client, o.Listen, o.Local, o.Server = "127.0.0.1:40002", "127.0.0.1:9001", "127.0.0.1:40003", "127.0.0.1:9000"
	}
	c.w.add(o, &monitor.Request{
		Header: c.h, Began: start.Add(c.w.now), Nth: 1, Method: "GET", Target: target, Proto: "HTTP/1.1",
		Host: "app.example", Key: key, WSVersion: "13", Upgrade: []string{"websocket"}, Connection: []string{"Upgrade"}, Subprotocols: []string{"chat.v1"}, HeadText: "GET " + target + " HTTP/1.1\r\n\r\n",
	})
	c.bytes(ws.FromClient, 200)
	return c
}

func (c *conn) answer(status int, reason, sub string) *conn {
	c.bytes(ws.FromServer, 150)
	c.w.add(&monitor.Response{Header: c.h, Proto: "HTTP/1.1", Status: status, Reason: reason, AcceptOK: status == 101, Subprotocol: sub})
	return c
}

func (c *conn) bytes(d ws.Direction, n uint64) {
	t := &c.sum.Dir[d]
	if was := c.sum.LastByte(); !was.IsZero() {
		if g := start.Add(c.w.now).Sub(was); g > c.sum.LongestGap.Std() {
			c.sum.LongestGap, c.sum.LongestGapAt = monitor.Millis(g), was
		}
	}
	t.Bytes += n
	t.LastByte = start.Add(c.w.now)
}

// frames counts n frames of 10 bytes.
func (c *conn) frames(d ws.Direction, op ws.Opcode, n uint64) *conn {
	c.sum.Dir[d].Frames.Add(op, n)
	if op.IsData() {
		c.sum.Dir[d].Messages += n
	}
	c.bytes(d, 10*n)
	c.w.add(&monitor.Samples{Conns: []uint64{c.h.Conn}, Samples: []monitor.Sample{c.sum}})
	return c
}

func (c *conn) close(d ws.Direction, code ws.CloseCode, reason string) *conn {
	c.w.add(&monitor.CloseFrame{Header: c.h, Dir: d, Code: code, Derived: code == ws.CloseNoStatus, Reason: reason})
	return c.frames(d, ws.OpClose, 1)
}

func (c *conn) end(d ws.Direction, how monitor.How) *conn {
	c.w.add(&monitor.SideEnded{Header: c.h, Dir: d, How: how})
	return c
}

func (c *conn) closed() *conn {
	c.w.add(&monitor.Closed{Header: c.h, Sample: c.sum})
	return c
}

// log adds an entry of the error log as the parser reads it.
func (w *world) log(line string) {
	p := logparse.Parser{File: "error.log"}
	emit := func(e *logparse.Entry) {
		w.add(&monitor.LogLine{Source: "error.log", Stamp: monitor.TimeOf(e.Stamp.In(time.UTC)), Entry: *e})
	}
	p.Line([]byte(line), emit)
	p.Flush(emit)
}

// pair is both legs of one WebSocket, upgraded.
func (w *world) pair(key, target string) (front, back *conn) {
	front = w.conn("front").open(key, target)
	w.now += 500 * time.Microsecond
	back = w.conn("back").open(key, target)
	w.now += 2600 * time.Microsecond
	back.answer(101, "Switching Protocols", "chat.v1")
	front.answer(101, "Switching Protocols", "chat.v1")
	return front, back
}

// hostile is what a peer or a client could send to break a terminal: OSC,
// CSI as C0 and as C1, a bidirectional override, DEL, broken UTF-8.
const hostile = "\x1b]0;owned\x07\x1b[31m\u009b31m\u202eevil\x7f\xff\xfe\u2066"

// incident is a world with everything that a report shows.
func incident(t testing.TB) *world {
	w := newWorld(t, monitor.Bounds{})
	w.hello()
	w.add(&monitor.Limit{Kind: monitor.Idle, Value: monitor.Millis(60 * time.Second), Source: "nginx.conf:12"})
	w.idleTimeout()
	w.serverReset()
	w.clientFIN()
	w.refused()
	w.connectFailed()
	w.closeHostile()
	w.violations()
	w.opaque()
	w.odds()
	w.live()
	w.finish()
	return w
}

func (w *world) idleTimeout() {
	f, b := w.pair("a2V5MQ==", "/ws/chat?token=‹redacted:1a2b›")
	for _, c := range []*conn{f, b} {
		c.frames(ws.FromClient, ws.OpText, 12).frames(ws.FromServer, ws.OpText, 330).frames(ws.FromServer, ws.OpPing, 10)
	}
	w.after(60 * time.Second)
	for _, c := range []*conn{f, b} {
		proxy := ws.FromServer
		if c == b {
			proxy = ws.FromClient
		}
		c.sum.LongestGap, c.sum.LongestGapAt = monitor.Millis(60*time.Second), c.sum.LastByte()
		c.end(proxy, monitor.HowFIN).end(proxy.Other(), monitor.HowFIN).closed()
	}
	w.log(`2026/08/23 10:23:03 [info] 21#21: *1 upstream timed out (110: Connection timed out) while proxying upgraded connection, ` +
		`client: 127.0.0.1, server: app.example, request: "GET /ws/chat?token=‹redacted:1a2b› HTTP/1.1", ` +
		`upstream: "http://127.0.0.1:9001/ws/chat?token=‹redacted:1a2b›", host: "app.example"`)
	w.after(3 * time.Second)
}

func (w *world) serverReset() {
	f, b := w.pair("a2V5Mg==", "/ws/feed")
	f.frames(ws.FromServer, ws.OpBinary, 5)
	b.frames(ws.FromServer, ws.OpBinary, 5)
	w.after(700 * time.Millisecond)
	b.end(ws.FromServer, monitor.HowReset).end(ws.FromClient, monitor.HowFIN).closed()
	f.end(ws.FromServer, monitor.HowFIN).end(ws.FromClient, monitor.HowFIN).closed()
	w.after(3 * time.Second)
}

func (w *world) clientFIN() {
	f := w.conn("front").open("a2V5Mw==", "/ws/chat").answer(101, "Switching Protocols", "")
	w.after(time.Second)
	f.end(ws.FromClient, monitor.HowFIN).end(ws.FromServer, monitor.HowFIN).closed()
	w.after(3 * time.Second)
}

func (w *world) refused() {
	for range 2 {
		f := w.conn("front").open("a2V5NA==", "/ws/old").answer(426, "Upgrade Required", "")
		f.end(ws.FromServer, monitor.HowFIN).closed()
	}
	w.after(3 * time.Second)
}

func (w *world) connectFailed() {
	c := w.conn("back")
	w.add(&monitor.Opened{Header: c.h, Client: "127.0.0.1:40009", Listen: "127.0.0.1:9001", Server: "127.0.0.1:9000"},
		&monitor.DialError{Header: c.h, Error: "connect: connection refused", Errno: 111, Took: monitor.Millis(300 * time.Microsecond)})
	c.closed()
	w.log(`2026/08/23 10:23:16 [error] 21#21: *9 recv() failed (104: Connection reset by peer) while reading response header from upstream, ` +
		`client: 127.0.0.1, server: app.example, request: "GET /ws/x HTTP/1.1", upstream: "http://127.0.0.1:9001/ws/x", host: "app.example"`)
	w.after(3 * time.Second)
}

func (w *world) closeHostile() {
	f := w.conn("front").open("a2V5NQ==", "/ws/"+hostile).answer(101, "Switching Protocols", "x"+hostile)
	f.close(ws.FromServer, 4401, "token "+hostile)
	w.after(10 * time.Millisecond)
	f.close(ws.FromClient, 4401, "")
	f.end(ws.FromServer, monitor.HowFIN).end(ws.FromClient, monitor.HowFIN).closed()
	w.after(3 * time.Second)
}

func (w *world) violations() {
	f := w.conn("front").open("a2V5Ng==", "/ws/chat").answer(101, "Switching Protocols", "")
	w.add(&monitor.Violation{Header: f.h, Dir: ws.FromClient, Rule: "client-not-masked", Section: "RFC 6455 §5.1", Count: 1},
		&monitor.Lost{Header: f.h, Dir: ws.FromClient, Reason: "the payload length has its highest bit set", Offset: 321})
	f.frames(ws.FromClient, 3, 2)
	f.sum.AddViolation("client-not-masked", ws.FromClient, 3)
	f.sum.AddViolation("from-the-future"+hostile, ws.FromServer, 1)
	f.close(ws.FromClient, ws.CloseNoStatus, "")
	f.close(ws.FromServer, 1000, "")
	f.end(ws.FromServer, monitor.HowFIN).end(ws.FromClient, monitor.HowFIN).closed()
	w.after(3 * time.Second)
}

func (w *world) opaque() {
	c := w.conn("front")
	w.add(&monitor.Opened{Header: c.h, Client: "10.0.0.9:1", Listen: "127.0.0.1:8080", Server: "127.0.0.1:8081", Opaque: true, Reason: "not HTTP" + hostile})
	c.bytes(ws.FromClient, 517)
	w.after(20 * time.Millisecond)
	c.end(ws.FromServer, monitor.HowReset).closed()
	w.after(3 * time.Second)
}

// odds is what belongs to no conn.
func (w *world) odds() {
	w.log(hostile + " no line of nginx")
	w.log(`2026/08/23 10:24:00 [error] 21#21: *77 open() "/x` + hostile + `" failed (2: No such file or directory), client: 10.0.0.1, server: _, request: "GET /x HTTP/1.1"`)
	w.add(&monitor.LogSummary{Source: "error.log", Levels: map[string]uint64{"error": 40}, Kinds: map[string]uint64{"limit_req": 40}},
		&monitor.HTTP{Counts: map[string]uint64{"200": 12, "404": 1, "000": 2}},
		&monitor.Health{Name: "log error.log", Status: monitor.HealthWarning, Text: "rotated" + hostile},
		&monitor.Dropped{What: "frames", N: 1234},
		&monitor.ClockStep{Step: monitor.Millis(1500 * time.Millisecond)})
}

// live is three open conns, one of them near its end.
func (w *world) live() {
	f, b := w.pair("a2V5OQ==", "/ws/chat")
	f.frames(ws.FromClient, ws.OpPing, 1)
	b.frames(ws.FromClient, ws.OpPing, 1)
	w.after(50 * time.Second)
	w.conn("front").open("a2V5OA==", "/ws/feed").answer(101, "Switching Protocols", "").frames(ws.FromServer, ws.OpText, 3)
	w.conn("front").open("a2V5OC==", "/ws/feed")
	w.after(4 * time.Second)
}

// evicted is a world whose bounds were too small.
func evicted(t testing.TB) *world {
	w := newWorld(t, monitor.Bounds{Closed: 2, Conns: 4})
	w.hello()
	for range 6 {
		f := w.conn("front").open("", "/ws").answer(101, "", "")
		f.close(ws.FromClient, 1000, "bye").end(ws.FromClient, monitor.HowFIN).end(ws.FromServer, monitor.HowFIN).closed()
		w.after(3 * time.Second)
	}
	for range 4 {
		w.conn("front").open("", "/ws")
	}
	w.finish()
	return w
}
