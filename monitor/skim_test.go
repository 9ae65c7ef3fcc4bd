package monitor

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/wstap/wstap/ws"
)

// randomFrames is a batch of n records, most of them of one direction.
func randomFrames(r *rand.Rand, n int) *Frames {
	ev := &Frames{Header: Header{At: testStart / 1000 * 1000, Tap: testTap, Leg: "front", Conn: 7}, Collapsed: r.Uint64N(3)}
	at, rare := ev.At, r.IntN(50)
	for range n {
		at += Time(r.Int64N(1<<r.Uint64N(24))-100) * 1000
		d := ws.FromServer
		if r.IntN(rare+1) == 0 {
			d = ws.FromClient
		}
		f := ws.Frame{Opcode: ws.Opcode(r.IntN(16)), Fin: r.IntN(2) == 0, Length: r.Uint64N(1 << r.Uint64N(40)), Masked: r.IntN(2) == 0}
		ev.Records = append(ev.Records, RecordFrame(at, d, f))
	}
	return ev
}

// TestSkimBatch: a State does not see the difference.
func TestSkimBatch(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range 500 {
		var states [2]*State
		for k := range states {
			states[k] = NewState(Bounds{})
			states[k].Apply(&Opened{Header: Header{At: testStart, Tap: testTap, Leg: "front", Conn: 7}})
		}
		for range 3 {
			b, _ := AppendBatch(nil, randomFrames(r, r.IntN(i+1)))
			for k, decode := range []func([]byte) (Event, error){DecodeBatch, SkimBatch} {
				ev, err := decode(b)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(ev.(*Frames).Records); k == 1 && n > LastFrames+2 {
					t.Fatalf("%d records kept", n)
				}
				states[k].Apply(ev)
			}
			for cut := range b {
				if _, err := SkimBatch(b[:cut]); err == nil {
					t.Fatalf("cut at %d of %d: no error", cut, len(b))
				}
			}
		}
		id := ID{testTap, 7}
		if got, want := states[1].Conn(id), states[0].Conn(id); !reflect.DeepEqual(got, want) {
			t.Fatalf("%d:\n got %+v\nwant %+v", i, got, want)
		}
	}
}

func BenchmarkSkimBatch(b *testing.B) {
	text, _ := AppendBatch(nil, randomFrames(rand.New(rand.NewPCG(1, 2)), 100))
	for name, decode := range map[string]func([]byte) (Event, error){"all": DecodeBatch, "skim": SkimBatch} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decode(text); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/frame")
		})
	}
}
