package observe

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// The heads of a browser's handshake through nginx.
const (
	browserRequest = "GET /socket?room=1&access_token=hunter2hunter2 HTTP/1.1\r\nHost: chat.example.com\r\nConnection: Upgrade\r\nPragma: no-cache\r\n" +
		"Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
		"Upgrade: websocket\r\nOrigin: https://chat.example.com\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Accept-Language: en-US,en;q=0.9\r\nCookie: _ga=GA1.2.3456789.1234567890; session=0123456789abcdef\r\nSec-WebSocket-Key: " + key + "\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: chat, superchat\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"
	serverResponse = "HTTP/1.1 101 Switching Protocols\r\nServer: nginx/1.29.3\r\nDate: Wed, 25 Nov 2026 10:00:00 GMT\r\nConnection: upgrade\r\n" +
		"Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
)

// benchHub is a hub whose events nobody takes.
func benchHub(records bool) *Hub {
	return &Hub{Instance: 1, Records: records, Redact: redact.New([]byte("k")), Emit: func(monitor.Event) bool { return true }}
}

// openTunnel opens a stream and shakes hands on it.
func openTunnel(h *Hub, at monitor.Time) *Stream {
	st := h.Open("front", at, "203.0.113.7:50000", "127.0.0.1:80")
	st.Dialed("127.0.0.1:40000", "127.0.0.1:8080")
	st.Bytes(client, at, []byte(browserRequest))
	st.Bytes(server, at, []byte(serverResponse))
	return st
}

var withRecords = map[string]bool{"records": true, "no-records": false}

// BenchmarkStreamEcho is the cost of one call of Bytes with one frame of 64
// bytes, on 100 conns in turn, with the Collects between.
func BenchmarkStreamEcho(b *testing.B) {
	const conns, callsPerCollect = 100, 5000
	text := strings.Repeat("x", 64)
	frames := [2][]byte{[]byte(frame(client, ws.OpText, true, text)), []byte(frame(server, ws.OpText, true, text))}
	for name, records := range withRecords {
		b.Run(name, func(b *testing.B) {
			h := benchHub(records)
			var streams [conns]*Stream
			for i := range streams {
				streams[i] = openTunnel(h, start)
			}
			b.ReportAllocs()
			at := start
			for i := 0; b.Loop(); i++ {
				at = at.Add(time.Microsecond)
				dir := ws.Direction(i & 1)
				streams[i/2%conns].Bytes(dir, at, frames[dir])
				if i%callsPerCollect == 0 {
					h.Collect(at)
				}
			}
		})
	}
}

// BenchmarkStreamFlood is frames of 32 bytes in reads of 64 KiB, cut where the
// reads end.
func BenchmarkStreamFlood(b *testing.B) {
	const readsPerCollect = 500 // of the order of 50 ms
	for name, records := range withRecords {
		for _, op := range []ws.Opcode{ws.OpBinary, ws.OpText} {
			for _, dir := range []ws.Direction{server, client} {
				b.Run(name+"/"+op.String()+" "+dir.String(), func(b *testing.B) {
					h := benchHub(records)
					st := openTunnel(h, start)
					next := flood(frame(dir, op, true, strings.Repeat("x", 32)))
					at := start
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						at = at.Add(100 * time.Microsecond)
						st.Bytes(dir, at, next())
						if i%readsPerCollect == 0 {
							h.Collect(at)
						}
					}
					frames := st.conn.sample.Dir[dir].FrameCount()
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
				})
			}
		}
	}
}

// flood returns reads of 64 KiB from an endless row of one frame. They lie over
// each other, as those of a relay that reads into one buffer.
func flood(frame string) func() []byte {
	const size = 64 << 10
	row := []byte(strings.Repeat(frame, size/len(frame)+2))
	from := 0
	return func() []byte {
		p := row[from : from+size]
		from = (from + size) % len(frame)
		return p
	}
}

// BenchmarkStreamHandshake is the life of a short conn: handshake, close frames, end.
func BenchmarkStreamHandshake(b *testing.B) {
	h := benchHub(true)
	life := shortLife(h)
	b.ReportAllocs()
	at := start
	for i := 0; b.Loop(); i++ {
		at = at.Add(time.Microsecond)
		life(at)
		if i%100 == 0 {
			h.Collect(at)
		}
	}
}

// shortLife returns a function that opens a conn on h, shakes hands, closes and ends it.
func shortLife(h *Hub) func(at monitor.Time) {
	request, response := []byte(browserRequest), []byte(serverResponse)
	closing := [2][]byte{[]byte(frame(client, ws.OpClose, true, closePayload(1000, ""))), []byte(frame(server, ws.OpClose, true, closePayload(1000, "")))}
	return func(at monitor.Time) {
		st := h.Open("front", at, "203.0.113.7:50000", "127.0.0.1:80")
		st.Dialed("127.0.0.1:40000", "127.0.0.1:8080")
		st.Bytes(client, at, request)
		st.Bytes(server, at, response)
		st.Bytes(client, at, closing[client])
		st.Bytes(server, at, closing[server])
		st.End(server, at, monitor.HowFIN, "")
		st.End(client, at, monitor.HowFIN, "")
		st.Close(at, false)
	}
}

// BenchmarkStreamMemory is what an idle conn holds after its handshake and one
// message each way.
func BenchmarkStreamMemory(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(idleBytes(10_000), "B/conn")
	}
}

// idleBytes is how many bytes of heap each of n idle conns holds.
func idleBytes(n int) float64 {
	h := benchHub(true)
	streams := make([]*Stream, n)
	before := heapInUse()
	for i := range streams {
		streams[i] = openTunnel(h, start)
		streams[i].Bytes(client, start, []byte(frame(client, ws.OpText, true, "hello")))
		streams[i].Bytes(server, start, []byte(frame(server, ws.OpText, true, "hello")))
	}
	h.Collect(start)
	after := heapInUse()
	runtime.KeepAlive(streams)
	return float64(after-before) / float64(n)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
