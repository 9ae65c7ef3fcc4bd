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
	last   time.Time
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
	go s.flushLoop(ctx, done)
	err := s.runner.Run(ctx)
	close(done)
	switch {
	case err != nil && ctx.Err() == nil:
		s.tell(monitor.HealthFailed, err.Error())
	case ctx.Err() == nil:
		s.tell(monitor.HealthWarning, "ended: no more lines will come")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intake.Flush(time.Now())
}

// flushLoop gives out what the parser holds back when nothing follows it. It
// ends with run.
func (s *logSource) flushLoop(ctx context.Context, done <-chan struct{}) {
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-done:
			return
		case now := <-t.C:
			s.mu.Lock()
			if now.Sub(s.last) > 500*time.Millisecond {
				s.intake.Flush(now)
			}
			s.mu.Unlock()
		}
	}
}

func (s *logSource) line(line []byte, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = at
	s.intake.Line(line, at, true)
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
