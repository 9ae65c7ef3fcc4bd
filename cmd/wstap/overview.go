package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/tui"
)

// overview looks through a whole recording beside its player, for the timeline.
// It begins when the timeline is asked for first: then the first picture is made.
type overview struct {
	open  func() (*capture.Reader, error)
	begin chan struct{}
	once  sync.Once
	now   atomic.Pointer[tui.Timeline]
}

func newOverview(files []string) *overview {
	o := &overview{open: func() (*capture.Reader, error) { return capture.Open(files...) }, begin: make(chan struct{})}
	o.now.Store(&tui.Timeline{})
	return o
}

// Timeline is what was found so far.
func (o *overview) Timeline() tui.Timeline {
	o.once.Do(func() { close(o.begin) })
	return *o.now.Load()
}

// run looks through the recording, and again through one that has grown after it
// seemed to be at its end, until ctx is done. What cannot be read is what the
// player finds, too, and says.
func (o *overview) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-o.begin:
	}
	for ctx.Err() == nil {
		r, err := o.open()
		if err != nil {
			return
		}
		began := time.Now()
		o.look(ctx, r)
		// Looking again costs a tenth of the time at most.
		more := sleep(ctx, restFactor*time.Since(began)) && awaitMore(ctx, r)
		r.Close()
		if !more {
			return
		}
	}
}

// Between two timelines that are handed out lie lookEvery events and showEvery.
const (
	lookEvery  = 256
	showEvery  = 200 * time.Millisecond
	restFactor = 10
)

// look looks through a recording, and while it is being written goes on.
func (o *overview) look(ctx context.Context, r *capture.Reader) {
	in := r.Info()
	b := capture.NewTimelineBuilder(in.From, in.To)
	r.CountFrames(b.Frames)
	t := &tail{Reader: r, ctx: ctx}
	t.onCaught = func(to monitor.Time) { o.show(b, to, true) }
	shown, n := time.Now(), 0
	state, err := feed.Tour(t, in.To, monitor.Bounds{}, func(ev monitor.Event, settled []*monitor.Conn) bool {
		for _, c := range settled {
			b.Ended(c)
		}
		if ev == nil {
			return true
		}
		b.Event(ev)
		if n++; (n%lookEvery == 0 || t.caught) && time.Since(shown) >= showEvery {
			shown = time.Now()
			o.show(b, ev.Head().At, t.caught)
		}
		return ctx.Err() == nil
	})
	if ctx.Err() != nil {
		return
	}
	for _, f := range diagnose.Run(state, diagnose.Options{}) {
		b.Found(&f)
	}
	upto := state.Now()
	if err == nil {
		upto = max(upto, r.Info().To)
	}
	o.show(b, upto, true)
}

// tail is a recording whose end is its end only when nothing was added to it for
// a while.
type tail struct {
	*capture.Reader
	ctx    context.Context
	caught bool // all was read that there was once
	// onCaught is called then.
	onCaught func(to monitor.Time)
}

// growLooks is how often, a second apart, a recording is looked at for more.
const growLooks = 5

func (t *tail) Next() (monitor.Event, error) {
	for {
		ev, err := t.Reader.Next()
		if !errors.Is(err, io.EOF) {
			return ev, err
		}
		in := t.Info()
		if in.Complete {
			return ev, err
		}
		t.caught = true
		t.onCaught(in.To)
		if !t.grew() {
			return ev, err
		}
	}
}

func (t *tail) grew() bool {
	for range growLooks {
		if _, grown := t.Grow(); grown {
			return true
		}
		if !sleep(t.ctx, time.Second) {
			return false
		}
	}
	return false
}

// awaitMore waits until a recording that is not complete has grown.
func awaitMore(ctx context.Context, r *capture.Reader) bool {
	if r.Info().Complete {
		return false
	}
	for {
		if _, grown := r.Grow(); grown {
			return true
		}
		if !sleep(ctx, time.Second) {
			return false
		}
	}
}

// sleep is false when ctx ended it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// show hands a timeline out. One that knows less than the one before, because
// the recording is looked through again, is not.
func (o *overview) show(b *capture.TimelineBuilder, upto monitor.Time, complete bool) {
	t := screenTimeline(b.Timeline())
	t.Upto, t.Complete = upto, complete
	if complete || !o.now.Load().Complete {
		o.now.Store(&t)
	}
}

// screenKinds are the kinds of incidents as the dashboard calls them.
var screenKinds = [capture.IncidentKinds]tui.MarkKind{
	capture.IncidentRefused: tui.MarkRefused, capture.IncidentDeath: tui.MarkDeath,
	capture.IncidentFinding: tui.MarkFinding, capture.IncidentShutdown: tui.MarkShutdown,
}

// screenTimeline is a timeline as the dashboard sees it.
func screenTimeline(t capture.Timeline) tui.Timeline {
	out := tui.Timeline{
		From: t.From, Step: t.Step,
		Buckets: make([]tui.Bucket, len(t.Buckets)), Marks: make([]tui.Mark, len(t.Incidents)),
	}
	for i := range t.Buckets {
		out.Buckets[i].Activity = t.Buckets[i].Activity
		for k, n := range t.Buckets[i].Incidents {
			out.Buckets[i].Marks[screenKinds[k]] = n
		}
	}
	for i, in := range t.Incidents {
		out.Marks[i] = tui.Mark{At: in.At, Kind: screenKinds[in.Kind], What: in.What, Conn: in.Conn, Seq: in.Seq, N: in.N}
	}
	return out
}
