package observe

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// recordsHub is a hub without records, and what it tells of frames by conn.
func recordsHub() (*Hub, map[uint64][]monitor.FrameRecord) {
	told := map[uint64][]monitor.FrameRecord{}
	h := benchHub(false)
	h.Emit = func(ev monitor.Event) bool {
		if f, ok := ev.(*monitor.Frames); ok {
			told[f.Conn] = append(told[f.Conn], f.Records...)
		}
		return true
	}
	return h, told
}

func says(st *Stream, at monitor.Time, n int) {
	for range n {
		st.Bytes(client, at, []byte(frame(client, ws.OpText, true, "hello")))
	}
}

// TestWatch: only the watched conn's frames are told, what was seen of it
// lately first, until the last who looks at it has gone.
func TestWatch(t *testing.T) {
	h, told := recordsHub()
	at := start
	pass := func(n int, streams ...*Stream) map[uint64][]monitor.FrameRecord {
		at = at.Add(time.Second)
		for _, st := range streams {
			says(st, at, n)
		}
		h.Collect(at)
		got := map[uint64][]monitor.FrameRecord{}
		for id, rs := range told {
			got[id] = rs
			delete(told, id)
		}
		return got
	}
	a, b := openTunnel(h, start), openTunnel(h, start)
	one, two := monitor.ID{Tap: 1, Conn: 1}, monitor.ID{Tap: 1, Conn: 2}
	if got := pass(20, a, b); len(got) != 0 {
		t.Errorf("unwatched: %d conns are told", len(got))
	}
	h.Watch(one, true)
	if got := pass(0); len(got) != 1 || len(got[1]) != monitor.LastFrames || got[1][0].At != at.Add(-time.Second) {
		t.Errorf("watched and quiet: %v", got)
	}
	if got := pass(700, a, b); len(got) != 1 || len(got[1]) != maxRecords || a.conn.sample.Collapsed != 200 || b.conn.sample.Collapsed != 0 {
		t.Errorf("watched: %d conns, %d records, %d and %d collapsed", len(got), len(got[1]), a.conn.sample.Collapsed, b.conn.sample.Collapsed)
	}
	h.Watch(one, true) // somebody else
	h.Watch(two, true)
	h.Watch(two, false)
	h.Watch(one, false)
	if got := pass(3, a, b); len(got[1]) != 3 || len(got[2]) != 0 && len(got[2]) != monitor.LastFrames {
		t.Errorf("watched by one more: %d and %d records", len(got[1]), len(got[2]))
	}
	h.Watch(one, false)
	h.Watch(one, false)
	if got := pass(3, a, b); len(got) != 0 {
		t.Errorf("no more watched: %d conns are told", len(got))
	}
	for _, id := range []monitor.ID{{Tap: 2, Conn: 1}, {Tap: 1, Conn: 99}, {}} {
		h.Watch(id, true)
		h.Watch(id, false)
	}
	a.Close(at, false)
	h.Watch(one, true)
	if len(h.watches.count) != 0 {
		t.Errorf("%d conns are watched that are not there", len(h.watches.count))
	}
}

// TestWatchEndsWithItsConn: who watches a conn does not watch the next one on
// the connection.
func TestWatchEndsWithItsConn(t *testing.T) {
	h, told := recordsHub()
	st := h.Open("front", start, "c", "l")
	st.Dialed("a", "b")
	st.Bytes(client, start, []byte(browserRequest))
	first := st.conn.n
	h.Watch(monitor.ID{Tap: 1, Conn: first}, true)
	st.Bytes(server, start, []byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
	st.Bytes(client, start, []byte(browserRequest))
	st.Bytes(server, start, []byte(serverResponse))
	if st.conn == nil || st.conn.n == first {
		t.Fatal("it is still the first conn")
	}
	says(st, start, 3)
	h.Collect(start)
	if len(told) != 0 {
		t.Errorf("%d conns are told", len(told))
	}
}

// TestWatchedAreBounded: design §7.
func TestWatchedAreBounded(t *testing.T) {
	h, told := recordsHub()
	var all []*Stream
	for range 20 {
		all = append(all, openTunnel(h, start))
		h.Watch(monitor.ID{Tap: 1, Conn: uint64(len(all))}, true)
	}
	for _, st := range all {
		says(st, start, 1)
	}
	h.Collect(start)
	if len(told) != maxWatched {
		t.Errorf("%d conns are watched", len(told))
	}
}

// TestWatchingOthersCostsNothing: the conns that nobody watches.
func TestWatchingOthersCostsNothing(t *testing.T) {
	h := benchHub(false)
	openTunnel(h, start)
	h.Watch(monitor.ID{Tap: 1, Conn: 1}, true)
	st := openTunnel(h, start)
	read := []byte(frame(client, ws.OpText, true, "hello"))
	says(st, start, 2*monitor.LastFrames)
	if n := testing.AllocsPerRun(100, func() { st.Bytes(client, start, read) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFindAmongComersAndGoers: a conn that stays is found whoever comes and goes.
func TestFindAmongComersAndGoers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := benchHub(false)
	var stay []uint64
	for i := range 3000 {
		if st := openTunnel(h, start); i%100 == 0 {
			stay = append(stay, st.conn.n)
		}
	}
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for g := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, g))
		churn.Go(func() {
			var mine []*Stream
			for {
				select {
				case <-stop:
					return
				default:
				}
				if len(mine) < 1000 && random.IntN(2) == 0 {
					mine = append(mine, openTunnel(h, start))
				} else if len(mine) > 0 {
					i := random.IntN(len(mine))
					mine[i].Close(start, false)
					mine[i] = mine[len(mine)-1]
					mine = mine[:len(mine)-1]
				}
			}
		})
	}
	for range 20 {
		for _, n := range stay {
			if h.find(n) == nil {
				t.Errorf("conn %d is not found", n)
			}
		}
	}
	close(stop)
	churn.Wait()
	if n := len(h.roll.all); n != h.Live() {
		t.Errorf("%d streams on the roll, %d are open", n, h.Live())
	}
	for i, st := range h.roll.all {
		if st.place != i {
			t.Fatalf("stream %d thinks it is %d", i, st.place)
		}
	}
}
