//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// spent is what a program that has ended took.
type spent struct{ cpu, wall time.Duration }

// runOn runs cmd to its end: on all cores, or on one only, as sched_setaffinity
// binds it. An exit status of 1 is no failure: grep's, when nothing matched.
func runOn(cmd *exec.Cmd, one bool) (spent, error) {
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr // by a pipe: grep stops at the first match if its output is /dev/null
	began := time.Now()
	if err := startOn(cmd, one); err != nil {
		return spent{}, err
	}
	err := cmd.Wait()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) && e.ExitCode() == 1 && stderr.Len() == 0 {
		err = nil
	}
	if err != nil {
		return spent{}, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	s := cmd.ProcessState
	return spent{cpu: s.UserTime() + s.SystemTime(), wall: time.Since(began)}, nil
}

// startOn starts cmd. A child inherits the cores of the thread that forks it.
func startOn(cmd *exec.Cmd, one bool) error {
	if !one {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, last unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	for core := range 1024 { // the last one: interrupts mostly go to the first
		if all.IsSet(core) {
			last.Zero()
			last.Set(core)
		}
	}
	if err := unix.SchedSetaffinity(0, &last); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	defer unix.SchedSetaffinity(0, &all)
	return cmd.Start()
}
