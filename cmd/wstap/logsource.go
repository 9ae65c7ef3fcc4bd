package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/logparse/follow"
	"github.com/wstap/wstap/monitor"
)

// logSource follows one --error-log and emits its entries.
type logSource struct {
	spec string
	emit func(monitor.Event) bool
	head monitor.Header
	now  func() monitor.Time

	mu     sync.Mutex // guards the intake: lines and flushes come from two goroutines
	intake *monitor.LogIntake
	last   monitor.Time // of the last line
	runner follow.Runner
}

func newLogSource(spec string, head monitor.Header, now func() monitor.Time, loc *time.Location, r *redact.Redactor, emit func(monitor.Event) bool) (*logSource, error) {
	s := &logSource{spec: spec, emit: emit, head: head, now: now}
	s.intake = monitor.NewLogIntake(spec, head, loc, r, emit)
	var err error
	s.runner, err = follow.Source(spec, false, s.line, s.health)
	if err != nil {
		return nil, fmt.Errorf("--error-log %s: %w", spec, err)
	}
	return s, nil
}

// run follows until ctx is done or the source has no more.
func (s *logSource) run(ctx context.Context) {
	done := make(chan struct{})
	var flushing sync.WaitGroup
	flushing.Go(func() { s.flushLoop(done) })
	err := s.runner.Run(ctx)
	close(done)
	flushing.Wait()
	s.mu.Lock()
	s.intake.Close(s.now().Std())
	s.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil:
		s.tell(monitor.HealthFailed, err.Error())
	case ctx.Err() == nil:
		s.tell(monitor.HealthWarning, "ended: no more lines will come")
	}
}

// flushEvery is how long a line may be held back when none follows it.
const flushEvery = 500 * time.Millisecond

// flushLoop gives out what the parser holds back when nothing follows it. Run
// ends it.
func (s *logSource) flushLoop(done <-chan struct{}) {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
			s.flush()
		}
	}
}

func (s *logSource) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.last) > flushEvery {
		s.intake.Flush(now.Std())
	}
}

// line takes the time from the clock of all other events: the follower's own
// would part from them when the wall clock is set.
func (s *logSource) line(line []byte, _ time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = s.now()
	s.intake.Line(line, s.last.Std(), true)
}

func (s *logSource) health(h follow.Health) {
	status := monitor.HealthOK
	if !h.OK || h.Lost {
		status = monitor.HealthWarning
	}
	s.tell(status, h.Text)
}

func (s *logSource) tell(status monitor.HealthStatus, text string) {
	h := s.head
	h.At = s.now()
	s.emit(&monitor.Health{Header: h, Name: "log " + s.spec, Status: status, Text: text})
}
