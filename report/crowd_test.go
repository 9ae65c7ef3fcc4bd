package report

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// crowd is a State with n conns, half of them ended.
func crowd(tb testing.TB, n int) *monitor.State {
	w := newWorld(tb, monitor.Bounds{Conns: n, Closed: n})
	w.hello()
	h := monitor.Header{At: start, Tap: 7, Leg: "front"}
	for i := range n {
		h.Conn, h.At = uint64(i+1), start.Add(time.Duration(i)*time.Millisecond)
		w.s.Apply(&monitor.Opened{Header: h, Client: "10.0.0.7:51234", Server: "127.0.0.1:8081"})
		w.s.Apply(&monitor.Request{Header: h, Began: h.At, Method: "GET", Target: fmt.Sprintf("/ws/room/%d?x=%d", i%1000, i), Host: "app.example"})
		w.s.Apply(&monitor.Response{Header: h, Status: 101})
		if i%2 == 0 {
			w.s.Apply(&monitor.SideEnded{Header: h, Dir: ws.FromClient, How: monitor.HowFIN})
			w.s.Apply(&monitor.Closed{Header: h})
		}
		if i%1000 == 0 {
			w.s.Apply(&monitor.Tick{Header: h})
			w.s.Settled()
		}
	}
	w.s.Finish()
	return w.s
}

const crowdSize = 100_000

// counter counts what is written and keeps nothing.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

func benchmark(b *testing.B, fn renderer) {
	s := crowd(b, crowdSize)
	b.ReportAllocs()
	for b.Loop() {
		var c counter
		if err := fn(&c, s, Options{}); err != nil || c.n == 0 {
			b.Fatal(err, c.n)
		}
		b.SetBytes(c.n)
	}
}

func BenchmarkJSON(b *testing.B)    { benchmark(b, JSON) }
func BenchmarkText(b *testing.B)    { benchmark(b, Text) }
func BenchmarkSummary(b *testing.B) { benchmark(b, Summary) }

// peak watches how much is alive while a report is written.
type peak struct {
	n, next int64
	alive   uint64
}

func (p *peak) Write(b []byte) (int, error) {
	if p.n += int64(len(b)); p.n > p.next {
		p.next += 4 << 20
		p.alive = max(p.alive, aliveBytes())
	}
	return len(b), nil
}

func aliveBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestJSONStreams: no more than a fraction of the report is held at a time.
func TestJSONStreams(t *testing.T) {
	s := crowd(t, 20_000)
	before := aliveBytes()
	var p peak
	if err := JSON(&p, s, Options{}); err != nil {
		t.Fatal(err)
	}
	grew := int64(p.alive) - int64(before)
	if p.n < 15<<20 || grew > 4<<20 {
		t.Errorf("%d bytes alive while writing %d", grew, p.n)
	}
	runtime.KeepAlive(s)
}
