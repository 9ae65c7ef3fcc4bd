package capture

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// epoch is when all tests begin: whole microseconds, as frame times are kept.
const (
	epoch monitor.Time     = 1_700_000_000_000_000_000
	relay monitor.Instance = 0x1234567890abcdef
)

func head(after time.Duration, conn uint64) monitor.Header {
	return monitor.Header{At: epoch.Add(after), Tap: relay, Leg: "front", Conn: conn}
}

func hello() *monitor.Hello {
	return &monitor.Hello{Header: monitor.Header{At: epoch, Tap: relay}, Host: "tap1", Version: "test", Started: epoch,
		Taps: []monitor.TapInfo{{Name: "front", Role: monitor.Front, Listen: "127.0.0.1:8080", Upstream: "http://127.0.0.1:80"}}}
}

func frame(after time.Duration, dir ws.Direction, n uint64) monitor.FrameRecord {
	return monitor.RecordFrame(epoch.Add(after.Truncate(time.Microsecond)), dir, ws.Frame{Length: n, Opcode: 1, Fin: true, Masked: dir == ws.FromClient})
}

func sample(bytes uint64) monitor.Sample {
	var s monitor.Sample
	s.Dir[0].Bytes, s.Dir[0].Messages = bytes, bytes/10
	s.Dir[0].Frames.Add(1, bytes/10)
	s.Dir[0].LastByte = epoch
	return s
}

// life is what one conn leaves: opened, request, response, frames, a sample, closed.
func life(conn uint64, at time.Duration) []monitor.Event {
	s := sample(100)
	return []monitor.Event{
		&monitor.Opened{Header: head(at, conn), Client: "10.0.0.1:5000", Listen: "127.0.0.1:8080", Server: "127.0.0.1:80"},
		&monitor.Request{Header: head(at+time.Millisecond, conn), Began: epoch.Add(at), Nth: 1, Method: "GET", Target: "/socket", Proto: "HTTP/1.1", HeadText: "GET /socket HTTP/1.1\r\n\r\n"},
		&monitor.Response{Header: head(at+2*time.Millisecond, conn), Proto: "HTTP/1.1", Status: 101, AcceptOK: true, HeadText: "HTTP/1.1 101\r\n\r\n"},
		&monitor.Samples{Header: monitor.Header{At: epoch.Add(at + 50*time.Millisecond), Tap: relay}, Conns: []uint64{conn}, Samples: []monitor.Sample{s}},
		&monitor.Frames{Header: head(at+50*time.Millisecond, conn), Records: []monitor.FrameRecord{
			frame(at+10*time.Millisecond, ws.FromClient, 10), frame(at+20*time.Millisecond, ws.FromServer, 20)}},
		&monitor.Closed{Header: head(at+60*time.Millisecond, conn), Sample: s, Last: []monitor.FrameRecord{frame(at+20*time.Millisecond, ws.FromServer, 20)}},
	}
}

// everyType is one event of each type that is recorded as JSON.
func everyType() []monitor.Event {
	var entry logparse.Entry
	p := logparse.Parser{}
	keep := func(e *logparse.Entry) { entry = *e }
	p.Line([]byte(`2024/01/02 03:04:05 [error] 12#13: *77 upstream timed out (110: Connection timed out) while proxying upgraded connection, client: 10.0.0.1, server: example.org, request: "GET /socket HTTP/1.1", upstream: "http://127.0.0.1:80/socket", host: "example.org"`), keep)
	p.Flush(keep)
	h := head(5*time.Millisecond, 7)
	none := monitor.Header{At: h.At, Tap: relay}
	return []monitor.Event{
		hello(),
		&monitor.Opened{Header: h, Client: "a", Listen: "b", Local: "c", Server: "d", Opaque: true, Reason: "e"},
		&monitor.Request{Header: h, Began: epoch, Nth: 2, Method: "GET", Target: "/\x1b[31mé", Subprotocols: []string{"chat"}, HeadText: "x", HeadCut: true},
		&monitor.Response{Header: h, Status: 101, AcceptOK: true, Upgrade: []string{"websocket"}, HeadText: "y"},
		&monitor.DialError{Header: h, Error: "refused", Errno: 111, Took: monitor.Millis(1500 * time.Microsecond)},
		&monitor.CloseFrame{Header: h, Dir: ws.FromServer, Code: 1001, Reason: "going away"},
		&monitor.SideEnded{Header: h, Dir: ws.FromClient, How: monitor.HowReset, Error: "reset"},
		&monitor.Lost{Header: h, Dir: ws.FromServer, Reason: "length", Offset: 99},
		&monitor.Violation{Header: h, Dir: ws.FromClient, Rule: "mask", Section: "RFC 6455 §5.1", Count: 1},
		&monitor.Limit{Header: h, Kind: monitor.Idle, Value: monitor.Millis(time.Minute), Source: "flag"},
		&monitor.LogLine{Header: none, Source: "error.log", Stamp: epoch, Entry: entry},
		&monitor.LogSummary{Header: none, Source: "error.log", Levels: map[string]uint64{"error": 3}, Kinds: map[string]uint64{"other": 3}},
		&monitor.HTTP{Header: none, Counts: map[string]uint64{"200": 4}},
		&monitor.ClockStep{Header: none, Step: monitor.Millis(-2 * time.Second)},
		&monitor.Health{Header: none, Name: "capture", Status: monitor.HealthOK, Text: "fine"},
		&monitor.Dropped{Header: none, What: "frames", N: 5},
		&monitor.Closed{Header: h, ByTap: true, Sample: sample(1000), Last: []monitor.FrameRecord{frame(0, ws.FromClient, 3)}},
	}
}

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.at.Store(int64(epoch))
	return c
}

func (c *clock) now() monitor.Time    { return monitor.Time(c.at.Load()) }
func (c *clock) step(d time.Duration) { c.at.Add(int64(d)) }

func still() monitor.Time { return epoch }

// record writes batches to a new file and closes it.
func record(t testing.TB, o Options, batches ...[]monitor.Event) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r.mcap")
	w := create(t, path, o)
	for _, b := range batches {
		w.Events(b)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func create(t testing.TB, path string, o Options) *Writer {
	t.Helper()
	if o.Now == nil {
		o.Now = still
	}
	w, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t testing.TB, paths ...string) *Reader {
	t.Helper()
	r, err := Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// all reads to the end.
func all(t testing.TB, r *Reader) (evs []monitor.Event) {
	t.Helper()
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return evs
		}
		if err != nil {
			t.Fatal(err)
		}
		evs = append(evs, ev)
	}
}

// text shows events for comparison: JSON, or Go's own form of batches.
func text(t testing.TB, evs []monitor.Event) (out []string) {
	t.Helper()
	for _, ev := range evs {
		b, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ev.Type()+" "+string(b))
	}
	return out
}

func equal(t testing.TB, got, want []monitor.Event) {
	t.Helper()
	g, w := text(t, got), text(t, want)
	if reflect.DeepEqual(g, w) {
		return
	}
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("event %d of %d, want %d\n got %s\nwant %s", i, len(g), len(w), at(g, i), at(w, i))
		}
	}
}

func at(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return "nothing"
}

// until polls for something another goroutine does.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 20s for: %s", what)
		}
	}
}

// seeded prints its seed, so that a failure can be repeated.
func seeded(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func TestMain(m *testing.M) {
	if runAsChild() {
		return
	}
	goleak.VerifyTestMain(m)
}
