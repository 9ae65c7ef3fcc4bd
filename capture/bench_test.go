package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

const browserHead = "GET /socket?room=%04d HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\nOrigin: https://app.example.com\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\nCookie: sid=‹redacted:1f2e›\r\nSec-WebSocket-Key: %s\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

const acceptHead = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"

// random is n characters of base64 that no compressor guesses.
func random(seed uint64, n int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = digits[seed>>58]
	}
	return string(b)
}

// browserOpening is what a browser's conn leaves until it is open.
func browserOpening(conn uint64, at time.Duration) []monitor.Event {
	h := head(at, conn)
	key, accept, target := random(conn, 22)+"==", random(conn+1<<32, 27)+"=", fmt.Sprintf("/socket?room=%04d", conn%10_000)
	return []monitor.Event{
		&monitor.Opened{Header: h, Client: fmt.Sprintf("10.%d.%d.%d:5%04d", conn>>16&255, conn>>8&255, conn&255, conn%10_000), Listen: "127.0.0.1:8000", Local: fmt.Sprintf("127.0.0.1:%d", 10_000+conn%50_000), Server: "127.0.0.1:80"},
		&monitor.Request{Header: h, Began: h.At, Nth: 1, Method: "GET", Target: target, Proto: "HTTP/1.1", Host: "app.example.com", Origin: "https://app.example.com", Key: key, WSVersion: "13",
			Extensions: []string{"permessage-deflate; client_max_window_bits"}, Upgrade: []string{"websocket"}, Connection: []string{"Upgrade"}, HeadText: fmt.Sprintf(browserHead, conn%10_000, key)},
		&monitor.Response{Header: h, Proto: "HTTP/1.1", Status: 101, Reason: "Switching Protocols", Accept: accept, AcceptOK: true, Upgrade: []string{"websocket"}, Connection: []string{"Upgrade"}, HeadText: fmt.Sprintf(acceptHead, accept)},
	}
}

// browserLife is the whole life of one: open, a message each way, the closing
// handshake.
func browserLife(conn uint64, at time.Duration) []monitor.Event {
	evs := browserOpening(conn, at)
	end := at + 3*time.Millisecond
	h := head(end, conn)
	var s monitor.Sample
	frames := make([]monitor.FrameRecord, 4)
	for i := range frames {
		op := ws.OpText
		if i > 1 {
			op = ws.OpClose
		}
		d := ws.Direction(i & 1)
		frames[i] = monitor.RecordFrame(epoch.Add(at+time.Duration(i)*time.Duration(100+conn%977)*time.Microsecond), d, ws.Frame{Opcode: op, Fin: true, Length: 64, Masked: i&1 == 0})
		t := &s.Dir[d]
		t.Bytes, t.LastByte, t.LastData = 640, frames[i].At, frames[i].At
		t.Frames.Add(op, 1)
	}
	evs = append(evs,
		&monitor.Frames{Header: h, Records: frames},
		&monitor.CloseFrame{Header: h, Dir: ws.FromClient, Code: 1000},
		&monitor.CloseFrame{Header: h, Dir: ws.FromServer, Code: 1000},
		&monitor.SideEnded{Header: h, Dir: ws.FromClient, How: monitor.HowFIN, Gap: 1e6},
		&monitor.SideEnded{Header: h, Dir: ws.FromServer, How: monitor.HowFIN, Gap: 1e6})
	return append(evs, &monitor.Closed{Header: h, Sample: s, Last: frames})
}

// BenchmarkWriteConn records conns from their opening to their end, all but
// the queue.
func BenchmarkWriteConn(b *testing.B) {
	const second = 4000
	var batches [][]monitor.Event
	for i := range second {
		if i%(second/20) == 0 {
			batches = append(batches, nil)
		}
		last := &batches[len(batches)-1]
		*last = append(*last, browserLife(uint64(i+1), time.Duration(i)*time.Second/second)...)
	}
	dir := b.TempDir()
	b.ReportAllocs()
	var bytes int64
	for i := 0; b.Loop(); i++ {
		path := filepath.Join(dir, fmt.Sprint(i))
		writeDirect(b, path, batches)
		b.StopTimer()
		bytes = size(b, path)
		os.Remove(path)
		b.StartTimer()
	}
	b.ReportMetric(float64(bytes)/second, "bytes/conn")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/second, "ns/conn")
}
