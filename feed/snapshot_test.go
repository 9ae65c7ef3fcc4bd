package feed

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/wstap/wstap/monitor"
)

// crowded is a feed over the state of n conns, every third of which has ended.
func crowded(n int) *Feed {
	f := New(now, monitor.Bounds{})
	f.state.Apply(&monitor.Hello{Header: monitor.Header{At: 1, Tap: 1}, Taps: []monitor.TapInfo{{Name: "front", Role: monitor.Front}}})
	for i := range uint64(n) {
		evs := life(monitor.Time(i)*1e6+1, i+1)
		if i%3 > 0 {
			evs = evs[:3]
		}
		for _, ev := range evs {
			f.state.Apply(ev)
		}
	}
	return f
}

// texts are events as JSON.
func texts(t *testing.T, evs []monitor.Event) (out []string) {
	t.Helper()
	for _, ev := range evs {
		b, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ev.Type()+string(b))
	}
	return out
}

func TestSnapshotInPieces(t *testing.T) {
	const conns = 3*snapshotAtOnce + 17
	for _, closed := range []int{0, 10, conns} {
		f := crowded(conns)
		if got, want := texts(t, f.Snapshot(closed)), texts(t, f.state.Snapshot(closed)); !reflect.DeepEqual(got, want) {
			t.Errorf("with %d closed: %d events in pieces are not the %d taken at once", closed, len(got), len(want))
		}
	}
}

// TestSnapshotWhileApplying: from anywhere, a snapshot is of one moment.
func TestSnapshotWhileApplying(t *testing.T) {
	const conns, more = 3 * snapshotAtOnce, 200
	f := crowded(conns)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range uint64(more) {
			f.applySome(life(now(), conns+i+1)[:3])
		}
	}()
	for taken := false; !taken; {
		select {
		case <-done:
			taken = true
		default:
		}
		s := monitor.NewState(monitor.Bounds{})
		var base *monitor.Baseline
		for _, ev := range f.Snapshot(conns) {
			s.Apply(ev)
			base, _ = ev.(*monitor.Baseline)
		}
		if uint64(s.Len()) != base.Totals.Conns {
			t.Fatalf("%d conns in a snapshot of %d", s.Len(), base.Totals.Conns)
		}
	}
	<-done
}

// TestSettlesUnderLoad: verdicts keep up with many ends a second.
func TestSettlesUnderLoad(t *testing.T) {
	f := New(now, monitor.Bounds{})
	const each = 2000 // a tick: 8000 a second
	at, conn := monitor.Time(1e9), uint64(0)
	waiting := 0
	for range 20 {
		var batch []monitor.Event
		for range each {
			conn++
			batch = append(batch, life(at, conn)...)
		}
		at = at.Add(TickEvery)
		f.apply(append(batch, &monitor.Tick{Header: monitor.Header{At: at}}))
	}
	for c := range f.state.Conns {
		if !c.Settled {
			waiting++
		}
	}
	if most := 9 * each; waiting > most { // those of the last two seconds
		t.Errorf("%d of %d conns wait for their verdict, more than %d", waiting, conn, most)
	}
}
