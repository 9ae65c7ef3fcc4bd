package tui

import (
	"math"
	"sync"
	"time"

	"github.com/wstap/wstap/monitor"
)

type fakeRelay struct {
	mu      sync.Mutex
	live    int
	drained chan struct{} // Drain waits for it, if set
	stopped int
	drains  int
}

func (r *fakeRelay) Live() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live
}

func (r *fakeRelay) Drain() {
	r.mu.Lock()
	r.drains++
	r.mu.Unlock()
	if r.drained != nil {
		<-r.drained
	}
}

func (r *fakeRelay) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped++
}

type fakePlayer struct {
	st    PlayerStatus
	seeks []monitor.Time
	line  Timeline
	slow  bool // seeks do not arrive
}

func fakeStatus() PlayerStatus {
	return PlayerStatus{At: start.Add(storyEnd), From: start, To: start.Add(30 * time.Minute), Speed: 1}
}

// fakeTimeline is half an hour with every kind of incident: activity swells and
// ebbs, pauses for two minutes, and ends in a burst.
func fakeTimeline() Timeline {
	t := Timeline{From: start, Step: 2 * time.Second, Upto: start.Add(30 * time.Minute), Complete: true}
	for i := range 900 {
		n := 40 + 30*math.Sin(float64(i)/60)
		switch {
		case i >= 500 && i < 560:
			n = 0
		case i >= 860:
			n = 400
		}
		t.Buckets = append(t.Buckets, Bucket{Activity: uint64(n)})
	}
	for _, m := range []Mark{
		{At: start.Add(12 * time.Second), Kind: MarkFinding, What: "nginx.conf has no Upgrade header " + hostile},
		{At: start.Add(11 * time.Minute), Kind: MarkDeath, What: string(monitor.CauseIdleTimeout), Conn: idOf(1), Seq: 1, N: 1},
		{At: start.Add(11*time.Minute + 20*time.Second), Kind: MarkDeath, What: string(monitor.CauseServerReset), Conn: idOf(3), Seq: 3, N: 1},
		{At: start.Add(12 * time.Minute), Kind: MarkRefused, What: string(monitor.CauseRefused), Conn: idOf(5), Seq: 5, N: 1},
		{At: start.Add(20 * time.Minute), Kind: MarkShutdown, What: "nginx reload"},
		{At: start.Add(20*time.Minute + 3*time.Second), Kind: MarkShutdown, What: string(monitor.CauseProxyShutdown), Conn: idOf(80), Seq: 80, N: 1200},
		{At: start.Add(30 * time.Minute), Kind: MarkDeath, What: "a_cause_of_the_future" + hostile, Conn: idOf(900), Seq: 900, N: 3},
	} {
		i := min(int(m.At.Sub(start)/t.Step), len(t.Buckets)-1)
		t.Buckets[i].Marks[m.Kind] += uint32(max(m.N, 1))
		t.Marks = append(t.Marks, m)
	}
	return t
}

func (p *fakePlayer) Status() PlayerStatus { return p.st }
func (p *fakePlayer) Timeline() Timeline   { return p.line }
func (p *fakePlayer) Pause(on bool)        { p.st.Paused = on }
func (p *fakePlayer) SetSpeed(s float64)   { p.st.Speed = s }

// Seek arrives at once, unless the test holds it up.
func (p *fakePlayer) Seek(t monitor.Time) {
	p.seeks = append(p.seeks, t)
	if p.slow {
		p.st.Goal = t
		return
	}
	p.st.At = t
}

// pastPlayer is the past of what is attached to.
type pastPlayer struct {
	fakePlayer
	live bool
}

func (p *pastPlayer) Live() bool { return p.live }
func (p *pastPlayer) GoLive()    { p.live = true }
func (p *pastPlayer) Seek(t monitor.Time) {
	p.live = false
	p.fakePlayer.Seek(t)
}
