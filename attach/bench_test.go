package attach

import (
	"fmt"
	"testing"

	"github.com/wstap/wstap/monitor"
)

// busy is what a feed gives every 50 ms when n conns are active.
func busy(n int) []monitor.Event {
	at := monitor.Time(1_700_000_000_000_000_000)
	ev := &monitor.Samples{Header: monitor.Header{At: at, Tap: instance}}
	for i := range n {
		var s monitor.Sample
		for d := range s.Dir {
			s.Dir[d] = monitor.Traffic{Bytes: uint64(1_000_000 + i), Messages: uint64(2000 + i), LastByte: at - monitor.Time(i)*1000, LastData: at - monitor.Time(i)*1000}
			s.Dir[d].Frames.Add(1, uint64(2000+i))
		}
		s.LongestGap, s.LongestGapAt = monitor.Millis(5e8), at-1e9
		s.Gaps[5], s.Gaps[6] = 100, 200
		ev.Conns, ev.Samples = append(ev.Conns, uint64(i+1)), append(ev.Samples, s)
	}
	return []monitor.Event{ev}
}

// BenchmarkBatch is the relay's cost of one batch for all viewers: encoded, not sent.
func BenchmarkBatch(b *testing.B) {
	for name, c := range map[string]struct {
		batch []monitor.Event
		pack  bool
	}{
		"samples=500": {busy(500), false}, "samples=500,deflate": {busy(500), true}, "lives=20": {burst(1), false},
	} {
		b.Run(name, func(b *testing.B) {
			s := NewServer(ServerOptions{})
			defer closeNow(s)
			e := &encoder{s: s, pack: c.pack}
			b.ReportAllocs()
			for b.Loop() {
				for _, ev := range c.batch {
					e.add(ev)
				}
				e.flush()
			}
			b.ReportMetric(float64(s.Stats().Bytes)/float64(b.N), "B/batch")
		})
	}
}

// BenchmarkEventsIdle is what serving costs the feed when nobody looks.
func BenchmarkEventsIdle(b *testing.B) {
	s := NewServer(ServerOptions{})
	defer closeNow(s)
	batch := append(busy(500), burst(1)...)
	for b.Loop() {
		s.Events(batch)
	}
}

// BenchmarkReceive is the viewer's cost of one batch.
func BenchmarkReceive(b *testing.B) {
	for name, batch := range map[string][]monitor.Event{"samples=500": busy(500), "lives=20": burst(1)} {
		b.Run(name, func(b *testing.B) {
			var rec recorder
			var records []byte
			kind := byte(kindSamples)
			for _, ev := range batch {
				if isLifecycle(ev) {
					kind = kindEvents
				}
				records = rec.append(records, ev)
			}
			c, err := NewClient(ClientOptions{URL: "unix:/x", Emit: func(monitor.Event) bool { return true }})
			if err != nil {
				b.Fatal(err)
			}
			l := c.newLine(nil)
			l.welcomed, l.synced = true, true
			n := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				numbers := []uint64{n, 1}
				if kind == kindEvents {
					numbers = append(numbers, c.events)
				}
				n++
				if err := l.takeBinary(append(binaryOf(kind, numbers), records...)); err != nil {
					b.Fatal(fmt.Sprint(err))
				}
			}
		})
	}
}
