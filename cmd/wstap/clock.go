package main

import (
	"time"

	"github.com/wstap/wstap/monitor"
)

// clock is one wall-time anchor at start plus the monotonic clock, so that no
// duration is bent by a step of the wall clock; steps are told as events.
type clock struct {
	anchor time.Time
	steps  time.Duration // told so far
}

func newClock() *clock { return &clock{anchor: time.Now()} }

// Now may be called from anywhere.
func (c *clock) Now() monitor.Time {
	return monitor.TimeOf(c.anchor).Add(time.Since(c.anchor))
}

// leastStep is the jump of the wall clock that is worth an event.
const leastStep = time.Second

// check emits an event if the wall clock has stepped; it is a feed.Collect
// function, so one goroutine calls it.
func (c *clock) check(emit func(monitor.Event) bool, tap monitor.Instance) func(monitor.Time) {
	return func(now monitor.Time) {
		wall := time.Now().Round(0) // without the monotonic reading
		step := wall.Sub(now.Std()) - c.steps
		if step.Abs() < leastStep {
			return
		}
		c.steps += step
		emit(&monitor.ClockStep{Header: monitor.Header{At: now, Tap: tap}, Step: monitor.Millis(step)})
	}
}
