package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/wstap/wstap/attach"
)

// controlCommands are drain, stop and reload.
func controlCommands() []*cobra.Command {
	return []*cobra.Command{
		controlCommand("drain", "let a relay on this machine accept no more, and wait until its connections have ended", awaitEnd),
		controlCommand("stop", "end a relay on this machine and the connections that pass through it", awaitEnd),
		controlCommand("reload", "let a relay on this machine read its nginx configuration again", nil),
	}
}

func controlCommand(verb, short string, then func(context.Context, io.Writer, attach.Relay) error) *cobra.Command {
	return &cobra.Command{
		Use: verb + " [NAME]", Short: short, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			registry, err := attach.LocalRegistry()
			if err != nil {
				return err
			}
			relay, err := registry.Find(name)
			if err != nil {
				return err
			}
			return control(c, relay, verb, then)
		},
	}
}

func control(c *cobra.Command, relay attach.Relay, verb string, then func(context.Context, io.Writer, attach.Relay) error) error {
	stop := newStopper(0, ends)
	defer stop.close()
	answer, err := ask(stop.first, relay, verb)
	if err != nil {
		return fmt.Errorf("%s: %w", relay.Name, err)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", relay.Name, answer)
	if then == nil {
		return nil
	}
	return then(stop.first, c.OutOrStdout(), relay)
}

func ask(ctx context.Context, relay attach.Relay, verb string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	return attach.Control(ctx, attach.ClientOptions{URL: relay.URL(), Version: version()}, verb)
}

// awaitEnd says how many connections are left until the relay is gone. Whoever
// interrupts it leaves the relay to its task.
func awaitEnd(ctx context.Context, out io.Writer, relay attach.Relay) error {
	last := ""
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintf(out, "%s: goes on by itself\n", relay.Name)
			return nil
		case <-tick.C:
		}
		answer, err := ask(ctx, relay, "status")
		var says *attach.RelayError
		switch {
		case errors.As(err, &says):
			return err
		case err != nil && ctx.Err() == nil:
			fmt.Fprintf(out, "%s: has ended\n", relay.Name)
			return nil
		case err == nil && answer != last:
			fmt.Fprintf(out, "%s: %s\n", relay.Name, answer)
			last = answer
		}
	}
}
