package metrics

import (
	"testing"
	"unsafe"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// TestTraffic: what came of a conn counts once, whichever samples were lost.
func TestTraffic(t *testing.T) {
	const conn = 7
	for _, tt := range []struct {
		name   string
		events []monitor.Event
		bytes  string
		texts  string
		gaps   string
	}{
		{"one sample", []monitor.Event{samples(conn, passed(10, 2, 3, 1))}, "10.0", "2.0", "1"},
		{"samples", []monitor.Event{samples(conn, passed(10, 2, 3, 1)), samples(conn, passed(15, 3, 3, 4))}, "15.0", "3.0", "4"},
		{"the same again", []monitor.Event{samples(conn, passed(10, 2, 3, 1)), samples(conn, passed(10, 2, 3, 1))}, "10.0", "2.0", "1"},
		{"an older one after", []monitor.Event{samples(conn, passed(15, 3, 3, 4)), samples(conn, passed(10, 2, 3, 1)), samples(conn, passed(16, 3, 3, 4))}, "16.0", "3.0", "4"},
		{"the last only", []monitor.Event{closed("front", conn, passed(10, 2, 3, 1))}, "10.0", "2.0", "1"},
		{"the last after samples", []monitor.Event{samples(conn, passed(10, 2, 3, 1)), closed("front", conn, passed(11, 2, 3, 2))}, "11.0", "2.0", "2"},
		{"a sample after the last", []monitor.Event{closed("front", conn, passed(10, 2, 3, 1)), samples(conn, passed(10, 2, 3, 1))}, "10.0", "2.0", "1"},
		{"a conn never opened", []monitor.Event{samples(conn+1, passed(10, 2, 3, 1))}, "0.0", "0.0", "0"},
		{"beyond 32 bits", []monitor.Event{samples(conn, passed(1<<33, 1<<33, 3, 1)), samples(conn, passed(1<<34, 1<<33+1, 3, 1))}, "1.7179869184e+10", "8.589934593e+09", "1"},
		{"the same number in another instance", []monitor.Event{&monitor.Samples{
			Header: monitor.Header{Tap: instance + 1}, Conns: []uint64{conn}, Samples: []monitor.Sample{passed(10, 2, 3, 1)},
		}}, "0.0", "0.0", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMetrics()
			m.Events([]monitor.Event{hello("front"), opened("front", conn)})
			m.Events(tt.events)
			want(t, m, map[string]string{
				`relayed_bytes_total{direction="from_client",tap="front"}`:        tt.bytes,
				`frames_total{direction="from_server",opcode="text",tap="front"}`: tt.texts,
				`gap_seconds_count{tap="front"}`:                                  tt.gaps,
			})
		})
	}
}

// TestOpcodes: each opcode goes where its name says, reserved ones together.
func TestOpcodes(t *testing.T) {
	for op := range ws.Opcode(16) {
		m := newMetrics()
		var s monitor.Sample
		s.Dir[ws.FromClient].Frames.Add(op, 3)
		m.Events([]monitor.Event{hello("front"), opened("front", 1), samples(1, s)})
		name := op.String()
		if op.IsReserved() {
			name = "reserved"
		}
		want(t, m, map[string]string{`frames_total{direction="from_client",opcode="` + name + `",tap="front"}`: "3.0"})
	}
}

// TestGaps: the bucket a gap was counted in is below the bound that it gets.
func TestGaps(t *testing.T) {
	m := newMetrics()
	var s monitor.Sample
	for i := range s.Gaps {
		s.Gaps[i] = 1
	}
	m.Events([]monitor.Event{hello("front"), opened("front", 1), samples(1, s)})
	want(t, m, map[string]string{
		`gap_seconds_bucket{tap="front",le="0.002"}`:    "1", // [1 ms, 2 ms)
		`gap_seconds_bucket{tap="front",le="1.024"}`:    "10",
		`gap_seconds_bucket{tap="front",le="65.536"}`:   "16",
		`gap_seconds_bucket{tap="front",le="8388.608"}`: "23",
		`gap_seconds_bucket{tap="front",le="+Inf"}`:     "24", // 2.3 hours and above
		`gap_seconds_sum{tap="front"}`:                  "16777.215",
	})
}

// TestOpenCount: only what was upgraded and has not ended.
func TestOpenCount(t *testing.T) {
	m := newMetrics()
	m.Events([]monitor.Event{
		hello("front"), opened("front", 1), opened("front", 2), opened("front", 3), opened("front", 4),
		answered("front", 1, 101), answered("front", 2, 101), answered("front", 3, 403), answered("front", 9, 101),
		closed("front", 2, monitor.Sample{}), closed("front", 3, monitor.Sample{}), closed("front", 8, monitor.Sample{}),
	})
	want(t, m, map[string]string{`websockets_open{tap="front"}`: "1.0", `connections_upgraded_total{tap="front"}`: "3.0"})
	if len(m.conns) != 2 {
		t.Errorf("%d conns are kept, want 2", len(m.conns))
	}
}

// TestRevisedVerdict: a cause found later is not another end.
func TestRevisedVerdict(t *testing.T) {
	m := newMetrics()
	m.Events([]monitor.Event{
		hello("front"),
		verdict("front", 1, monitor.CauseUnknown, 1006, monitor.Possible),
		verdict("front", 2, monitor.CauseIdleTimeout, 1006, monitor.Likely),
		verdict("front", 1, monitor.CauseIdleTimeout, 1006, monitor.Likely),
	})
	want(t, m, map[string]string{
		`connections_closed_total{cause="unknown",code="1006",tap="front"}`:      "1.0",
		`connections_closed_total{cause="idle_timeout",code="1006",tap="front"}`: "1.0",
	})
}

// TestDoubtsForgetTheOldest: as many as State keeps, the newest.
func TestDoubtsForgetTheOldest(t *testing.T) {
	d := newDoubts()
	v := func(n uint64) *monitor.Verdicted {
		return verdict("front", n, monitor.CauseUnknown, 1006, monitor.Possible)
	}
	for n := range uint64(2*monitor.DefaultClosed + 5) {
		if d.again(v(n)) {
			t.Fatalf("%d is new", n)
		}
	}
	if newest := uint64(2*monitor.DefaultClosed + 4); !d.again(v(newest)) || d.again(v(4)) || len(d.has) != monitor.DefaultClosed {
		t.Errorf("%d kept", len(d.has))
	}
}

// TestSize: 100,000 conns are a normal size.
func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(carried{}); n > 192 {
		t.Errorf("%d bytes a conn, want at most 192", n)
	}
}

func TestAllocations(t *testing.T) {
	m, batch, next := busy(1000)
	if n := testing.AllocsPerRun(20, func() { next(); m.Events(batch) }); n != 0 {
		t.Errorf("%v allocations for a batch of samples, want 0", n)
	}
	others := []monitor.Event{
		answered("front", 1, 403), verdict("front", 1, monitor.CauseIdleTimeout, 1006, monitor.Confirmed),
		&monitor.LogSummary{Kinds: map[string]uint64{"recv_failed": 1}}, &monitor.Dropped{What: "frames", N: 1}, &monitor.Tick{},
		&monitor.Frames{},
	}
	m.Events(others)
	if n := testing.AllocsPerRun(20, func() { m.Events(others) }); n != 0 {
		t.Errorf("%v allocations for other events, want 0", n)
	}
}

// busy is a batch with a sample of each of n conns, and what lets traffic pass
// on all of them.
func busy(n int) (m *Metrics, batch []monitor.Event, next func()) {
	m = newMetrics()
	m.Events([]monitor.Event{hello("front")})
	ev := &monitor.Samples{Header: head("", 0), Samples: make([]monitor.Sample, n)}
	for i := range uint64(n) {
		m.Events([]monitor.Event{opened("front", i)})
		ev.Conns = append(ev.Conns, i)
	}
	return m, []monitor.Event{ev}, func() {
		for i := range ev.Samples {
			s := &ev.Samples[i]
			for dir := range s.Dir {
				s.Dir[dir].Bytes += 70
				s.Dir[dir].Frames.Add(ws.OpText, 1)
			}
			s.Gaps[5]++
		}
	}
}

func BenchmarkSamples(b *testing.B) {
	const conns = 1000
	m, batch, next := busy(conns)
	b.ReportAllocs()
	for b.Loop() {
		next()
		m.Events(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/conns, "ns/sample")
}

func BenchmarkScrape(b *testing.B) {
	m := New(dayOptions())
	m.Events(day())
	b.ReportAllocs()
	for b.Loop() {
		m.Handler().ServeHTTP(nowhere{}, scrapeRequest)
	}
}
