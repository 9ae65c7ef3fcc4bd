package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/observe"
	"github.com/wstap/wstap/report"
	"github.com/wstap/wstap/tap"
	"github.com/wstap/wstap/tui"
)

// live is everything that runs while wstap taps: the owner of all sources, the
// feed, the recording and the face. Its methods are called in the order in
// which they stand here.
type live struct {
	opts  liveOptions
	clock *clock
	hub   *observe.Hub
	feed  *feed.Feed
	tap   []*tap.Server
	logs  []*logSource
	rec   *capture.Writer
	redac *redact.Redactor
	out   *lineWriter // standard output; its reader may have stopped reading
	serve *serving    // nil: nobody can attach or scrape

	sendsProxy map[string]bool // the names of the taps that send the PROXY protocol

	sources  sync.WaitGroup // log sources, and who reads the configuration again
	stopLogs context.CancelFunc
	feeding  sync.WaitGroup
	stopFeed context.CancelFunc
	ending   sync.Once
}

// liveOptions are the flags common to tap and demo.
type liveOptions struct {
	errorLogs   []string
	logTimezone string
	readTimeout time.Duration
	hops        []string
	specFlags   map[string]*[]string // values of the flags of one tap each
	serving     serveOptions
	noCapture   bool
	foreground  bool        // screen and relay in one process
	relayLog    *string     // the flag that makes this process a relay in the background
	relay       *relayChild // nil: it is none
	listed      bool        // wstap attach finds it on this machine
	keptShort   bool        // the recording is only what a relay keeps

	nginxConf, nginxVersion string
	conf                    *conf // nil: not known
	capture                 string
	headless                bool
	json                    bool
	runFor                  time.Duration
	drain                   time.Duration
	dial                    time.Duration
	keepAlive               time.Duration
	maxConns                int
	hangup                  onHangup
	notes                   []string
	looks                   screenLooks
	source                  string // for the summary
	title                   string // for the dashboard
}

func newLive(o liveOptions) (*live, error) {
	loc, err := zoneOf(o.logTimezone)
	if err != nil {
		return nil, err
	}
	l := &live{opts: o, clock: newClock(), sendsProxy: map[string]bool{}, redac: redact.New(randomBytes(32))}
	l.feed = feed.New(l.clock.Now, monitor.Bounds{})
	l.hub = &observe.Hub{
		Instance: monitor.Instance(binary.LittleEndian.Uint64(randomBytes(8))),
		Emit:     l.feed.Emit, Redact: l.redac, MaxConns: o.maxConns,
		Records: o.capture != "" || !o.headless, // the screen shows the last frames
	}
	l.feed.Collect(l.hub.Collect)
	l.feed.Collect(l.clock.check(l.feed.Emit, l.hub.Instance))
	if o.conf != nil {
		o.conf.live = l
		l.feed.AddWriter(o.conf)
	}
	for _, spec := range o.errorLogs {
		s, err := newLogSource(spec, l.head(), l.clock.Now, loc, l.redac, l.feed.Emit)
		if err != nil {
			return nil, err
		}
		l.logs = append(l.logs, s)
	}
	return l, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

func zoneOf(name string) (*time.Location, error) {
	if name == "" || name == "local" {
		return time.Local, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, hint(usagef("--log-timezone %q: %v", name, err), `want a name like "Europe/Berlin", "UTC" or "local"`)
	}
	return loc, nil
}

func (l *live) head() monitor.Header {
	return monitor.Header{At: l.clock.Now(), Tap: l.hub.Instance}
}

// listen opens the taps, before anything else is started. Who connects now
// waits in the kernel until start: a conn must not come before the hello.
func (l *live) listen(specs []tap.Spec) error {
	s := tap.New(l.hub, specs, tap.Options{
		DialTimeout: l.opts.dial, KeepAlive: l.opts.keepAlive, OnHealth: l.tapHealth,
	}, l.clock.Now)
	if err := s.Listen(); err != nil {
		return err
	}
	l.tap = append(l.tap, s)
	for _, spec := range specs {
		if spec.SendProxy {
			l.sendsProxy[spec.Name] = true
		}
	}
	return nil
}

func (l *live) tapHealth(name string, status monitor.HealthStatus, text string) {
	h := l.head()
	h.Leg = name
	l.feed.Emit(&monitor.Health{Header: h, Name: "tap " + name, Status: status, Text: text})
}

func (l *live) taps() (infos []monitor.TapInfo) {
	for _, s := range l.tap {
		infos = append(infos, s.Taps()...)
	}
	return infos
}

// start makes the recording, says hello, and starts the feed, the sources and,
// last, the taps.
func (l *live) start() error {
	hello := l.hello()
	if err := l.record(hello); err != nil {
		return err
	}
	if err := l.startServing(hello); err != nil {
		return err
	}
	l.feed.Emit(hello)
	l.limits()
	feedCtx, stopFeed := context.WithCancel(context.Background())
	l.stopFeed = stopFeed
	l.feeding.Go(func() { l.feed.Run(feedCtx) })
	l.feeding.Go(func() { new(calmKeeper).run(feedCtx) })
	logCtx, stopLogs := context.WithCancel(context.Background())
	l.stopLogs = stopLogs
	for _, s := range l.logs {
		l.sources.Go(func() { s.run(logCtx) })
	}
	if c := l.opts.conf; c != nil {
		l.sources.Go(func() { c.run(logCtx) })
	}
	if l.opts.keptShort {
		l.sources.Go(func() { l.prune(logCtx) })
	}
	for _, s := range l.tap {
		s.Serve()
	}
	return nil
}

// limits tells of the limits that are known from the start.
func (l *live) limits() {
	if d := l.opts.readTimeout; d > 0 {
		l.feed.Emit(&monitor.Limit{Header: l.head(), Kind: monitor.Idle, Value: monitor.Millis(d), Source: "flag"})
	}
	for _, name := range l.opts.hops {
		hop, _ := monitor.HopByName(name)
		for _, limit := range hop.Limits(l.head()) {
			l.feed.Emit(limit)
		}
	}
	if l.opts.conf != nil {
		l.opts.conf.announce()
	}
}

// notes are what a reader must know of this run, as long as it holds.
func (l *live) notes() []string {
	notes := append(slices.Clone(l.opts.notes), l.opts.conf.notes(l.taps(), l.sendsProxy)...)
	for _, s := range l.tap {
		notes = append(notes, s.Notes()...)
	}
	if l.opts.keepAlive > 0 {
		notes = append(notes, fmt.Sprintf("TCP keepalive every %s is on: it may keep open what would have died", l.opts.keepAlive))
	}
	return notes
}

func (l *live) hello() *monitor.Hello {
	host, _ := os.Hostname()
	zone := l.opts.logTimezone
	if zone == "" {
		zone = "Local"
	}
	return &monitor.Hello{
		Header: l.head(), Host: host, Version: version(), Started: l.clock.Now(),
		Taps: l.taps(), Notes: l.notes(), LogTimezone: zone,
	}
}

func (l *live) record(hello *monitor.Hello) error {
	if l.opts.capture == "" {
		return nil
	}
	var err error
	l.rec, err = capture.Create(l.opts.capture, capture.Options{
		Now: l.clock.Now, Hello: hello, Version: version(),
		Keyframe: l.keyframe, MaxBytes: l.opts.partBytes(),
		OnHealth: func(status monitor.HealthStatus, text string) {
			l.feed.Emit(&monitor.Health{Header: l.head(), Name: "capture", Status: status, Text: text})
		},
	})
	switch {
	case err != nil && l.opts.keptShort: // nobody asked for it: traffic comes first
		l.opts.notes = append(l.opts.notes, fmt.Sprintf("nothing is recorded: %v", err))
		hello.Notes, l.rec, l.opts.capture, l.opts.keptShort = l.notes(), nil, "", false
		l.hub.Records = !l.opts.headless
		return nil
	case err != nil:
		return err
	}
	l.feed.AddWriter(l.rec)
	return nil
}

// partBytes is the size of one file of the recording, 0 for the usual. Old ones
// are removed file by file.
func (o *liveOptions) partBytes() int64 {
	if o.keptShort {
		return keepBytes / 8
	}
	return 0
}

// keyframeClosed is how many closed conns a keyframe takes along.
const keyframeClosed = 1000

func (l *live) keyframe() []monitor.Event { return l.feed.Snapshot(keyframeClosed) }

// Live, Drain and Stop are the tui.Relay.

// Live is how many connections pass now.
func (l *live) Live() (n int) {
	for _, s := range l.tap {
		n += s.Live()
	}
	return n
}

// Drain stops accepting and waits for the connections, at most the drain timeout.
func (l *live) Drain() {
	ctx, cancel := context.WithTimeout(context.Background(), l.opts.drain)
	defer cancel()
	l.drainUntil(ctx)
}

func (l *live) drainUntil(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range l.tap {
		wg.Go(func() { s.Drain(ctx) })
	}
	wg.Wait()
}

// Stop ends what still passes, at once.
func (l *live) Stop() {
	for _, s := range l.tap {
		s.MarkStopped()
	}
	var wg sync.WaitGroup
	for _, s := range l.tap {
		wg.Go(s.Close)
	}
	wg.Wait()
}

// close ends everything in the one right order: taps, sources, feed, recording.
func (l *live) close() (err error) {
	l.ending.Do(func() {
		l.Stop()
		if l.stopLogs != nil {
			l.stopLogs()
			l.sources.Wait()
		}
		if l.stopFeed != nil {
			l.stopFeed()
			l.feeding.Wait()
		}
		l.serve.close()
		if l.rec != nil {
			err = l.rec.Close()
		}
	})
	return err
}

// recording is the status line's word on the recording.
func (l *live) recording() string {
	if l.rec == nil {
		return ""
	}
	s := l.rec.Stats()
	if s.Err != nil {
		return "rec stopped"
	}
	return "rec " + sizeText(s.Bytes)
}

func sizeText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// beside is what rules may look at beside the State: the configuration in force,
// whose own findings are in the State by its announcement.
func (l *live) beside() diagnose.Options {
	if l.opts.conf == nil {
		return diagnose.Options{}
	}
	return diagnose.Options{Conf: l.opts.conf.config(), Recorded: true}
}

// screen shows the dashboard until the user leaves.
func (l *live) screen(ctx context.Context) error {
	o := tui.Options{
		Read: l.feed.Read, Mode: tui.Live, Title: l.opts.title, Relay: l,
		Recording: l.recording, Version: version(), Reload: l.opts.conf.reloader(),
		Diagnose: l.beside, Watch: bothLegs(l.feed.Read, l.hub.Watch),
	}
	if err := l.opts.looks.apply(&o); err != nil {
		return err
	}
	err := tui.Run(ctx, o)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// ndjson writes every lifecycle event as one JSON line; samples and frames are
// in the recording, the last sample of each conn comes with its closed.
type ndjson struct {
	w         io.Writer
	buf, safe []byte
	err       error // the first: a closed pipe ends the writing, not the traffic
}

func (n *ndjson) Events(evs []monitor.Event) {
	if n.err != nil {
		return
	}
	n.buf = n.buf[:0]
	for _, ev := range evs {
		if _, tick := ev.(*monitor.Tick); tick || monitor.IsBinary(ev) {
			continue
		}
		n.buf = append(appendEvent(n.buf, ev), '\n')
	}
	if len(n.buf) > 0 {
		n.safe = printable.AppendJSON(n.safe[:0], n.buf)
		_, n.err = n.w.Write(n.safe)
	}
}

// appendEvent appends ev, or an object that says why it could not.
func appendEvent(dst []byte, ev monitor.Event) []byte {
	b, err := monitor.AppendJSON(dst, ev)
	if err == nil {
		return b
	}
	b, _ = json.Marshal(map[string]any{"v": monitor.EventVersion, "type": "error", "error": err.Error()})
	return append(dst, b...)
}

// summarize prints the end-of-run summary. An error of the output comes with
// its Close.
func (l *live) summarize() {
	look := l.beside()
	l.feed.Read(func(s *monitor.State) {
		report.Summary(l.out, s, report.Options{
			Source: l.opts.source, Width: terminalWidth(os.Stdout), Findings: diagnose.Run(s, look),
		})
	})
}
