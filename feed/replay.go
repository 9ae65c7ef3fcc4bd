package feed

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"github.com/wstap/wstap/monitor"
)

// Recorded is a recording as the player needs it: events in order, io.EOF at
// the end. Seek goes to the nearest keyframe at or before t and returns its
// events; Next goes on after it.
type Recorded interface {
	Next() (monitor.Event, error)
	Seek(t monitor.Time) ([]monitor.Event, error)
}

// applier applies recorded events to a state and makes the ticks that a
// recording leaves out, one each TickEvery of event time.
type applier struct {
	state *monitor.State
	last  monitor.Time // of the last tick
}

func (a *applier) apply(ev monitor.Event) {
	if at := ev.Head().At; at > a.state.Now() {
		a.tickTo(at)
	}
	a.state.Apply(ev)
}

// tickTo makes the ticks due until at; over a long silence only the last few,
// for nothing can happen in between.
func (a *applier) tickTo(at monitor.Time) {
	if a.last.IsZero() {
		a.last = at
	}
	const few = 20
	if silent := at.Sub(a.last); silent > few*TickEvery {
		a.last = at.Add(-few * TickEvery)
	}
	for at.Sub(a.last) >= TickEvery {
		a.last = a.last.Add(TickEvery)
		a.state.Apply(&monitor.Tick{Header: monitor.Header{At: a.last}})
	}
}

// Load applies a whole recording and settles it. An error other than io.EOF
// comes with the state of all that was read before it.
func Load(src interface {
	Next() (monitor.Event, error)
}, b monitor.Bounds) (*monitor.State, error) {
	a := applier{state: monitor.NewState(b)}
	for {
		ev, err := src.Next()
		if err != nil {
			a.state.Finish()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return a.state, err
		}
		a.apply(ev)
		a.state.Settled() // nobody else reads them
	}
}

// Player plays a recording into a State at its own speed. Run drives it; all
// other methods may be called from anywhere.
type Player struct {
	src      Recorded
	bounds   monitor.Bounds
	from, to monitor.Time

	mu     sync.Mutex // guards what follows, held at most 5 ms
	a      applier
	at     monitor.Time // position
	next   monitor.Event
	speed  float64
	paused bool
	ended  bool
	err    error
	seek   *monitor.Time // asked for
}

// NewPlayer plays src, which lasts from from to to, at a speed: 1 is its own,
// +Inf as fast as possible.
func NewPlayer(src Recorded, from, to monitor.Time, speed float64, b monitor.Bounds) *Player {
	return &Player{src: src, bounds: b, from: from, to: to, at: from, speed: speed, a: applier{state: monitor.NewState(b)}}
}

// Position is where a player stands.
type Position struct {
	At, From, To  monitor.Time
	Speed         float64
	Paused, Ended bool
	Err           error // why it cannot go on
}

// Position tells where the player stands.
func (p *Player) Position() Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Position{p.at, p.from, p.to, p.speed, p.paused, p.ended, p.err}
}

// Read calls fn with the state, as Feed.Read does.
func (p *Player) Read(fn func(*monitor.State)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(p.a.state)
}

// Pause stops and resumes.
func (p *Player) Pause(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = on
}

// SetSpeed changes the speed.
func (p *Player) SetSpeed(s float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s > 0 {
		p.speed = s
	}
}

// Seek asks to go to t, cut to the recording; Run does it.
func (p *Player) Seek(t monitor.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t = min(max(t, p.from), p.to)
	p.seek = &t
}

// Run plays until ctx is done. At the end of the recording it waits: the user
// may go back.
func (p *Player) Run(ctx context.Context) {
	const every = 40 * time.Millisecond
	t := time.NewTicker(every)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			p.step(ctx, now.Sub(last))
			last = now
		}
	}
}

// step plays d of wall time.
func (p *Player) step(ctx context.Context, d time.Duration) {
	p.mu.Lock()
	if p.seek != nil {
		p.jump(*p.seek)
		p.seek = nil
	}
	if p.paused || p.ended {
		p.mu.Unlock()
		return
	}
	target := p.to
	if !math.IsInf(p.speed, 1) {
		target = min(p.at.Add(time.Duration(float64(d)*p.speed)), p.to)
	}
	p.mu.Unlock()
	p.advance(ctx, target)
}

// jump rebuilds the state at the keyframe before t; advance does the rest.
func (p *Player) jump(t monitor.Time) {
	events, err := p.src.Seek(t)
	if err != nil {
		p.err, p.ended = err, true
		return
	}
	p.a = applier{state: monitor.NewState(p.bounds)}
	for _, ev := range events {
		p.a.apply(ev)
	}
	p.next, p.ended, p.err = nil, false, nil
	for p.nextUntil(t) {
		p.a.apply(p.next)
		p.next = nil
	}
	p.arrive(t)
}

// advance applies what lies before target, a few events at a time so that the
// lock is never held for long.
func (p *Player) advance(ctx context.Context, target monitor.Time) {
	for ctx.Err() == nil {
		p.mu.Lock()
		n := 0
		for n < applyAtOnce && p.nextUntil(target) {
			p.a.apply(p.next)
			p.next = nil
			n++
		}
		again := n == applyAtOnce && p.seek == nil && !p.paused
		if again {
			p.at = max(p.at, p.a.state.Now())
		} else if p.seek == nil && !p.paused {
			p.arrive(target)
		}
		p.a.state.Settled()
		p.mu.Unlock()
		if !again {
			return
		}
	}
}

// arrive makes it target o'clock.
func (p *Player) arrive(target monitor.Time) {
	p.at = target
	p.a.tickTo(target)
	p.a.state.Apply(&monitor.Tick{Header: monitor.Header{At: target}})
	if p.at >= p.to && p.next == nil {
		p.ended = true
		p.a.state.Finish()
	}
}

// nextUntil reads ahead by one event and says whether it is due.
func (p *Player) nextUntil(target monitor.Time) bool {
	if p.next == nil && p.err == nil {
		ev, err := p.src.Next()
		switch {
		case errors.Is(err, io.EOF):
			return false
		case err != nil:
			p.err, p.ended = err, true
			return false
		}
		p.next = ev
	}
	return p.next != nil && (p.next.Head().At <= target || target >= p.to)
}
