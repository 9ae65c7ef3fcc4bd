package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/logparse/follow"
	"github.com/wstap/wstap/report"
)

type logsOptions struct {
	json     bool
	follow   bool
	timezone string
	runFor   time.Duration
}

func logsCommand() *cobra.Command {
	var o logsOptions
	c := &cobra.Command{
		Use:   "logs FILE|- ...",
		Short: "parse nginx error logs: findings and a summary, or every entry as NDJSON",
		Long: `Parses error logs of nginx, also as docker, kubectl, journald or syslog deliver them, and prints what they say
is wrong, with fixes, and a summary by kind, level, upstream, target and time, or with --json every entry. Ctrl-C
ends it early and prints what was read until then. The lines are printed as they are: nothing is redacted here.`,
		Example: `  wstap logs /var/log/nginx/error.log
  docker logs nginx 2>&1 | wstap logs - --json | jq 'select(.kind=="upstream_timed_out")'`,
		Args: needs("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return runLogs(c.OutOrStdout(), args, o) },
	}
	c.Flags().BoolVar(&o.json, "json", false, "one JSON object a line")
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on as the file grows (one source); Ctrl-C ends")
	c.Flags().StringVar(&o.timezone, "log-timezone", "", "zone of the log's stamps (default: local)")
	c.Flags().DurationVar(&o.runFor, "for", 0, "with --follow: stop after this time")
	return c
}

func runLogs(out io.Writer, files []string, o logsOptions) error {
	loc, err := zoneOf(o.timezone)
	if err != nil {
		return err
	}
	if o.follow && len(files) > 1 {
		return usagef("--follow takes one source, got %d", len(files))
	}
	p := &logPrinter{out: bufio.NewWriterSize(out, 64<<10), opts: o, loc: loc}
	if o.follow {
		err = p.follow(files[0])
	} else {
		err = p.read(files)
	}
	if e := p.out.Flush(); err == nil {
		err = e
	}
	return err
}

// logPrinter prints or counts the entries of logs.
type logPrinter struct {
	out  *bufio.Writer
	opts logsOptions
	loc  *time.Location
	buf  []byte
	err  error // of the output: a closed pipe ends the following
}

// read parses files one after the other; one that fails does not stop the others.
func (p *logPrinter) read(files []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // the second signal does what it would do to any program
	defer debug.SetGCPercent(debug.SetGCPercent(logsGCPercent))
	k := &logReading{loc: p.loc, out: p.out, progress: newLogProgress(files, p.opts.json)}
	if !p.opts.json {
		k.sum = logparse.NewSummary(p.loc)
		k.scan = diagnose.NewLogScan(diagnose.Options{})
	}
	failed := k.readFiles(ctx, files)
	k.progress.clear()
	var said string
	if ctx.Err() != nil {
		said = "interrupted after " + k.progress.part()
		fmt.Fprintln(os.Stderr, "wstap: "+said)
	}
	if err := p.summary(k, said); err != nil && failed == nil {
		return err
	}
	switch {
	case failed != nil && k.lines > 0:
		return partial{failed}
	case failed == nil && ctx.Err() == nil && k.lines > 0 && k.entries == 0:
		return partial{hint(errNoEntry, "error_log names the file; an access log is not read")}
	}
	return failed
}

// logsGCPercent trades memory for time: all that is thrown away while a log is
// read are its blocks, and what stays is little.
const logsGCPercent = 400

// summary prints what was counted; said stands above it.
func (p *logPrinter) summary(k *logReading, said string) error {
	if k.sum == nil || k.lines == 0 {
		return nil
	}
	k.scan.Conclude()
	return report.LogText(p.out, k.sum, report.Options{Source: said, Findings: k.scan.Findings()})
}

var errNoEntry = errors.New("no line of the input is an entry of an nginx error log")

// readFiles gives the first error, after the last file.
func (k *logReading) readFiles(ctx context.Context, files []string) (failed error) {
	for _, name := range files {
		if ctx.Err() != nil || k.err != nil {
			break
		}
		if err := k.readFile(ctx, name); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

func (k *logReading) readFile(ctx context.Context, name string) error {
	if name == "-" {
		return k.read(ctx, os.Stdin, "")
	}
	f, err := os.Open(name)
	if err != nil {
		return hint(err, "give the path of an nginx error log, or - for standard input")
	}
	defer f.Close()
	return k.read(ctx, f, name)
}

// follow prints a source as it grows, until a signal.
func (p *logPrinter) follow(spec string) error {
	stop := newStopper(p.opts.runFor, ends)
	defer stop.close()
	ctx, cancel := context.WithCancel(stop.first)
	defer cancel()
	// Lines are not left out here, so a reader that does not read holds us up:
	// the second signal does what it would do to any program.
	defer context.AfterFunc(stop.first, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })()
	parser := logparse.Parser{File: spec}
	trouble := firstTrouble{spec: spec, out: os.Stderr}
	source, err := follow.Source(spec, true, func(line []byte, _ time.Time) {
		parser.Line(line, p.entry)
		if e := p.out.Flush(); e != nil || p.err != nil {
			cancel() // nobody reads us any more
		}
	}, trouble.health)
	if err != nil {
		return err
	}
	err = source.Run(ctx)
	parser.Flush(p.entry)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// entry prints an entry of a log that is followed.
func (p *logPrinter) entry(e *logparse.Entry) {
	switch {
	case p.err != nil:
	case p.opts.json:
		p.buf = append(e.AppendJSON(p.buf[:0], p.loc), '\n')
		_, p.err = p.out.Write(p.buf)
	default:
		_, p.err = fmt.Fprintln(p.out, printable.String(e.Raw))
	}
}

// firstTrouble says once why no lines come: somebody waits for them.
type firstTrouble struct {
	spec string
	out  io.Writer
	said bool
}

func (t *firstTrouble) health(h follow.Health) {
	if !h.OK && !t.said {
		t.said = true
		fmt.Fprintf(t.out, "wstap: log %s: %s\n", printable.String(t.spec), printable.String(h.Text))
	}
}
