package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/wstap/wstap/monitor"
)

const (
	// maxUnread bounds the output that waits for its reader.
	maxUnread = 8 << 20
	// outPatience is how long the end waits for that reader.
	outPatience = time.Second
)

// lineWriter passes lines on to a writer that may block for ever: a pager that
// nobody scrolls, a terminal stopped by Ctrl-S. Its Write never waits; lines
// that find no room are left out, whole, and counted. After an error of the
// writer nothing more is written: the reader has gone, the traffic goes on.
type lineWriter struct {
	out  io.Writer
	done chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards what follows
	wake    sync.Cond  // something to write, or the end
	queue   []byte     // whole lines
	part    []byte     // of a line whose end has not come
	writing int        // bytes of the write under way
	dropped uint64     // lines, since they were last told
	told    monitor.Time
	closed  bool
	err     error // the first
}

// newLineWriter starts the goroutine that writes to out; Close ends it, or
// leaves it behind.
func newLineWriter(out io.Writer) *lineWriter {
	w := &lineWriter{out: out, done: make(chan struct{})}
	w.wake.L = &w.mu
	go w.run()
	return w
}

// Write takes lines, or parts of them.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return 0, w.err
	case w.closed:
		return 0, os.ErrClosed
	}
	for rest := p; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			w.part = append(w.part, rest...)
			break
		}
		w.line(rest[:n])
		rest = rest[n:]
	}
	w.wake.Signal()
	return len(p), nil
}

// line queues the line that end completes, or drops it.
func (w *lineWriter) line(end []byte) {
	if w.writing+len(w.queue)+len(w.part)+len(end) > maxUnread {
		w.dropped++
	} else {
		w.queue = append(append(w.queue, w.part...), end...)
	}
	w.part = w.part[:0]
}

func (w *lineWriter) run() {
	defer close(w.done)
	var spare []byte
	for {
		b := w.take(spare)
		if len(b) == 0 {
			return
		}
		_, err := w.out.Write(b)
		if w.wrote(err); err != nil {
			return
		}
		spare = b[:0]
	}
}

// take waits for lines; none come any more if it returns nothing.
func (w *lineWriter) take(spare []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closed {
		w.wake.Wait()
	}
	b := w.queue
	w.queue, w.writing = spare, len(b)
	return b
}

func (w *lineWriter) wrote(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing, w.err = 0, err
	if err != nil {
		w.queue, w.part = nil, nil
	}
}

// Close writes the rest; after the timeout it gives up and leaves a write that
// blocks behind. A reader that has gone (EPIPE) did so because it wanted to,
// as head does, and is no error.
func (w *lineWriter) Close(timeout time.Duration) error {
	w.mu.Lock()
	w.queue = append(w.queue, w.part...)
	w.part, w.closed = nil, true
	w.wake.Signal()
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-time.After(timeout):
		return fmt.Errorf("standard output is not complete: nobody has read it for %s", timeout)
	}
	if w.err == nil || errors.Is(w.err, syscall.EPIPE) {
		return nil
	}
	return fmt.Errorf("standard output is not complete: %w", w.err)
}

// tellEvery bounds how often lines left out are told: the telling makes a line.
const tellEvery = monitor.Time(time.Second)

// tell emits how many lines were left out since the last time; those of the
// last second of all are not told. It is a feed.Collect function.
func (w *lineWriter) tell(emit func(monitor.Event) bool, tap monitor.Instance) func(monitor.Time) {
	return func(now monitor.Time) {
		if n := w.takeDropped(now); n > 0 {
			emit(&monitor.Dropped{Header: monitor.Header{At: now, Tap: tap}, What: "output lines", N: n})
		}
	}
}

func (w *lineWriter) takeDropped(now monitor.Time) (n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now-w.told < tellEvery {
		return 0
	}
	n, w.dropped, w.told = w.dropped, 0, now
	return n
}

// outliveReader makes a write to a closed pipe an error like any other: by
// itself it would end the process, and with it the traffic. (Ignored signals
// stay ignored in the commands we start; this one does not.)
func outliveReader() (undo func()) {
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	return func() { signal.Stop(unread) }
}
