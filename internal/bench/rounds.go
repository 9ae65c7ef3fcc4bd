//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// bench runs the loads.
type bench struct {
	options
	self, dir string
	others    []peerProxy
	absent    []string // peers that are not installed
	progress  io.Writer
}

// group is one load on all ways.
type group struct {
	name   string
	job    job
	rounds int
	direct bool // is measured too: its numbers are used
	fresh  bool // new processes for every round: memory once used stays used
}

// groups is the part of the programme that passes through proxies; it takes
// about four minutes. Many short rounds are better than a few long ones: who
// else uses the machine changes by the second, and neighbouring rounds are
// compared.
func groups() []group {
	const ms = time.Millisecond
	return []group{
		{name: "echo", rounds: 9, direct: true, job: job{Load: "echo", Path: pathEcho, Conns: 100, Warm: 200 * ms, For: 800 * ms}},
		{name: "bulk", rounds: 7, job: job{Load: "stream", Path: pathBulk, Conns: 4, Warm: 150 * ms, For: 600 * ms}},
		{name: "flood", rounds: 7, job: job{Load: "stream", Path: pathFlood, Conns: 4, Warm: 150 * ms, For: 600 * ms}},
		{name: "handshake", rounds: 9, job: job{
			Load: "handshake", Path: pathEcho, Conns: 16, Warm: 200 * ms, For: 1000 * ms, Most: 5000}},
		{name: "latency", rounds: 3, direct: true, job: job{
			Load: "paced", Path: pathEcho, Conns: 500, Rate: 8, Warm: 500 * ms, For: 3500 * ms}},
		{name: "idle", rounds: 3, fresh: true, job: job{Load: "idle", Path: pathEcho, Conns: 4000, Warm: 700 * ms, For: 1000 * ms}},
	}
}

// local is the part of the programme that passes through no proxy.
var local = []struct {
	name string
	rows func(*bench, context.Context) ([]row, error)
}{
	{"logs", (*bench).logRows},
	{"state", (*bench).stateRows},
	{"screen", (*bench).screenRows},
	{"replay", (*bench).replayRows},
}

// loadNames are what -only takes.
func loadNames() (names []string) {
	for _, g := range groups() {
		names = append(names, g.name)
	}
	names = append(names, viewersName)
	for _, l := range local {
		names = append(names, l.name)
	}
	return names
}

// hurried is g for a smoke run.
func (g group) hurried() group {
	g.job.Conns = min(g.job.Conns, 50)
	g.job.Warm, g.job.For = 50*time.Millisecond, 200*time.Millisecond
	if g.job.Most > 0 {
		g.job.Most = 200
	}
	return g
}

// results is what each round gave, by group and way.
type results map[string]map[string][]result

// roundsOr is how many rounds a load has that needs n.
func (b *bench) roundsOr(n int) int {
	switch {
	case b.rounds > 0:
		return b.rounds
	case b.quick:
		return 1
	}
	return n
}

// step shows that something was done.
func (b *bench) step() { fmt.Fprint(b.progress, ".") }

func (b *bench) measureLocal(ctx context.Context) (rows []row, err error) {
	for _, l := range local {
		if !b.wants(l.name) {
			continue
		}
		fmt.Fprint(b.progress, l.name)
		got, err := l.rows(b, ctx)
		fmt.Fprintln(b.progress)
		if err != nil {
			return nil, err
		}
		rows = append(rows, got...)
	}
	for i := range rows {
		rows[i].compareBuilds()
	}
	return rows, nil
}

func (b *bench) measureAll(ctx context.Context) (results, error) {
	all := results{}
	for _, g := range groups() {
		if !b.wants(g.name) {
			continue
		}
		if b.quick {
			g = g.hurried()
		}
		g.rounds = b.roundsOr(g.rounds)
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
	ways := b.ways()
	if !g.direct {
		ways = ways[1:]
	}
	for round := range g.rounds {
		if s == nil {
			if s, err = b.newStack(filepath.Join(b.dir, fmt.Sprintf("%s-%d", g.name, round))); err != nil {
				return nil, err
			}
		}
		for i := range ways {
			way := ways[(i+round)%len(ways)]
			r, err := s.measure(ctx, b.self, way, g.job)
			if err != nil {
				return nil, err
			}
			got[way] = append(got[way], r)
			b.step()
		}
		if g.fresh {
			s.stop()
			s = nil
		}
	}
	return got, nil
}
