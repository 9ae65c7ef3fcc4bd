package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/metrics"
	"github.com/wstap/wstap/monitor"
)

// serveOptions are the flags of what others may look at.
type serveOptions struct {
	serve     []string
	metrics   string
	tokenFile string
	newToken  bool
	cert, key string
	clientCA  string
	origins   []string
}

// tokenVariable holds a token where a file cannot be given.
const tokenVariable = "WSTAP_TOKEN"

func addServeFlags(f *pflag.FlagSet, o *serveOptions) {
	f.StringArrayVar(&o.serve, "serve", nil, "let wstap attach look on at ADDR or unix:/PATH (repeatable)")
	f.StringVar(&o.metrics, "metrics", "", "serve OpenMetrics at ADDR, path /metrics")
	f.StringVar(&o.tokenFile, "token-file", "", "FILE with the token that viewers must have (or: "+tokenVariable+" in the environment)")
	f.BoolVar(&o.newToken, "new-token", false, "make a token and print it once")
	f.StringVar(&o.cert, "serve-cert", "", "certificate FILE of --serve and --metrics (PEM)")
	f.StringVar(&o.key, "serve-key", "", "key FILE of --serve-cert (PEM)")
	f.StringVar(&o.clientCA, "serve-client-ca", "", "viewers must have a certificate of an issuer in this FILE (PEM)")
	f.StringArrayVar(&o.origins, "serve-origin", nil, "let pages of this ORIGIN look on, as in https://HOST (repeatable)")
}

// check refuses what would show the traffic to a network without a lock.
func (o *serveOptions) check() error {
	if (o.cert == "") != (o.key == "") {
		return usagef("--serve-cert and --serve-key go together")
	}
	if o.clientCA != "" && o.cert == "" {
		return usagef("--serve-client-ca needs --serve-cert and --serve-key")
	}
	if o.newToken && (o.tokenFile != "" || os.Getenv(tokenVariable) != "") {
		return usagef("--new-token and --token-file (or %s): choose one", tokenVariable)
	}
	for _, addr := range o.serve {
		if err := o.checkAddr("--serve", addr, true); err != nil {
			return err
		}
	}
	if o.metrics != "" {
		return o.checkAddr("--metrics", o.metrics, false)
	}
	return nil
}

func (o *serveOptions) checkAddr(flag, addr string, needsToken bool) error {
	if strings.HasPrefix(addr, "unix:") {
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return hint(usagef("%s %q: want HOST:PORT or unix:/PATH", flag, addr), "for example "+flag+" 127.0.0.1:7654")
	}
	if isLoopback(host) || !needsToken {
		return nil
	}
	if o.cert == "" || !o.hasToken() {
		return hint(usagef("%s %s: beyond this machine viewers need TLS and a token", flag, addr),
			"add --serve-cert FILE --serve-key FILE and --token-file FILE (or --new-token)",
			"or serve at 127.0.0.1 and reach it by: ssh -L 7654:127.0.0.1:7654 HOST")
	}
	return nil
}

func (o *serveOptions) hasToken() bool {
	return o.newToken || o.tokenFile != "" || os.Getenv(tokenVariable) != ""
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// token is what viewers must have, "" for none.
func (o *serveOptions) token() (string, error) {
	if o.newToken {
		return base64.RawURLEncoding.EncodeToString(randomBytes(24)), nil
	}
	return tokenFrom(o.tokenFile)
}

// tokenFrom reads a token, which is never an argument: others see those.
func tokenFrom(file string) (string, error) {
	token := os.Getenv(tokenVariable)
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		token = string(b)
	}
	token = strings.TrimSpace(token)
	if file != "" && len(token) < leastToken {
		return "", hint(fmt.Errorf("--token-file %s: a token has at least %d characters", file, leastToken), "make one: openssl rand -base64 24 > "+file)
	}
	return token, nil
}

// leastToken keeps out what can be guessed.
const leastToken = 16

// serving is the way to viewers and scrapers.
type serving struct {
	server    *attach.Server
	metrics   *http.Server
	listeners sync.WaitGroup
	token     string // made by us, to be printed
	told      []string

	registry attach.Registry
	relay    *attach.Relay // listed; nil: not

	live      *live
	stop      atomic.Pointer[stopper]
	unlimited atomic.Bool // a drain was asked for that waits as long as it takes
}

// startServing begins to listen; viewers get events as soon as the feed runs.
func (l *live) startServing(hello *monitor.Hello) error {
	o := &l.opts.serving
	if len(o.serve) == 0 && o.metrics == "" && !l.opts.isListed() {
		return nil
	}
	s := &serving{live: l}
	if err := s.begin(o, hello); err != nil {
		s.close()
		return err
	}
	l.serve = s
	return nil
}

func (s *serving) begin(o *serveOptions, hello *monitor.Hello) error {
	token, err := o.token()
	if err != nil {
		return err
	}
	var secure *tls.Config
	if o.cert != "" {
		if secure, err = attach.TLSConfig(o.cert, o.key, o.clientCA); err != nil {
			return err
		}
	}
	if o.newToken {
		s.token = token
	}
	l := s.live
	if len(o.serve) > 0 || l.opts.isListed() {
		s.server = attach.NewServer(attach.ServerOptions{
			Hello: hello, Version: version(), Now: l.clock.Now, Token: token, AllowOrigins: o.origins,
			Snapshot: func() []monitor.Event { return l.feed.Snapshot(keyframeClosed) },
			Past:     l.past(), Watch: l.hub.Watch, Control: s.control, AllowControl: true,
			OnHealth: func(status monitor.HealthStatus, text string) {
				l.feed.Emit(&monitor.Health{Header: l.head(), Name: "viewers", Status: status, Text: text})
			},
		})
		l.feed.AddWriter(s.server)
	}
	for _, addr := range o.serve {
		if err := s.listen(addr, secure); err != nil {
			return err
		}
	}
	if err := s.register(hello); err != nil {
		if l.opts.relay != nil {
			return err
		}
		s.told = append(s.told, "not listed, so that wstap attach, drain and stop do not find it: "+err.Error()) // a service does without
	}
	if o.metrics != "" {
		return s.serveMetrics(o.metrics, secure)
	}
	return nil
}

func (s *serving) listen(addr string, secure *tls.Config) error {
	ln, err := listenAt("--serve", addr, secure)
	if err != nil {
		return err
	}
	scheme := "ws://"
	if secure != nil {
		scheme = "wss://"
	}
	where := "unix:" + strings.TrimPrefix(addr, "unix:")
	if !strings.HasPrefix(addr, "unix:") {
		where = scheme + ln.Addr().String()
	}
	s.told = append(s.told, "viewers: wstap attach "+where)
	s.listeners.Go(func() { s.server.Serve(ln) }) // until close
	return nil
}

func listenAt(flag, addr string, secure *tls.Config) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		ln, err := attach.ListenUnix(path)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", flag, addr, err)
		}
		return ln, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, addr, err)
	}
	if secure != nil {
		ln = tls.NewListener(ln, secure)
	}
	return ln, nil
}

// register lists this relay, for wstap attach without a URL.
func (s *serving) register(hello *monitor.Hello) (err error) {
	if !s.live.opts.isListed() {
		return nil
	}
	log := ""
	if s.live.opts.relay != nil {
		log = s.live.opts.relay.log
	}
	if s.registry, err = attach.LocalRegistry(); err != nil {
		return err
	}
	relay, ln, err := s.registry.Register(attach.Relay{
		Started: hello.Started, Taps: hello.Taps, Log: log, Recording: s.live.opts.capture,
	})
	if err != nil {
		return err
	}
	s.relay = &relay
	if s.live.opts.relay == nil {
		s.told = append(s.told, "on this machine: wstap attach "+relay.Name)
	}
	s.listeners.Go(func() { s.server.Serve(ln) }) // until close
	return nil
}

// Bounds of what a scraper may take.
const (
	scrapeHeaderTime = 5 * time.Second
	scrapeTime       = 30 * time.Second
)

func (s *serving) serveMetrics(addr string, secure *tls.Config) error {
	ln, err := listenAt("--metrics", addr, secure)
	if err != nil {
		return err
	}
	m := metrics.New(s.metricsOptions())
	s.live.feed.AddWriter(m)
	mux := http.NewServeMux()
	mux.Handle("/metrics", m.Handler())
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	s.metrics = &http.Server{Handler: mux, ReadHeaderTimeout: scrapeHeaderTime, ReadTimeout: scrapeTime, WriteTimeout: scrapeTime, MaxHeaderBytes: 16 << 10}
	s.told = append(s.told, fmt.Sprintf("metrics: http://%s/metrics", ln.Addr()))
	s.listeners.Go(func() { s.metrics.Serve(ln) }) // until close
	return nil
}

func (s *serving) metricsOptions() metrics.Options {
	l := s.live
	o := metrics.Options{
		Version: version(), Live: l.Live, Near: func() int { return nearLimit(l.feed.Read, nearAtOnce) },
		Stalled: func() (n int) {
			for _, t := range l.tap {
				n += t.Counts().Stalled
			}
			return n
		},
		AcceptErrors: func() (n uint64) {
			for _, t := range l.tap {
				n += t.Counts().AcceptErrors
			}
			return n
		},
		Panics: func() (n uint64) {
			for _, t := range l.tap {
				n += t.Counts().Panics
			}
			return n
		},
	}
	if l.rec != nil {
		o.DroppedRecords = func() uint64 { return l.rec.Dropped().Total() }
	}
	if s.server != nil {
		o.Viewers = func() int { return s.server.Stats().Viewers }
		o.RefusedViewers = func() uint64 {
			st := s.server.Stats()
			return st.BadTokens + st.Limited + st.URLTokens + st.BadOrigins + st.Full
		}
	}
	return o
}

// close ends the serving, after the feed.
func (s *serving) close() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if s.server != nil {
		s.server.Close(ctx)
	}
	if s.metrics != nil {
		s.metrics.Shutdown(ctx)
	}
	s.listeners.Wait()
	if s.relay != nil {
		s.registry.Remove(*s.relay)
	}
}

// words are what is to be told at the start.
func (s *serving) words() []string {
	if s == nil {
		return nil
	}
	if s.token != "" {
		return append(s.told, "token of the viewers, shown once: "+s.token)
	}
	return s.told
}

// past reads what was recorded, for viewers that scroll back.
func (l *live) past() func(context.Context, monitor.Time, monitor.Time, func(monitor.Event) error) error {
	if l.opts.capture == "" {
		return nil
	}
	return func(ctx context.Context, from, to monitor.Time, emit func(monitor.Event) error) error {
		names, err := capture.Parts(l.opts.capture)
		if err != nil {
			return err
		}
		r, err := capture.Open(names...)
		if err != nil {
			return err
		}
		defer r.Close()
		return playPast(ctx, r, from, to, emit)
	}
}

func playPast(ctx context.Context, r *capture.Reader, from, to monitor.Time, emit func(monitor.Event) error) error {
	snapshot, err := r.Seek(from)
	if err != nil {
		return err
	}
	if len(snapshot) == 0 {
		snapshot = []monitor.Event{&monitor.Baseline{Partial: true}}
	}
	for _, ev := range snapshot {
		if err := emit(ev); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		ev, err := r.Next()
		if err != nil || ev.Head().At > to {
			return nil // the end of what is recorded so far
		}
		if err := emit(ev); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// controls lets viewers at a unix socket end the session.
func (s *serving) controls(l *live, stop *stopper) {
	if s != nil {
		s.stop.Store(stop)
	}
}

var errNotYet = errors.New("the relay has only just begun: ask again")

// control does what a viewer at a unix socket asks for.
func (s *serving) control(_ context.Context, verb string) (string, error) {
	stop := s.stop.Load()
	if stop == nil {
		return "", errNotYet
	}
	switch n := s.live.Live(); verb {
	case "drain":
		s.unlimited.Store(true)
		stop.leave()
		return fmt.Sprintf("accepts no more; %s", passing(n)), nil
	case "stop":
		stop.leave()
		stop.hurry()
		return fmt.Sprintf("stopped; %s", passing(n)), nil
	case "reload":
		if s.live.opts.conf == nil {
			return "", errors.New("no nginx configuration was given to this relay (--nginx-conf)")
		}
		s.live.opts.conf.readAgain()
		return "reads the nginx configuration again", nil
	default:
		return passing(n), nil
	}
}

func passing(n int) string {
	if n == 1 {
		return "1 connection passes"
	}
	return fmt.Sprintf("%d connections pass", n)
}

// longDrain is for a drain that was asked for by name: it waits as long as it takes.
const longDrain = 365 * 24 * time.Hour

func (l *live) drainLimit() time.Duration {
	if l.serve != nil && l.serve.unlimited.Load() {
		return longDrain
	}
	return l.opts.drain
}
