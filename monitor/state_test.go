package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/ws"
)

func TestCountdownMarks(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 100*time.Second, "flag")
	l := w.open("front", "k", "/ws")
	l.answer(101)
	for _, tt := range []struct {
		after time.Duration
		want  Mark
	}{{0, MarkOK}, {75 * time.Second, MarkOK}, {76 * time.Second, MarkNear}, {90 * time.Second, MarkNear}, {91 * time.Second, MarkCritical}, {100 * time.Second, MarkCritical}, {101 * time.Second, MarkExpired}} {
		w.s.now = l.conn().LastActivity().Add(tt.after)
		cd, ok := w.s.Countdown(l.conn())
		if !ok || cd.Mark != tt.want {
			t.Errorf("after %v: %v %v, want %v", tt.after, cd.Mark, ok, tt.want)
		}
		if want := 100*time.Second - tt.after; cd.Left != want {
			t.Errorf("after %v: left %v, want %v", tt.after, cd.Left, want)
		}
	}
}

// TestCountdownEitherDirection: a byte of either side starts the timer again,
// control and partial frames included.
func TestCountdownEitherDirection(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 10*time.Second, "flag")
	l := w.open("front", "k", "/ws")
	l.answer(101)
	for _, dir := range []ws.Direction{client, server} {
		w.wait(8 * time.Second)
		l.touch(dir, 1)
		w.wait(250 * time.Millisecond)
		if cd, _ := w.s.Countdown(l.conn()); cd.Left != 9750*time.Millisecond {
			t.Errorf("%v: left %v, want 9.75s", dir, cd.Left)
		}
	}
}

func TestSmallestLimitWinsAndRaces(t *testing.T) {
	w := newWorld(t, frontTap)
	l := w.open("front", "k", "/ws")
	l.answer(101)
	if cd, ok := w.s.Countdown(l.conn()); !ok || cd.Limit.Source != "assumed" || cd.Limit.Value.Std() != Assumed {
		t.Fatalf("without any limit: %+v", cd)
	}
	w.limit(Idle, 350*time.Second, "hop aws-nlb")
	w.limit(Idle, 60*time.Second, "flag")
	w.limit(Idle, 60100*time.Millisecond, "hop aws-alb")
	cd, _ := w.s.Countdown(l.conn())
	if cd.Limit.Source != "flag" || len(cd.Race) != 1 || cd.Race[0].Source != "hop aws-alb" {
		t.Errorf("smallest: %+v", cd)
	}
	w.limit(Lifetime, 30*time.Second, "hop gcp")
	if cd, _ = w.s.Countdown(l.conn()); cd.Limit.Kind != Lifetime {
		t.Errorf("lifetime is smaller: %+v", cd)
	}
	w.limit(Lifetime, 0, "hop gcp")
	if cd, _ = w.s.Countdown(l.conn()); cd.Limit.Source != "flag" {
		t.Errorf("a limit of zero takes it back: %+v", cd)
	}
}

func TestLearnsLimit(t *testing.T) {
	w := newWorld(t, frontTap)
	for i := range 3 {
		l := w.open("front", fmt.Sprint(i), "/ws")
		l.answer(101)
		w.wait(5*time.Second + time.Duration(i*100)*time.Millisecond)
		l.fin(server)
		w.wait(3 * time.Second)
	}
	l := w.open("front", "x", "/ws")
	l.answer(101)
	cd, _ := w.s.Countdown(l.conn())
	if cd.Limit.Source != "learned" || cd.Limit.Value.Std() != 5100*time.Millisecond {
		t.Errorf("learned %v (%s), want 5.1s", cd.Limit.Value.Std(), cd.Limit.Source)
	}
}

func TestNothingLearnedFromOneBlow(t *testing.T) {
	w := newWorld(t, frontTap)
	var legs []*leg
	for i := range 10 {
		l := w.open("front", fmt.Sprint(i), "/ws")
		l.answer(101)
		legs = append(legs, l)
	}
	w.wait(5 * time.Second)
	for _, l := range legs {
		l.fin(server)
	}
	w.wait(3 * time.Second)
	if l := w.s.learner.limit(legs[0].conn()); l != nil {
		t.Errorf("ten ends in one instant taught a limit of %v", l.Value.Std())
	}
}

func TestLinks(t *testing.T) {
	t.Run("retry at a second server", func(t *testing.T) {
		w := newWorld(t, frontTap, backTap)
		f := w.open("front", "k", "/ws")
		b1 := w.open("back", "k", "/ws")
		b1.end(server, HowReset)
		b1.closed()
		b2 := w.open("back", "k", "/ws")
		link := f.conn().Link
		if link == nil || len(link.Backs) != 2 || f.conn().Other() != b2.conn() {
			t.Fatalf("link %+v", link)
		}
	})
	t.Run("same key twice, equal", func(t *testing.T) {
		w := newWorld(t, frontTap, backTap)
		w.open("front", "k", "/ws")
		w.open("front", "k", "/ws")
		b := w.open("back", "k", "/ws")
		if b.conn().Link != nil || !strings.Contains(b.conn().LinkNote, "two front") {
			t.Errorf("link %v, note %q", b.conn().Link, b.conn().LinkNote)
		}
	})
	t.Run("same key twice, the other was answered", func(t *testing.T) {
		w := newWorld(t, frontTap, backTap)
		f1 := w.open("front", "k", "/ws")
		w.skip(time.Millisecond)
		f1.answer(101)
		w.skip(time.Millisecond)
		f2 := w.open("front", "k", "/ws")
		b := w.open("back", "k", "/ws")
		if b.conn().Link == nil || b.conn().Link.Front != f2.conn() {
			t.Error("not linked to the attempt that is still open")
		}
	})
	t.Run("target with a stripped prefix", func(t *testing.T) {
		w := newWorld(t, frontTap, backTap)
		w.open("front", "k", "/other")
		f := w.open("front", "k", "/api/ws")
		b := w.open("back", "k", "/ws")
		if b.conn().Link == nil || b.conn().Link.Front != f.conn() {
			t.Error("suffix is not preferred")
		}
	})
	t.Run("too late", func(t *testing.T) {
		w := newWorld(t, frontTap, backTap)
		w.open("front", "k", "/ws")
		w.wait(66 * time.Second)
		if b := w.open("back", "k", "/ws"); b.conn().Link != nil {
			t.Error("linked 66 s after the front's request")
		}
	})
	t.Run("events out of order", func(t *testing.T) {
		w := newWorld(t, frontTap, backTap)
		w.skip(time.Millisecond)
		b := w.open("back", "k", "/ws")
		w.now -= Time(time.Millisecond)
		f := w.open("front", "k", "/ws")
		if f.conn().Link == nil || f.conn().Other() != b.conn() {
			t.Error("back before front is not linked")
		}
	})
}

// TestPhases walks every pair of phase and event: none panics, impossible ones
// are counted and change nothing.
func TestPhases(t *testing.T) {
	events := map[string]func(h Header) Event{
		"opened":      func(h Header) Event { return &Opened{Header: h} },
		"request":     func(h Header) Event { return &Request{Header: h} },
		"response":    func(h Header) Event { return &Response{Header: h, Status: 101} },
		"dial_error":  func(h Header) Event { return &DialError{Header: h} },
		"close_frame": func(h Header) Event { return &CloseFrame{Header: h, Code: 1000} },
		"side_ended":  func(h Header) Event { return &SideEnded{Header: h, How: HowFIN} },
		"lost":        func(h Header) Event { return &Lost{Header: h, Reason: "x"} },
		"violation":   func(h Header) Event { return &Violation{Header: h, Rule: "reserved-bits", Count: 1} },
		"closed":      func(h Header) Event { return &Closed{Header: h} },
	}
	reach := map[Phase]func(l *leg){
		Connecting: func(l *leg) {},
		Open:       func(l *leg) { l.answer(101) },
		Closing:    func(l *leg) { l.answer(101); l.end(client, HowFIN) },
		Dead:       func(l *leg) { l.answer(101); l.fin(client) },
	}
	for phase, to := range reach {
		for name, make := range events {
			t.Run(phase.String()+" "+name, func(t *testing.T) {
				w := newWorld(t, frontTap)
				l := w.open("front", "k", "/")
				to(l)
				c := l.conn()
				if c.Phase != phase {
					t.Fatalf("reached %v", c.Phase)
				}
				odds := w.s.Totals.Oddities
				w.apply(make(l.head()))
				w.wait(3 * time.Second)
				second := name == "request" || (name == "response" && phase != Connecting) || (name == "closed" && phase == Dead)
				wantOdd := second || phases[name][phase] == odd
				if got := w.s.Totals.Oddities > odds; got != wantOdd {
					t.Errorf("oddity counted: %v, want %v", got, wantOdd)
				}
				if wantOdd && c.Phase != phase {
					t.Errorf("impossible event moved %v to %v", phase, c.Phase)
				}
			})
		}
	}
}

func TestBounds(t *testing.T) {
	s := NewState(Bounds{Conns: 50, Closed: 10, Logs: 20})
	w := &world{t: t, s: s, now: testStart}
	w.apply(&Hello{Header: w.head("", 0), Taps: []TapInfo{frontTap}})
	pinned := w.open("front", "p", "/pinned")
	pinned.answer(101)
	s.Pin(pinned.conn().ID, true)
	pinned.fin(client)
	for i := range 200 {
		l := w.open("front", fmt.Sprint(i), "/ws")
		l.answer(101)
		l.touch(server, 1000)
		l.fin(client)
		w.wait(250 * time.Millisecond)
	}
	w.wait(3 * time.Second)
	w.open("front", "last", "/ws") // evicts by the next close
	if n := s.Len(); n > 25 {
		t.Errorf("%d conns kept, want about 10 closed ones", n)
	}
	if s.Conn(pinned.conn().ID) == nil {
		t.Error("a pinned conn was evicted")
	}
	if tot := s.Totals; tot.Conns != 202 || tot.Closed != 201 || tot.Bytes != 201*329+200*1000+200 || tot.Evicted == 0 {
		t.Errorf("totals must outlive eviction: %+v", tot)
	}
	for i := range 100 {
		w.log(fmt.Sprintf("not a log line %d", i))
	}
	if n := len(s.Logs()); n > 20 || s.Totals.LogLines != 100 {
		t.Errorf("%d log lines kept of %d", n, s.Totals.LogLines)
	}
	if len(s.keys) > s.Len()+1 {
		t.Errorf("%d keys for %d conns", len(s.keys), s.Len())
	}
}

// TestUnknownConn: events of conns we never heard of are counted.
func TestUnknownConn(t *testing.T) {
	w := newWorld(t, frontTap)
	w.apply(&CloseFrame{Header: w.head("front", 99)})
	w.apply(&Samples{Header: w.head("", 0), Conns: []uint64{98}, Samples: make([]Sample, 1)})
	if w.s.Totals.Unknown != 2 {
		t.Errorf("unknown %d, want 2", w.s.Totals.Unknown)
	}
}

func sampleEvents() []Event {
	h := Header{At: testStart, Tap: testTap, Leg: "front", Conn: 7}
	rec := RecordFrame(testStart.Add(time.Millisecond), client, ws.Frame{Length: 70000, Opcode: ws.OpText, Fin: true, Masked: true})
	return []Event{
		&Hello{Header: h, Host: "h", Version: "1", Started: testStart, Taps: []TapInfo{frontTap, backTap}, Notes: []string{"n"}},
		&Opened{Header: h, Client: "1.2.3.4:5", Listen: "l", Local: "o", Server: "s", Opaque: true, Reason: "r"},
		&Request{Header: h, Began: testStart, Nth: 2, Method: "GET", Target: "/\x1b[31m", Proto: "HTTP/1.1", Host: "h", Origin: "o", Key: "k", WSVersion: "13", Subprotocols: []string{"a"}, Extensions: []string{"b"}, Upgrade: []string{"websocket"}, Connection: []string{"upgrade"}, Forwarded: []string{"X: y"}, NgxConn: "1 2", HeadText: "GET /\r\n\r\n"},
		&Response{Header: h, Proto: "HTTP/1.1", Status: 101, Reason: "S", Accept: "a", AcceptOK: true, Subprotocol: "a", Extensions: "b", HeadText: "x"},
		&DialError{Header: h, Error: "refused", Errno: 111, Took: Millis(1500 * time.Microsecond)},
		&CloseFrame{Header: h, Dir: server, Code: 1005, Derived: true, Reason: "bye"},
		&SideEnded{Header: h, Dir: client, How: HowReset, Error: "e"},
		&Lost{Header: h, Dir: server, Reason: "r", Offset: 12},
		&Closed{Header: h, ByTap: true, Sample: fullSample(), Last: []FrameRecord{rec}},
		&Violation{Header: h, Dir: client, Rule: "reserved-bits", Section: "RFC 6455 §5.2", Count: 1},
		&Limit{Header: h, Kind: Idle, Value: Millis(time.Minute), Source: "flag"},
		&LogSummary{Header: h, Source: "f", Levels: map[string]uint64{"info": 1}, Kinds: map[string]uint64{"exit": 1}},
		&HTTP{Header: h, Counts: map[string]uint64{"200": 3}},
		&Settings{Header: h, Source: "nginx.conf", Files: 2, NginxVersion: "1.29.7", Findings: []Finding{{
			ID: "i", Severity: SeverityError, Title: "t", Subject: "s", Count: 1, Evidence: []string{"e"}, Fix: "f", Reference: "r", File: "nginx.conf", Line: 3, First: testStart, Last: testStart}}},
		&Polling{Header: h, Session: "0011", Transport: "socket.io", Path: "/socket.io/", Status: 400, N: 2},
		&Tick{h},
		&ClockStep{Header: h, Step: Millis(-time.Second)},
		&Health{Header: h, Name: "log x", Status: HealthWarning, Text: "t"},
		&Dropped{Header: h, What: "frames", N: 3},
		&Verdicted{Header: h, Key: "k", Target: "/", Verdict: Verdict{Cause: CauseUnknown, Confidence: Possible, Evidence: []string{"e"}}},
	}
}

func fullSample() (s Sample) {
	n := uint64(1)
	for d := range s.Dir {
		t := &s.Dir[d]
		for op := range ws.Opcode(16) {
			n += 3
			t.Frames.Add(op, n<<(op*3))
		}
		t.Bytes, t.Messages, t.LastByte, t.LastData = n*1000, n, testStart.Add(-time.Duration(n)*time.Microsecond), testStart.Add(-time.Duration(2*n)*time.Microsecond)
		t.Unanswered, t.LastRTT, t.WorstRTT, t.PingEvery, t.PingAtLeast, t.Blocked, t.BlockedNow, t.Unacked, t.Waiting = 4, 5e6, 6e6, 7e6, 8e6, 9e6, true, 10e6, 11e6
	}
	s.LongestGap, s.LongestGapAt, s.Collapsed = 11e6, testStart.Add(-time.Hour), 12
	for i := range s.Gaps {
		s.Gaps[i] = uint32(i * i)
	}
	return s
}

func TestJSONRoundTrip(t *testing.T) {
	seen := map[string]bool{"log": true, "baseline": true} // have tests of their own
	for _, ev := range sampleEvents() {
		seen[ev.Type()] = true
		b, err := AppendJSON(nil, ev)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeJSON(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !reflect.DeepEqual(got, ev) {
			t.Errorf("%s:\n got %+v\nwant %+v", b, got, ev)
		}
		if !bytes.HasPrefix(b, []byte(`{"v":1,"type":"`+ev.Type()+`","at":"2026-`)) || !bytes.Contains(b, []byte(`"tap":"000000000000feed","leg":"front","conn":7`)) {
			t.Errorf("header is not as documented: %s", b)
		}
	}
	for name := range makers {
		if !seen[name] {
			t.Errorf("no round trip of %q", name)
		}
	}
}

func TestJSONRefusals(t *testing.T) {
	var v *VersionError
	if _, err := DecodeJSON([]byte(`{"v":2,"type":"tick"}`)); !errors.As(err, &v) || v.Version != 2 {
		t.Errorf("newer version: %v", err)
	}
	if _, err := DecodeJSON([]byte(`{"v":1,"type":"later","x":1}`)); !errors.Is(err, ErrUnknownType) {
		t.Errorf("unknown type: %v", err)
	}
	if ev, err := DecodeJSON([]byte(`{"v":1,"type":"tick","at":null,"tap":"1","later":{"a":[1]}}`)); err != nil || ev.Type() != "tick" {
		t.Errorf("unknown fields must be skipped: %v", err)
	}
	for _, bad := range []string{``, `{}`, `[]`, `{"v":1,"type":"closed","sample":3}`, `{"v":1,"type":"tick","at":"yesterday","tap":"1"}`, `{"v":1,"type":"tick","tap":"xyz"}`} {
		if _, err := DecodeJSON([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if _, err := AppendJSON(nil, &Samples{}); err == nil {
		t.Error("samples have no JSON form")
	}
}

func TestLogLineRoundTrip(t *testing.T) {
	for _, line := range []string{
		`2026/11/22 09:05:06 [info] 31#31: *2 upstream timed out (110: Connection timed out) while proxying upgraded connection, client: 127.0.0.1, server: , request: "GET /a?token=s3cretvalue HTTP/1.1", upstream: "http://127.0.0.1:9000/a?token=s3cretvalue", host: "h"`,
		"garbage \xff\x1b[31m",
	} {
		w := newWorld(t)
		w.log(line)
		want := w.evs[len(w.evs)-1]
		b, err := AppendJSON(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeJSON(b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", b, got, want)
		}
	}
}

func TestBatchRoundTrip(t *testing.T) {
	h := Header{At: testStart, Tap: testTap, Leg: "back"}
	samples := &Samples{Header: h, Conns: []uint64{9, 3, 1 << 40}, Samples: []Sample{fullSample(), {}, fullSample()}}
	frames := &Frames{Header: Header{At: testStart, Tap: testTap, Leg: "back", Conn: 5}, Collapsed: 3}
	for i := range 16 {
		frames.Records = append(frames.Records, RecordFrame(testStart.Add(time.Duration(i-8)*time.Millisecond), ws.Direction(i%2), ws.Frame{Length: 1 << (4 * i) >> 8, Opcode: ws.Opcode(i), Fin: i%3 == 0, RSV: uint8(i % 2), Masked: i%5 == 0}))
	}
	for _, ev := range []Event{samples, frames, &Samples{Header: h, Conns: []uint64{}, Samples: []Sample{}}} {
		b, err := AppendBatch(nil, ev)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, ev) {
			t.Errorf("%s:\n got %+v\nwant %+v", ev.Type(), got, ev)
		}
		for i := range b {
			if _, err := DecodeBatch(b[:i]); err == nil && i < len(b) {
				t.Errorf("%s cut at %d of %d: no error", ev.Type(), i, len(b))
			}
		}
	}
}

func FuzzDecodeBatch(f *testing.F) {
	for _, ev := range []Event{
		&Samples{Conns: []uint64{1, 2}, Samples: []Sample{fullSample(), {}}},
		&Frames{Header: Header{At: testStart}, Records: []FrameRecord{{testStart, 77}}},
	} {
		b, _ := AppendBatch(nil, ev)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		SkimBatch(b)
		ev, err := DecodeBatch(b)
		if err != nil {
			return
		}
		again, err := AppendBatch(nil, ev)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeBatch(again); err != nil {
			t.Fatalf("what we write we cannot read: %v", err)
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, ev := range sampleEvents() {
		b, _ := AppendJSON(nil, ev)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ev, err := DecodeJSON(b)
		if err != nil {
			return
		}
		s := NewState(Bounds{})
		s.Apply(&Opened{Header: Header{Tap: testTap, Conn: 7}})
		s.Apply(ev)
		s.Apply(&Tick{Header{At: s.Now()}})
		s.Finish()
	})
}

// TestSnapshot: a state rebuilt from its snapshot shows the same, and goes on the same.
func TestSnapshot(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, 3*time.Second, "flag")
	f, b := w.pair("k1", "/dead")
	w.wait(3 * time.Second)
	f.fin(server)
	b.fin(client)
	w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/dead", 7)
	w.wait(3 * time.Second)
	open, _ := w.pair("k2", "/open")
	open.frame(client, ws.OpText)
	w.apply(&Violation{Header: open.head(), Dir: client, Rule: "reserved-bits", Section: "s", Count: 1})
	refused := w.open("front", "k3", "/refused")
	refused.answer(403)
	refused.closed()
	w.wait(time.Second)
	w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/waits", 9) // for a conn that has not ended

	s2 := NewState(Bounds{})
	for _, ev := range throughJSON(t, w.s.Snapshot(1000)) {
		s2.Apply(ev)
	}
	compare := func(when string) {
		t.Helper()
		a, b := describe(w.s), describe(s2)
		if a != b {
			t.Errorf("%s:\n--- was\n%s\n--- is\n%s", when, a, b)
		}
	}
	compare("at the snapshot")
	n := len(w.evs)
	late := w.open("front", "k9", "/waits")
	late.answer(101)
	late.end(server, HowFIN)
	open.s.Violations = []ViolationCount{{"reserved-bits", client, 3}}
	open.fin(client)
	w.wait(4 * time.Second)
	for _, ev := range w.evs[n:] {
		s2.Apply(ev)
	}
	compare("later")
}

func throughJSON(t *testing.T, evs []Event) (out []Event) {
	for _, ev := range evs {
		enc, dec := AppendJSON, DecodeJSON
		if IsBinary(ev) {
			enc, dec = AppendBatch, DecodeBatch
		}
		b, err := enc(nil, ev)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dec(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		out = append(out, got)
	}
	return out
}

// describe is what a face would show of a state.
func describe(s *State) string {
	var b strings.Builder
	tot := s.Totals
	tot.Events = 0
	j, _ := json.Marshal(tot)
	fmt.Fprintf(&b, "%s\n%v %v\n", j, s.Now(), s.Started())
	for c := range s.Conns {
		link := uint64(0)
		if c.Link != nil {
			link = c.Link.ID
		}
		cd, _ := s.Countdown(c)
		fmt.Fprintf(&b, "#%d %s %s %s link %d %v %v logs %d %+v\n", c.Seq, c.Tap, c.Phase, c.Target(), link, cd.Left, c.Sample.Dir[0].Bytes, len(c.Logs), c.Verdict)
	}
	for _, l := range s.Logs() {
		fmt.Fprintf(&b, "%d %s %v\n", l.N, l.Entry.Kind, len(l.Joined))
	}
	return b.String()
}

// TestEventsDocumented holds EVENTS.md against the code.
func TestEventsDocumented(t *testing.T) {
	doc, err := os.ReadFile("EVENTS.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range makers {
		if !bytes.Contains(doc, []byte("`"+name+"`")) {
			t.Errorf("EVENTS.md does not speak of %q", name)
		}
	}
	for _, ev := range sampleEvents() {
		b, _ := AppendJSON(nil, ev)
		var fields map[string]any
		if err := json.Unmarshal(b, &fields); err != nil {
			t.Fatal(err)
		}
		for k := range fields {
			if !bytes.Contains(doc, []byte("`"+k+"`")) {
				t.Errorf("EVENTS.md does not speak of %s.%s", ev.Type(), k)
			}
		}
	}
}
