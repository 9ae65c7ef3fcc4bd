package monitor

import (
	"fmt"

	"github.com/wstap/wstap/ws"
)

// chromeHead is what a browser sends to open a WebSocket, secrets taken out.
const chromeHead = "GET /socket?room=%04d HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\nOrigin: https://app.example.com\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\nCookie: sid=‹redacted:1f2e›\r\nSec-WebSocket-Key: %022d==\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

const answerHead = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %027d=\r\n\r\n"

// browserRequest is the request event of a conn as a tap makes it.
func browserRequest(h Header) *Request {
	head := fmt.Sprintf(chromeHead, h.Conn%10_000, h.Conn)
	part := func(s string) string { return partOf(head, []byte(s)) }
	return &Request{
		Header: h, Began: h.At - 1000, Nth: 1, Method: part("GET"), Target: part(fmt.Sprintf("/socket?room=%04d", h.Conn%10_000)),
		Proto: part("HTTP/1.1"), Host: part("app.example.com"), Origin: part("https://app.example.com"), Key: part(fmt.Sprintf("%022d==", h.Conn)),
		WSVersion: part("13"), Extensions: []string{part("permessage-deflate; client_max_window_bits")},
		Upgrade: []string{part("websocket")}, Connection: []string{part("Upgrade")}, HeadText: head,
	}
}

func browserAnswer(h Header) *Response {
	head := fmt.Sprintf(answerHead, h.Conn)
	part := func(s string) string { return partOf(head, []byte(s)) }
	return &Response{
		Header: h, Proto: part("HTTP/1.1"), Status: 101, Reason: part("Switching Protocols"), Accept: part(fmt.Sprintf("%027d=", h.Conn)), AcceptOK: true,
		Upgrade: []string{part("websocket")}, Connection: []string{part("Upgrade")}, HeadText: head,
	}
}

// browserSample is what a conn has carried after its heads and one message a
// direction.
func browserSample(at Time) Sample {
	var s Sample
	for d := range s.Dir {
		s.Dir[d] = Traffic{Bytes: 640, Messages: 1, LastByte: at, LastData: at}
		s.Dir[d].Frames.Add(ws.OpText, 1)
		s.Dir[d].Frames.Add(ws.OpClose, 1)
	}
	s.LongestGap, s.LongestGapAt = 7e6, at
	s.Gaps[2]++
	return s
}

// browserOpening is the events of a conn until it is open, without samples.
func browserOpening(h Header) []Event {
	n := h.Conn
	opened := &Opened{
		Header: h, Client: fmt.Sprintf("10.%d.%d.%d:4%04d", n>>16&255, n>>8&255, n&255, n%10_000), Listen: "127.0.0.1:8000",
		Local: fmt.Sprintf("127.0.0.1:%d", 10_000+n%50_000), Server: "127.0.0.1:80",
	}
	return []Event{opened, &Limit{Header: h, Kind: Idle, Value: 60e9, Source: "/etc/nginx/nginx.conf:42"}, browserRequest(h), browserAnswer(h)}
}

// browserLife is the whole life of a conn: open, a message each way, the
// closing handshake.
func browserLife(h Header) []Event {
	evs := browserOpening(h)
	s := browserSample(h.At)
	batch := h
	batch.Conn, batch.Leg = 0, ""
	evs = append(evs, &Samples{Header: batch, Conns: []uint64{h.Conn}, Samples: []Sample{s}})
	for d := range 2 {
		evs = append(evs, &CloseFrame{Header: h, Dir: ws.Direction(d), Code: 1000})
	}
	for d := range 2 {
		evs = append(evs, &SideEnded{Header: h, Dir: ws.Direction(d), How: HowFIN, Gap: 2e6})
	}
	last := make([]FrameRecord, 4)
	for i := range last {
		op := ws.OpText
		if i > 1 {
			op = ws.OpClose
		}
		last[i] = RecordFrame(h.At+Time(i)*150_000, ws.Direction(i&1), ws.Frame{Opcode: op, Fin: true, Length: 64, Masked: i&1 == 0})
	}
	return append(evs, &Closed{Header: h, Sample: s, Last: last})
}
