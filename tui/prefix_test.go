package tui

import (
	"math/rand/v2"
	"testing"
)

// TestNumbersFollowTexts: whatever texts come, in whatever order, the ranks
// stand in the order of their texts.
func TestNumbersFollowTexts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	begins := []string{"", "/", "/socket", "/socket?room=", "/socket?room=1", "/socket/\xff\xfe", "/this is a prefix longer than all that is kept of one/", "\xff"}
	for range 200 {
		x := newIndex()
		least := r.IntN(len(begins))
		for i := range 300 {
			text := begins[least+r.IntN(len(begins)-least)]
			for range r.IntN(12) {
				text += string([]byte{byte('a' + r.IntN(3)*60)})
			}
			if text == "" {
				continue
			}
			x.entries = append(x.entries, entry{seq: uint64(i)})
			x.ranks = append(x.ranks, rank{at: int32(len(x.ranks)), gen: x.gen - 1, flags: isMatch, group: groupFirst})
			last := len(x.ranks) - 1
			x.ranks[last].num, x.ranks[last].gen, x.entries[last].text = x.number(text), x.gen, text
		}
		for _, a := range x.ranks {
			for _, b := range x.ranks {
				if ta, tb := x.entries[a.at].text, x.entries[b.at].text; ta != tb && x.before(a, b) != (ta < tb) {
					t.Fatalf("%q and %q, with the prefix %q", ta, tb, x.prefix.text)
				}
			}
		}
	}
}
