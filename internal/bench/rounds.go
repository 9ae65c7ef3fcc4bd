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
	fresh  bool     // new processes for every round: memory once used stays used
	ways   []string // nil: all
}

// groups is the whole programme; with direct runs it takes about three minutes.
func groups() []group {
	return []group{
		{name: "echo", rounds: 5, job: job{Load: "echo", Path: pathEcho, Conns: 100, Warm: 300 * time.Millisecond, For: 1700 * time.Millisecond}},
		{name: "bulk", rounds: 3, job: job{Load: "stream", Path: pathBulk, Conns: 4, Warm: 200 * time.Millisecond, For: 1300 * time.Millisecond}},
		{name: "flood", rounds: 3, job: job{Load: "stream", Path: pathFlood, Conns: 4, Warm: 200 * time.Millisecond, For: 1300 * time.Millisecond}},
		{name: "handshake", rounds: 4, job: job{
			Load: "handshake", Path: pathEcho, Conns: 16, Warm: 200 * time.Millisecond, For: 2 * time.Second, Most: 8000}},
		{name: "latency", rounds: 3, job: job{
			Load: "paced", Path: pathEcho, Conns: 500, Rate: 8, Warm: 500 * time.Millisecond, For: 3500 * time.Millisecond}},
		{name: "idle", rounds: 3, fresh: true, ways: variants[1:], job: job{Load: "idle", Path: pathEcho, Conns: 4000, For: time.Second}},
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
		if g.ways == nil {
			g.ways = variants
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
