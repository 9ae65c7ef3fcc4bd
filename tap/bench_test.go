package tap

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkEcho echoes one 64-byte message at a time. The relay's own CPU time
// is the cpu-ns/op above direct's: client and server run in the same process.
func BenchmarkEcho(b *testing.B) {
	b.Run("direct", func(b *testing.B) { benchmarkEcho(b, directPair) })
	b.Run("copied", func(b *testing.B) { benchmarkEcho(b, tapPair(copiedWay)) })
	b.Run("polled", func(b *testing.B) { benchmarkEcho(b, tapPair(polledWay)) })
}

func directPair(b *testing.B) (client, server net.Conn) {
	r := &rig{t: b}
	r.listenTCP()
	c, err := net.Dial("tcp", r.ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	s, err := r.ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	r.ln.Close()
	return c, s
}

func tapPair(way way) func(b *testing.B) (client, server net.Conn) {
	return func(b *testing.B) (client, server net.Conn) {
		return newRig(b, rigOptions{way: way}).pair()
	}
}

func benchmarkEcho(b *testing.B, pair func(*testing.B) (client, server net.Conn)) {
	client, server := pair(b)
	upgrade(b, client, server)
	client.SetDeadline(time.Time{})
	server.SetDeadline(time.Time{})
	go io.CopyBuffer(struct{ io.Writer }{server}, struct{ io.Reader }{server}, make([]byte, 1024)) // until the client closes
	message := append([]byte("\x82\xba\x00\x00\x00\x00"), make([]byte, 58)...)
	got := make([]byte, len(message))
	b.ReportAllocs()
	before := cpuTime()
	b.ResetTimer()
	for range b.N {
		if _, err := client.Write(message); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, got); err != nil || string(got) != string(message) {
			b.Fatal(err, got)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
	client.Close()
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIdle reports what a connection at rest costs this process: the
// tap's share is what it has above direct.
func BenchmarkIdle(b *testing.B) {
	b.Run("direct", func(b *testing.B) { benchmarkIdle(b, directPair) })
	b.Run("copied", func(b *testing.B) { benchmarkIdle(b, sharedTapPair(copiedWay)) })
	b.Run("polled", func(b *testing.B) { benchmarkIdle(b, sharedTapPair(polledWay)) })
}

func sharedTapPair(way way) func(b *testing.B) (client, server net.Conn) {
	var r *rig
	return func(b *testing.B) (client, server net.Conn) {
		if r == nil || r.t != b {
			r = newRig(b, rigOptions{way: way})
		}
		return r.pair()
	}
}

func benchmarkIdle(b *testing.B, pair func(*testing.B) (client, server net.Conn)) {
	const conns = 500
	for range b.N {
		before := memory()
		var open []net.Conn
		for range conns {
			client, server := pair(b)
			upgrade(b, client, server)
			open = append(open, client, server)
		}
		b.ReportMetric(float64(memory()-before)/conns, "B/conn")
		for _, c := range open {
			c.Close()
		}
	}
}

func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
