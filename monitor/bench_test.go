package monitor

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/wstap/wstap/ws"
)

// crowd is a state of n live conns as a tap makes it.
func crowd(n int) *State {
	s := NewState(Bounds{})
	s.Apply(&Hello{Header: Header{At: testStart, Tap: testTap}, Taps: []TapInfo{frontTap}})
	for i := range n {
		h := Header{At: testStart + Time(i), Tap: testTap, Leg: "front", Conn: uint64(i + 1)}
		s.Apply(&Opened{Header: h, Client: fmt.Sprintf("10.%d.%d.%d:40000", i>>16, i>>8&255, i&255), Listen: "127.0.0.1:8000", Local: fmt.Sprintf("127.0.0.1:%d", 1024+i%60000), Server: "127.0.0.1:80"})
		s.Apply(&Request{Header: h, Method: "GET", Target: fmt.Sprintf("/ws/%d", i), Proto: "HTTP/1.1", Host: "ws.test", Key: fmt.Sprintf("%022d==", i), HeadText: fmt.Sprintf("GET /ws/%d HTTP/1.1\r\nHost: ws.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %022d==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://example.test\r\n\r\n", i, i)})
		s.Apply(&Response{Header: h, Proto: "HTTP/1.1", Status: 101, AcceptOK: true, HeadText: fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %027d=\r\n\r\n", i)})
	}
	return s
}

// openConns is a state of n open conns with browsers' heads, a limit of their
// location each, and samples of both directions.
func openConns(n int) *State {
	s := NewState(Bounds{})
	s.Apply(&Hello{Header: Header{At: testStart, Tap: testTap}, Taps: []TapInfo{frontTap}})
	for i := range n {
		h := Header{At: testStart + Time(i)*1000, Tap: testTap, Leg: "front", Conn: uint64(i + 1)}
		for _, ev := range browserOpening(h) {
			s.Apply(ev)
		}
		h.Conn, h.Leg = 0, ""
		s.Apply(&Samples{Header: h, Conns: []uint64{uint64(i + 1)}, Samples: []Sample{browserSample(h.At)}})
	}
	return s
}

// TestConnMemory: 100,000 conns are a normal size; the goal of design §14 is
// 2 KiB each. Here a fifth of them; their heads are whole in memory, so what a
// conn takes depends on them.
func TestConnMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const n = 20_000
	s := openConns(n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / n
	heads := len(browserRequest(Header{}).HeadText) + len(browserAnswer(Header{}).HeadText)
	t.Logf("%d bytes a conn, %d of them the heads, %d the struct", each, heads, unsafe.Sizeof(Conn{}))
	const besidesHeads = 1700
	if budget := uint64(besidesHeads + heads); each > budget {
		t.Errorf("%d bytes a conn, budget %d", each, budget)
	}
	runtime.KeepAlive(s)
}

// BenchmarkApplyConn is a conn from its opening to its verdict, among others
// of its second.
func BenchmarkApplyConn(b *testing.B) {
	s := NewState(Bounds{})
	s.Apply(&Hello{Header: Header{At: testStart, Tap: testTap}, Taps: []TapInfo{frontTap}})
	b.ReportAllocs()
	const second = 1000
	lives := make([][]Event, second)
	at, next := testStart, uint64(0)
	for i := 0; b.Loop(); i++ {
		if i%second == 0 {
			b.StopTimer()
			for j := range lives {
				next++
				lives[j] = browserLife(Header{At: at + Time(j)*1e6, Tap: testTap, Leg: "front", Conn: next})
			}
			b.StartTimer()
		}
		for _, ev := range lives[i%second] {
			s.Apply(ev)
		}
		if i%(second/4) == second/4-1 {
			at = at.Add(tickEach)
			s.Apply(&Tick{Header{At: at}})
			s.Settled()
		}
	}
}

// tickEach is about the time between ticks.
const tickEach = 250e6

func BenchmarkSnapshot(b *testing.B) {
	s := openConns(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Snapshot(1000)) < 100_000 {
			b.Fatal("too few events")
		}
	}
}

func BenchmarkApplySamples(b *testing.B) {
	const n = 1000
	s := crowd(n)
	ev := &Samples{Header: Header{At: testStart, Tap: testTap}}
	for i := range n {
		ev.Conns = append(ev.Conns, uint64(i+1))
		ev.Samples = append(ev.Samples, Sample{})
	}
	b.ReportAllocs()
	for b.Loop() {
		ev.Samples[0].Dir[ws.FromClient].Bytes++
		s.Apply(ev)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/sample")
}

func BenchmarkApplyLife(b *testing.B) {
	s := NewState(Bounds{})
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		h := Header{At: testStart + Time(i), Tap: testTap, Leg: "front", Conn: i}
		s.Apply(&Opened{Header: h})
		s.Apply(&Request{Header: h, Target: "/ws", Key: fmt.Sprint(i)})
		s.Apply(&Response{Header: h, Status: 101})
		s.Apply(&SideEnded{Header: h, How: HowFIN})
		s.Apply(&Closed{Header: h})
		if i%100 == 0 {
			s.Apply(&Tick{Header{At: h.At.Add(settleAfter)}})
			s.Settled()
		}
	}
}

func BenchmarkEncodeRequest(b *testing.B) {
	ev := sampleEvents()[2]
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf, _ = AppendJSON(buf[:0], ev)
	}
}

// BenchmarkEncodeLife encodes the JSON events of a conn.
func BenchmarkEncodeLife(b *testing.B) {
	evs := browserLife(Header{At: testStart, Tap: testTap, Leg: "front", Conn: 7})
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for _, ev := range evs {
			if !IsBinary(ev) {
				buf, _ = AppendJSON(buf, ev)
			}
		}
	}
	b.ReportMetric(float64(len(buf)), "bytes/conn")
}

func BenchmarkDecodeLife(b *testing.B) {
	var texts [][]byte
	for _, ev := range browserLife(Header{At: testStart, Tap: testTap, Leg: "front", Conn: 7}) {
		if !IsBinary(ev) {
			text, _ := AppendJSON(nil, ev)
			texts = append(texts, text)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, text := range texts {
			if _, err := DecodeJSON(text); err != nil {
				b.Fatal(err)
			}
		}
	}
}
