package monitor

import (
	"testing"
	"time"

	"github.com/wstap/wstap/ws"
)

// watchWorld is a State with conns 1 to n, all open.
func watchWorld(n uint64) *State {
	s := NewState(Bounds{Closed: 1})
	for i := uint64(1); i <= n; i++ {
		s.Apply(&Opened{Header: Header{At: Time(i), Tap: 1, Leg: "front", Conn: i}})
	}
	return s
}

// framesFrom are n records, a microsecond apart; the length is the number.
func framesFrom(first, n int) (rs []FrameRecord) {
	for i := first; i < first+n; i++ {
		rs = append(rs, RecordFrame(Time(1e9).Add(time.Duration(i)*time.Microsecond), ws.FromServer, ws.Frame{Opcode: ws.OpText, Fin: true, Length: uint64(i)}))
	}
	return rs
}

func TestWatchKeepsFrames(t *testing.T) {
	for _, c := range []struct {
		name           string
		before, during int // frames before the watching began, and since
		batch          int
		want           int
	}{
		{"nothing", 0, 0, 1, 0},
		{"only what was kept anyway", 20, 0, 20, LastFrames},
		{"from the beginning", 0, 100, 7, 100},
		{"to the bound", 0, WatchFrames, 64, WatchFrames},
		{"one beyond the bound", 0, WatchFrames + 1, 64, WatchFrames},
		{"far beyond", 0, 5*WatchFrames + 3, 500, WatchFrames},
		{"one huge batch", 3, 3*WatchFrames + 1, 4 * WatchFrames, WatchFrames},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := watchWorld(1)
			id := ID{1, 1}
			apply := func(first, n int) {
				for n > 0 {
					k := min(n, c.batch)
					s.Apply(&Frames{Header: Header{Tap: 1, Leg: "front", Conn: 1}, Records: framesFrom(first, k)})
					first, n = first+k, n-k
				}
			}
			apply(0, c.before)
			s.Watch(id)
			apply(c.before, c.during)
			got := s.FramesOf(s.Conn(id))
			if len(got) != c.want {
				t.Fatalf("%d records kept, want %d", len(got), c.want)
			}
			for i, r := range got {
				if want := uint64(c.before + c.during - c.want + i); r.Length() != want {
					t.Fatalf("record %d is frame %d, want %d", i, r.Length(), want)
				}
			}
			if n := cap(s.watches[0].records); n > 4*WatchFrames {
				t.Errorf("room for %d records", n)
			}
		})
	}
}

func TestWatchAtTheEnd(t *testing.T) {
	s := watchWorld(1)
	id := ID{1, 1}
	s.Watch(id)
	s.Apply(&Frames{Header: Header{Tap: 1, Leg: "front", Conn: 1}, Records: framesFrom(0, 100)})
	s.Apply(&Closed{Header: Header{At: 2e9, Tap: 1, Leg: "front", Conn: 1}, Last: framesFrom(90, 14)})
	if n := len(s.FramesOf(s.Conn(id))); n != 104 {
		t.Errorf("%d records after the end, want 104", n)
	}
}

func TestWatchIsBounded(t *testing.T) {
	s := watchWorld(WatchMost + 3)
	for i := uint64(1); i <= WatchMost; i++ {
		s.Watch(ID{1, i})
	}
	s.Watch(ID{1, 1}) // asked for again
	s.Watch(ID{1, WatchMost + 1})
	s.Watch(ID{1, 9999}) // no such conn
	if len(s.watches) != WatchMost {
		t.Fatalf("%d watched, want %d", len(s.watches), WatchMost)
	}
	if s.watches.place(ID{1, 1}) < 0 || s.watches.place(ID{1, 2}) >= 0 {
		t.Error("it is not the one asked for longest ago that went")
	}
	s.evict(s.Conn(ID{1, 1}))
	if s.watches.place(ID{1, 1}) >= 0 {
		t.Error("an evicted conn is still watched")
	}
}
