// Package follow delivers the lines of a growing log: of a file through its
// rotations (Follower), of a reader (Reader), or of a command (Command).
// Source picks one by what a user wrote.
//
// It does not parse; package logparse does. Every Run blocks, and returns
// after all that it started has ended.
package follow

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"
)

// MaxLine is how many bytes of one line are delivered; the rest of a longer
// line is dropped.
const MaxLine = 1 << 20

// Health is the state of a source, told when it changes.
type Health struct {
	OK   bool   // lines can arrive
	Text string // "following", "waiting for the file to appear", "permission denied: …"
	Lost bool   // lines may have been missed: the file was truncated
}

// Runner is a source of lines. Run blocks until ctx is done or the source has
// ended, and returns after everything it started has ended.
type Runner interface {
	Run(ctx context.Context) error
}

// Follower follows the file that Path names, through renames, deletions,
// truncations and re-creations. Files that appear later are read from their
// start. A file that was replaced is read on until it has been silent for
// Drain, for nginx writes to it until it is told to reopen.
//
// A truncation is seen only if the file is smaller at a look than what was
// read; what was written between the last look and a truncation is lost.
type Follower struct {
	Path      string
	FromStart bool // read what the file holds at the start, too

	Poll  time.Duration // between looks; 100 ms; on Linux the first Follower's holds for all
	Turn  time.Duration // silence of an old file after which the new one is read; 250 ms
	Drain time.Duration // silence after which an old file is let go; 5 min

	// OnLine gets each line without its LF, and when it was read: one call at
	// a time, in order. line is valid until OnLine returns. Nothing is read
	// ahead of it but a buffer, and Run cannot end before it returns.
	OnLine   func(line []byte, at time.Time)
	OnHealth func(Health) // may be nil; from the goroutine of Run
}

// Defaults of Follower.
const (
	defaultPoll  = 100 * time.Millisecond
	defaultTurn  = 250 * time.Millisecond
	defaultDrain = 5 * time.Minute
)

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// Source makes the Runner for what a user wrote: "-" is standard input,
// "exec:COMMAND" a command, all else a file to follow. fromStart matters to a
// file only.
func Source(spec string, fromStart bool, onLine func(line []byte, at time.Time), onHealth func(Health)) (Runner, error) {
	command, isCommand := strings.CutPrefix(spec, "exec:")
	switch {
	case spec == "":
		return nil, errors.New(`follow: no source: expected a file, "-" or "exec:COMMAND"`)
	case spec == "-":
		return &Reader{R: os.Stdin, OnLine: onLine, OnHealth: onHealth}, nil
	case isCommand && strings.TrimSpace(command) == "":
		return nil, errors.New(`follow: no command after "exec:"`)
	case isCommand:
		return &Command{Command: command, OnLine: onLine, OnHealth: onHealth}, nil
	}
	return &Follower{Path: spec, FromStart: fromStart, OnLine: onLine, OnHealth: onHealth}, nil
}

// teller calls OnHealth when the state changed.
type teller struct {
	tell func(Health)
	last Health
}

func (t *teller) say(h Health) {
	if t.tell == nil || h == t.last && !h.Lost {
		return
	}
	t.last = h
	t.tell(h)
}

// Reader delivers the lines of R until its end.
type Reader struct {
	R        io.Reader
	OnLine   func(line []byte, at time.Time)
	OnHealth func(Health)
}

// Run reads to the end of R or until ctx is done.
func (r *Reader) Run(ctx context.Context) error {
	t := teller{tell: r.OnHealth}
	t.say(Health{OK: true, Text: "reading"})
	err := ReadLines(ctx, r.R, r.OnLine)
	switch {
	case err != nil:
		t.say(Health{Text: err.Error()})
	case ctx.Err() == nil:
		t.say(Health{Text: "the input ended"})
	}
	return err
}
