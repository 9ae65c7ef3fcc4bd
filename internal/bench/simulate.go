//go:build linux

package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/observe"
	"github.com/wstap/wstap/ws"
)

// simulation is a tap without sockets: bytes of conns that nobody made go
// through observe at times of our own, so that hours pass in seconds and the
// events are those that a tap makes.
type simulation struct {
	hub   *observe.Hub
	now   monitor.Time
	conns []simulated
	next  int // number of the next conn
	batch []monitor.Event
	seed  seed
}

// simulated is one conn and when it spoke last.
type simulated struct {
	*observe.Stream
	spoke monitor.Time
}

var simulatedTap = monitor.TapInfo{Name: "back", Role: monitor.Back, Listen: "127.0.0.1:9000", Upstream: "127.0.0.1:8080"}

const simulatedInstance = monitor.Instance(0x77737461)

func newSimulation() *simulation {
	s := &simulation{seed: 1, now: monitor.TimeOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	s.hub = &observe.Hub{
		Instance: simulatedInstance, Records: true, Redact: redact.New([]byte("bench")),
		Emit: func(ev monitor.Event) bool { s.batch = append(s.batch, ev); return true },
	}
	return s
}

func (s *simulation) hello() *monitor.Hello {
	return &monitor.Hello{
		Header: monitor.Header{At: s.now, Tap: simulatedInstance}, Host: "bench", Version: "bench", Started: s.now,
		Taps: []monitor.TapInfo{simulatedTap}, LogTimezone: "UTC",
	}
}

// The heads are what a browser sends through nginx, and what a server answers.
const simulatedRequest = "GET /socket?room=%d HTTP/1.1\r\nX-Forwarded-For: %s\r\nHost: app.example.com\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" +
	"Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n" +
	"Origin: https://app.example.com\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n" +
	"Cookie: sid=%016x\r\nSec-WebSocket-Key: %s\r\n\r\n"

const simulatedResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"

// open makes a conn that is upgraded a millisecond after at.
func (s *simulation) open(at monitor.Time) simulated {
	n := s.next
	s.next++
	var key [16]byte
	binary.BigEndian.PutUint64(key[:], s.seed.next())
	binary.BigEndian.PutUint64(key[8:], s.seed.next())
	nonce := base64.StdEncoding.EncodeToString(key[:])
	forwarded := fmt.Sprintf("203.%d.%d.%d", n>>16&255, n>>8&255, n&255)
	c := s.hub.Open(simulatedTap.Name, at, fmt.Sprintf("127.0.0.1:%d", 1024+n%60_000), simulatedTap.Listen)
	c.Dialed(fmt.Sprintf("127.0.0.1:%d", 1024+(n+7)%60_000), simulatedTap.Upstream)
	c.Bytes(ws.FromClient, at, fmt.Appendf(nil, simulatedRequest, n%10_000, forwarded, s.seed.next(), nonce))
	c.Bytes(ws.FromServer, at.Add(time.Millisecond), fmt.Appendf(nil, simulatedResponse, ws.Accept(nonce)))
	return simulated{Stream: c}
}

// end closes a conn as most end: the client leaves.
func (s *simulation) end(c *observe.Stream, at monitor.Time) {
	c.End(ws.FromClient, at, monitor.HowFIN, "")
	c.End(ws.FromServer, at, monitor.HowFIN, "")
	c.Close(at, false)
}

// say is one message and its echo, within a millisecond.
func (s *simulation) say(c *simulated, at monitor.Time) {
	n := 16 + s.seed.below(maxPayload-16)
	c.spoke = at
	c.Bytes(ws.FromClient, at, clientFrames[n])
	c.Bytes(ws.FromServer, at.Add(time.Duration(100+s.seed.below(900))*time.Microsecond), serverFrames[n])
}

// batchEvery is how often a feed gathers what a tap emits.
const batchEvery = 50 * time.Millisecond

// step lets batchEvery pass and returns its events: first renew conns are
// replaced, then messages are sent, in each half one a conn at most.
func (s *simulation) step(messages, renew int) []monitor.Event {
	for i := range renew {
		c := &s.conns[(s.next+i)%len(s.conns)]
		s.end(c.Stream, s.now.Add(time.Millisecond))
		*c = s.open(s.now.Add(2 * time.Millisecond))
	}
	for range 2 {
		s.speak(messages/2, s.now.Add(4*time.Millisecond), 19*time.Millisecond)
		s.now = s.now.Add(batchEvery / 2)
	}
	return s.collect()
}

// speak spreads messages over a time, each of another conn.
func (s *simulation) speak(messages int, from monitor.Time, over time.Duration) {
	each := over / time.Duration(max(messages, 1))
	for i := range min(messages, len(s.conns)) {
		c := &s.conns[s.seed.below(len(s.conns))]
		for c.spoke >= from {
			c = &s.conns[s.seed.below(len(s.conns))]
		}
		s.say(c, from.Add(time.Duration(i)*each+time.Duration(s.seed.below(int(each)+1))))
	}
}

func (s *simulation) collect() []monitor.Event {
	s.hub.Collect(s.now)
	out := s.batch
	s.batch = nil
	return out
}

// seed is xorshift64*: the same numbers in every run.
type seed uint64

func (s *seed) next() uint64 {
	*s ^= *s >> 12
	*s ^= *s << 25
	*s ^= *s >> 27
	return uint64(*s) * 0x2545f4914f6cdd1d
}

func (s *seed) below(n int) int { return int(s.next() >> 33 % uint64(n)) }
