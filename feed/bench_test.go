package feed

import (
	"fmt"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// busyLife is what a conn with a closing handshake leaves.
func busyLife(at monitor.Time, conn uint64) []monitor.Event {
	h := head(at, conn)
	evs := []monitor.Event{
		&monitor.Opened{Header: h, Client: fmt.Sprint("10.0.0.1:", 1024+conn%60000), Listen: "127.0.0.1:8000", Server: "127.0.0.1:80"},
		&monitor.Request{Header: h, Method: "GET", Target: "/ws", Host: "app.example", Key: fmt.Sprintf("%022d==", conn), HeadText: "GET /ws HTTP/1.1\r\nHost: app.example\r\n\r\n"},
		&monitor.Response{Header: h, Status: 101, HeadText: "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
	}
	for _, d := range []ws.Direction{ws.FromClient, ws.FromServer} {
		evs = append(evs, &monitor.CloseFrame{Header: h, Dir: d, Code: 1000})
	}
	for _, d := range []ws.Direction{ws.FromClient, ws.FromServer} {
		evs = append(evs, &monitor.SideEnded{Header: h, Dir: d, How: monitor.HowFIN})
	}
	return append(evs, &monitor.Closed{Header: h})
}

// BenchmarkEvents is the way of 50,000 events a second from Emit through State,
// verdicts included.
func BenchmarkEvents(b *testing.B) {
	const perSecond, batches = 50_000, 20
	f := New(now, monitor.Bounds{})
	at, conn, events := monitor.Time(1e18), uint64(0), 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		second := make([][]monitor.Event, batches)
		for i := range second {
			for len(second[i]) < perSecond/batches {
				conn++
				second[i] = append(second[i], busyLife(at.Add(time.Duration(i)*Every), conn)...)
			}
		}
		b.StartTimer()
		for i, batch := range second {
			events += len(batch)
			for _, ev := range batch {
				f.Emit(ev)
			}
			if at = at.Add(Every); i%5 == 4 {
				f.Emit(&monitor.Tick{Header: monitor.Header{At: at}})
			}
			f.drain()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}
