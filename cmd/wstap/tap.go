package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wstap/wstap/observe"
	"github.com/wstap/wstap/report"
	"github.com/wstap/wstap/tap"
)

func tapCommand() *cobra.Command {
	var o liveOptions
	c := &cobra.Command{
		Use:   "tap TAP ...", // fang takes brackets in here apart
		Short: "tap live connections, in front of nginx, behind it, or both",
		Long: `A TAP is [LEG[:NAME]@]LISTEN=UPSTREAM: wstap listens at LISTEN, passes every byte on to UPSTREAM and
back, unchanged, and watches.

LEG is front (between clients and nginx) or back (between nginx and a server).
LISTEN is HOST:PORT, :PORT, [IPv6]:PORT or unix:/PATH; UPSTREAM is HOST:PORT,
http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH. Without LEG the nginx configuration tells (--nginx-conf), else one
tap is front; two are front and back.

A back tap disturbs nothing but one address in a proxy_pass; a front tap makes nginx see one
client address for all. Only connections opened from now on pass through a new tap.

With --headless the traffic goes on whatever happens to standard output: lines that find no reader
are left out and counted, and a closed pipe ends the lines, not the tap.`,
		Example: `  # behind nginx: proxy_pass http://127.0.0.1:9000 instead of the app at 8080
  wstap tap back@127.0.0.1:9000=127.0.0.1:8080 --error-log /var/log/nginx/error.log

  # on both sides, with nginx's proxy_read_timeout, recorded
  wstap tap front@:8000=127.0.0.1:80 back@127.0.0.1:9000=127.0.0.1:8080 --read-timeout 75s --capture incident.mcap`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint(usagef("tap: no LISTEN=UPSTREAM given"), "for example: wstap tap back@127.0.0.1:9000=127.0.0.1:8080")
			}
			o.source, o.title = "tap", "tap"
			return runTap(c, o, args)
		},
	}
	addLiveFlags(c.Flags(), &o)
	c.Flags().StringArrayVar(&o.errorLogs, "error-log", nil, "follow nginx's error log: FILE, - or exec:COMMAND (repeatable)")
	c.Flags().StringVar(&o.logTimezone, "log-timezone", "", "zone of the log's stamps (default: local)")
	c.Flags().StringVar(&o.nginxConf, "nginx-conf", "", "nginx.conf, or the output of nginx -T: limits, legs and findings come from it")
	c.Flags().StringVar(&o.nginxVersion, "nginx-version", "", "version of nginx, which selects its defaults (default: as its log says at start)")
	c.Flags().DurationVar(&o.readTimeout, "read-timeout", 0, "nginx's proxy_read_timeout for these connections (default: 60s assumed)")
	c.Flags().StringArrayVar(&o.hops, "hop", nil, "another proxy on the way, with its own limits (repeatable): "+hopNames())
	c.Flags().DurationVar(&o.drain, "drain-timeout", 10*time.Second, "how long to wait for connections at the end")
	c.Flags().DurationVar(&o.dial, "dial-timeout", tap.DefaultDialTimeout, "how long an upstream may take to accept")
	c.Flags().DurationVar(&o.keepAlive, "tcp-keepalive", 0, "send TCP keepalive probes (default: off, as if wstap were not there)")
	addSpecFlags(c.Flags(), &o)
	addServeFlags(c.Flags(), &o.serving)
	addRelayFlags(c.Flags(), &o)
	c.Flags().IntVar(&o.maxConns, "max-conns", observe.DefaultMaxConns, "connections decoded at a time; more are relayed and counted")
	return c
}

// addSpecFlags adds the flags that belong to one tap each.
func addSpecFlags(f *pflag.FlagSet, o *liveOptions) {
	o.specFlags = map[string]*[]string{}
	for _, opt := range tap.SpecOptions() {
		values := new([]string)
		o.specFlags[opt.Flag] = values
		usage := opt.Usage + " ([NAME:]FILE)"
		if opt.Switch {
			usage = opt.Usage + " (=NAME for one tap)"
		}
		f.StringArrayVar(values, opt.Flag, nil, usage)
		if opt.Switch {
			f.Lookup(opt.Flag).NoOptDefVal = tap.AllTaps
		}
	}
}

// applySpecFlags gives the taps what the flags say of them.
func (o *liveOptions) applySpecFlags(specs []tap.Spec) error {
	for _, opt := range tap.SpecOptions() {
		if err := tap.SetOptions(specs, opt.Flag, *o.specFlags[opt.Flag]); err != nil {
			return usagef("%v", err)
		}
	}
	if err := tap.CheckOptions(specs); err != nil {
		return usagef("%v", err)
	}
	return nil
}

// addLiveFlags adds the flags that tap and demo share.
func addLiveFlags(f *pflag.FlagSet, o *liveOptions) {
	f.BoolVar(&o.headless, "headless", false, "no dashboard: a line for each event, a summary at the end")
	f.BoolVar(&o.json, "json", false, "with --headless: events as NDJSON on standard output")
	f.DurationVar(&o.runFor, "for", 0, "stop after this time")
	f.StringVar(&o.capture, "capture", "", "record to FILE (MCAP)")
	o.looks.flags(f)
}

func (o *liveOptions) check() error {
	switch {
	case o.capture != "" && o.noCapture:
		return usagef("--capture and --no-capture: choose one")
	case o.json && !o.headless:
		return hint(usagef("--json goes with --headless"), "add --headless, or leave --json away")
	case o.runFor < 0:
		return usagef("--for %s: want a positive duration", o.runFor)
	case o.readTimeout < 0:
		return usagef("--read-timeout %s: want a positive duration", o.readTimeout)
	case o.nginxVersion != "" && o.nginxConf == "":
		return hint(usagef("--nginx-version goes with --nginx-conf"), "it selects the defaults of what the configuration does not say")
	case o.maxConns < 0:
		return usagef("--max-conns %d: want a positive number", o.maxConns)
	case o.drain < 0:
		return usagef("--drain-timeout %s: want a positive duration or 0", o.drain)
	case !o.headless && !o.hasTerminal():
		return hint(errNoTerminal, "add --headless for lines, --headless --json for NDJSON")
	}
	if err := o.serving.check(); err != nil {
		return err
	}
	return checkHops(o.hops)
}

var errNoTerminal = errors.New("the dashboard needs a terminal, and standard input or output is none")

// hasTerminal says that a dashboard can be shown; with --error-log - the keys
// come from the terminal itself, not from standard input.
func (o *liveOptions) hasTerminal() bool {
	if slices.Contains(o.errorLogs, "-") {
		return isTerminal(os.Stdout)
	}
	return isTerminal(os.Stdin, os.Stdout)
}

// terminalWidth is the width of a terminal, or 0.
func terminalWidth(f *os.File) int {
	w, _, err := term.GetSize(f.Fd())
	if err != nil {
		return 0
	}
	return w
}

// outputWidth is the width of a terminal that is written to, or 0.
func outputWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		return terminalWidth(f)
	}
	return 0
}

func isTerminal(files ...*os.File) bool {
	for _, f := range files {
		if !term.IsTerminal(f.Fd()) {
			return false
		}
	}
	return true
}

// runTap taps: in this process without a screen, else in a relay of its own that
// the screen attaches to.
func runTap(c *cobra.Command, o liveOptions, args []string) error {
	o.asRelay()
	if o.relay != nil {
		return o.relay.report(tapHere(c, o, args))
	}
	if err := o.check(); err != nil {
		return err
	}
	switch {
	case !o.headless && !o.foreground:
		return tapInBackground(c, o)
	case o.headless:
		o.asService()
	}
	return tapHere(c, o, args)
}

func tapHere(c *cobra.Command, o liveOptions, args []string) error {
	var err error
	if o.nginxConf != "" {
		if o.conf, err = newConf(o.nginxConf, o.nginxVersion); err != nil {
			return err
		}
	}
	specs, err := tap.ParseSpecs(args, o.conf.role)
	if err != nil {
		return err
	}
	if err := o.applySpecFlags(specs); err != nil {
		return err
	}
	l, err := newLive(o)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.listen(specs); err != nil {
		return err
	}
	return l.run(c.OutOrStdout(), nil)
}

// run drives a live session from start to summary. extra, if any, runs along
// until its context is done. What is printed goes through a lineWriter: neither
// the feed nor the end may wait for a reader.
func (l *live) run(out io.Writer, extra func(context.Context)) error {
	defer outliveReader()()
	l.out = newLineWriter(out)
	l.feed.Collect(l.out.tell(l.feed.Emit, l.hub.Instance))
	err := l.session(!l.opts.looks.noColor && colorful(out), extra)
	if e := l.out.Close(outPatience); err == nil && e != nil {
		err = partial{e}
	}
	return err
}

func (l *live) session(color bool, extra func(context.Context)) error {
	face := l.screen
	if l.opts.headless {
		face = l.wait
		l.addLines(color)
	}
	if err := l.start(); err != nil {
		return err
	}
	l.announce()
	stop := newStopper(l.opts.runFor, l.opts.hangup)
	defer stop.close()
	l.opts.relay.ready(l)
	l.serve.controls(l, stop)
	stopExtra := runAlong(extra)
	err := face(stop.first)
	stop.leave()
	l.drainOrStop(stop)
	stopExtra()
	if e := l.close(); err == nil && e != nil {
		err = partial{fmt.Errorf("the recording is not complete: %w", e)}
	}
	if !l.opts.json {
		l.summarize()
	}
	return err
}

// runAlong starts fn and returns what ends it and waits for it.
func runAlong(fn func(context.Context)) func() {
	if fn == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(ctx)
	}()
	return func() { cancel(); <-done }
}

// wait is the face without a screen.
func (l *live) wait(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// drainOrStop waits for the connections that pass, until the drain timeout or
// a second signal, and ends those that are left. What runs along ends after
// that: its own end is not what the summary is about.
func (l *live) drainOrStop(stop *stopper) {
	ctx, cancel := context.WithTimeout(stop.second, l.drainLimit())
	defer cancel()
	l.drainUntil(ctx)
	l.Stop()
}

// addLines prints what happens, as text or NDJSON.
func (l *live) addLines(color bool) {
	if l.opts.relay != nil {
		return // a log that grows with the traffic would fill the disk
	}
	if l.opts.json {
		l.feed.AddWriter(&ndjson{w: l.out})
		return
	}
	l.feed.AddWriter(report.NewLines(l.out, report.Options{Source: l.opts.source, Color: color}))
}

// colorful says that w is a terminal which wants colours.
func colorful(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// announce says where the taps listen: a chosen port can be found nowhere else.
func (l *live) announce() {
	if !l.opts.headless || l.opts.json {
		return
	}
	for _, t := range l.taps() {
		name := t.Name
		if name != string(t.Role) {
			name += " (" + string(t.Role) + ")"
		}
		fmt.Fprintf(l.out, "tap %s listens at %s, upstream %s\n", name, t.Listen, t.Upstream)
	}
	for _, n := range l.notes() {
		fmt.Fprintln(l.out, "note:", n)
	}
	for _, w := range l.serve.words() {
		fmt.Fprintln(l.out, w)
	}
}
