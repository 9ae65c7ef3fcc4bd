// Package feed owns the one State: sources emit events into a bounded queue, a
// single goroutine applies them in batches, tells the time by ticks, and hands
// every batch on to writers. Faces read the State inside Read.
package feed

import (
	"context"
	"sync"
	"time"

	"github.com/wstap/wstap/monitor"
)

const (
	// Every is the time between batches.
	Every = 50 * time.Millisecond
	// TickEvery is the time between tick events.
	TickEvery = 250 * time.Millisecond
	// MaxQueue is the estimated size at which the queue refuses new conns.
	// Events of conns already accepted still come in: a recorded conn is whole.
	MaxQueue = 64 << 20
	// applyAtOnce bounds the work done under one hold of the lock, in units of
	// about a microsecond, so that a reader never waits longer than a few
	// milliseconds.
	applyAtOnce = 2048
)

// Writer gets every batch in order, on the feed's goroutine: it must not
// block. The slice is valid until it returns; the events may be kept, unchanged.
type Writer interface {
	Events([]monitor.Event)
}

// Feed is made by New and driven by Run.
type Feed struct {
	now     func() monitor.Time
	collect []func(monitor.Time) // unchanging after Run began

	mu    sync.Mutex // guards the queue
	queue []monitor.Event
	size  int
	full  uint64 // conns refused since the last batch

	stateMu sync.Mutex // guards what follows, held at most 5 ms
	state   *monitor.State
	changes uint64

	writers []Writer // used by Run alone
	spare   []monitor.Event
}

// New returns a feed whose clock is now, over an empty state.
func New(now func() monitor.Time, b monitor.Bounds) *Feed {
	return &Feed{now: now, state: monitor.NewState(b)}
}

// Collect adds a function that Run calls before each batch: it emits samples.
// Before Run only.
func (f *Feed) Collect(fn func(monitor.Time)) { f.collect = append(f.collect, fn) }

// AddWriter adds a writer. Before Run only.
func (f *Feed) AddWriter(w Writer) { f.writers = append(f.writers, w) }

// Emit queues an event; it never blocks. False means that the queue is full
// and the event, an Opened, was refused; all others are always taken, for they
// are bounded by the conns accepted.
func (f *Feed) Emit(ev monitor.Event) bool {
	n := sizeOf(ev)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, opened := ev.(*monitor.Opened); opened && f.size > MaxQueue {
		f.full++
		return false
	}
	f.queue = append(f.queue, ev)
	f.size += n
	return true
}

// sizeOf estimates the memory of a queued event.
func sizeOf(ev monitor.Event) int {
	const least = 200
	switch ev := ev.(type) {
	case *monitor.Samples:
		return least + 700*len(ev.Samples)
	case *monitor.Frames:
		return least + 16*len(ev.Records)
	case *monitor.Request:
		return least + len(ev.HeadText) + 400
	case *monitor.Response:
		return least + len(ev.HeadText) + 400
	case *monitor.LogLine:
		return least + len(ev.Entry.Raw) + 300
	case *monitor.Closed:
		return least + 1000
	}
	return least
}

// Read calls fn with the state. fn must not keep it, nor take longer than a few
// milliseconds: nothing is applied meanwhile.
func (f *Feed) Read(fn func(*monitor.State)) {
	f.stateMu.Lock()
	defer f.stateMu.Unlock()
	fn(f.state)
}

// Changes rises whenever events were applied.
func (f *Feed) Changes() uint64 {
	f.stateMu.Lock()
	defer f.stateMu.Unlock()
	return f.changes
}

// Run drives the feed until ctx is done; then it drains the queue, settles all
// verdicts and returns. Sources must have stopped emitting by then.
func (f *Feed) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	var lastTick monitor.Time
	for {
		select {
		case <-ctx.Done():
			f.gather(true)
			f.finish()
			return
		case <-tick.C:
			now := f.now()
			f.gather(now.Sub(lastTick) >= TickEvery)
			if now.Sub(lastTick) >= TickEvery {
				lastTick = now
			}
		}
	}
}

// gather collects samples, then applies and hands on what is queued.
func (f *Feed) gather(withTick bool) {
	now := f.now()
	for _, fn := range f.collect {
		fn(now)
	}
	if withTick {
		f.Emit(&monitor.Tick{Header: monitor.Header{At: now}})
	}
	f.drain()
}

func (f *Feed) drain() {
	f.mu.Lock()
	batch, full := f.queue, f.full
	f.queue, f.size, f.full = f.spare[:0], 0, 0
	f.mu.Unlock()
	if full > 0 {
		batch = append(batch, &monitor.Dropped{Header: monitor.Header{At: f.now()}, What: "conns", N: full})
	}
	f.apply(batch)
	clear(batch)
	f.spare = batch
}

func (f *Feed) apply(batch []monitor.Event) {
	for rest := batch; len(rest) > 0; {
		n := someOf(rest)
		settled := f.applySome(rest[:n])
		f.write(rest[:n])
		f.write(settled)
		rest = rest[n:]
	}
}

// someOf is how many events, at least one, make applyAtOnce of work.
func someOf(events []monitor.Event) int {
	work := 0
	for i, ev := range events {
		if work += workOf(ev); work > applyAtOnce && i > 0 {
			return i
		}
	}
	return len(events)
}

func workOf(ev monitor.Event) int {
	switch ev := ev.(type) {
	case *monitor.Samples:
		return 1 + len(ev.Samples)/4
	case *monitor.Frames:
		return 1 + len(ev.Records)/64
	case *monitor.Tick:
		return applyAtOnce // verdicts settle
	}
	return 1
}

// applySome applies a few events and returns the verdicts that settled.
func (f *Feed) applySome(events []monitor.Event) []monitor.Event {
	f.stateMu.Lock()
	defer f.stateMu.Unlock()
	for _, ev := range events {
		f.state.Apply(ev)
	}
	f.changes++
	return verdicts(f.state)
}

func verdicts(s *monitor.State) (evs []monitor.Event) {
	for _, c := range s.Settled() {
		evs = append(evs, &monitor.Verdicted{
			Header: monitor.Header{At: s.Now(), Tap: c.ID.Tap, Leg: c.Tap, Conn: c.ID.Conn},
			Seq:    c.Seq, Key: c.Key(), Target: c.Target(), Verdict: c.Verdict,
		})
	}
	return evs
}

func (f *Feed) write(events []monitor.Event) {
	if len(events) == 0 {
		return
	}
	for _, w := range f.writers {
		w.Events(events)
	}
}

// finish settles what is still open for a verdict.
func (f *Feed) finish() {
	f.stateMu.Lock()
	f.state.Finish()
	f.changes++
	evs := verdicts(f.state)
	f.stateMu.Unlock()
	f.write(evs)
}
