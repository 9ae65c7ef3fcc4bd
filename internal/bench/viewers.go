//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/wstap/wstap/attach"
)

// What looking on costs the relay. Every way is a relay of its own, as `wstap
// tap` starts it in the background, recording, and each slice has viewers that
// have just come: for two minutes after the last has left, a relay goes on
// encoding for those who may come back.

// viewersName is what -only takes.
const viewersName = "viewers"

// noViewer is what the others are compared to.
const noViewer = "no viewer"

// audience is one way: who looks on.
type audience struct {
	way            string
	screen         bool // a dashboard on a pseudo-terminal
	clients        int  // of attach
	stopped        bool // the screen has got SIGSTOP
	stoppedClients int  // so many more, which have, too
	tcp            bool // they come over TCP, as if from elsewhere: what they get is compressed
}

var audiences = []audience{
	{way: noViewer},
	{way: "one screen", screen: true},
	{way: "screen stopped", screen: true, stopped: true},
	{way: "ten viewers", clients: 9, stoppedClients: 1},
	{way: "ten over TCP", clients: 9, stoppedClients: 1, tcp: true},
}

// viewersGroup is the load. 500 conns that send 8 messages a second.
func viewersGroup() group {
	return group{name: viewersName, rounds: 7, job: job{
		Load: "paced", Path: pathEcho, Conns: 500, Rate: 8, Warm: 500 * time.Millisecond, For: 2500 * time.Millisecond}}
}

// measureViewers runs the rounds; each begins and ends with nobody who looks
// on, and has the others between in another order.
func (b *bench) measureViewers(ctx context.Context) (got map[string][]result, err error) {
	if !b.wants(viewersName) {
		return nil, nil
	}
	g := viewersGroup()
	if b.quick {
		g = g.hurried()
	}
	fmt.Fprint(b.progress, viewersName)
	defer fmt.Fprintln(b.progress)
	s, err := b.newAudienceStack(filepath.Join(b.dir, viewersName))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	got = map[string][]result{}
	for round := range b.roundsOr(g.rounds) {
		for _, a := range inTurn(round) {
			r, err := b.measureAudience(ctx, s, a, g.job)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", a.way, err)
			}
			got[a.way] = append(got[a.way], r)
			b.step()
		}
	}
	return got, nil
}

// inTurn is the order of a round.
func inTurn(round int) (order []audience) {
	order = append(order, audiences[0])
	for i := range audiences[1:] {
		order = append(order, audiences[1+(i+round)%(len(audiences)-1)])
	}
	return append(order, audiences[0])
}

// audienceStack is a server and a relay for each way.
type audienceStack struct {
	*stack
	relays map[string]attach.Relay
	urls   map[string]string   // where viewers attach
	env    map[string][]string // where each is listed
}

func (b *bench) newAudienceStack(dir string) (*audienceStack, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	s := &audienceStack{stack: &stack{dir: dir, routes: map[string]route{}}, relays: map[string]attach.Relay{}, urls: map[string]string{}, env: map[string][]string{}}
	addrs, err := s.startServer(b.self, len(audiences))
	for i := 0; err == nil && i < len(audiences); i++ {
		err = s.startRelay(b.wstap, audiences[i], addrs[i])
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// startRelay starts what the screen of `wstap tap` starts: a relay that says on
// its descriptor 3 what it is called.
func (s *audienceStack) startRelay(binary string, a audience, upstream netip.AddrPort) error {
	way := a.way
	home := filepath.Join(s.dir, strings.ReplaceAll(way, " ", "-"))
	state := filepath.Join(home, "wstap")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	s.env[way] = append(os.Environ(), "XDG_STATE_HOME="+home, "XDG_RUNTIME_DIR="+home, "TERM=xterm-256color")
	log := filepath.Join(state, "relay.log")
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close()
	hear, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer hear.Close()
	cmd := exec.Command(binary, "tap", "--for", forgottenAfter.String(), "--relay-log", log, "back@127.0.0.1:0="+upstream.String())
	if a.tcp {
		cmd.Args = append(cmd.Args, "--serve", "127.0.0.1:0")
	}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles, cmd.Env = out, out, []*os.File{tell}, s.env[way]
	c, err := start(cmd)
	tell.Close()
	if err != nil {
		return err
	}
	s.proxies = append(s.proxies, c)
	ready, err := readReady(hear)
	if err != nil {
		b, _ := os.ReadFile(log)
		return fmt.Errorf("the relay does not start: %w\n%s", err, b)
	}
	registry := attach.Registry{State: state}
	relay, err := registry.Find(ready.Name)
	if err != nil {
		return err
	}
	s.urls[way] = relay.URL()
	if a.tcp {
		s.urls[way] = strings.TrimPrefix(strings.Join(ready.Words, "\n"), "viewers: wstap attach ")
	}
	addr, err := netip.ParseAddrPort(relay.Taps[0].Listen)
	if err != nil {
		return err
	}
	s.relays[way], s.routes[way] = relay, route{addr: addr, proxy: relay.PID}
	return nil
}

// ready is what a relay says.
type ready struct {
	Name, Error string
	Words       []string // where else viewers attach
}

func readReady(hear *os.File) (r ready, err error) {
	hear.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(hear)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, err
	}
	if r.Name == "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// measureAudience lets an audience come, measures, and sends it away.
func (b *bench) measureAudience(ctx context.Context, s *audienceStack, a audience, j job) (r result, err error) {
	l := &lookers{}
	defer l.stop()
	if err := l.come(b, s, a); err != nil {
		return r, err
	}
	began, before := time.Now(), l.cpu()
	r, err = s.measure(ctx, b.self, a.way, j)
	if err != nil {
		return r, err
	}
	r.ViewersCPU = (l.cpu() - before).Seconds() / time.Since(began).Seconds()
	return r, l.check()
}

// profileViewers looks at a relay that nobody looks on, and at one with ten viewers.
func (b *bench) profileViewers(ctx context.Context, stdout io.Writer) error {
	s, err := b.newAudienceStack(filepath.Join(b.dir, viewersName))
	if err != nil {
		return err
	}
	defer s.stop()
	j := viewersGroup().job
	j.For = profileTime
	for _, a := range []audience{audiences[0], audiences[len(audiences)-1]} {
		l := &lookers{}
		err := l.come(b, s, a)
		if err == nil {
			err = b.profileWay(ctx, s.stack, a.way, j, filepath.Join(b.profile, strings.ReplaceAll(a.way, " ", "-")), stdout)
		}
		l.stop()
		if err != nil {
			return err
		}
	}
	return nil
}
