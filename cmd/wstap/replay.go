package main

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/feed"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/tui"
)

func replayCommand() *cobra.Command {
	var speed string
	var looks screenLooks
	c := &cobra.Command{
		Use:   "replay FILE ...",
		Short: "a recording in the dashboard, with play, pause, speed and seek",
		Args:  needs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := parseSpeed(speed)
			if err != nil {
				return err
			}
			return runReplay(args, n, looks)
		},
	}
	c.Flags().StringVar(&speed, "speed", "1", "times its own speed, or max")
	looks.flags(c.Flags())
	return c
}

func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return math.Inf(1), nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !(n >= 0.01 && n <= 100_000) {
		return 0, usagef("--speed %q: want a number from 0.01 to 100000, or max", s)
	}
	return n, nil
}

func runReplay(files []string, speed float64, looks screenLooks) error {
	if err := noneTwice(files); err != nil {
		return err
	}
	if err := looks.load(); err != nil {
		return err
	}
	r, err := capture.Open(files...)
	if err != nil {
		return err
	}
	defer r.Close()
	if !isTerminal(os.Stdin, os.Stdout) {
		return hint(errNoTerminal, "wstap report "+strings.Join(files, " ")+" prints the same as text")
	}
	info := r.Info()
	p := feed.NewPlayer(r, info.From, info.To, speed, monitor.Bounds{})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(ctx) })
	look := newOverview(files)
	wg.Go(func() { look.run(ctx) })
	o := tui.Options{
		Read: p.Read, Mode: tui.Replay, Title: title(files), Replay: screenPlayer{p, look}, Version: version(),
	}
	if err = looks.apply(&o); err == nil {
		err = tui.Run(ctx, o)
	}
	cancel()
	wg.Wait()
	if e := p.Position().Err; err == nil && e != nil {
		err = partial{e}
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func title(files []string) string {
	t := filepath.Base(files[0])
	if len(files) > 1 {
		t += " +" + strconv.Itoa(len(files)-1)
	}
	return t
}

// screenPlayer is a feed.Player as the dashboard sees it.
type screenPlayer struct {
	*feed.Player
	*overview
}

func (p screenPlayer) Status() tui.PlayerStatus {
	s := p.Position()
	return tui.PlayerStatus{At: s.At, Goal: s.Goal, From: s.From, To: s.To, Speed: s.Speed, Paused: s.Paused, Ended: s.Ended}
}
