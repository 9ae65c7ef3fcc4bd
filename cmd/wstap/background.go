package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/monitor"
)

// The relay and the screen are two processes, so that nothing which happens to a
// terminal touches the traffic. `wstap tap` starts itself again as a relay, in a
// session of its own, hears from it on a pipe that it is ready, and attaches.

// readyFD is the descriptor on which a relay says that it is ready, or why not.
const readyFD = 3

// relayChild is this process as such a relay. A nil one is none.
type relayChild struct {
	log  string
	once sync.Once
}

// readiness is what a relay says.
type readiness struct {
	Name  string   `json:"name,omitempty"`
	Error string   `json:"error,omitempty"`
	Hints []string `json:"hints,omitempty"`
	Words []string `json:"words,omitempty"`
}

func addRelayFlags(f *pflag.FlagSet, o *liveOptions) {
	f.BoolVar(&o.noCapture, "no-capture", false, "no recording (default: the last 256 MB or 24 h, in the state folder)")
	f.BoolVar(&o.foreground, "foreground", false, "screen and relay in one process: what ends the screen ends the relay")
	log := f.String("relay-log", "", "this is the relay of a screen, and its messages go to FILE")
	f.MarkHidden("relay-log")
	o.relayLog = log
}

// report tells the starter why the relay could not begin, and the log too.
func (r *relayChild) report(err error) error {
	if err != nil {
		ready := readiness{Error: err.Error()}
		if h := (hinted{}); errors.As(err, &h) {
			ready.Hints = h.hints
		}
		r.say(ready)
	}
	return err
}

// ready tells the starter that the taps accept.
func (r *relayChild) ready(l *live) {
	if r == nil {
		return
	}
	r.say(readiness{Name: l.serve.relay.Name, Words: l.serve.words()})
}

func (r *relayChild) say(what readiness) {
	r.once.Do(func() {
		f := os.NewFile(readyFD, "ready")
		json.NewEncoder(f).Encode(what)
		f.Close()
	})
}

// What a relay keeps of a recording that nobody asked for.
const (
	keepBytes  = 256 << 20
	keepAge    = 24 * time.Hour
	pruneEvery = time.Minute
)

// prune removes what is too much or too old until ctx is done.
func (l *live) prune(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := capture.Prune(l.opts.capture, keepBytes, time.Now().Add(-keepAge)); err != nil {
			l.feed.Emit(&monitor.Health{Header: l.head(), Name: "capture", Status: monitor.HealthWarning, Text: "old files stay: " + err.Error()})
		}
	}
}

// asRelay makes o that of a relay in the background, if it is to be one.
func (o *liveOptions) asRelay() {
	if *o.relayLog == "" {
		return
	}
	o.relay = &relayChild{log: *o.relayLog}
	o.headless, o.hangup = true, stays
	o.keepShort(strings.TrimSuffix(o.relay.log, ".log") + ".mcap")
}

// keepShort records what nobody asked for, so that it is there when somebody does.
func (o *liveOptions) keepShort(file string) {
	if o.capture == "" && !o.noCapture {
		o.capture, o.keptShort = file, true
	}
}

// isListed says that wstap attach, drain and stop are to find this relay.
func (o *liveOptions) isListed() bool { return o.relay != nil || o.listed }

// asService lists a relay in the foreground as one in the background is, and
// lets it record. Where there is no folder for both, it does without and says so.
func (o *liveOptions) asService() {
	dir, err := attach.StateDir()
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		o.notes = append(o.notes, fmt.Sprintf("wstap attach, drain and stop do not find this relay, and it keeps no recording unasked: the state folder: %v", err))
		return
	}
	forgetOld(dir)
	o.listed = true
	o.keepShort(filepath.Join(dir, fmt.Sprintf("relay-%s-%d.mcap", time.Now().Format("20060102-150405"), os.Getpid())))
}

// tapInBackground starts the relay and shows it.
func tapInBackground(c *cobra.Command, o liveOptions) error {
	if err := o.looks.load(); err != nil {
		return err
	}
	relay, words, err := startRelay(os.Args[1:], slices.Contains(o.errorLogs, "-"))
	if err != nil {
		return err
	}
	for _, w := range words {
		fmt.Fprintln(c.OutOrStdout(), w)
	}
	return attachTo([]string{relay.URL()}, attachOptions{looks: o.looks, ours: true, name: relay.Name})
}

// startPatience is for how long a relay may read its configuration.
const startPatience = 60 * time.Second

func startRelay(args []string, withInput bool) (relay attach.Relay, words []string, err error) {
	log, out, err := relayLog()
	if err != nil {
		return relay, nil, err
	}
	defer out.Close()
	self, err := os.Executable()
	if err != nil {
		return relay, nil, err
	}
	hear, tell, err := os.Pipe()
	if err != nil {
		return relay, nil, err
	}
	defer hear.Close()
	cmd := exec.Command(self, append(slices.Clone(args), "--relay-log", log)...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{tell}
	if withInput {
		cmd.Stdin = os.Stdin
	}
	ownSession(cmd)
	err = cmd.Start()
	tell.Close()
	if err != nil {
		return relay, nil, fmt.Errorf("cannot start the relay: %w", err)
	}
	ready, err := heard(hear, log)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return relay, nil, err
	}
	cmd.Process.Release()
	registry, err := attach.LocalRegistry()
	if err != nil {
		return relay, nil, err
	}
	relay, err = registry.Find(ready.Name)
	return relay, ready.Words, err
}

// heard waits for the relay's word.
func heard(hear *os.File, log string) (ready readiness, err error) {
	hear.SetReadDeadline(time.Now().Add(startPatience))
	b, err := io.ReadAll(io.LimitReader(hear, 64<<10))
	if err == nil && len(b) > 0 {
		err = json.Unmarshal(b, &ready)
	}
	switch {
	case err != nil:
		return ready, fmt.Errorf("the relay says nothing: %w; its messages are in %s", err, log)
	case ready.Error != "":
		return ready, hint(errors.New(ready.Error), ready.Hints...)
	case ready.Name == "":
		return ready, fmt.Errorf("the relay ended at its start; its messages are in %s", log)
	}
	return ready, nil
}

// logsKept is for how long the messages of relays that have ended stay.
const logsKept = 30 * 24 * time.Hour

// relayLog opens a file for the messages of a relay that is to be started.
func relayLog() (name string, f *os.File, err error) {
	dir, err := attach.StateDir()
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", nil, hint(fmt.Errorf("the state folder: %w", err), "set XDG_STATE_HOME to a folder that you may write to, or use --foreground or --headless")
	}
	forgetOld(dir)
	name = filepath.Join(dir, fmt.Sprintf("relay-%s-%d.log", time.Now().Format("20060102-150405"), os.Getpid()))
	f, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", nil, hint(fmt.Errorf("the state folder: %w", err), "is the disk full? --foreground and --headless need no state folder")
	}
	return name, f, nil
}

// forgetOld removes what relays of a month ago left: messages and recordings.
func forgetOld(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), "relay-") && time.Since(info.ModTime()) > logsKept {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
