package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/logparse/follow"
	"github.com/wstap/wstap/monitor"
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
is wrong, with fixes, and a summary by kind, level, upstream, target and time, or with --json every entry. The
lines are printed as they are: nothing is redacted here.`,
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
	p := &logPrinter{out: bufio.NewWriterSize(out, 64<<10), opts: o, loc: loc, sum: logparse.NewSummary(loc)}
	if !o.json && !o.follow {
		p.scan = diagnose.NewLogScan(diagnose.Options{})
	}
	if o.follow {
		err = p.follow(files[0])
	} else {
		err = p.read(files)
	}
	if e := p.finish(); err == nil {
		err = e
	}
	return err
}

// logPrinter prints or counts the entries of logs.
type logPrinter struct {
	out  *bufio.Writer
	opts logsOptions
	loc  *time.Location
	sum  *logparse.Summary
	buf  []byte
	err  error // of the output: a closed pipe ends the reading

	scan *diagnose.Scan // of a summary: what the log alone says is wrong
}

func (p *logPrinter) entry(e *logparse.Entry) {
	p.sum.Add(e)
	if p.err != nil {
		return
	}
	switch {
	case p.opts.json:
		p.buf = append(e.AppendJSON(p.buf[:0], p.loc), '\n')
		_, p.err = p.out.Write(p.buf)
	case p.opts.follow:
		_, p.err = fmt.Fprintln(p.out, printable.String(e.Raw))
	default:
		p.scan.Line(e, monitor.TimeOf(e.Time(p.loc)))
	}
}

// read parses files one after the other; one that fails does not stop the others.
func (p *logPrinter) read(files []string) error {
	var failed error
	for _, name := range files {
		if err := p.readOne(name); err != nil && failed == nil {
			failed = err
		}
	}
	switch {
	case failed != nil && p.sum.Lines > 0:
		return partial{failed}
	case failed == nil && p.sum.Lines > 0 && p.sum.Parsed == 0:
		return partial{hint(errNoEntry, "error_log names the file; an access log is not read")}
	}
	return failed
}

var errNoEntry = errors.New("no line of the input is an entry of an nginx error log")

func (p *logPrinter) readOne(name string) error {
	if name == "-" {
		return logparse.Read(os.Stdin, "", p.entry)
	}
	f, err := os.Open(name)
	if err != nil {
		return hint(err, "give the path of an nginx error log, or - for standard input")
	}
	defer f.Close()
	if err := logparse.Read(f, name, p.entry); err != nil {
		return err
	}
	return nil
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

func (p *logPrinter) finish() error {
	if p.scan != nil && p.sum.Lines > 0 {
		p.scan.Conclude()
		if err := report.LogText(p.out, p.sum, report.Options{Findings: p.scan.Findings()}); err != nil {
			return err
		}
	}
	return p.out.Flush()
}
