//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// bench runs the groups of loads.
type bench struct {
	self, wstap, dir string
	quick            bool
	progress         io.Writer
}

// group is one load on all ways.
type group struct {
	name   string
	job    job
	rounds int
	ways   []string // direct only where its numbers are used
	fresh  bool     // new processes for every round: memory once used stays used
}

// groups is the whole programme; it takes about three minutes. Many short
// rounds are better than a few long ones: who else uses the machine changes by
// the second, and neighbouring rounds are compared.
func groups() []group {
	proxies := variants[1:]
	const ms = time.Millisecond
	return []group{
		{name: "echo", rounds: 9, ways: variants, job: job{Load: "echo", Path: pathEcho, Conns: 100, Warm: 200 * ms, For: 800 * ms}},
		{name: "bulk", rounds: 7, ways: proxies, job: job{Load: "stream", Path: pathBulk, Conns: 4, Warm: 150 * ms, For: 600 * ms}},
		{name: "flood", rounds: 7, ways: proxies, job: job{Load: "stream", Path: pathFlood, Conns: 4, Warm: 150 * ms, For: 600 * ms}},
		{name: "handshake", rounds: 9, ways: proxies, job: job{
			Load: "handshake", Path: pathEcho, Conns: 16, Warm: 200 * ms, For: 1000 * ms, Most: 5000}},
		{name: "latency", rounds: 3, ways: variants, job: job{
			Load: "paced", Path: pathEcho, Conns: 500, Rate: 8, Warm: 500 * ms, For: 3500 * ms}},
		{name: "idle", rounds: 3, ways: proxies, fresh: true, job: job{Load: "idle", Path: pathEcho, Conns: 4000, For: 1000 * ms}},
	}
}

func groupNames() (names []string) {
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// hurried is g for a smoke run.
func (g group) hurried() group {
	g.rounds = 1
	g.job.Conns = min(g.job.Conns, 50)
	g.job.Warm, g.job.For = 50*time.Millisecond, 200*time.Millisecond
	if g.job.Most > 0 {
		g.job.Most = 200
	}
	return g
}

// results is what each round gave, by group and way.
type results map[string]map[string][]result

func (b *bench) measureAll(ctx context.Context, only []string) (results, error) {
	for _, name := range only {
		if !slices.Contains(groupNames(), name) {
			return nil, fmt.Errorf("no load %q; there are %q", name, groupNames())
		}
	}
	all := results{}
	for _, g := range groups() {
		if len(only) > 0 && !slices.Contains(only, g.name) {
			continue
		}
		if b.quick {
			g = g.hurried()
		}
		// Each conn takes two descriptors of a proxy, and two of nginx's 10,000.
		g.job.Conns = min(g.job.Conns, (raiseFiles()-300)/2)
		fmt.Fprintf(b.progress, "%s", g.name)
		got, err := b.measure(ctx, g)
		fmt.Fprintln(b.progress)
		if err != nil {
			return nil, err
		}
		all[g.name] = got
	}
	return all, nil
}

// measure runs the rounds of a group; each begins with another way.
func (b *bench) measure(ctx context.Context, g group) (got map[string][]result, err error) {
	got = map[string][]result{}
	var s *stack
	defer func() {
		if s != nil {
			s.stop()
		}
	}()
	for round := range g.rounds {
		if s == nil {
			dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", g.name, round))
			if err := os.Mkdir(dir, 0o755); err != nil {
				return nil, err
			}
			if s, err = newStack(dir, b.self, b.wstap); err != nil {
				return nil, err
			}
		}
		for i := range g.ways {
			way := g.ways[(i+round)%len(g.ways)]
			r, err := s.measure(ctx, b.self, way, g.job)
			if err != nil {
				return nil, err
			}
			got[way] = append(got[way], r)
			fmt.Fprint(b.progress, ".")
		}
		if g.fresh {
			s.stop()
			s = nil
		}
	}
	return got, nil
}
