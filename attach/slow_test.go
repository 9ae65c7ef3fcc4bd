package attach

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
)

// burst is a batch as the feed gives it: 20 conns with their samples.
func burst(from uint64) (evs []monitor.Event) {
	sm := &monitor.Samples{Header: monitor.Header{At: 1, Tap: instance}}
	for n := from; n < from+20; n++ {
		evs = append(evs, life3(n)...)
		sm.Conns, sm.Samples = append(sm.Conns, n), append(sm.Samples, sampleOf(n))
	}
	return append(evs, sm)
}

// TestEventsNeverBlocks: of ten viewers nine read and one never does. In the
// bubble a call that waits for anything lets time pass, or never returns.
func TestEventsNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := silentServer(ServerOptions{RingBytes: 256 << 10})
		var drains []*drain
		for range 9 {
			v := p.viewer(t)
			sayHello(t, v)
			drains = append(drains, drainViewer(v))
		}
		stuck := p.viewer(t)
		defer stuck.Close()
		sayHello(t, stuck)
		synctest.Wait()
		s.Events(burst(1)) // everybody gets a snapshot
		synctest.Wait()

		began, n := time.Now(), uint64(0)
		for i := range uint64(2000) {
			b := burst(1 + 20*i)
			n += uint64(len(b) - 1)
			s.Events(b)
			if i%20 == 0 {
				synctest.Wait()
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Events waited: %s passed", took)
		}
		synctest.Wait()
		st := s.Stats()
		if st.Ring > 256<<10+batchSize+1024 || st.Queued != 0 || st.Viewers != 10 {
			t.Errorf("stats %+v: want ten viewers and what is kept bounded", st)
		}
		if st.Events != n+60 || st.Lost.Total() != 0 {
			t.Errorf("%d events of %d, %+v lost", st.Events, n+60, st.Lost)
		}
		// The one that reads nothing is dropped when a write has waited too long.
		time.Sleep(writeIn + time.Minute)
		for i := range uint64(4) {
			s.Events(burst(100_000 + 20*i))
			synctest.Wait()
		}
		if st := s.Stats(); st.Slow != 1 || st.Viewers != 0 {
			// The nine said nothing for longer than a viewer may.
			t.Errorf("%d dropped for being slow, %d viewers left; want 1 and none (%+v)", st.Slow, st.Viewers, st)
		}
		closeNow(s)
		for _, d := range drains {
			<-d.done
			if d.kinds[kindEvents] == 0 || d.kinds[kindSnapshot] == 0 {
				t.Errorf("a viewer that reads got %v", d.kinds)
			}
		}
	})
}

// account is what a viewer can say about the lifecycle events of its line.
type account struct {
	next, seen, missed uint64
	snapshots          int
	slow               []string
	dropped            Dropped
	code               string
}

// read reads one message and books it.
func (a *account) read(conn *websocket.Conn) error {
	typ, msg, err := conn.ReadMessage()
	if err != nil {
		return err
	}
	if typ == websocket.TextMessage {
		var n notice
		if err := json.Unmarshal(msg, &n); err != nil {
			return err
		}
		a.text(&n)
		return nil
	}
	if msg[0] != kindEvents {
		return nil
	}
	r := &reader{b: msg[1:]}
	r.uvarint()
	r.uvarint()
	first := r.uvarint()
	a.missed += first - a.next
	a.next = first
	for _, _, ok := r.record(); ok; _, _, ok = r.record() {
		a.next++
		a.seen++
	}
	return r.err
}

func (a *account) text(n *notice) {
	switch n.Type {
	case typeSnapshot:
		if !n.Refresh {
			a.snapshots++
			if a.snapshots > 1 {
				a.missed += n.Events - a.next
			}
			a.next = n.Events
		}
	case typeSlow:
		a.slow = append(a.slow, fmt.Sprint(n.On, n.Text))
	case typeDropped:
		a.dropped.add(*n.Counts)
	case typeError:
		a.code = n.Code
	case typeBye:
		a.missed += n.Events - a.next
		a.next = n.Events
	}
}

// TestSlowViewerIsThinned: told, without samples first, then without anything
// until a snapshot; every event is seen, or counted and told.
func TestSlowViewerIsThinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := silentServer(ServerOptions{RingBytes: 256 << 10, SlowAfter: time.Hour})
		v := p.viewer(t)
		defer v.Close()
		sayHello(t, v)
		synctest.Wait()
		var a account
		reads := func(n int) {
			for range n {
				if err := a.read(v); err != nil {
					t.Fatal(err)
				}
			}
		}
		feed := func(n int) {
			for i := range n {
				s.Events(burst(uint64(1 + 20*i)))
				synctest.Wait()
			}
		}
		feed(1)
		reads(3) // welcome, snapshot, its part
		// A little behind: a quarter of the ring.
		feed(12)
		reads(1)
		for len(a.slow) < 2 { // until it has caught up
			reads(1)
		}
		if a.snapshots != 1 || a.missed != 0 {
			t.Errorf("a little behind: %d snapshots, %d events missed; want one, none", a.snapshots, a.missed)
		}
		// Far behind: beyond the ring.
		feed(60)
		for a.snapshots < 2 {
			if a.missed > 0 {
				t.Fatal("events are missing before it is told")
			}
			reads(1)
			s.Events(burst(1))
			synctest.Wait()
		}
		go s.Close(context.Background())
		for a.read(v) == nil {
		}
		synctest.Wait()
		if st := s.Stats(); a.seen+a.missed+60 != st.Events || a.missed == 0 || a.dropped.Events != a.missed || a.dropped.Samples == 0 || st.Unsent != a.dropped {
			t.Errorf("seen %d and missed %d of %d, told of %+v, stats %+v", a.seen, a.missed, st.Events-60, a.dropped, st)
		}
		if len(a.slow) < 3 || !contains(a.slow[0], "no samples") || a.slow[1] != "false" {
			t.Errorf("told %q", a.slow)
		}
	})
}

// TestTooSlowIsDropped: who stays behind is told so, and goes.
func TestTooSlowIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := silentServer(ServerOptions{RingBytes: 64 << 10, SlowAfter: 5 * time.Second})
		v := p.viewer(t)
		defer v.Close()
		sayHello(t, v)
		synctest.Wait()
		var a account
		for i := range uint64(100_000) {
			s.Events(burst(1 + 20*i))
			synctest.Wait()
			if i%8 != 0 {
				continue
			}
			time.Sleep(100 * time.Millisecond)
			if err := a.read(v); err != nil {
				break
			}
		}
		if st := s.Stats(); a.code != codeSlow || st.Slow != 1 {
			t.Errorf("code %q, stats %+v", a.code, st)
		}
		closeNow(s)
	})
}

// TestHalfOpenViewers: who connects and says nothing goes, and so does who says
// hello and then nothing.
func TestHalfOpenViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := silentServer(ServerOptions{MaxViewers: 4})
		var drains []*drain
		for i := range 4 {
			v := p.viewer(t)
			if i > 1 {
				sayHello(t, v)
			}
			drains = append(drains, drainViewer(v))
		}
		synctest.Wait()
		time.Sleep(helloIn + time.Second)
		synctest.Wait()
		if st := s.Stats(); st.Viewers != 2 || st.Silent != 2 {
			t.Errorf("after %s: %+v", helloIn, st)
		}
		time.Sleep(silentFor)
		synctest.Wait()
		if st := s.Stats(); st.Viewers != 0 || st.Silent != 4 {
			t.Errorf("after %s: %+v", silentFor, st)
		}
		for _, d := range drains {
			<-d.done
			if !d.has(codeSilent) {
				t.Errorf("not told why: %q", d.texts)
			}
		}
		v := p.viewer(t) // there is room again
		v.Close()
		closeNow(s)
	})
}

// TestIdleServerCostsNothing: without viewers events are not kept, nor anything
// allocated for them.
func TestIdleServerCostsNothing(t *testing.T) {
	s := NewServer(ServerOptions{})
	defer closeNow(s)
	b := burst(1)
	if n := testing.AllocsPerRun(100, func() { s.Events(b) }); n != 0 {
		t.Errorf("%v allocations a batch, want none", n)
	}
	if st := s.Stats(); st.Ring != 0 || st.Queued != 0 || st.Batches != 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestEncodedOnce: what is encoded does not grow with the viewers.
func TestEncodedOnce(t *testing.T) {
	bytes := map[int]uint64{}
	for _, viewers := range []int{1, 10} {
		synctest.Test(t, func(t *testing.T) {
			s, p := silentServer(ServerOptions{})
			for range viewers {
				v := p.viewer(t)
				sayHello(t, v)
				drainViewer(v)
			}
			synctest.Wait()
			for i := range uint64(50) {
				s.Events(burst(1 + 20*i))
				synctest.Wait()
			}
			st := s.Stats()
			bytes[viewers] = st.Batches
			if st.Sent < uint64(viewers)*st.Bytes*9/10 {
				t.Errorf("%d viewers: sent %d bytes, of %d each", viewers, st.Sent, st.Bytes)
			}
			closeNow(s)
		})
	}
	if bytes[1] != bytes[10] {
		t.Errorf("%d batches for one viewer, %d for ten", bytes[1], bytes[10])
	}
}

// TestIdleAgain: when the last viewer is gone for long, nothing is kept, and
// who comes back even later gets a snapshot.
func TestIdleAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := silentServer(ServerOptions{ResumeFor: time.Minute})
		v := p.viewer(t)
		sayHello(t, v)
		d := drainViewer(v)
		synctest.Wait()
		s.Events(burst(1))
		s.Events(burst(21))
		synctest.Wait()
		s.mu.Lock()
		seq, stream := s.ring.next-1, s.stream
		s.mu.Unlock()
		v.Close()
		<-d.done
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		s.Events(burst(41))
		if st := s.Stats(); st.Ring != 0 || st.Queued != 0 {
			t.Errorf("kept without viewers: %+v", st)
		}
		v = p.viewer(t)
		v.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"hello","v":1,"resume":{"stream":%q,"seq":%d}}`, stream, seq))
		d = drainViewer(v)
		synctest.Wait()
		s.Events(burst(61))
		synctest.Wait()
		if !d.has(`"type":"snapshot"`) || d.has(`"resumed":true`) {
			t.Errorf("told %q", d.texts)
		}
		closeNow(s)
		<-d.done
	})
}

// TestIntakeIsBounded: when encoding is behind, samples and frames go first,
// then everything, counted, and viewers get a snapshot.
func TestIntakeIsBounded(t *testing.T) {
	q := intake{max: 20_000}
	for range 200 {
		for _, ev := range burst(1) {
			q.add(ev)
		}
	}
	if q.size > 2*q.max+20_000 {
		t.Errorf("%d bytes wait", q.size)
	}
	var kept uint64
	for _, w := range q.items {
		if isLifecycle(w.ev) {
			kept++
		}
	}
	if !q.hole || kept+q.missed != 200*60 || q.lost.Events != q.missed || q.lost.Samples == 0 {
		t.Errorf("kept %d, missed %d, lost %+v", kept, q.missed, q.lost)
	}
}

// TestEncodingBehind: what did not fit the queue is missing for all, who are
// told, and a snapshot makes up for it.
func TestEncodingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := silentServer(ServerOptions{MaxQueue: 100_000})
		v := p.viewer(t)
		sayHello(t, v)
		synctest.Wait()
		var a account
		done := make(chan struct{})
		go func() {
			defer close(done)
			for a.read(v) == nil {
			}
			v.Close()
		}()
		s.Events(burst(1))
		synctest.Wait()
		var flood []monitor.Event
		for i := range uint64(100) {
			flood = append(flood, burst(1+20*i)...)
		}
		s.Events(flood)
		synctest.Wait()
		for range 5 {
			time.Sleep(time.Second)
			s.Events(burst(1))
			synctest.Wait()
		}
		s.Close(context.Background())
		<-done
		st := s.Stats()
		if st.Lost.Events == 0 || st.Lost.Samples == 0 || a.missed < st.Lost.Events || a.snapshots != 2 || a.seen+a.missed+60 != st.Events || a.dropped.Events != a.missed {
			t.Errorf("seen %d and missed %d of %d in %d snapshots, told of %+v, lost %+v", a.seen, a.missed, st.Events-60, a.snapshots, a.dropped, st.Lost)
		}
	})
}
