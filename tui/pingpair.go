package tui

import (
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// answer is what a pong answers.
type answer struct {
	rtt time.Duration // since its ping; 0: the records hold none that it could answer
	// atMost: other pings fit too, and this is the oldest of them. Records hold
	// no payload, which would tell.
	atMost bool
}

// pairPongs finds the ping that each pong answers (RFC 6455 §5.5.3): one from
// the other side, of the same length, not answered yet. The result is as long
// as the records; unanswered are the places of pings that got no pong while
// later ones did, or none so far.
func pairPongs(records []monitor.FrameRecord) (answers []answer, unanswered []int) {
	answers = make([]answer, len(records))
	var waiting [2][]int // places of open pings, by their direction
	var mixed [2]bool    // since there were several, nobody knows which was answered
	for i, r := range records {
		switch r.Opcode() {
		case ws.OpPing:
			d := r.Direction()
			if len(waiting[d]) == 0 {
				mixed[d] = false
			}
			waiting[d] = append(waiting[d], i)
		case ws.OpPong:
			d := r.Direction().Other()
			fits, n := -1, 0
			for k, at := range waiting[d] {
				if records[at].Length() != r.Length() {
					continue
				}
				if n++; fits < 0 {
					fits = k
				}
			}
			if fits < 0 {
				continue
			}
			mixed[d] = mixed[d] || n > 1
			answers[i] = answer{max(r.At.Sub(records[waiting[d][fits]].At), 1), mixed[d]}
			unanswered = append(unanswered, waiting[d][:fits]...)
			waiting[d] = waiting[d][fits+1:]
		}
	}
	return answers, append(append(unanswered, waiting[0]...), waiting[1]...)
}

func (a answer) text() string {
	switch {
	case a.rtt == 0:
		return ""
	case a.atMost:
		return "≤ " + brief(a.rtt)
	}
	return brief(a.rtt)
}
