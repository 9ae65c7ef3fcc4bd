package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
	"github.com/wstap/wstap/tap"
)

// confMost bounds a configuration read from standard input or a dump.
const confMost = 64 << 20

// readConf reads the configuration in a file, with its includes, or the output
// of nginx -T in a file or, as "-", on standard input.
func readConf(name, version string) (*nginxconf.Config, error) {
	if version != "" {
		if _, ok := nginxconf.ParseVersion(version); !ok {
			return nil, usagef("--nginx-version %q: want a version like 1.29.7", version)
		}
	}
	o := nginxconf.Options{Version: version, Open: openFile, Glob: filepath.Glob}
	c, err := loadConf(name, o)
	if err != nil {
		return nil, hint(err, "give nginx.conf, or the output of: nginx -T")
	}
	return c, nil
}

func loadConf(name string, o nginxconf.Options) (*nginxconf.Config, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, confMost+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(text) > confMost:
		return nil, fmt.Errorf("%s: more than %d MiB, which is no nginx configuration", name, confMost>>20)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, fmt.Errorf("%s: empty", name)
	case nginxconf.IsDump(text):
		return nginxconf.ParseDump(text, o)
	case name != "-":
		return nginxconf.Load(name, o)
	}
	return nginxconf.Load("standard input", stdinAs(text, o))
}

// stdinAs opens standard input's text as a file of that name.
func stdinAs(text []byte, o nginxconf.Options) nginxconf.Options {
	o.Open = func(name string) (io.ReadCloser, error) {
		if name == "standard input" {
			return io.NopCloser(bytes.NewReader(text)), nil
		}
		return openFile(name)
	}
	return o
}

func openFile(name string) (io.ReadCloser, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() { // a fifo would hang
		return nil, &os.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	return os.Open(name)
}

// conf is the nginx configuration of a live session: it gives conns their
// limits as their requests come, and is read again on demand.
type conf struct {
	file  string
	live  *live
	again chan struct{} // run is to read it again

	mu      sync.Mutex // guards what follows: the feed's goroutine and run's
	version string     // given, or as the log said last; "" while unknown
	given   bool       // by a flag: the log does not change it
	cfg     *nginxconf.Config
	said    []monitor.Limit // of taps, in force
}

// newConf reads the configuration for the first time: start-up fails if it
// cannot be read.
func newConf(file, version string) (*conf, error) {
	cfg, err := readConf(file, version)
	if err != nil {
		return nil, fmt.Errorf("--nginx-conf: %w", err)
	}
	return &conf{file: file, version: version, given: version != "", cfg: cfg, again: make(chan struct{}, 1)}, nil
}

// role is where the configuration places a tap, or "".
func (c *conf) role(listen, upstream tap.Addr) monitor.Role {
	if c == nil {
		return ""
	}
	return diagnose.RoleOf(c.config(), listen.Text, upstream.Text)
}

// notes are shown while they hold: what a front tap disturbs. sendsProxy has the
// names of the taps that send the PROXY protocol.
func (c *conf) notes(taps []monitor.TapInfo, sendsProxy map[string]bool) (notes []string) {
	if c == nil {
		return nil
	}
	cfg := c.config()
	for _, t := range taps {
		notes = append(notes, diagnose.FrontTapDisturbs(cfg, t, sendsProxy[t.Name])...)
	}
	return notes
}

// announce emits what the configuration says of the taps and by itself.
func (c *conf) announce() {
	cfg := c.config()
	l := c.live
	version := ""
	if cfg.Version != (nginxconf.Version{}) {
		version = cfg.Version.String()
	}
	l.feed.Emit(&monitor.Settings{
		Header: l.head(), Source: c.file, Files: len(cfg.Files), NginxVersion: version, Findings: diagnose.Check(cfg),
	})
	var limits []monitor.Limit
	for _, t := range l.taps() {
		for _, limit := range diagnose.TapLimits(cfg, t) {
			limit.Header = l.head()
			limit.Leg = t.Name
			limits = append(limits, limit)
		}
	}
	c.mu.Lock()
	before := c.said
	c.said = limits
	c.mu.Unlock()
	c.takeBack(before)
	for i := range limits {
		l.feed.Emit(&limits[i])
	}
}

// takeBack ends limits that a configuration no longer says.
func (c *conf) takeBack(limits []monitor.Limit) {
	for _, limit := range limits {
		limit.At, limit.Value = c.live.clock.Now(), 0
		c.live.feed.Emit(&limit)
	}
}

func (c *conf) config() *nginxconf.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg
}

// Events is the feed.Writer: a request brings its conn's limits.
func (c *conf) Events(evs []monitor.Event) {
	for _, ev := range evs {
		switch ev := ev.(type) {
		case *monitor.Request:
			c.limit(ev.Header, ev.Host, ev.Target)
		case *monitor.LogLine:
			c.learnVersion(ev)
		}
	}
}

var _ feed.Writer = (*conf)(nil)

func (c *conf) limit(h monitor.Header, host, target string) {
	taps := c.live.taps()
	i := slices.IndexFunc(taps, func(t monitor.TapInfo) bool { return t.Name == h.Leg })
	if i < 0 {
		return
	}
	for _, limit := range diagnose.ConnLimits(c.config(), taps[i], host, target) {
		limit.Header = h
		c.live.feed.Emit(&limit)
	}
}

// learnVersion takes nginx's own word at each start ("nginx/1.29.7", a line of the
// process at level notice) where no --nginx-version was given: it selects defaults.
func (c *conf) learnVersion(ev *monitor.LogLine) {
	e := &ev.Entry
	if e.Level != logparse.LevelNotice || e.Flags.Has(logparse.FlagForged) || e.Has(logparse.HasConnection) || !strings.HasPrefix(e.Message, "nginx/") {
		return
	}
	v, ok := nginxconf.ParseVersion(e.Message)
	c.mu.Lock()
	news := ok && !c.given && c.version != v.String()
	if news {
		c.version = v.String()
	}
	c.mu.Unlock()
	if news {
		c.readAgain()
	}
}

// reloader is what the dashboard's key does, or nil.
func (c *conf) reloader() func() {
	if c == nil {
		return nil
	}
	return c.readAgain
}

// readAgain asks run to read the configuration again; asking twice before it
// does is asking once.
func (c *conf) readAgain() {
	select {
	case c.again <- struct{}{}:
	default:
	}
}

// run reads the configuration when it is asked to, until ctx is done.
func (c *conf) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.again:
			c.reload()
		}
	}
}

// reload reads the configuration again; what cannot be read leaves the one
// before in force, and the screen says so.
func (c *conf) reload() {
	c.mu.Lock()
	version := c.version
	c.mu.Unlock()
	cfg, err := readConf(c.file, version)
	h := &monitor.Health{Header: c.live.head(), Name: "nginx configuration", Status: monitor.HealthOK, Text: c.file}
	if err != nil {
		h.Status, h.Text = monitor.HealthWarning, err.Error()+": the one read before is in force"
	} else {
		c.set(cfg)
	}
	c.live.feed.Emit(h)
}

// set puts a configuration in force, for open conns too.
func (c *conf) set(cfg *nginxconf.Config) {
	c.mu.Lock()
	c.cfg = cfg
	c.mu.Unlock()
	c.announce()
	var open []openRequest
	c.live.feed.Read(func(s *monitor.State) {
		for o := range s.Conns {
			if !o.IsClosed() && o.Request != nil {
				h := monitor.Header{At: s.Now(), Tap: o.ID.Tap, Leg: o.Tap, Conn: o.ID.Conn}
				open = append(open, openRequest{h, o.Host(), o.Target(), o.OwnLimits()})
			}
		}
	})
	for _, r := range open {
		c.takeBack(r.limits)
		c.limit(r.head, r.host, r.target)
	}
}

// openRequest is what a conn's limits follow from, and those it has.
type openRequest struct {
	head         monitor.Header
	host, target string
	limits       []monitor.Limit
}
