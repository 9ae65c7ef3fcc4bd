//go:build linux

package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	quick   bool
	json    string
	wstap   string
	against string
	only    []string
	rounds  int
	peers   string // yes, no, auto
	soak    time.Duration
	conns   int
	profile string
}

const usage = `usage: go run ./internal/bench [flags]

Runs the same loads directly, through nginx, through wstap and through wstap
recording, in interleaved rounds, and prints what each operation costs beside
the goals of design §14. Everything takes about eleven minutes; a quick look:

  go run ./internal/bench -only echo -rounds 3                  one load, about 20 s
  go run ./internal/bench -only echo,flood -against /tmp/before two builds of wstap, in the same rounds
  go run ./internal/bench -only echo -profile /tmp/prof         where the CPU time of wstap goes
  go run ./internal/bench -soak 10m                             as many conns as the descriptors allow

For a comparison build the earlier wstap first (make build; cp bin/wstap /tmp/before),
change something, and run with -against /tmp/before: its columns are measured in the
same rounds, and the last table gives the ratio of both with its spread. Below ±5 %%
use more -rounds. Loads: %s.

What passes through no proxy (state, screen, replay, and the log packages) is measured as
the sources are; only wstap logs is that of -wstap and -against. All cores busy or a load
average above 1 makes latency and messages a second worthless, and CPU times up to 10 %% larger.

`

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, usage, strings.Join(loadNames(), ", "))
		f.PrintDefaults()
	}
	f.BoolVar(&o.quick, "quick", false, "one short round: that it works, not how fast it is")
	f.StringVar(&o.json, "json", "", "write the numbers of every round to `FILE` too")
	f.StringVar(&o.wstap, "wstap", "", "measure this `BINARY` instead of building ./cmd/wstap")
	f.StringVar(&o.against, "against", "", "measure this other wstap `BINARY` in the same rounds, and compare")
	f.IntVar(&o.rounds, "rounds", 0, "rounds of each load (default: 3 to 9, as each needs)")
	f.StringVar(&o.peers, "peers", "auto", "measure HAProxy and toxiproxy, where installed, too: yes, no, or auto, in a run of all loads")
	f.DurationVar(&o.soak, "soak", 0, "instead of the loads: hold many conns for this `TIME`, with churn, and watch memory and descriptors")
	f.IntVar(&o.conns, "conns", 0, "with -soak: how many conns (default: as many as the descriptors allow)")
	f.StringVar(&o.profile, "profile", "", "instead of measuring: perf and strace of wstap under each load, into `DIR`")
	only := f.String("only", "", "comma-separated `LOADS`")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	return o, o.check(f.Args())
}

func (o *options) check(rest []string) error {
	for _, name := range o.only {
		if !slices.Contains(loadNames(), name) {
			return fmt.Errorf("no load %q; there are %s", name, strings.Join(loadNames(), ", "))
		}
	}
	switch {
	case !slices.Contains([]string{"yes", "no", "auto"}, o.peers):
		return fmt.Errorf("-peers %q: want yes, no or auto", o.peers)
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.rounds < 0 || o.soak < 0 || o.conns < 0:
		return errors.New("-rounds, -soak and -conns want positive numbers")
	case o.conns > 0 && o.soak == 0:
		return errors.New("-conns goes with -soak")
	case cmp.Or(o.profile, o.against) != "" && o.soak > 0, o.profile != "" && o.against != "":
		return errors.New("-soak, -profile and -against exclude each other")
	}
	return nil
}

// wantsPeers says whether other proxies are looked for: they are for the whole
// programme, and in nobody's way in a quick look or a comparison of two builds.
func (o *options) wantsPeers() bool {
	measures := o.soak == 0 && o.profile == ""
	return measures && (o.peers == "yes" || o.peers == "auto" && o.against == "" && len(o.only) == 0)
}

// wants says that a load was not left out by -only.
func (o *options) wants(load string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, load)
}
