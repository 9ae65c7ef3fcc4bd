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
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// roleFlag makes this binary a part of the bench instead of the bench.
const roleFlag = "--bench-role"

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

func isRole(args []string) bool { return len(args) == 4 && args[1] == roleFlag }

// roleTime ends a server or generator that somebody forgot.
const roleTime = 15 * time.Minute

// role is a process of the bench: "server PORTS" or "load JOB".
func role(args []string) int {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	time.AfterFunc(roleTime, func() { os.Exit(3) })
	var err error
	switch args[0] {
	case "server":
		raiseFiles()
		n, _ := strconv.Atoi(args[1])
		err = serve(max(n, 1))
	case "load":
		var j job
		if err = json.Unmarshal([]byte(args[1]), &j); err == nil {
			var r result
			if r, err = generate(j); err == nil {
				err = json.NewEncoder(os.Stdout).Encode(r)
			}
		}
	default:
		err = fmt.Errorf("no role %q", args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench", args[0]+":", err)
		return 1
	}
	return 0
}

// options are the flags.
type options struct {
	quick bool
	json  string
	wstap string
	only  []string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&o.quick, "quick", false, "one short round: that it works, not how fast it is")
	f.StringVar(&o.json, "json", "", "write the numbers of every round to `FILE` too")
	f.StringVar(&o.wstap, "wstap", "", "measure this `BINARY` instead of building ./cmd/wstap")
	only := f.String("only", "", "comma-separated `LOADS`: "+strings.Join(groupNames(), ", "))
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "wstap-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.wstap == "" {
		o.wstap = filepath.Join(dir, "wstap")
		if err := build(ctx, o.wstap, o.quick); err != nil {
			return err
		}
	}
	b := &bench{self: self, wstap: o.wstap, dir: dir, quick: o.quick, progress: stderr}
	doc := document{Machine: describe(), LoadBefore: loadAverage(), Began: time.Now().Round(time.Second)}
	if doc.Results, err = b.measureAll(ctx, o.only); err != nil {
		return err
	}
	doc.Took, doc.LoadAfter = time.Since(doc.Began).Round(time.Second).String(), loadAverage()
	doc.Rows = rowsOf(doc.Results, runtime.NumCPU())
	if o.json != "" {
		if err := writeJSON(o.json, &doc); err != nil {
			return err
		}
	}
	return printTable(stdout, &doc, o.quick)
}

// build makes wstap as `make build` does; a quick run takes what the build
// cache has for the tests.
func build(ctx context.Context, file string, quick bool) error {
	const pkg = "github.com/wstap/wstap/cmd/wstap"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if quick {
		cmd = exec.CommandContext(ctx, "go", "build", "-o", file, pkg)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/wstap: %w\n%s", err, out)
	}
	return nil
}

func writeJSON(file string, doc *document) error {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
