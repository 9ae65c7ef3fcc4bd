package tui

import (
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
}

func fakeStatus() PlayerStatus {
	return PlayerStatus{At: start.Add(storyEnd), From: start, To: start.Add(30 * time.Minute), Speed: 1}
}

func (p *fakePlayer) Status() PlayerStatus { return p.st }
func (p *fakePlayer) Pause(on bool)        { p.st.Paused = on }
func (p *fakePlayer) SetSpeed(s float64)   { p.st.Speed = s }
func (p *fakePlayer) Seek(t monitor.Time)  { p.seeks, p.st.At = append(p.seeks, t), t }
