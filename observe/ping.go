package observe

import (
	"hash/maphash"
	"time"

	"github.com/wstap/wstap/monitor"
)

// pings pairs the pings of one direction with the pongs of the other: a pong
// carries the payload of the ping it answers, and may answer for those before
// it (RFC 6455 §5.5.3). A pong that answers nothing is a heartbeat of its own.
type pings struct {
	open  [4]ping // newest last
	n     int
	count uint32
	first monitor.Time
	last  monitor.Time
}

type ping struct {
	at   monitor.Time
	hash uint64
}

var pingSeed = maphash.MakeSeed()

func (p *pings) sent(t *monitor.Traffic, at monitor.Time, payload []byte) {
	t.Unanswered++
	p.interval(t, at)
	if p.n == len(p.open) {
		copy(p.open[:], p.open[1:])
		p.n--
	}
	p.open[p.n] = ping{at, maphash.Bytes(pingSeed, payload)}
	p.n++
}

func (p *pings) interval(t *monitor.Traffic, at monitor.Time) {
	p.count++
	if p.count == 1 {
		p.first, p.last = at, at
		return
	}
	d := monitor.Millis(at.Sub(p.last))
	if t.PingAtLeast == 0 || d < t.PingAtLeast {
		t.PingAtLeast = d
	}
	t.PingEvery = monitor.Millis(at.Sub(p.first) / time.Duration(p.count-1))
	p.last = at
}

func (p *pings) answered(t *monitor.Traffic, at monitor.Time, payload []byte) {
	h := maphash.Bytes(pingSeed, payload)
	for i := p.n - 1; i >= 0; i-- {
		if p.open[i].hash != h {
			continue
		}
		rtt := monitor.Millis(at.Sub(p.open[i].at))
		t.LastRTT = rtt
		t.WorstRTT = max(t.WorstRTT, rtt)
		p.n = copy(p.open[:], p.open[i+1:p.n])
		t.Unanswered = uint32(p.n)
		return
	}
}
