package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/tui"
)

// rewind is a dashboard's way back into what its relays recorded, from before it
// came, too: a tui.LivePlayer. What it shows is the live State, or one that is
// played from the recordings; of those there are two at most, the one shown and
// the one that is being rebuilt. Playing on to the present leads back to live.
//
// Its methods ask; run, one goroutine, does.
type rewind struct {
	v     *viewer
	asked chan struct{} // somebody asked for something; one is enough

	mu     sync.Mutex // guards what follows
	from   monitor.Time
	shown  *playback // nil: live
	goal   monitor.Time
	seek   bool // to goal; false with a goal: it is under way
	goLive bool
	paused bool
	speed  float64

	coming *playback // run's
	failed bool      // run's: the health says so
}

// playback is one player of the past.
type playback struct {
	*feed.Player
	to   monitor.Time // as far as it goes
	end  context.CancelFunc
	done chan struct{}
}

func newRewind(v *viewer) *rewind {
	return &rewind{v: v, asked: make(chan struct{}, 1), speed: 1}
}

// Read gives the State of where the screen stands.
func (r *rewind) Read(fn func(*monitor.State)) {
	r.mu.Lock()
	p := r.shown
	r.mu.Unlock()
	if p == nil {
		r.v.feed.Read(fn)
		return
	}
	p.Read(fn)
}

// Live says that the screen shows what happens now, or is asked to go back to it.
func (r *rewind) Live() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.goLive || r.shown == nil && r.goal.IsZero()
}

// Status is where the screen stands.
func (r *rewind) Status() tui.PlayerStatus {
	now := r.v.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	st := tui.PlayerStatus{At: now, From: r.began(now), To: now, Goal: r.goal, Speed: r.speed, Paused: r.paused}
	if r.shown != nil {
		st.At = min(r.shown.Position().At, now)
	}
	return st
}

// began is the beginning of what can be gone back to; r.mu is held.
func (r *rewind) began(now monitor.Time) monitor.Time {
	if r.from.IsZero() || r.from > now {
		return now
	}
	return r.from
}

// Timeline is the course of things since the relays began, as the live State
// has it.
func (r *rewind) Timeline() (t tui.Timeline) {
	r.v.feed.Read(func(s *monitor.State) { t = timelineOf(s) })
	return t
}

// Seek goes to a moment of the past.
func (r *rewind) Seek(t monitor.Time) {
	now := r.v.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.goal, r.seek, r.goLive = min(max(t, r.began(now)), now), true, false
	r.wake()
}

// Pause stops and resumes; what happens now is stopped by going to it in the
// recording.
func (r *rewind) Pause(on bool) {
	now := r.v.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if on && r.shown == nil && r.goal.IsZero() {
		r.goal, r.seek, r.goLive = now, true, false
	}
	r.paused = on
	r.tell()
}

// SetSpeed is for the past: the present has its own.
func (r *rewind) SetSpeed(s float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s > 0 && (r.shown != nil || !r.goal.IsZero()) {
		r.speed = s
	}
	r.tell()
}

// tell gives the players what holds for them; r.mu is held.
func (r *rewind) tell() {
	if r.shown != nil {
		r.shown.Pause(r.paused)
		r.shown.SetSpeed(r.speed)
	}
	r.wake()
}

// GoLive goes back to what happens now.
func (r *rewind) GoLive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.goLive = true
	r.wake()
}

func (r *rewind) wake() {
	select {
	case r.asked <- struct{}{}:
	default:
	}
}

// rewindEvery is how often it is seen to whether a player has arrived or ended.
const rewindEvery = 50 * time.Millisecond

// run does what was asked for until ctx is done; the players have ended by then.
func (r *rewind) run(ctx context.Context) {
	var looking sync.WaitGroup
	looking.Go(func() { r.lookUp(ctx) })
	defer looking.Wait()
	defer r.back()
	tick := time.NewTicker(rewindEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.asked:
		case <-tick.C:
		}
		r.step(ctx)
	}
}

// lookUp finds out when the recordings begin, and again when their oldest parts
// may have been removed.
func (r *rewind) lookUp(ctx context.Context) {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		from := recordedFrom(ctx, r.recorded(), r.v.now())
		next := time.Second
		if !from.IsZero() {
			r.mu.Lock()
			r.from = from
			r.mu.Unlock()
			next = pruneEvery
		}
		again.Reset(next)
	}
}

// recorded are the relays that have a recording.
func (r *rewind) recorded() (cs []*attach.Client) {
	for _, c := range r.v.clients {
		if s := c.State(); s.Past && s.Phase == attach.Live {
			cs = append(cs, c)
		}
	}
	return cs
}

func (r *rewind) step(ctx context.Context) {
	r.mu.Lock()
	goal, seek, live := r.goal, r.seek, r.goLive
	r.seek = false
	r.mu.Unlock()
	switch {
	case live:
		r.back()
	case seek:
		r.fetch(ctx, goal)
	case r.coming != nil:
		r.arrive()
	case r.shown != nil:
		r.goOn(ctx)
	}
}

// fetch begins to rebuild the State of a moment.
func (r *rewind) fetch(ctx context.Context, t monitor.Time) {
	r.coming.stop()
	r.coming = nil
	if r.shown != nil {
		r.shown.end() // a relay gives one past at a time; what is shown stays
	}
	relays := r.recorded()
	if len(relays) == 0 {
		r.fail(errNoRecording)
		return
	}
	ctx, end := context.WithCancel(ctx)
	to := r.v.now()
	src := newPastSource(ctx, relays, to)
	p := &playback{Player: feed.NewPlayer(src, min(t, to), to, 1, monitor.Bounds{}), to: to, end: end, done: make(chan struct{})}
	p.Pause(true) // until it is shown
	p.Seek(t)
	go func() { // until end
		defer close(p.done)
		p.Run(ctx)
		src.close()
	}()
	r.coming = p
}

var errNoRecording = errors.New("no relay that can be reached keeps a recording")

// arrive shows the State that was rebuilt, once it is complete.
func (r *rewind) arrive() {
	at := r.coming.Position()
	switch {
	case at.Err != nil:
		r.fail(at.Err)
		return
	case !at.Goal.IsZero():
		return
	}
	r.mu.Lock()
	was := r.shown
	r.shown, r.coming = r.coming, nil
	if !r.seek {
		r.goal = 0
	}
	r.tell()
	r.mu.Unlock()
	was.stop()
	r.health(monitor.HealthOK, "as recorded by the relay")
}

// nearPresent is how near to now a player must have come to be live.
const nearPresent = 5 * time.Second

// goOn looks after the player that is shown: what it has was recorded before it
// began, and a relay does not wait for one that was paused for long.
func (r *rewind) goOn(ctx context.Context) {
	at := r.shown.Position()
	r.mu.Lock()
	paused := r.paused
	r.mu.Unlock()
	switch {
	case paused || at.Err == nil && !at.Ended:
	case at.Err == nil && r.v.now().Sub(at.At) < nearPresent:
		r.back()
	default:
		r.fetch(ctx, at.At)
	}
}

// fail says why there is no past to be shown, and shows what happens now.
func (r *rewind) fail(err error) {
	r.back()
	r.failed = true
	r.health(monitor.HealthWarning, fmt.Sprintf("cannot go back: %v", err))
}

// back ends all players.
func (r *rewind) back() {
	r.mu.Lock()
	was := r.shown
	r.shown, r.goal, r.seek, r.goLive, r.paused, r.speed = nil, 0, false, false, false, 1
	r.mu.Unlock()
	was.stop()
	r.coming.stop()
	r.coming = nil
}

// timelineOf is the whole history of a State. It has no single incidents: those of
// a bucket are one.
func timelineOf(s *monitor.State) tui.Timeline {
	_, whole := s.History()
	t := tui.Timeline{From: whole.From, Step: whole.Width, Buckets: make([]tui.Bucket, len(whole.Buckets)), Upto: s.Now(), Complete: true}
	for i, b := range whole.Buckets {
		t.Buckets[i].Activity = uint64(b.Opened) + uint64(b.Closed)
		if t.Buckets[i].Marks[tui.MarkDeath] = b.Bad; b.Bad > 0 {
			at := whole.From.Add(time.Duration(i) * whole.Width)
			t.Marks = append(t.Marks, tui.Mark{At: at, Kind: tui.MarkDeath, What: "bad end", N: uint64(b.Bad)})
		}
	}
	return t
}

// health says on the live screen how it goes, and nothing when all is as usual.
func (r *rewind) health(status monitor.HealthStatus, text string) {
	if status == monitor.HealthOK && !r.failed {
		return
	}
	r.failed = status != monitor.HealthOK
	r.v.feed.Emit(&monitor.Health{Header: monitor.Header{At: r.v.now()}, Name: "the past", Status: status, Text: text})
}

// stop ends a player and waits for that. A nil one has ended.
func (p *playback) stop() {
	if p != nil {
		p.end()
		<-p.done
	}
}
