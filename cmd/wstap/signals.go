package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopper turns signals and --for into the two steps of an end: drain, then stop.
type stopper struct {
	signals chan os.Signal
	timer   <-chan time.Time
}

// newStopper begins to take SIGINT and SIGTERM. SIGHUP is ignored: a lost line
// must not end traffic.
func newStopper(runFor time.Duration) *stopper {
	s := &stopper{signals: make(chan os.Signal, 4)}
	signal.Ignore(syscall.SIGHUP, syscall.SIGTSTP)
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM)
	if runFor > 0 {
		s.timer = time.After(runFor)
	}
	return s
}

func (s *stopper) close() {
	signal.Stop(s.signals)
	signal.Reset(syscall.SIGHUP, syscall.SIGTSTP)
}

// first returns when the end is asked for.
func (s *stopper) first() {
	select {
	case <-s.signals:
	case <-s.timer:
	}
}

// second returns when the end is asked for again, or done is closed.
func (s *stopper) second(done <-chan struct{}) {
	select {
	case <-s.signals:
	case <-done:
	}
}
