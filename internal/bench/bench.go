//go:build linux

// Package main is `make bench`: wstap against nginx, side by side in one run.
//
// A generator and a server of low own cost, each a process of its own that this
// binary runs as, drive the same loads directly, through nginx with one worker,
// through wstap, and through wstap recording, in interleaved rounds. What is
// compared is the CPU time of the proxy's process for each operation, its memory
// for each conn, and the time it adds. The goals are those of design §14.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if isRole(os.Args) {
		os.Exit(role(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	b, err := newBench(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer b.close()
	switch {
	case o.soak > 0:
		return b.runSoak(ctx, stdout)
	case o.profile != "":
		return b.runProfiles(ctx, stdout)
	}
	return b.runLoads(ctx, stdout)
}

// runLoads runs the programme and prints its tables.
func (b *bench) runLoads(ctx context.Context, stdout io.Writer) (err error) {
	doc := document{Machine: describe(b.others), Absent: b.absent, LoadBefore: loadAverage(), Began: time.Now().Round(time.Second)}
	if doc.Results, err = b.measureAll(ctx); err != nil {
		return err
	}
	doc.Rows = rowsOf(doc.Results, runtime.NumCPU())
	viewed, err := b.measureViewers(ctx)
	if err != nil {
		return err
	}
	if viewed != nil {
		doc.Results[viewersName], doc.Viewers = viewed, viewerRows(viewed, runtime.NumCPU())
	}
	if doc.Local, err = b.measureLocal(ctx); err != nil {
		return err
	}
	doc.Took, doc.LoadAfter = time.Since(doc.Began).Round(time.Second).String(), loadAverage()
	if b.json != "" {
		if err := writeJSON(b.json, &doc); err != nil {
			return err
		}
	}
	return printTables(stdout, &doc, b.quick)
}

// newBench makes its folder and builds wstap.
func newBench(ctx context.Context, o options, progress io.Writer) (b *bench, err error) {
	b = &bench{options: o, progress: progress}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if o.against != "" {
		if b.against, err = exec.LookPath(o.against); err != nil {
			return nil, fmt.Errorf("-against: %w", err)
		}
	}
	if o.wantsPeers() {
		b.others, b.absent = findPeers()
	}
	if b.dir, err = os.MkdirTemp("", "wstap-bench-"); err != nil {
		return nil, err
	}
	if o.wstap == "" {
		b.wstap = filepath.Join(b.dir, "wstap")
		if err := build(ctx, b.wstap, o.quick); err != nil {
			b.close()
			return nil, err
		}
	}
	return b, nil
}

func (b *bench) close() { os.RemoveAll(b.dir) }

// build makes wstap as `make build` does; a quick run takes what the build
// cache has for the tests.
func build(ctx context.Context, file string, quick bool) error {
	args := []string{"build", "-trimpath", "-o", file, module + "/cmd/wstap"}
	env := append(os.Environ(), "CGO_ENABLED=0")
	if quick {
		args, env = slices.Delete(args, 1, 2), nil
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/wstap: %w\n%s", err, out)
	}
	return nil
}

// moduleRoot is where our sources are: the bench builds and tests them.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("run the bench inside the module: go list: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

const module = "github.com/wstap/wstap"

func writeJSON(file string, doc any) error {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
