package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// world builds States by hand-made events; its clock moves by wait alone.
type world struct {
	t   *testing.T
	s   *State
	now Time
	n   uint64
	evs []Event // all that was applied
}

var testStart = TimeOf(time.Date(2026, 11, 22, 9, 5, 3, 0, time.Local))

const testTap = Instance(0xfeed)

func newWorld(t *testing.T, taps ...TapInfo) *world {
	w := &world{t: t, s: NewState(Bounds{}), now: testStart}
	w.apply(&Hello{Header: w.head("", 0), Host: "test", Version: "v", Taps: taps, Started: w.now})
	return w
}

var (
	frontTap = TapInfo{Name: "front", Role: Front, Listen: "127.0.0.1:8000", Upstream: "127.0.0.1:80"}
	backTap  = TapInfo{Name: "back", Role: Back, Listen: "127.0.0.1:9000", Upstream: "127.0.0.1:9001"}
)

func (w *world) head(leg string, conn uint64) Header {
	return Header{At: w.now, Tap: testTap, Leg: leg, Conn: conn}
}

func (w *world) apply(ev Event) {
	w.evs = append(w.evs, ev)
	w.s.Apply(ev)
}

// wait lets time pass in ticks.
func (w *world) wait(d time.Duration) {
	end := w.now.Add(d)
	for w.now < end {
		w.now = min(w.now.Add(250*time.Millisecond), end)
		w.apply(&Tick{Header{At: w.now}})
	}
}

// skip moves the clock without a tick.
func (w *world) skip(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) limit(kind LimitKind, d time.Duration, source string) {
	w.apply(&Limit{Header: w.head("", 0), Kind: kind, Value: Millis(d), Source: source})
}

func (w *world) log(line string) {
	var p logparse.Parser
	emit := func(e *logparse.Entry) {
		w.apply(NewLogLine(w.head("", 0), "error.log", e, nil, time.Local))
	}
	p.Line([]byte(line), emit)
	p.Flush(emit)
}

// tunnelLine is an error-log line about an established tunnel, stamped now.
func (w *world) tunnelLine(level, message, target string, n int) {
	w.log(fmt.Sprintf(`%s [%s] 31#31: *%d %s while proxying upgraded connection, client: 127.0.0.1, server: ws.test, request: "GET %s HTTP/1.1", upstream: "http://127.0.0.1:9000%s", host: "ws.test"`,
		w.now.Std().Format("2006/01/02 15:04:05"), level, n, message, target, target))
}

// leg is one conn of the world.
type leg struct {
	w    *world
	name string
	n    uint64
	s    Sample
}

func (w *world) open(name, key, target string) *leg {
	w.n++
	l := &leg{w: w, name: name, n: w.n}
	listen := map[string]string{"front": "127.0.0.1:8000", "back": "127.0.0.1:9000"}[name]
	w.apply(&Opened{Header: l.head(), Client: fmt.Sprintf("127.0.0.1:%d", 40000+w.n), Listen: listen, Local: fmt.Sprintf("127.0.0.1:%d", 50000+w.n), Server: "127.0.0.1:80"})
	w.apply(&Request{Header: l.head(), Began: w.now, Nth: 1, Method: "GET", Target: target, Proto: "HTTP/1.1", Host: "ws.test", Key: key})
	l.touch(ws.FromClient, 200)
	return l
}

func (l *leg) head() Header { return l.w.head(l.name, l.n) }

func (l *leg) touch(dir ws.Direction, n uint64) {
	t := &l.s.Dir[dir]
	t.Bytes += n
	t.LastByte = l.w.now
	l.sample()
}

func (l *leg) sample() {
	h := l.head()
	h.Conn = 0
	l.w.apply(&Samples{Header: h, Conns: []uint64{l.n}, Samples: []Sample{l.s}})
}

func (l *leg) answer(status int) {
	l.w.apply(&Response{Header: l.head(), Proto: "HTTP/1.1", Status: status, Reason: "X", AcceptOK: true})
	l.touch(ws.FromServer, 129)
}

func (l *leg) frame(dir ws.Direction, op ws.Opcode) {
	l.s.Dir[dir].Frames.Add(op, 1)
	l.touch(dir, 10)
}

func (l *leg) closeFrame(dir ws.Direction, code ws.CloseCode) {
	l.w.apply(&CloseFrame{Header: l.head(), Dir: dir, Code: code})
	l.frame(dir, ws.OpClose)
}

func (l *leg) end(dir ws.Direction, how How) {
	l.w.apply(&SideEnded{Header: l.head(), Dir: dir, How: how})
}

func (l *leg) closed() {
	l.w.apply(&Closed{Header: l.head(), Sample: l.s})
}

// fin ends first one side, then the other, then the conn.
func (l *leg) fin(first ws.Direction) {
	l.end(first, HowFIN)
	l.end(first.Other(), HowFIN)
	l.closed()
}

func (l *leg) conn() *Conn {
	c := l.w.s.Conn(ID{testTap, l.n})
	if c == nil {
		l.w.t.Fatalf("conn %d of %s is not kept", l.n, l.name)
	}
	return c
}

// verdict checks what settled for this leg.
func (l *leg) verdict(cause Cause, conf Confidence) {
	l.w.t.Helper()
	c := l.conn()
	if !c.Settled {
		l.w.t.Fatalf("%s: verdict has not settled", l.name)
	}
	if c.Verdict.Cause != cause || c.Verdict.Confidence != conf {
		l.w.t.Errorf("%s: %s (%s), want %s (%s)\n\t%s", l.name, c.Verdict.Cause, c.Verdict.Confidence, cause, conf, strings.Join(c.Verdict.Evidence, "\n\t"))
	}
	if len(c.Verdict.Evidence) == 0 {
		l.w.t.Errorf("%s: %s without evidence", l.name, c.Verdict.Cause)
	}
}

// pair opens both legs of one upgraded WebSocket.
func (w *world) pair(key, target string) (f, b *leg) {
	f = w.open("front", key, target)
	w.skip(time.Millisecond)
	b = w.open("back", key, target)
	w.skip(time.Millisecond)
	b.answer(101)
	f.answer(101)
	return f, b
}
