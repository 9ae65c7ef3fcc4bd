package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
)

// TestWatchWithoutRecording: a relay that records nothing has the frames of the
// conn that a viewer looks at, those before it looked too, and no others.
func TestWatchWithoutRecording(t *testing.T) {
	sock := filepath.Join(shortTemp(t), "r.sock")
	p := startWstap(t, "tap", "--headless", "--no-capture", "--serve", "unix:"+sock, "back@127.0.0.1:0="+echoServer(t))
	looked, other := dial(t, p.addr("back"), "/looked-at", nil), dial(t, p.addr("back"), "/other", nil)
	talk := func(n int) {
		t.Helper()
		for _, c := range []*websocket.Conn{looked, other} {
			for i := range n {
				c.WriteMessage(websocket.TextMessage, fmt.Append(nil, i))
				if _, _, err := c.ReadMessage(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	talk(20)
	v := watchViewer(t, "unix:"+sock)
	ids := map[string]monitor.ID{}
	eventually(t, "both conns are seen", func() bool {
		v.feed.Read(func(s *monitor.State) {
			for c := range s.Conns {
				ids[c.Target()] = c.ID
			}
		})
		return len(ids) == 2
	})
	last := func(target string) (rs []monitor.FrameRecord) {
		v.feed.Read(func(s *monitor.State) {
			s.Watch(ids["/looked-at"])
			rs = slices.Clone(s.FramesOf(s.Conn(ids[target])))
		})
		return rs
	}
	watch := bothLegs(v.feed.Read, v.watch)
	if n := len(last("/looked-at")); n != 0 {
		t.Fatalf("%d frames are known of a conn that nobody watched", n)
	}
	watch(ids["/looked-at"], true)
	eventually(t, "the last frames of a quiet conn", func() bool { return len(last("/looked-at")) == monitor.LastFrames })
	talk(30)
	eventually(t, "the frames that follow", func() bool { return len(last("/looked-at")) == monitor.LastFrames+60 })
	watch(ids["/looked-at"], false)
	counted := func() (n uint64) {
		v.feed.Read(func(s *monitor.State) { n = s.Conn(ids["/looked-at"]).Sample.FrameCount() })
		return n
	}
	eventually(t, "frames are counted and not told", func() bool {
		told, n := len(last("/looked-at")), counted()
		talk(1)
		eventually(t, "they are counted", func() bool { return counted() == n+2 })
		return len(last("/looked-at")) == told
	})
	watch(ids["/looked-at"], true)
	eventually(t, "again, from where it is now", func() bool {
		rs := last("/looked-at")
		return slices.IsSortedFunc(rs, older) && len(rs) > monitor.LastFrames+60
	})
	if n := len(last("/other")); n != 0 {
		t.Errorf("%d frames are known of the conn that nobody watches", n)
	}
	p.stop()
}

// older compares in microseconds, as records travel.
func older(a, b monitor.FrameRecord) int { return int(a.At.Sub(b.At) / time.Microsecond) }

// TestBothLegs: the other leg is watched as long as the one on screen.
func TestBothLegs(t *testing.T) {
	s := monitor.NewState(monitor.Bounds{})
	s.Apply(&monitor.Hello{Taps: []monitor.TapInfo{{Name: "front", Role: monitor.Front}, {Name: "back", Role: monitor.Back}}})
	for n, leg := range []string{"front", "back", "front"} {
		h := monitor.Header{Leg: leg, Conn: uint64(n + 1), At: 1}
		s.Apply(&monitor.Opened{Header: h})
		s.Apply(&monitor.Request{Header: h, Key: fmt.Sprint("k", n/2)})
	}
	var calls []string
	watch := bothLegs(func(fn func(*monitor.State)) { fn(s) }, func(id monitor.ID, on bool) { calls = append(calls, fmt.Sprint(id.Conn, on)) })
	for _, n := range []uint64{1, 3} {
		watch(monitor.ID{Conn: n}, true)
		watch(monitor.ID{Conn: n}, false)
	}
	if want := []string{"1 true", "2 true", "1 false", "2 false", "3 true", "3 false"}; !slices.Equal(calls, want) {
		t.Errorf("%v, want %v", calls, want)
	}
}
