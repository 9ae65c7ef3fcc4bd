package tap

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// The poller's trap: an end that comes in one burst with the last bytes.
func TestEndsThatComeWithTheLastBytes(t *testing.T) {
	const times = 1000
	ends := map[string]func(net.Conn){"fin": func(c net.Conn) { c.Close() }, "reset": resetNow}
	eachWay(t, func(t *testing.T, way way) {
		for name, end := range ends {
			for _, dir := range []ws.Direction{ws.FromClient, ws.FromServer} {
				t.Run(name+" "+dir.String(), func(t *testing.T) {
					r := newRig(t, rigOptions{way: way})
					times := times
					if way == tlsWay {
						times /= 5
					}
					for range times {
						r.lastBytes(dir, end, name == "reset")
					}
					r.idle()
				})
			}
		}
	})
}

func (r *rig) lastBytes(dir ws.Direction, end func(net.Conn), reset bool) {
	r.t.Helper()
	from, to := r.pair()
	if dir == ws.FromServer {
		from, to = to, from
	}
	exchange(r.t, from, to, "a word before") // a reset during our dial makes that fail
	io.WriteString(from, "the last words")
	end(from)
	got, err := io.ReadAll(to)
	to.Close()
	if string(got) != "the last words" {
		r.t.Fatalf("got %q, %v", got, err)
	}
	if reset != errors.Is(err, syscall.ECONNRESET) || !reset && err != nil {
		r.t.Fatalf("ended with %v, want reset: %v", err, reset)
	}
}

func TestHalfCloseKeepsTheOtherWayOpen(t *testing.T) {
	for _, dir := range []ws.Direction{ws.FromClient, ws.FromServer} {
		eachWay(t, func(t *testing.T, way way) {
			r := newRig(t, rigOptions{way: way})
			from, to := r.pair()
			upgrade(t, from, to)
			if dir == ws.FromServer {
				from, to = to, from
			}
			exchange(t, from, to, "request")
			from.CloseWrite()
			wantEOF(t, to)
			want := bytes.Repeat([]byte("answer"), 1<<18)
			go func() { to.Write(want); to.CloseWrite() }()
			if got, err := io.ReadAll(from); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("after the half-close %d of %d bytes, %v", len(got), len(want), err)
			}
			r.idle()
			r.wantEnds(map[ws.Direction]monitor.How{ws.FromClient: way.tidyEnd(), ws.FromServer: way.tidyEnd()})
		})
	}
}

// What was sent before a reset must not be thrown away by it on our way out,
// not even if the receiver takes its time.
func TestResetComesAfterTheBytesBeforeIt(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		client, server := r.pair()
		under(server).(*net.TCPConn).SetReadBuffer(32 << 10)
		want := bytes.Repeat([]byte("x"), 200<<10)
		client.Write(want)
		r.until("the tap has read all", func() bool { return !hasUnsent(under(client)) })
		resetNow(client)
		got, err := io.ReadAll(server)
		if !errors.Is(err, syscall.ECONNRESET) || len(got) != len(want) {
			t.Fatalf("got %d of %d bytes, %v", len(got), len(want), err)
		}
		r.idle()
		r.wantEnds(map[ws.Direction]monitor.How{ws.FromClient: monitor.HowReset})
	})
}

func TestResetReachesASendingServer(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		client, server := r.pair()
		exchange(t, client, server, "go")
		failed := make(chan error, 1)
		go func() {
			for {
				if _, err := server.Write(make([]byte, 1000)); err != nil {
					failed <- err
					return
				}
			}
		}()
		io.ReadFull(client, make([]byte, 5000))
		resetNow(client)
		if err := <-failed; !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Fatalf("the server's write ended with %v", err)
		}
		r.idle()
		r.wantEnds(map[ws.Direction]monitor.How{ws.FromClient: monitor.HowReset})
	})
}

// A write may take a reset out of the kernel before the read sees it, which
// then finds a plain end. It must be a reset on record and for the other side.
func TestResetFoundByAWrite(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		for range 40 {
			client, server := r.pair()
			upgrade(t, client, server)
			go io.Copy(server, neverEnding{}) // what the tap reads meanwhile
			var wg sync.WaitGroup
			wg.Go(func() { io.Copy(client, neverEnding{}) })
			wg.Go(func() { io.Copy(io.Discard, client) })
			io.ReadFull(server, make([]byte, 1000))
			resetNow(server)
			wg.Wait()
			r.idle()
			r.wantEnds(map[ws.Direction]monitor.How{ws.FromServer: monitor.HowReset})
		}
	})
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

// A server that closes while the client goes on sending ended with a FIN; the
// reset that answers the client's bytes came later.
func TestFinBeforeReset(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		for range 40 {
			client, server := r.pair()
			upgrade(t, client, server)
			server.Close()
			if _, err := io.Copy(client, neverEnding{}); err == nil {
				t.Fatal("the client's writes never failed")
			}
			if got, err := io.ReadAll(client); err != nil || len(got) > 0 {
				t.Fatalf("the client read %q, %v, want the end", got, err)
			}
			r.idle()
			r.wantEnds(map[ws.Direction]monitor.How{ws.FromServer: way.tidyEnd()})
		}
	})
}

func TestResetAfterHalfClose(t *testing.T) {
	for _, dir := range []ws.Direction{ws.FromClient, ws.FromServer} {
		r := newRig(t, rigOptions{})
		from, to := r.pair()
		if dir == ws.FromServer {
			from, to = to, from
		}
		exchange(t, from, to, "request")
		from.CloseWrite()
		wantEOF(t, to)
		resetNow(from)
		r.idle() // though the other side neither reads nor writes
		r.until("the reset arrived", func() bool { return isClosed(to) })
	}
}

// A source that dies while its bytes wait for a receiver that never reads
// again must not keep the tunnel.
func TestResetWhileTheReceiverStalls(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		client, server := r.pair()
		go io.Copy(server, neverEnding{})
		r.until("a direction stalls", func() bool { return r.server.Counts().Stalled == 1 })
		resetNow(server)
		r.idle()
		if n := r.server.Counts().Stalled; n != 0 {
			t.Errorf("%d directions stalled after the end", n)
		}
		r.wantEnds(map[ws.Direction]monitor.How{ws.FromServer: monitor.HowReset})
		wantReset(t, client)
	})
}

func TestBackPressure(t *testing.T) {
	const total = 64 << 20
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		client, server := r.pair()
		upgrade(t, client, server)
		exchange(t, server, client, "\x82\x7f\x00\x00\x00\x00\x04\x00\x00\x00") // one frame of all that follows
		before := heapInUse()
		sent := make(chan int64, 1)
		var progress counter
		go func() {
			n, _ := io.Copy(io.MultiWriter(server, &progress), io.LimitReader(neverEnding{}, total))
			sent <- n
		}()
		r.until("the direction stalls for good", func() bool { return r.server.Counts().Stalled == 1 && progress.quiet() })
		r.hub.Collect(monitor.TimeOf(time.Now()))
		// What is on its way is in the kernel's buffers: at most 6 + 4 MB each of two connections.
		if n := progress.value(); n > 24<<20 {
			t.Errorf("a stalled reader was sent %d bytes", n)
		}
		if grown := int64(heapInUse()) - int64(before); grown > 2<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
		samples := find[*monitor.Samples](r)
		if last := samples[len(samples)-1]; last.Samples[0].Dir[ws.FromServer].Blocked == 0 {
			t.Error("the stream was not told of the wait")
		}
		got, err := io.CopyN(io.Discard, client, total)
		if n := <-sent; err != nil || n != total {
			t.Errorf("sent %d, got %d, %v", n, got, err)
		}
		r.until("nothing stalls", func() bool { return r.server.Counts().Stalled == 0 })
	})
}

// counter counts what passed, and knows whether anything did of late.
type counter struct {
	mu   sync.Mutex
	n    int64
	last time.Time
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += int64(len(p))
	c.last = time.Now()
	return len(p), nil
}

func (c *counter) value() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *counter) quiet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last) > 300*time.Millisecond
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func TestBytesArriveIdentical(t *testing.T) {
	const size = 10 << 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, upgraded := range []bool{true, false} {
		eachWay(t, func(t *testing.T, way way) {
			r := newRig(t, rigOptions{way: way})
			client, server := r.pair()
			if upgraded {
				upgrade(t, client, server)
			}
			var wg sync.WaitGroup
			for i, way := range [][2]halfCloser{{client, server}, {server, client}} {
				s := seed + uint64(i)
				wg.Go(func() { sendPieces(way[0], s, size) })
				wg.Go(func() { checkBytes(t, way[1], s, size) })
			}
			wg.Wait()
			r.idle()
		})
	}
}

func randomBytes(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	p := make([]byte, n)
	rand.NewChaCha8(key).Read(p)
	return p
}

// sendPieces writes random bytes in pieces of 1 byte to 100 KB, many of them small.
func sendPieces(c halfCloser, seed uint64, size int) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	for p := randomBytes(seed, size); len(p) > 0; {
		n := min(len(p), 1+rnd.IntN(1<<rnd.IntN(18)))
		if _, err := c.Write(p[:n]); err != nil {
			return // the receiver reports what is missing
		}
		p = p[n:]
	}
	c.CloseWrite()
}

func checkBytes(t *testing.T, c net.Conn, seed uint64, size int) {
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, randomBytes(seed, size)) {
		t.Errorf("%d of %d bytes arrived, or others: %v", len(got), size, err)
	}
}

func TestPlainHTTPKeepAlive(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		client, server := r.pair()
		for range 10 {
			exchange(t, client, server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			exchange(t, server, client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		upgrade(t, client, server)
		exchange(t, client, server, "\x81\x80\x00\x00\x00\x00")
		client.Close()
		wantEOF(t, server)
		server.Close()
		r.idle()
		r.hub.Collect(monitor.TimeOf(time.Now()))
		if n := len(find[*monitor.Response](r)); n != 1 {
			t.Errorf("%d upgrade responses on record, want 1", n)
		}
		if h := find[*monitor.HTTP](r); len(h) != 1 || h[0].Counts["200"] != 10 {
			t.Errorf("plain HTTP on record: %+v, want 10 of 200", h)
		}
	})
}

func TestHowEnded(t *testing.T) {
	for _, test := range []struct {
		err  error
		how  monitor.How
		text string
	}{
		{syscall.ECONNRESET, monitor.HowReset, ""},
		{syscall.EPIPE, monitor.HowReset, ""},
		{syscall.ETIMEDOUT, monitor.HowTimeout, ""},
		{&net.OpError{Op: "read", Err: syscall.EHOSTUNREACH}, monitor.HowError, syscall.EHOSTUNREACH.Error()},
		{errors.New("odd"), monitor.HowError, "odd"},
	} {
		if how, text := howEnded(test.err); how != test.how || text != test.text {
			t.Errorf("howEnded(%v) = %v, %q, want %v, %q", test.err, how, text, test.how, test.text)
		}
	}
}
