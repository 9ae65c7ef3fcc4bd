//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/monitor"
)

// recordingJob makes a recording: about an hour of 1,000 conns that each send 32
// messages a second, which are echoed, and of which 2 % are replaced a second.
type recordingJob struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

const (
	recordedConns    = 1000
	recordedMessages = recordedConns * 32 / 20 // a step
	recordedRenewed  = recordedConns / 50 / 20
)

type recordingMade struct {
	Bytes  int64  `json:"bytes"`
	Frames uint64 `json:"frames"`
}

// makeRecording is a role: it records with the writer that a tap records with.
// The simulation, the State and the writer take a goroutine each.
func makeRecording(j recordingJob) (made recordingMade, err error) {
	debug.SetGCPercent(800) // it makes a hundred million frames, and nobody measures how
	sim, state := newSimulation(), monitor.NewState(monitor.Bounds{})
	hello := sim.hello()
	var now atomic.Int64 // of the writer's goroutine
	now.Store(int64(hello.At))
	w, err := capture.Create(j.Path, capture.Options{
		MaxBytes: math.MaxInt64, MaxAge: 1000 * time.Hour, Hello: hello, Version: "bench",
		Now:      func() monitor.Time { return monitor.Time(now.Load()) },
		Keyframe: func() []monitor.Event { return state.Snapshot(1000) },
	})
	if err != nil {
		return made, err
	}
	defer w.Close()
	batches, enough := make(chan []monitor.Event, 8), make(chan struct{})
	go sim.hour(batches, enough)
	for batch := range batches {
		for _, ev := range batch {
			state.Apply(ev)
		}
		state.Settled()
		now.Store(int64(state.Now()))
		w.Events(batch)
		for w.Stats().Queued > 8<<20 { // a writer drops rather than waits
			time.Sleep(time.Millisecond)
		}
		if enough != nil && w.Stats().Bytes >= j.Bytes {
			close(enough)
			enough = nil
		}
	}
	if err := w.Close(); err != nil {
		return made, err
	}
	s := w.Stats()
	if s.Dropped.Total() > 0 {
		return made, fmt.Errorf("the recording lacks %s", s.Dropped)
	}
	return recordingMade{s.Bytes, s.Frames}, nil
}

// hour sends the batches of busy conns until enough is closed.
func (s *simulation) hour(batches chan<- []monitor.Event, enough <-chan struct{}) {
	defer close(batches)
	batch := []monitor.Event{s.hello()}
	for range recordedConns {
		s.conns = append(s.conns, s.open(s.now))
	}
	for n := 0; ; n++ {
		select {
		case <-enough:
			return
		case batches <- batch:
		}
		batch = s.step(recordedMessages, recordedRenewed)
		if n%5 == 0 {
			batch = append(batch, &monitor.Tick{Header: monitor.Header{At: s.now}})
		}
	}
}

// replayJob opens a recording, goes to places of it, and plays it.
type replayJob struct {
	Path  string `json:"path"`
	Seeks int    `json:"seeks"`
}

// replayed are times in seconds.
type replayed struct {
	First []float64 `json:"first"` // open, and a State of the beginning
	Jump  []float64 `json:"jump"`  // open, and a State of some place
	Seek  []float64 `json:"seek"`  // to some place of what is open
	Play  float64   `json:"play"`  // all of it, as fast as it goes
}

// replay is a role: it does what `wstap replay` does, but for the screen.
func replay(j replayJob) (r replayed, err error) {
	info, err := infoOf(j.Path)
	if err != nil {
		return r, err
	}
	random := seed(7)
	place := func() monitor.Time { return info.From.Add(time.Duration(random.below(int(info.To.Sub(info.From))))) }
	begin := func(p *playing) error {
		return p.until(func(_ feed.Position, s *monitor.State) bool { return s.Len() > 0 })
	}
	jump := func(p *playing) error { return p.jump(place()) }
	for range j.Seeks {
		if r.First, err = timeOpen(r.First, j.Path, begin); err != nil {
			return r, err
		}
		if r.Jump, err = timeOpen(r.Jump, j.Path, jump); err != nil {
			return r, err
		}
	}
	p, err := startPlaying(j.Path, 1)
	if err != nil {
		return r, err
	}
	defer p.stop()
	for range j.Seeks {
		began := time.Now()
		if err := jump(p); err != nil {
			return r, err
		}
		r.Seek = append(r.Seek, time.Since(began).Seconds())
	}
	r.Play, err = playAll(j.Path)
	return r, err
}

// timeOpen appends how long it takes to open a recording and to do something.
func timeOpen(times []float64, path string, do func(*playing) error) ([]float64, error) {
	began := time.Now()
	p, err := startPlaying(path, 1)
	if err != nil {
		return times, err
	}
	defer p.stop()
	err = do(p)
	return append(times, time.Since(began).Seconds()), err
}

func infoOf(path string) (capture.Info, error) {
	r, err := capture.Open(path)
	if err != nil {
		return capture.Info{}, err
	}
	defer r.Close()
	return r.Info(), nil
}

func playAll(path string) (seconds float64, err error) {
	began := time.Now()
	p, err := startPlaying(path, math.Inf(1))
	if err != nil {
		return 0, err
	}
	defer p.stop()
	err = p.until(func(at feed.Position, _ *monitor.State) bool { return at.Ended })
	return time.Since(began).Seconds(), err
}

// playing is a recording and the player that plays it.
type playing struct {
	*feed.Player
	source *capture.Reader
	end    context.CancelFunc
	run    sync.WaitGroup
}

func startPlaying(path string, speed float64) (*playing, error) {
	r, err := capture.Open(path)
	if err != nil {
		return nil, err
	}
	info := r.Info()
	ctx, cancel := context.WithCancel(context.Background())
	p := &playing{Player: feed.NewPlayer(r, info.From, info.To, speed, monitor.Bounds{}), source: r, end: cancel}
	p.run.Go(func() { p.Run(ctx) })
	return p, nil
}

func (p *playing) stop() {
	p.end()
	p.run.Wait()
	p.source.Close()
}

// jump goes to t and waits until the State is that of t.
func (p *playing) jump(t monitor.Time) error {
	p.Pause(true)
	p.Seek(t)
	return p.until(func(at feed.Position, _ *monitor.State) bool { return at.At == t })
}

// playedWithin is how long anything may take before it counts as a fault.
const playedWithin = 5 * time.Minute

// until looks every millisecond, as a screen does a hundred times less often.
func (p *playing) until(ok func(feed.Position, *monitor.State) bool) error {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		at, done := p.Position(), false
		p.Read(func(s *monitor.State) { done = ok(at, s) })
		switch {
		case at.Err != nil:
			return at.Err
		case done:
			return nil
		case time.Since(began) > playedWithin:
			return fmt.Errorf("the player stands at %s of %s to %s", at.At, at.From, at.To)
		}
	}
}

const recordingSize = 1_000_000_000

func (b *bench) replayRows(ctx context.Context) ([]row, error) {
	file := filepath.Join(b.dir, "replay.mcap")
	defer os.Remove(file)
	j, seeks := recordingJob{Path: file, Bytes: recordingSize}, 20
	if b.quick {
		j.Bytes, seeks = 1<<20, 2
	}
	var made recordingMade
	if err := b.askRole(ctx, "record", j, &made); err != nil {
		return nil, err
	}
	b.step()
	var r replayed
	if err := b.askRole(ctx, "replay", replayJob{Path: file, Seeks: seeks}, &r); err != nil {
		return nil, err
	}
	b.step()
	return judgeReplay(made, r), nil
}

func judgeReplay(made recordingMade, r replayed) []row {
	name := fmt.Sprintf("replay, %.2g GB, %.3g M frames: ", float64(made.Bytes)/1e9, float64(made.Frames)/1e6)
	ms := func(v []float64) map[string][]float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = v[i] * 1e3
		}
		return map[string][]float64{tapped: out}
	}
	first := row{What: name + "open it", Unit: "ms", Goal: "≤ 100 ms", Values: ms(r.First)}
	jump := row{What: name + "open it at a random place", Unit: "ms", Goal: "≤ 100 ms", Values: ms(r.Jump)}
	seek := row{What: name + "go to a random place", Unit: "ms", Goal: "≤ 100 ms", Values: ms(r.Seek)}
	rows := []row{first, jump, seek}
	for i := range rows { // anywhere: the slowest counts
		v := rows[i].Values[tapped]
		rows[i].Note = fmt.Sprintf("slowest of %d: %.0f ms", len(v), slices.Max(v))
		rows[i].judge(slices.Max(v) <= 100)
	}
	speed := float64(made.Frames) / 1e6 / max(r.Play, 1e-6)
	play := row{What: name + "play it at full speed", Unit: "M/s", Goal: "≥ 5 M frames/s", Values: one(speed)}
	play.judge(speed >= 5)
	return append(rows, play)
}
