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

// Source is events in order; io.EOF at the end.
type Source interface {
	Next() (monitor.Event, error)
}

// Load applies a whole recording, lets the time pass until to, its end, and
// settles it. An error other than io.EOF comes with the state of all that was
// read before it.
func Load(src Source, to monitor.Time, b monitor.Bounds) (*monitor.State, error) {
	return Tour(src, to, b, func(monitor.Event, []*monitor.Conn) bool { return true })
}

// Tour is Load that tells fn of each event after it was applied, and of the conns
// whose verdicts settled with it, which may be some for a second time. At the
// end the event is nil. The conns must not be kept. It stops, as at the end of
// the recording, when fn returns false.
func Tour(src Source, to monitor.Time, b monitor.Bounds, fn func(ev monitor.Event, settled []*monitor.Conn) bool) (*monitor.State, error) {
	a := newApplier(b)
	for {
		ev, err := src.Next()
		if err != nil {
			err = a.end(err, to)
			fn(nil, a.state.Settled())
			return a.state, err
		}
		a.apply(ev)
		if !fn(ev, a.state.Settled()) {
			return a.state, nil
		}
	}
}

// end settles a state that err ends; only io.EOF is the end of the recording.
func (a *applier) end(err error, to monitor.Time) error {
	if errors.Is(err, io.EOF) {
		a.tickTo(to)
		err = nil
	}
	a.state.Finish()
	return err
}

// Player plays a recording into a State at its own speed. Run drives it; all
// other methods may be called from anywhere.
type Player struct {
	src      Recorded
	bounds   monitor.Bounds
	from, to monitor.Time

	next    monitor.Event   // read ahead; this and the following belong to Run
	readErr error           // of src: io.EOF, or why there is no more
	batch   []monitor.Event // to be applied
	looked  time.Duration   // since the source was last asked whether it has grown

	mu     sync.Mutex // guards what follows, never held while src is read
	a      applier
	at     monitor.Time // position
	speed  float64
	paused bool
	ended  bool
	err    error
	seek   *monitor.Time // asked for
	still  int           // how often in a row it had not grown
	goal   monitor.Time  // of the seek that is asked for or under way; zero: none
}

// NewPlayer plays src, which lasts from from to to, at a speed: 1 is its own,
// +Inf as fast as possible.
func NewPlayer(src Recorded, from, to monitor.Time, speed float64, b monitor.Bounds) *Player {
	return &Player{src: src, bounds: b, from: from, to: to, at: from, speed: speed, still: stillAfter, a: newApplier(b)}
}

// Position is where a player stands.
type Position struct {
	At, From, To  monitor.Time
	Speed         float64
	Paused, Ended bool
	Err           error        // why it cannot go on
	Goal          monitor.Time // of a seek that has not arrived; zero: none
}

// Position tells where the player stands.
func (p *Player) Position() Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Position{p.at, p.from, p.to, p.speed, p.paused, p.ended, p.err, p.goal}
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
	p.seek, p.goal = &t, t
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
	p.grow(d)
	if t := p.takeSeek(); t != nil {
		p.jump(ctx, *t)
	}
	if target, plays := p.target(d); plays {
		p.advance(ctx, target)
	}
}

// Growing is a recording that may still be written: Grow takes in what came since,
// and returns the end as it is then.
type Growing interface {
	Grow() (to monitor.Time, grown bool)
}

const (
	growEvery = time.Second
	// stillAfter is how often a recording must not have grown to be at its end. A
	// recorder writes once a second in which anything is.
	stillAfter = 5
)

// grow makes the recording longer. One that seemed to be at its end was settled
// there: its State is made again.
func (p *Player) grow(d time.Duration) {
	src, ok := p.src.(Growing)
	if p.looked += d; !ok || p.looked < growEvery {
		return
	}
	p.looked = 0
	to, grown := src.Grow()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !grown {
		p.still = min(p.still+1, stillAfter)
		return
	}
	p.still, p.to = 0, max(p.to, to)
	if errors.Is(p.readErr, io.EOF) {
		p.readErr = nil
	}
	if p.ended && p.err == nil && p.seek == nil {
		at := p.at
		p.seek, p.ended = &at, false
	}
}

func (p *Player) takeSeek() *monitor.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.seek
	p.seek = nil
	return t
}

// target is where d of wall time leads to.
func (p *Player) target(d time.Duration) (at monitor.Time, plays bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if math.IsInf(p.speed, 1) {
		return p.to, !p.paused && !p.ended
	}
	return min(p.at.Add(time.Duration(float64(d)*p.speed)), p.to), !p.paused && !p.ended
}

// jump goes to t. The state there takes minutes of events; readers see the old
// one until it is complete.
func (p *Player) jump(ctx context.Context, t monitor.Time) {
	a, err := p.rebuild(ctx, t)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.ended = nil, false
	if p.seek == nil {
		p.goal = 0
	}
	if err != nil {
		p.fail(err)
		return
	}
	p.a = a
	p.arrive(t)
}

// rebuild makes the state of t from the keyframe before it. An error is the
// keyframe's; what is wrong after it, arrive finds.
func (p *Player) rebuild(ctx context.Context, t monitor.Time) (applier, error) {
	a := newApplier(p.bounds)
	events, err := p.src.Seek(t)
	p.next, p.readErr = nil, err
	if err != nil {
		return a, err
	}
	a.restore(events)
	for ctx.Err() == nil && p.nextUntil(t) {
		a.apply(p.next)
		p.next = nil
		a.state.Settled()
	}
	return a, nil
}

// advance applies what lies before target, a few events at a time so that the
// lock is never held for long.
func (p *Player) advance(ctx context.Context, target monitor.Time) {
	for again := true; again && ctx.Err() == nil; {
		clear(p.batch)
		p.batch = p.batch[:0]
		for len(p.batch) < applyAtOnce && p.nextUntil(target) {
			p.batch = append(p.batch, p.next)
			p.next = nil
		}
		again = p.applyBatch(target)
	}
}

// applyBatch applies what was read; true means that there is more to come
// before target.
func (p *Player) applyBatch(target monitor.Time) (again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ev := range p.batch {
		p.a.apply(ev)
	}
	full, stopped := len(p.batch) == applyAtOnce, p.seek != nil || p.paused
	if full || stopped {
		p.at = max(p.at, p.a.state.Now())
	} else {
		p.arrive(target)
	}
	p.a.state.Settled()
	return full && !stopped
}

// arrive makes it target o'clock, unless the recording cannot be read so far.
func (p *Player) arrive(target monitor.Time) {
	if p.readErr != nil && !errors.Is(p.readErr, io.EOF) {
		p.fail(p.readErr)
		return
	}
	p.at = target
	p.a.tickTo(target)
	p.a.tick(target)
	if p.at >= p.to && p.next == nil && p.still >= stillAfter {
		p.ended = true
		p.a.state.Finish()
	}
}

// fail ends the playing at the last moment that is known: nothing is known of
// the time after it.
func (p *Player) fail(err error) {
	p.err, p.ended = err, true
	if now := p.a.state.Now(); !now.IsZero() {
		p.at = now
	}
	p.a.state.Finish()
}

// nextUntil reads ahead by one event and says whether it is due.
func (p *Player) nextUntil(target monitor.Time) bool {
	if p.next == nil && p.readErr == nil {
		p.next, p.readErr = p.src.Next()
	}
	return p.next != nil && (p.next.Head().At <= target || target >= p.to)
}
