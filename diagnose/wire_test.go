package diagnose

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
	"github.com/wstap/wstap/ws"
)

// healthy is a day of a correct set-up in a minute: many WebSockets on both legs
// that talk and ping, close in order, close their tabs; a reload without
// worker_shutdown_timeout; a deploy that says so; everybody comes back.
const healthy = `
0 limit idle 1h nginx.conf:12
1 each 1-100 0.02 open $ front
1 each 201-300 0 open $ back
4 each 1-100 0 request $ GET /ws/$ key=K@ origin=https://app.test sub=chat,v2 ext=permessage-deflate
4 each 201-300 0 request $ GET /ws/@ key=K@ origin=https://app.test sub=chat,v2 ext=permessage-deflate connection=upgrade
4.1 each 201-300 0 answer $ 101 sub=chat ext=permessage-deflate
4.1 each 1-100 0 answer $ 101 sub=chat ext=permessage-deflate
5 each 1-100 0 frame $ client text count=30
5 each 201-300 0 frame $ client text count=30
6 each 1-100 0 frame $ server ping
6 each 1-100 0 frame $ client pong
30 each 1-100 0 set $ server every=25s longest=24s
31 each 1-40 0 close $ client 1000
31 each 201-240 0 close $ client 1000
31.1 each 1-40 0 close $ server 1000
31.1 each 201-240 0 close $ server 1000
31.2 each 201-240 0 fin $ server
31.2 each 1-40 0 fin $ server
33 each 41-80 0.01 end $ client fin
33.4 each 241-280 0 end $ client fin
33.5 each 41-80 0 closed $
33.5 each 241-280 0 closed $
40 each 281-300 0.02 close $ server 1001
40.4 each 81-100 0 close $ server 1001
40.5 each 81-100 0 close $ client 1001
40.5 each 281-300 0 close $ client 1001
40.6 each 281-300 0 fin $ server
40.6 each 81-100 0 fin $ server
41 each 401-420 0.01 open $ front
41.5 each 401-420 0 request $ GET /ws/$ key=L@
41.6 each 401-420 0 answer $ 101
60 tick
`

const healthyLog = `2026/11/22 09:05:23 [notice] 1#1: signal 1 (SIGHUP) received from 9, reconfiguring
2026/11/22 09:05:23 [notice] 1#1: reconfiguring
2026/11/22 09:05:23 [notice] 1#1: start worker process 8
2026/11/22 09:05:23 [notice] 7#7: gracefully shutting down
`

func TestHealthyIsQuiet(t *testing.T) {
	w := newWorld(t)
	w.logLines(healthyLog)
	w.play(healthy)
	w.wait(3 * time.Second)
	w.s.Finish()
	if w.s.Totals.Links != 100 || w.s.Totals.Upgraded != 220 || w.s.Totals.Unknown+w.s.Totals.Oddities > 0 {
		t.Fatalf("the scenario is not what it should be: %+v", w.s.Totals)
	}
	for _, f := range Run(w.s, Options{}) {
		if f.Severity != monitor.SeverityInfo {
			t.Errorf("a false alarm:\n%s", render([]Finding{f}))
		}
	}
}

// crowd makes a State of n conns, of which one in every is in some trouble;
// every 0 is none.
func crowd(n, every int) *monitor.State {
	b := &crowdBuilder{s: monitor.NewState(monitor.Bounds{Closed: n}), now: monitor.TimeOf(start)}
	b.s.Apply(&monitor.Hello{Header: b.head(0), Started: b.now, Taps: []monitor.TapInfo{{Name: "front", Role: monitor.Front}}})
	for i := range n {
		b.now = b.now.Add(100 * time.Microsecond)
		trouble := 0
		if every > 0 && i%every == 0 {
			trouble = i/every%len(troubles) + 1
		}
		b.conn(uint64(i+1), trouble)
	}
	b.now = b.now.Add(10 * time.Second)
	b.s.Apply(&monitor.Tick{Header: b.head(0)})
	b.s.Finish()
	return b.s
}

type crowdBuilder struct {
	s   *monitor.State
	now monitor.Time
}

func (b *crowdBuilder) head(n uint64) monitor.Header {
	return monitor.Header{At: b.now, Tap: testTap, Leg: "front", Conn: n}
}

// troubles change a conn after its handshake.
var troubles = []func(*crowdBuilder, uint64){
	func(b *crowdBuilder, n uint64) { b.end(n, ws.FromServer, monitor.HowFIN) },
	func(b *crowdBuilder, n uint64) { b.end(n, ws.FromClient, monitor.HowReset) },
	func(b *crowdBuilder, n uint64) { b.close(n, 1000); b.end(n, ws.FromClient, monitor.HowFIN) },
	func(b *crowdBuilder, n uint64) { b.close(n, 1011); b.end(n, ws.FromServer, monitor.HowFIN) },
	func(b *crowdBuilder, n uint64) { b.close(n, 4000+ws.CloseCode(n%60)) },
	func(b *crowdBuilder, n uint64) {
		b.s.Apply(&monitor.Violation{Header: b.head(n), Dir: ws.FromClient, Rule: "reserved-bits", Count: 1})
	},
	func(b *crowdBuilder, n uint64) {
		b.sample(n, func(s *monitor.Sample) { s.Dir[ws.FromClient].PingEvery = monitor.Millis(time.Minute) })
	},
	func(b *crowdBuilder, n uint64) {
		b.sample(n, func(s *monitor.Sample) { s.LongestGap = monitor.Millis(55 * time.Second) })
	},
	func(b *crowdBuilder, n uint64) {
		b.sample(n, func(s *monitor.Sample) { s.Dir[ws.FromServer].Unacked = monitor.Millis(time.Minute) })
	},
}

func (b *crowdBuilder) conn(n uint64, trouble int) {
	b.s.Apply(&monitor.Opened{Header: b.head(n), Client: "10.0.0.1:40000", Listen: "127.0.0.1:8000", Server: "127.0.0.1:80"})
	b.s.Apply(&monitor.Request{
		Header: b.head(n), Began: b.now, Method: "GET", Target: fmt.Sprintf("/app/room-%d/ws?token=x", n), Proto: "HTTP/1.1", Host: "ws.test",
		Key: fmt.Sprint("K", n), WSVersion: "13", Upgrade: []string{"websocket"}, Connection: []string{"Upgrade"}, Extensions: []string{"permessage-deflate"},
	})
	if trouble > 0 && n%7 == 0 {
		b.s.Apply(&monitor.Response{Header: b.head(n), Proto: "HTTP/1.1", Status: 403})
		return
	}
	b.s.Apply(&monitor.Response{Header: b.head(n), Proto: "HTTP/1.1", Status: 101, Accept: "a", AcceptOK: true, Extensions: "permessage-deflate"})
	b.sample(n, func(*monitor.Sample) {})
	if trouble > 0 {
		troubles[trouble-1](b, n)
	}
}

// sample is what an ordinary conn has counted, but for what change does to it.
func (b *crowdBuilder) sample(n uint64, change func(*monitor.Sample)) {
	var s monitor.Sample
	for d := range s.Dir {
		t := &s.Dir[d]
		t.Bytes, t.Messages, t.LastByte, t.LastData = 10_000, 100, b.now, b.now
		t.Frames.Add(ws.OpText, 100)
		t.Frames.Add(ws.OpPing, 2)
		t.PingEvery = monitor.Millis(25 * time.Second)
	}
	s.LongestGap = monitor.Millis(24 * time.Second)
	change(&s)
	b.s.Apply(&monitor.Samples{Header: b.head(0), Conns: []uint64{n}, Samples: []monitor.Sample{s}})
}

func (b *crowdBuilder) close(n uint64, code ws.CloseCode) {
	b.s.Apply(&monitor.CloseFrame{Header: b.head(n), Dir: ws.FromServer, Code: code})
}

func (b *crowdBuilder) end(n uint64, dir ws.Direction, how monitor.How) {
	b.s.Apply(&monitor.SideEnded{Header: b.head(n), Dir: dir, How: how, Gap: monitor.Millis(time.Second)})
	sample := b.s.Conn(monitor.ID{Tap: testTap, Conn: n}).Sample
	b.s.Apply(&monitor.Closed{Header: b.head(n), Sample: sample})
}

// TestStepsAgree: 20,000 conns looked at in steps of any size give what one look
// at all of them gives.
func TestStepsAgree(t *testing.T) {
	s := crowd(20_000, 3)
	want := Run(s, Options{})
	if len(want) < len(troubles)-3 {
		t.Fatalf("only %d findings:\n%s", len(want), render(want))
	}
	checkFindings(t, want)
	for _, step := range []int{1, 7, 1000, 19_999, 20_000} {
		x := NewScan(Options{})
		for !x.Step(s, step) {
		}
		if got := x.Findings(); !reflect.DeepEqual(got, want) {
			t.Errorf("in steps of %d:\n%s\nat once:\n%s", step, render(got), render(want))
		}
	}
}

// TestManyTargetsAreOneFinding: 10,000 rooms are one subject.
func TestManyTargetsAreOneFinding(t *testing.T) {
	for _, f := range Run(crowd(10_000, 1), Options{}) {
		if f.ID == "half-open" && f.Subject != "client of /app/:id/ws" || f.ID == "handshake-status" && f.Subject != "403 at /app/:id/ws" {
			t.Errorf("a subject of its own: %s, %s", f.ID, f.Subject)
		}
	}
}

// BenchmarkRun100000 looks at ordinary conns, and at such that are all in trouble.
func BenchmarkRun100000(b *testing.B) {
	const conns = 100_000
	for name, every := range map[string]int{"ordinary": 0, "trouble": 1} {
		b.Run(name, func(b *testing.B) {
			s := crowd(conns, every)
			b.ReportAllocs()
			for b.Loop() {
				Run(s, Options{})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/conns, "ns/conn")
		})
	}
}

func TestPingEvery(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		time.Second: 500 * time.Millisecond, 3 * time.Second: 1500 * time.Millisecond, 4 * time.Second: 2 * time.Second, 10 * time.Second: 5 * time.Second,
		55 * time.Second: 25 * time.Second, time.Minute: 30 * time.Second, 5 * time.Minute: 2 * time.Minute, time.Hour: 30 * time.Minute,
	} {
		if got := PingEvery(limit); got != want || got > limit/2 {
			t.Errorf("PingEvery(%v) = %v, want %v", limit, got, want)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for source, want := range map[string]nginxconf.Place{
		"nginx.conf:12":                       {File: "nginx.conf", Line: 12},
		"/etc/nginx/a:b.conf:7 (default)":     {File: "/etc/nginx/a:b.conf", Line: 7},
		"x.conf:3 (the least of 2 locations)": {File: "x.conf", Line: 3},
		"flag":                                {}, "assumed": {}, "learned": {}, "hop aws-alb": {},
	} {
		if got := placeOf(source); got != want {
			t.Errorf("placeOf(%q) = %v, want %v", source, got, want)
		}
	}
}
