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
	// MaxQueue is the estimated size from which on the queue does without what
	// can be done without: see Emit.
	MaxQueue = 64 << 20
	// applyAtOnce bounds the work done under one hold of the lock, in units of
	// about a microsecond, so that a reader waits for a few milliseconds. One
	// event is never split: a tick on which thousands of verdicts settle, or a
	// restored snapshot of 100,000 conns, takes longer.
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

	mu      sync.Mutex // guards the queue
	queue   []monitor.Event
	size    int
	dropped dropped // since the last batch

	stateMu sync.Mutex // guards what follows, held for applyAtOnce of work or one event
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
	batch, lost := f.queue, f.dropped
	f.queue, f.size, f.dropped = f.spare[:0], 0, dropped{}
	f.mu.Unlock()
	batch = lost.appendTo(batch, f.now())
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
		f.settle()
		rest = rest[n:]
	}
}

// settleHolds bounds the holds of the lock for the verdicts of one tick. Each
// makes some hundred: more than 100,000 a second in all.
const settleHolds = 64

// settle makes the verdicts that a tick had no time for under one hold.
func (f *Feed) settle() {
	for range settleHolds {
		settled, more := f.settleSome()
		f.write(settled)
		if !more {
			return
		}
	}
}

func (f *Feed) settleSome() (settled []monitor.Event, more bool) {
	f.stateMu.Lock()
	defer f.stateMu.Unlock()
	more = f.state.SettleMore()
	return verdicts(f.state), more
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
		evs = append(evs, s.Verdicted(c))
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
