package diagnose

import "github.com/wstap/wstap/logparse"

// kindTable finds the passes that want entries of a kind: two look-ups for each
// line of a log, of which a map made a tenth of the reading. It has one slot at
// least that is empty, for there are fewer kinds.
type kindTable [256]kindPasses

type kindPasses struct {
	kind   logparse.Kind
	passes []*pass
}

// slot is that of k, which is not empty, or the empty one where it belongs.
func (t *kindTable) slot(k logparse.Kind) *kindPasses {
	n := len(k)
	i := uint8(n)*37 + k[0] + k[n/2]*5 + k[n-1]*17
	for t[i].kind != k && t[i].kind != "" {
		i++ // from the last to the first
	}
	return &t[i]
}

func (t *kindTable) of(k logparse.Kind) []*pass {
	if k == "" {
		return nil
	}
	return t.slot(k).passes
}

func (t *kindTable) add(k logparse.Kind, p *pass) {
	s := t.slot(k)
	s.kind, s.passes = k, append(s.passes, p)
}
