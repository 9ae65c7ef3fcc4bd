package tui

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// The partial order must be that of a full sort, whatever part is asked for
// and whatever changed between.
func TestPartialOrderIsTheWholeOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range 300 {
		x := newIndex()
		n := 1 + rnd.IntN(6000)
		for i := range n {
			r := rank{num: rnd.Int64N(50), at: int32(i), gen: x.gen, group: uint8(rnd.IntN(3)), flags: isMatch}
			x.ranks = append(x.ranks, r)
			x.entries = append(x.entries, entry{seq: uint64(i), text: string(rune('a' + rnd.IntN(3)))})
		}
		for range 5 {
			for range rnd.IntN(200) {
				r := &x.ranks[rnd.IntN(n)]
				r.num = rnd.Int64N(50)
				if rnd.IntN(4) == 0 {
					r.flags ^= isMatch
				}
			}
			x.wish.reverse = rnd.IntN(2) == 0 && !x.bounded || x.wish.reverse && x.bounded
			x.arrange()
			checkOrder(t, x, rnd)
		}
	}
}

func checkOrder(t *testing.T, x *index, rnd *rand.Rand) {
	t.Helper()
	var want []rank
	for _, r := range x.ranks {
		if r.flags&isMatch != 0 {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(a, b rank) int {
		if x.before(a, b) {
			return -1
		}
		return 1
	})
	if x.len() != len(want) {
		t.Fatalf("%d in the order, want %d", x.len(), len(want))
	}
	if len(want) == 0 {
		return
	}
	lo := rnd.IntN(len(want))
	hi := min(lo+rnd.IntN(80), len(want))
	if got := x.slice(lo, hi); !slices.Equal(got, want[lo:hi]) {
		t.Fatalf("places %d to %d of %d are wrong", lo, hi, len(want))
	}
	if got := x.countBefore(want[lo]); got != lo {
		t.Fatalf("place %d is counted as %d", lo, got)
	}
}

// TestLastEnded: x goes to the tunnel that closed last, then to those before it.
func TestLastEnded(t *testing.T) {
	st := fixed()
	m := screenOf(t, Options{}, st, 120, 40)
	var want []monitor.Time
	for c := range st.Conns {
		if c.IsClosed() && c.IsUpgraded() {
			want = append(want, c.EndAt())
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	slices.Reverse(want)
	for i, at := range want {
		press(m, "x")
		seq := selectedSeq(t, m)
		for c := range st.Conns {
			if c.Seq == seq && c.EndAt() != at {
				t.Errorf("press %d: #%d ended at %v, want %v", i+1, seq, c.EndAt(), at)
			}
		}
	}
	press(m, "x")
	if s := text(t, m); !strings.Contains(s, "nothing") {
		t.Errorf("no word that there is none before:\n%s", s)
	}
}
