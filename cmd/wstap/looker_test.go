package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/monitor"
)

// looker is a viewer in this process: a client that feeds a State.
type looker struct {
	client *attach.Client
	feed   *feed.Feed
	err    error // of Run, after done
	end    func()
}

// look attaches to a relay until the test ends, or end is called.
func look(t *testing.T, url string) *looker {
	t.Helper()
	l := &looker{}
	l.feed = feed.New(func() monitor.Time { return l.client.RelayNow() }, monitor.Bounds{})
	var err error
	l.client, err = attach.NewClient(attach.ClientOptions{
		URL: url, Version: "test", Emit: l.feed.Emit, Restore: l.feed.Restore, LastSample: l.lastSample,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	feedCtx, stopFeed := context.WithCancel(context.Background())
	var client, feeding sync.WaitGroup
	client.Go(func() { l.err = l.client.Run(ctx) })
	feeding.Go(func() { l.feed.Run(feedCtx) })
	l.end = sync.OnceFunc(func() {
		stop()
		client.Wait() // before the feed: sources end first
		stopFeed()
		feeding.Wait()
	})
	t.Cleanup(l.end)
	return l
}

// live waits for the snapshot to be there.
func (l *looker) live(t *testing.T) {
	t.Helper()
	eventually(t, "a viewer is attached", func() bool { return l.client.State().Phase == attach.Live })
}

func (l *looker) lastSample(id monitor.ID) (last monitor.Sample) {
	l.feed.Read(func(s *monitor.State) {
		if c := s.Conn(id); c != nil {
			last = c.Sample
		}
	})
	return last
}

// totals are those of the State; its maps are not copied.
func (l *looker) totals() (now monitor.Totals) {
	l.feed.Read(func(s *monitor.State) { now = s.Totals })
	return now
}

// counted is a wstap whose NDJSON is counted, not kept.
type counted struct {
	*process
	name  string
	lines *eventLines
}

func startCounted(t *testing.T, name string, args ...string) *counted {
	t.Helper()
	c := &counted{name: name, lines: &eventLines{types: map[string]uint64{}}}
	c.process = &process{t: t, cmd: command(t, args...), done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = c.lines, &c.err
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.cmd.Wait(); close(c.done) }()
	t.Cleanup(func() { c.end(os.Kill) })
	return c
}

func (c *counted) pid() int { return c.cmd.Process.Pid }

// interrupt ends it and wants everything to have been told.
func (c *counted) interrupt() {
	c.t.Helper()
	c.stop()
	if err := c.lines.failure(); err != nil {
		c.t.Errorf("%s: %v", c.name, err)
	}
}

func (c *counted) count(kind string) uint64 { return c.lines.count(kind) }
func (c *counted) lost() uint64             { return c.lines.lostEvents() }
func (c *counted) said(text string) bool    { return c.lines.said(text) }

// lifecycle is how many events of those that viewers are sent were told.
func (c *counted) lifecycle() uint64 {
	return c.lines.all() - c.count((*monitor.Verdicted)(nil).Type())
}

// eventLines counts the lines of --json by their types.
type eventLines struct {
	mu     sync.Mutex
	part   []byte // of a line
	types  map[string]uint64
	total  uint64
	lost   uint64 // events or lines that were dropped
	health []string
	err    error // the first
}

func (e *eventLines) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.part = append(e.part, p...)
	for {
		line, rest, whole := bytes.Cut(e.part, []byte("\n"))
		if !whole {
			e.part = append(e.part[:0:0], line...)
			return len(p), nil
		}
		e.take(line)
		e.part = rest
	}
}

func (e *eventLines) take(line []byte) {
	var ev struct {
		Type, Text, What string
		N                uint64
	}
	if err := json.Unmarshal(line, &ev); err != nil || ev.Type == "" {
		if e.err == nil {
			e.err = fmt.Errorf("a line that is no event: %.200q", line)
		}
		return
	}
	e.total++
	e.types[ev.Type]++
	switch {
	case ev.Type == "health":
		e.health = append(e.health, ev.Text)
	case ev.Type == "dropped" && (ev.What == "events" || ev.What == "output lines"):
		e.lost += ev.N
	}
}

func (e *eventLines) count(kind string) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.types[kind]
}

func (e *eventLines) all() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.total
}

func (e *eventLines) lostEvents() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lost
}

func (e *eventLines) said(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Contains(strings.Join(e.health, "\n"), text)
}

func (e *eventLines) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}
