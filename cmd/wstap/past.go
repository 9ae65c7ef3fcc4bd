package main

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/monitor"
)

// pastSource is the recordings of relays, fetched from where it was sought to: a
// feed.Recorded. It holds a part of them only: a relay sends as fast as is read.
type pastSource struct {
	ctx     context.Context // ends what is being fetched
	to      monitor.Time    // nothing after it is asked for
	clients []*attach.Client
	streams []*pastStream
	cancel  context.CancelFunc // of the fetching
	fetches sync.WaitGroup
}

// pastAhead is how many events of a relay wait to be played.
const pastAhead = 1024

// pastStream is what one relay sends.
type pastStream struct {
	client *attach.Client
	events chan monitor.Event
	err    error         // valid when events is closed: io.EOF or why there is no more
	head   monitor.Event // read ahead
	over   bool          // events is closed and empty
}

func newPastSource(ctx context.Context, clients []*attach.Client, to monitor.Time) *pastSource {
	return &pastSource{ctx: ctx, clients: clients, to: to, cancel: func() {}}
}

// Seek asks all relays for what they recorded from t on, and returns the
// keyframes that begin it.
func (p *pastSource) Seek(t monitor.Time) (keyframes []monitor.Event, err error) {
	p.close()
	ctx, cancel := context.WithCancel(p.ctx)
	p.cancel, p.streams = cancel, nil
	for _, c := range p.clients {
		s := &pastStream{client: c, events: make(chan monitor.Event, pastAhead)}
		p.streams = append(p.streams, s)
		p.fetches.Go(func() { s.fetch(ctx, t, p.to) }) // until close, at the latest
	}
	for _, s := range p.streams {
		evs, err := s.keyframe(ctx)
		if err != nil {
			return nil, err
		}
		keyframes = append(keyframes, evs...)
	}
	return keyframes, nil
}

// close ends the fetching.
func (p *pastSource) close() {
	p.cancel()
	p.fetches.Wait()
}

// fetch passes on what the relay sends, no faster than it is taken.
func (s *pastStream) fetch(ctx context.Context, from, to monitor.Time) {
	defer close(s.events)
	s.err = s.client.Past(ctx, from, to, func(ev monitor.Event) error {
		select {
		case s.events <- ev:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if s.err == nil {
		s.err = io.EOF
	}
}

// keyframe takes the events that begin the stream: see PROTOCOL.md of attach. A
// stream that has no keyframe begins with the recording.
func (s *pastStream) keyframe(ctx context.Context) (evs []monitor.Event, err error) {
	for {
		ev, err := s.next(ctx)
		switch {
		case errors.Is(err, io.EOF) && len(evs) == 0:
			return nil, nil
		case err != nil:
			return nil, err
		}
		base, ends := ev.(*monitor.Baseline)
		if ends && base.Partial && len(evs) == 0 {
			return nil, nil
		}
		evs = append(evs, ev)
		if ends && !base.Partial {
			return evs, nil
		}
	}
}

func (s *pastStream) next(ctx context.Context) (monitor.Event, error) {
	select {
	case ev, ok := <-s.events:
		if !ok {
			return nil, s.err
		}
		if base, ok := ev.(*monitor.Baseline); ok {
			base.Tap = s.client.State().Instance // a relay speaks for itself alone
		}
		return ev, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Next is the event of any relay that comes first by its relay's clock.
func (p *pastSource) Next() (monitor.Event, error) {
	var first *pastStream
	for _, s := range p.streams {
		if err := s.look(p.ctx); err != nil {
			return nil, err
		}
		if s.head != nil && (first == nil || s.head.Head().At < first.head.Head().At) {
			first = s
		}
	}
	if first == nil {
		return nil, io.EOF
	}
	ev := first.head
	first.head = nil
	return ev, nil
}

// look reads ahead by one event, unless there are no more.
func (s *pastStream) look(ctx context.Context) error {
	if s.head != nil || s.over {
		return nil
	}
	ev, err := s.next(ctx)
	if errors.Is(err, io.EOF) {
		s.over = true
		return nil
	}
	s.head = ev
	return err
}

// errEnough ends a reading of the past whose rest is of no use.
var errEnough = errors.New("enough of the past")

// recordedFrom is when the recordings of relays begin; zero: they have none, or
// it is not known.
func recordedFrom(ctx context.Context, clients []*attach.Client, now monitor.Time) (from monitor.Time) {
	for _, c := range clients {
		c.Past(ctx, 0, now, func(ev monitor.Event) error {
			if _, base := ev.(*monitor.Baseline); base {
				return nil
			}
			if at := ev.Head().At; from.IsZero() || at < from {
				from = at
			}
			return errEnough
		})
	}
	return from
}
