package attach_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/monitor"
)

func now() monitor.Time { return monitor.TimeOf(time.Now()) }

// TestFeedToFeed: from the feed of a relay to the feed of a viewer that comes
// while conns are opened and closed.
func TestFeedToFeed(t *testing.T) {
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer running.Wait()
	defer stop()

	const instance = 0xabc
	there := feed.New(now, monitor.Bounds{})
	hello := &monitor.Hello{Header: monitor.Header{At: now(), Tap: instance}, Host: "staging"}
	server := attach.NewServer(attach.ServerOptions{Hello: hello, Snapshot: func() []monitor.Event { return there.Snapshot(1000) }, Now: now})
	there.AddWriter(server)
	there.Emit(hello)
	running.Go(func() { there.Run(ctx) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() { server.Serve(ln) })
	defer server.Close(t.Context())

	here := feed.New(now, monitor.Bounds{})
	running.Go(func() { here.Run(ctx) })
	client, err := attach.NewClient(attach.ClientOptions{URL: "ws://" + ln.Addr().String(), Emit: here.Emit})
	if err != nil {
		t.Fatal(err)
	}
	const conns = 500
	head := func(n int) monitor.Header {
		return monitor.Header{At: now(), Tap: instance, Leg: "back", Conn: uint64(n)}
	}
	for n := 1; n <= conns; n++ {
		there.Emit(&monitor.Opened{Header: head(n), Client: fmt.Sprint("10.0.0.1:", n)})
		there.Emit(&monitor.Request{Header: head(n), Target: fmt.Sprint("/", n), Method: "GET"})
		there.Emit(&monitor.Response{Header: head(n), Status: 101})
		if n == conns/2 {
			running.Go(func() { client.Run(ctx) })
		}
		if n%3 == 0 {
			there.Emit(&monitor.Closed{Header: head(n)})
		}
		if n%50 == 0 {
			time.Sleep(feed.Every / 2)
		}
	}
	totals := func(f *feed.Feed) (s string) {
		f.Read(func(st *monitor.State) {
			t := &st.Totals
			s = fmt.Sprint(t.Conns, t.Open, t.Closed, t.Upgraded, t.Oddities, t.Unknown, st.Len())
		})
		return s
	}
	want := fmt.Sprint(conns, conns-conns/3, conns/3, conns, 0, 0, conns)
	for deadline := time.Now().Add(20 * time.Second); totals(here) != want || totals(there) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the relay counts %s, the viewer %s, want %s; client %+v", totals(there), totals(here), want, client.State())
		}
	}
}
