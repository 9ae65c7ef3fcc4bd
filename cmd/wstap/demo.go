package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wstap/wstap/demo"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/tap"
)

func demoCommand() *cobra.Command {
	var o liveOptions
	var d demo.Demo
	c := &cobra.Command{
		Use:   "demo",
		Short: "everything on loopback, nothing to install",
		Long: `Starts a WebSocket server with different temperaments, a stand-in for nginx with a short idle timeout
that writes nginx's error-log lines, taps in front of it and behind it, and a crowd of clients. What you
see is what "wstap tap" shows of a real nginx; only the proxy is a stand-in.`,
		Example: `  wstap demo
  wstap demo --headless --for 12s`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c, o, &d) },
	}
	addLiveFlags(c.Flags(), &o)
	c.Flags().DurationVar(&d.IdleTimeout, "idle-timeout", 8*time.Second, "the stand-in proxy's idle timeout")
	c.Flags().IntVar(&d.Clients, "clients", 24, "how many clients are there at a time")
	c.Flags().Uint64Var(&d.Seed, "seed", 1, "of everything random")
	return c
}

// standIn must be seen wherever the demo's results are.
const standIn = "demo: the proxy is a stand-in written for this demo, not nginx"

func runDemo(c *cobra.Command, o liveOptions, d *demo.Demo) error {
	o.notes = []string{standIn}
	o.source, o.title = "demo", "demo"
	o.readTimeout = d.IdleTimeout
	o.hangup = ends
	o.drain = 0 // nobody needs its connections
	switch {
	case d.IdleTimeout < time.Second:
		return usagef("--idle-timeout %s: want at least 1s", d.IdleTimeout)
	case d.Clients < 1 || d.Clients > 10_000:
		return usagef("--clients %d: want 1 to 10000", d.Clients)
	}
	if err := o.check(); err != nil {
		return err
	}
	log, err := os.CreateTemp("", "wstap-demo-error-*.log")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer os.Remove(log.Name())
	defer log.Close()
	d.Log = log
	o.errorLogs = []string{log.Name()}
	l, err := newLive(o)
	if err != nil {
		return err
	}
	defer l.close()
	ctx, cancel := context.WithCancel(context.Background())
	defer d.Wait()
	defer cancel()
	front, err := l.stage(ctx, d)
	if err != nil {
		return err
	}
	return l.run(c.OutOrStdout(), func(ctx context.Context) { d.RunCrowd(ctx, front) })
}

// stage builds client → front tap → proxy → back tap → server, from the far
// end on, and returns the front tap's address.
func (l *live) stage(ctx context.Context, d *demo.Demo) (string, error) {
	server, err := d.StartServer(ctx)
	if err != nil {
		return "", err
	}
	back, err := l.listenOne(monitor.Back, server)
	if err != nil {
		return "", err
	}
	proxy, err := d.StartProxy(ctx, back)
	if err != nil {
		return "", err
	}
	return l.listenOne(monitor.Front, proxy)
}

// listenOne opens one tap on a free port and returns its address.
func (l *live) listenOne(role monitor.Role, upstream string) (string, error) {
	specs, err := tap.ParseSpecs([]string{string(role) + "@127.0.0.1:0=" + upstream}, nil)
	if err != nil {
		return "", err
	}
	if err := l.listen(specs); err != nil {
		return "", err
	}
	taps := l.tap[len(l.tap)-1].Taps()
	return taps[0].Listen, nil
}
