package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/report"
	"github.com/wstap/wstap/tui"
)

// attachOptions are the flags of attach.
type attachOptions struct {
	tokenFile      string
	ca, cert, key  string
	capture        string
	headless, json bool
	runFor         time.Duration
	looks          screenLooks
	ours           bool   // the relay was started by this command
	name           string // of a relay on this machine
}

func attachCommand() *cobra.Command {
	var o attachOptions
	c := &cobra.Command{
		Use:   "attach [URL|NAME] ...",
		Short: "the dashboard of taps that run elsewhere, or in the background",
		Long: `Shows what relays tap: wss://HOST:PORT or unix:/PATH, as their --serve says, or the NAME of one on
this machine. Without any it joins the only one that runs here, and lists them if there are more.

Leaving the dashboard leaves the relay and its connections as they are.`,
		Example: `  # a relay on this machine
  wstap attach

  # one on another machine that serves at its loopback
  ssh -N -L 7654:127.0.0.1:7654 staging & wstap attach ws://127.0.0.1:7654

  # both sides of nginx, on two machines
  wstap attach wss://edge:7654 wss://app:7654 --token-file token`,
		RunE: func(_ *cobra.Command, args []string) error {
			if !o.headless && !isTerminal(os.Stdin, os.Stdout) {
				return hint(errNoTerminal, "add --headless for lines, --headless --json for NDJSON")
			}
			urls, err := relayURLs(args, &o)
			if err != nil {
				return err
			}
			return attachTo(urls, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.tokenFile, "token-file", "", "FILE with the token (or: "+tokenVariable+" in the environment)")
	f.StringVar(&o.ca, "ca", "", "trust the issuers in this FILE (PEM) for wss (default: the system's)")
	f.StringVar(&o.cert, "cert", "", "our certificate FILE, where the relay wants one (PEM)")
	f.StringVar(&o.key, "key", "", "key FILE of --cert (PEM)")
	f.StringVar(&o.capture, "capture", "", "record what is attached to, to FILE (MCAP)")
	f.BoolVar(&o.headless, "headless", false, "no dashboard: a line for each event")
	f.BoolVar(&o.json, "json", false, "with --headless: events as NDJSON on standard output")
	f.DurationVar(&o.runFor, "for", 0, "stop after this time")
	o.looks.flags(f)
	return c
}

// relayURLs are where to attach: what was given, names of this machine looked up.
func relayURLs(args []string, o *attachOptions) (urls []string, err error) {
	registry, err := attach.LocalRegistry()
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		args = []string{""}
	}
	for _, arg := range args {
		if strings.Contains(arg, ":") {
			if err := attach.CheckURL(arg); err != nil {
				return nil, err
			}
			urls = append(urls, arg)
			continue
		}
		relay, err := registry.Find(arg)
		if err != nil {
			return nil, hint(err, "wstap attach URL joins one elsewhere")
		}
		o.name = relay.Name
		urls = append(urls, relay.URL())
	}
	return urls, nil
}

// viewer is an attached session.
type viewer struct {
	o       attachOptions
	feed    *feed.Feed
	clients []*attach.Client
	rec     *capture.Writer
	clock   atomic.Pointer[attach.Client] // whose time is the screen's; nil: none is known
	begin   chan struct{}                 // closed when there is something to show
	begun   sync.Once
	gone    chan struct{} // closed when no relay can be reached any more

	mu     sync.Mutex // guards what follows
	failed []error    // of relays that will not be tried again
}

// attachTo shows the relays at some URLs until the user leaves.
func attachTo(urls []string, o attachOptions) error {
	v, err := newViewer(urls, o)
	if err != nil {
		return err
	}
	if err := v.record(); err != nil {
		return err
	}
	return v.run()
}

func newViewer(urls []string, o attachOptions) (*viewer, error) {
	v := &viewer{o: o, begin: make(chan struct{}), gone: make(chan struct{})}
	v.feed = feed.New(v.now, monitor.Bounds{})
	return v, v.connectTo(urls)
}

// now is the clock of the relay that answered first: State's time is that of its
// events. Until one has, it is ours.
func (v *viewer) now() monitor.Time {
	if c := v.clock.Load(); c != nil {
		return c.RelayNow()
	}
	return monitor.TimeOf(time.Now())
}

func (v *viewer) connectTo(urls []string) error {
	token, err := tokenFrom(v.o.tokenFile)
	if err != nil {
		return err
	}
	secure, err := v.o.tls()
	if err != nil {
		return err
	}
	for i, url := range urls {
		c, err := attach.NewClient(attach.ClientOptions{
			URL: url, Token: tokenFor(url, token), TLS: secure, Version: version(),
			Emit: v.feed.Emit, Restore: v.feed.Restore, LastSample: v.lastSample,
			OnState: func(s attach.State) { v.state(i, s) },
		})
		if err != nil {
			return err
		}
		v.clients = append(v.clients, c)
	}
	return nil
}

// tokenFor sends a token nowhere it is not asked for: a unix socket is guarded
// by its mode.
func tokenFor(url, token string) string {
	if strings.HasPrefix(url, "unix:") {
		return ""
	}
	return token
}

func (o *attachOptions) tls() (*tls.Config, error) {
	if o.ca == "" && o.cert == "" && o.key == "" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.ca != "" {
		pem, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca %s: holds no certificate in PEM form", o.ca)
		}
	}
	if o.cert != "" || o.key != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, fmt.Errorf("--cert and --key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func (v *viewer) lastSample(id monitor.ID) (last monitor.Sample) {
	v.feed.Read(func(s *monitor.State) {
		if c := s.Conn(id); c != nil {
			last = c.Sample
		}
	})
	return last
}

// state tells how it stands with a relay, as the health of a source.
func (v *viewer) state(i int, s attach.State) {
	if s.ClockKnown {
		v.clock.CompareAndSwap(nil, v.clients[i])
	}
	if s.ClockKnown || s.Err != nil { // else the first picture waits for the relay's time
		v.begun.Do(func() { close(v.begin) })
	}
	if s.Phase == attach.Failed {
		v.giveUp(s.Err)
	}
	status, text := relayHealth(s)
	name := v.o.name
	if name == "" || len(v.clients) > 1 {
		name = s.URL
	}
	v.feed.Emit(&monitor.Health{Header: monitor.Header{At: monitor.TimeOf(time.Now()).Add(s.ClockDiff)}, Name: "relay " + name, Status: status, Text: text})
}

// giveUp ends the session when the last relay has failed for good.
func (v *viewer) giveUp(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed = append(v.failed, err); len(v.failed) == len(v.clients) {
		close(v.gone)
	}
}

// failure is why there was nothing to show any more, or nil.
func (v *viewer) failure() error {
	select {
	case <-v.gone:
	default:
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.failed) == 1 {
		return v.failed[0]
	}
	return errors.Join(v.failed...)
}

// clockWorth is the difference of two clocks that is worth a word.
const clockWorth = 500 * time.Millisecond

func relayHealth(s attach.State) (monitor.HealthStatus, string) {
	switch {
	case s.Phase == attach.Live && s.Slow != "":
		return monitor.HealthWarning, s.Slow
	case s.Phase == attach.Live && s.ClockDiff.Abs() >= clockWorth:
		return monitor.HealthWarning, clockWords(s.ClockDiff)
	case s.Phase == attach.Live:
		return monitor.HealthOK, "attached"
	case s.Phase == attach.Ended:
		return monitor.HealthWarning, "it has ended; what is shown is its last word"
	case s.Phase == attach.Failed:
		return monitor.HealthFailed, fmt.Sprint(s.Err)
	case s.Err != nil:
		return monitor.HealthWarning, fmt.Sprintf("%s: %v", s.Phase, s.Err)
	}
	return monitor.HealthOK, string(s.Phase)
}

// clockWords say how far a relay's clock is from ours. Its times stay as they are.
func clockWords(diff time.Duration) string {
	side := "ahead of"
	if diff < 0 {
		side = "behind"
	}
	return fmt.Sprintf("its clock is %s %s ours, and its times are not corrected", diff.Abs().Round(time.Millisecond), side)
}

func (v *viewer) record() (err error) {
	if v.o.capture == "" {
		return nil
	}
	v.rec, err = capture.Create(v.o.capture, capture.Options{
		Version: version(), Keyframe: func() []monitor.Event { return v.feed.Snapshot(keyframeClosed) },
	})
	if err == nil {
		v.feed.AddWriter(v.rec)
	}
	return err
}

// run drives the session to its end.
func (v *viewer) run() (err error) {
	lines := newLineWriter(os.Stdout)
	if v.o.headless {
		if v.o.json {
			v.feed.AddWriter(&ndjson{w: lines})
		} else {
			v.feed.AddWriter(report.NewLines(lines, report.Options{Source: "attach", Color: !v.o.looks.noColor && colorful(os.Stdout)}))
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var clients, feeding sync.WaitGroup
	for _, c := range v.clients {
		clients.Go(func() { c.Run(ctx) })
	}
	feedCtx, stopFeed := context.WithCancel(context.Background())
	feeding.Go(func() {
		select {
		case <-v.begin:
		case <-ctx.Done():
		}
		v.feed.Run(feedCtx)
	})
	err = v.show()
	cancel()
	clients.Wait()
	stopFeed()
	feeding.Wait()
	if v.rec != nil {
		if e := v.rec.Close(); err == nil && e != nil {
			err = partial{fmt.Errorf("the recording is not complete: %w", e)}
		}
	}
	if e := lines.Close(outPatience); err == nil && e != nil {
		err = partial{e}
	}
	return err
}

// show is the face: a dashboard, or lines until a signal.
func (v *viewer) show() error {
	stop := newStopper(v.o.runFor, ends)
	defer stop.close()
	watched := make(chan struct{})
	go func() { // until all relays have failed, or the end
		defer close(watched)
		select {
		case <-v.gone:
			stop.leave()
		case <-stop.first.Done():
		}
	}()
	defer func() { <-watched }()
	if v.o.headless {
		<-stop.first.Done()
	} else if err := v.screen(stop.first); err != nil {
		stop.leave()
		return err
	}
	stop.leave()
	return v.failure()
}

func (v *viewer) screen(ctx context.Context) error {
	o := tui.Options{
		Read: v.feed.Read, Mode: tui.Attached, Title: v.title(), Version: version(), Watch: bothLegs(v.feed.Read, v.watch),
	}
	if len(v.clients) == 1 && v.o.name != "" {
		r := &remoteRelay{client: v.clients[0], feed: v.feed}
		o.Relay, o.Reload = r, r.reload
	}
	if err := v.o.looks.apply(&o); err != nil {
		return err
	}
	if v.mayLookBack(ctx) {
		r := newRewind(v)
		o.Read, o.Replay = r.Read, r
		ctx, end := context.WithCancel(ctx)
		var running sync.WaitGroup
		running.Go(func() { r.run(ctx) })
		defer running.Wait()
		defer end()
	}
	err := tui.Run(ctx, o)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// welcomePatience is how long the first picture may wait for a relay's word on
// whether it records.
const welcomePatience = time.Second

// mayLookBack says that a relay keeps a recording, or that none has said
// anything yet.
func (v *viewer) mayLookBack(ctx context.Context) bool {
	t := time.NewTimer(welcomePatience)
	defer t.Stop()
	select {
	case <-v.begin:
	case <-t.C:
	case <-ctx.Done():
	}
	silent := true
	for _, c := range v.clients {
		s := c.State()
		if s.Past {
			return true
		}
		silent = silent && s.Instance == 0
	}
	return silent
}

func (v *viewer) title() string {
	switch {
	case v.o.name != "":
		return v.o.name
	case len(v.clients) == 1:
		return v.clients[0].State().URL
	}
	return fmt.Sprintf("%d relays", len(v.clients))
}

func (v *viewer) watch(id monitor.ID, on bool) {
	for _, c := range v.clients {
		if c.State().Instance == id.Tap {
			c.Watch(id, on)
		}
	}
}

// remoteRelay is a relay in another process as the dashboard sees it.
type remoteRelay struct {
	client *attach.Client
	feed   *feed.Feed
}

// Live is how many connections there are, by what the relay told.
func (r *remoteRelay) Live() (n int) {
	r.feed.Read(func(s *monitor.State) { n = int(s.Totals.Open) })
	return n
}

// askPatience bounds the wait for an answer, not what was asked for.
const askPatience = 10 * time.Second

func (r *remoteRelay) ask(verb string) {
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	r.client.Control(ctx, verb)
}

// Drain returns when the relay has ended, or cannot be asked any more.
func (r *remoteRelay) Drain() {
	r.ask("drain")
	for !r.client.State().Goodbye {
		ctx, cancel := context.WithTimeout(context.Background(), askPatience)
		_, err := r.client.Control(ctx, "status")
		cancel()
		if err != nil {
			return
		}
		time.Sleep(200 * time.Millisecond) // the relay has nothing to wait for but this
	}
}

// Stop ends the relay and what passes through it.
func (r *remoteRelay) Stop() { r.ask("stop") }

func (r *remoteRelay) reload() { go r.ask("reload") }
