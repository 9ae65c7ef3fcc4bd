package follow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Command delivers the lines that a shell command writes, to standard output
// and standard error, and starts it again when it ends.
type Command struct {
	Command  string        // run by /bin/sh -c, in a process group of its own
	MinWait  time.Duration // before the second start; 1 s; doubled up to MaxWait
	MaxWait  time.Duration // 30 s
	OnLine   func(line []byte, at time.Time)
	OnHealth func(Health)
}

const (
	defaultMinWait = time.Second
	defaultMaxWait = 30 * time.Second
	longRun        = time.Minute     // a command that ran so long starts again after MinWait
	termGrace      = 2 * time.Second // between SIGTERM and SIGKILL
	pipeGrace      = time.Second     // for what is still in the pipe when the command has ended
)

// Run runs the command, again and again, until ctx is done. It has killed the
// whole group when it returns.
func (c *Command) Run(ctx context.Context) error {
	t := teller{tell: c.OnHealth}
	least, most := orDefault(c.MinWait, defaultMinWait), orDefault(c.MaxWait, defaultMaxWait)
	wait := least
	for ctx.Err() == nil {
		t.say(Health{OK: true, Text: "running"})
		began := time.Now()
		end := c.once(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > longRun {
			wait = least
		}
		t.say(Health{Text: fmt.Sprintf("the command ended (%s); next try in %v", end, wait)})
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, most)
	}
	return nil
}

// once runs the command to its end and says how it ended.
func (c *Command) once(ctx context.Context) string {
	r, w, err := os.Pipe()
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", c.Command)
	cmd.Stdout, cmd.Stderr = w, w // one pipe: lines stay in order
	ownGroup(cmd)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err.Error()
	}
	ended := make(chan string, 1)
	go func() { ended <- c.reap(ctx, cmd, r) }()
	if err := ReadLines(ctx, r, c.OnLine); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		terminate(cmd, true) // it could only block on a pipe that nobody reads
	}
	return <-ended
}

// reap waits for the end of the command, brings it about when ctx is done, and
// sees to it that nothing of its group is left.
func (c *Command) reap(ctx context.Context, cmd *exec.Cmd, r *os.File) string {
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	var err error
	select {
	case err = <-exited:
	case <-ctx.Done():
		terminate(cmd, false)
		select {
		case err = <-exited:
		case <-time.After(termGrace):
			terminate(cmd, true)
			err = <-exited
		}
	}
	terminate(cmd, true) // what the shell left in the background
	_ = r.SetReadDeadline(time.Now().Add(pipeGrace))
	if err != nil {
		return err.Error()
	}
	return "exit status 0"
}
