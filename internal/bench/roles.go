//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// roleFlag makes this binary a part of the bench instead of the bench.
const roleFlag = "--bench-role"

func isRole(args []string) bool { return len(args) == 4 && args[1] == roleFlag }

// forgottenAfter ends the processes of a bench that did not end them.
const forgottenAfter = 15 * time.Minute

// role is a process of the bench: what it is, and its job as JSON.
func role(args []string) int {
	if err := play(args[0], []byte(args[1])); err != nil {
		fmt.Fprintln(os.Stderr, "bench", args[0]+":", err)
		return 1
	}
	return 0
}

func play(what string, arg []byte) error {
	switch what {
	case "server": // ends with its standard input
		return perform(arg, serve)
	case "load":
		return perform(arg, generate)
	case "look": // likewise
		var j lookJob
		if err := json.Unmarshal(arg, &j); err != nil {
			return err
		}
		return look(j)
	case "parse":
		return perform(arg, parseLog)
	case "state":
		return perform(arg, weighCrowd)
	case "record":
		return perform(arg, makeRecording)
	case "replay":
		return perform(arg, replay)
	case "soak":
		var j soakJob
		if err := json.Unmarshal(arg, &j); err != nil {
			return err
		}
		return soak(j)
	}
	return fmt.Errorf("no role %q", what)
}

// oneThread makes this process one that drives its sockets by itself, on one core.
func oneThread() {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	raiseFiles()
}

// perform does a job that comes as JSON and prints its result as JSON.
func perform[J, R any](arg []byte, do func(J) (R, error)) error {
	var j J
	if err := json.Unmarshal(arg, &j); err != nil {
		return err
	}
	r, err := do(j)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// askRole runs a role to its end and reads its result.
func (b *bench) askRole(ctx context.Context, what string, job, result any) error {
	arg, err := json.Marshal(job)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, b.self, roleFlag, what, string(arg)).Output()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return fmt.Errorf("%s: %w: %s", what, err, e.Stderr)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(out, result)
}
