package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopper turns signals and --for into the two steps of an end: first is done
// when the end is asked for, second when it is asked for again. One goroutine
// owns the signals, so that none is taken by a step that is over.
type stopper struct {
	first, second context.Context
	leave, hurry  context.CancelFunc // end them; leave is also for a face that ends by itself

	signals chan os.Signal
	quit    chan struct{} // closed by close
	done    chan struct{} // closed when the goroutine has ended
}

// newStopper begins to take SIGINT and SIGTERM. SIGHUP and SIGTSTP are ignored
// where traffic depends on us, for a lost line must not end it; elsewhere SIGHUP
// asks for the end.
func newStopper(runFor time.Duration, hangup onHangup) *stopper {
	s := &stopper{signals: make(chan os.Signal, 4), quit: make(chan struct{}), done: make(chan struct{})}
	s.first, s.leave = context.WithCancel(context.Background())
	s.second, s.hurry = context.WithCancel(context.Background())
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM)
	if hangup == stays {
		signal.Ignore(syscall.SIGHUP, syscall.SIGTSTP)
	} else {
		signal.Notify(s.signals, syscall.SIGHUP)
	}
	go s.run(runFor)
	return s
}

// onHangup is what a lost terminal means.
type onHangup bool

const (
	stays onHangup = false
	ends  onHangup = true
)

// close waits for the goroutine.
func (s *stopper) close() {
	s.leave()
	close(s.quit)
	<-s.done
	signal.Stop(s.signals)
	signal.Reset(syscall.SIGHUP, syscall.SIGTSTP)
}

// run takes the signals until close.
func (s *stopper) run(runFor time.Duration) {
	defer close(s.done)
	defer s.hurry()
	var over <-chan time.Time // never, without --for
	if runFor > 0 {
		t := time.NewTimer(runFor)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-s.signals:
		if s.first.Err() != nil {
			return // both were ready: the face had ended by itself, so this is the second step
		}
	case <-over:
	case <-s.first.Done():
	}
	s.leave()
	select {
	case <-s.signals:
	case <-s.quit:
	}
}
