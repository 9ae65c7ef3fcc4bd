//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// profileTime is how long each load lasts under a tool.
const profileTime = 5 * time.Second

// runProfiles looks at wstap recording under each load: where its CPU time
// goes, by perf, and which system calls an operation takes, by strace.
func (b *bench) runProfiles(ctx context.Context, stdout io.Writer) error {
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	profiled := 0
	for _, g := range groups() {
		if !b.wants(g.name) || g.job.Load == "idle" {
			continue
		}
		profiled++
		g.job.For, g.job.Most = profileTime, 0
		if err := b.profileLoad(ctx, g, stdout); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	if b.wants(viewersName) {
		profiled++
		if err := b.profileViewers(ctx, stdout); err != nil {
			return fmt.Errorf("%s: %w", viewersName, err)
		}
	}
	if profiled == 0 {
		return errors.New("-profile: these loads have no proxy that is busy; go test -cpuprofile shows what packages do")
	}
	return nil
}

func (b *bench) profileLoad(ctx context.Context, g group, stdout io.Writer) error {
	s, err := b.newStack(filepath.Join(b.dir, g.name))
	if err != nil {
		return err
	}
	defer s.stop()
	return b.profileWay(ctx, s, recorded, g.job, filepath.Join(b.profile, g.name), stdout)
}

// profileWay looks at the proxy of one way.
func (b *bench) profileWay(ctx context.Context, s *stack, way string, j job, file string, stdout io.Writer) error {
	if err := b.perf(ctx, s, way, j, file); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s.perf.txt, %s.perf.data: CPU time, by perf\n", file, file)
	if err := b.strace(ctx, s, way, j, file+".syscalls.txt"); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s.syscalls.txt: system calls, by strace\n", file)
	return nil
}

// perf samples the tap's stacks by the clock, which a virtual machine has too.
// Go keeps frame pointers, so the stacks are whole.
func (b *bench) perf(ctx context.Context, s *stack, way string, j job, file string) error {
	data := file + ".perf.data"
	_, err := b.under(ctx, s, way, j, func(pid string) *exec.Cmd {
		return exec.Command("perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-g", "-o", data, "-p", pid)
	}, nil)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, how := range [][]string{{"--no-children", "-g", "none"}, {"--children", "-g", "none"}, {"--no-children", "-g", "caller,0.5,callee"}} {
		fmt.Fprintf(&text, "perf report %s\n", strings.Join(how, " "))
		out, err := exec.CommandContext(ctx, "perf", append([]string{"report", "--stdio", "--percent-limit", "0.3", "-i", data}, how...)...).Output()
		if err != nil {
			return fmt.Errorf("perf report: %w", err)
		}
		for line := range strings.Lines(string(out)) {
			if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
				text.WriteString(line)
			}
		}
	}
	return os.WriteFile(file+".perf.txt", []byte(text.String()), 0o644)
}

// strace counts system calls; the load is slower under it, but does the same.
func (b *bench) strace(ctx context.Context, s *stack, way string, j job, file string) error {
	j.Warm = 0 // its calls would count
	r, err := b.under(ctx, s, way, j, func(pid string) *exec.Cmd {
		return exec.Command("strace", "-c", "-f", "-U", "calls,errors,name", "-o", file, "-p", pid)
	}, tracedBy)
	if err != nil {
		return err
	}
	table, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(callsPerOp(string(table), r.Ops)), 0o644)
}

// callsPerOp adds to strace's table how many calls an operation took.
func callsPerOp(table string, ops uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d operations; the calls that opened their conns count, too\n", ops)
	for line := range strings.Lines(table) {
		per := "   per op"
		if f := strings.Fields(line); len(f) > 0 {
			if n, err := strconv.ParseFloat(f[0], 64); err == nil {
				per = fmt.Sprintf("%9.3f", n/float64(max(ops, 1)))
			} else if strings.HasPrefix(f[0], "-") {
				per = "---------"
			}
		}
		b.WriteString(per + " " + line)
	}
	return b.String()
}

// tracedBy says that some process traces pid.
func tracedBy(pid int) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return numberAfter(status, "\nTracerPid:") != 0
}

// under runs a load through the proxy of a way while tool looks at it, from the
// time when it is attached.
func (b *bench) under(ctx context.Context, s *stack, way string, j job, tool func(pid string) *exec.Cmd, attached func(pid int) bool) (r result, err error) {
	pid := s.routes[way].proxy
	cmd := tool(strconv.Itoa(pid))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return r, fmt.Errorf("a profile needs %s: %w", cmd.Args[0], err)
	}
	if attached != nil {
		err = await(cmd.Args[0]+" attaching", nil, func() bool { return attached(pid) })
	}
	if err == nil {
		r, err = s.measure(ctx, b.self, way, j)
	}
	cmd.Process.Signal(syscall.SIGINT) // on which both write what they have
	// Both end by the signal that ended them, or with a status that says so.
	if e := cmd.Wait(); err == nil && e != nil && !errors.As(e, new(*exec.ExitError)) {
		err = fmt.Errorf("%s: %w: %s", cmd.Args[0], e, said.String())
	}
	return r, err
}
