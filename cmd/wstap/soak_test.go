//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

const (
	soakVariable = "WSTAP_SOAK" // how long to soak, as in 30m
	soakDefault  = time.Minute
	soakWorkers  = 40
	soakEvery    = 250 * time.Millisecond // between samples
	soakFill     = monitor.DefaultClosed * 3 / 2
)

// How much the mean of the last quarter may exceed that of an earlier one.
const (
	soakMemory      = 0.05     // of it, and
	soakMemoryBytes = 16 << 20 // what a heap moves by between two collections
	soakFiles       = 0.10     // of it, and
	soakFilesCount  = 6        // the conns that live are counted, too, and come and go
)

// TestSoakThroughAttach churns conns through a relay with two viewers: memory and
// descriptors of the relay and of a viewer stay as they are, and in the end
// every event is accounted for.
func TestSoakThroughAttach(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: a minute of soak, and this is -short")
	}
	t.Parallel()
	s := startSoak(t)
	files := [2]int{openFiles(t, s.relay.pid()), openFiles(t, s.viewer.pid())}
	s.fill()
	took, samples := s.soak(soakTime(t))
	s.settle()
	for i, p := range []*counted{s.relay, s.viewer} {
		samples[i].judge(t, p.name)
		eventually(t, p.name+" has closed what it opened", func() bool { return openFiles(t, p.pid()) <= files[i] })
		t.Logf("%s: %d descriptors before the load, %d after it", p.name, files[i], openFiles(t, p.pid()))
	}
	t.Logf("%v: %s", took.Round(time.Second), s.load)
	s.account()
}

func soakTime(t *testing.T) time.Duration {
	d, err := time.ParseDuration(cmp.Or(os.Getenv(soakVariable), soakDefault.String()))
	if err != nil || d <= 0 {
		t.Fatalf("%s=%q: want a time as in 30m", soakVariable, os.Getenv(soakVariable))
	}
	return d
}

// soaking is a relay, what looks at it, and what goes through it.
type soaking struct {
	t             *testing.T
	relay, viewer *counted
	looker        *looker
	load          *churn
	recording     string // the viewer's
}

func startSoak(t *testing.T) *soaking {
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	dir := shortTemp(t)
	s := &soaking{t: t, recording: filepath.Join(dir, "viewer.mcap"), load: &churn{addr: addr, seed: rand.Uint64()}}
	t.Logf("seed %d", s.load.seed)
	url := "unix:" + filepath.Join(dir, "relay.sock")
	s.relay = startCounted(t, "the relay", "tap", "--headless", "--json", "--serve", url, "back@"+addr+"="+churnServer(t))
	eventually(t, "the relay serves", func() bool { _, err := os.Stat(strings.TrimPrefix(url, "unix:")); return err == nil })
	s.viewer = startCounted(t, "the viewer", "attach", "--headless", "--json", "--capture", s.recording, url)
	s.looker = look(t, url)
	s.looker.live(t)
	eventually(t, "the viewer's process is attached", func() bool { return s.viewer.said("attached") })
	return s
}

// fill makes more conns than a State keeps when they have ended: until then its
// memory has to grow, and then until it has been collected at that size.
func (s *soaking) fill() {
	began := time.Now()
	s.load.run(s.t.Context(), soakWorkers, soakFill, true)
	s.checkLoad()
	s.t.Logf("filled with %d conns in %v", s.load.conns.Load(), time.Since(began).Round(time.Second))
}

func (s *soaking) checkLoad() {
	s.t.Helper()
	if err := s.load.failure(); err != nil {
		s.t.Fatalf("the traffic was touched: %v", err)
	}
}

// soak churns for a time and samples the relay's and the viewer's process.
func (s *soaking) soak(d time.Duration) (took time.Duration, samples [2]usages) {
	began := time.Now()
	ctx, stop := context.WithTimeout(s.t.Context(), d)
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); s.load.run(ctx, soakWorkers, 0, false) }()
	tick := time.NewTicker(soakEvery)
	defer tick.Stop()
	for told := began; ; {
		select {
		case <-done:
			s.checkLoad()
			return time.Since(began), samples
		case now := <-tick.C:
			for i, p := range []*counted{s.relay, s.viewer} {
				samples[i] = append(samples[i], usageOf(s.t, p.pid()))
			}
			if now.Sub(told) >= time.Minute {
				told = now
				s.t.Logf("%v: relay %v, viewer %v, %d conns", now.Sub(began).Round(time.Second), samples[0].last(), samples[1].last(), s.load.conns.Load())
			}
		}
	}
}

// settle waits until the viewers know of every end.
func (s *soaking) settle() {
	s.t.Helper()
	eventually(s.t, "the viewer's State has all ends", func() bool {
		now := s.looker.totals()
		return now.Open == 0 && now.Conns == s.load.conns.Load()
	})
	eventually(s.t, "the viewer's process has all ends", func() bool { return s.viewer.count("closed") == s.load.conns.Load() || s.viewer.lost() > 0 })
}

// account ends the relay and compares what it produced to what came.
func (s *soaking) account() {
	s.relay.interrupt()
	eventually(s.t, "the goodbye", func() bool { return s.looker.client.State().Goodbye })
	eventually(s.t, "the goodbye is told", func() bool { return s.viewer.said("last word") })
	s.viewer.interrupt()
	s.looker.end()
	st, totals := s.looker.client.State(), s.looker.totals()
	produced := s.relay.lifecycle()
	s.t.Logf("the relay produced %d events; the viewer: %d before it came + %d seen + %d missed; samples missed %d, frames %d; refused %d, unknown %d, restored %d times",
		produced, st.Before, st.Seen, st.Missed.Events, st.Missed.Samples, st.Missed.Frames, st.Refused, st.Unknown, st.Restored)
	if got := st.Before + st.Seen + st.Missed.Events; got != produced || s.relay.lost() > 0 {
		s.t.Errorf("the viewer accounts for %d events, the relay produced %d (lines lost: %d)", got, produced, s.relay.lost())
	}
	s.compare("the viewer's State", "conns", totals.Conns, s.load.conns.Load())
	s.compare("the viewer's State", "closed", totals.Closed, s.load.conns.Load())
	s.compare("the viewer's State", "refused", totals.Refused, s.load.refused.Load())
	s.compare("the viewer's State", "upgraded", totals.Upgraded, s.load.conns.Load()-s.load.refused.Load())
	recorded := readReport(s.t, s.recording)
	s.compare("the viewer's recording", "conns", recorded.Totals.Conns, s.load.conns.Load())
	s.compare("the viewer's recording", "closed", recorded.Totals.Closed, s.load.conns.Load())
	if lost := s.viewer.lost(); lost > 0 {
		s.t.Logf("the viewer's process was not sent %d events or lines: its lines are not compared one by one", lost)
		return
	}
	for _, kind := range []string{"opened", "request", "response", "close_frame", "side_ended", "closed"} {
		s.compare("the viewer's process", kind, s.viewer.count(kind), s.relay.count(kind))
	}
}

func (s *soaking) compare(who, what string, got, want uint64) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s has %d %s, want %d", who, got, what, want)
	}
}

// usage is what a process needs at one moment.
type usage struct {
	rss   float64 // bytes
	files float64
}

func (u usage) String() string {
	return fmt.Sprintf("%.1f MiB, %.0f descriptors", u.rss/(1<<20), u.files)
}

func usageOf(t *testing.T, pid int) usage {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(b, []byte("\nVmRSS:"))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		t.Fatalf("process %d has no VmRSS: it has ended", pid)
	}
	kib, err := strconv.ParseFloat(string(fields[0]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return usage{kib * 1024, float64(openFiles(t, pid))}
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// usages are those of a process over time.
type usages []usage

func (u usages) last() usage { return u[len(u)-1] }

// quarter is the mean of the n-th quarter, from 0.
func (u usages) quarter(n int) (mean usage) {
	part := u[n*len(u)/4 : (n+1)*len(u)/4]
	for _, one := range part {
		mean.rss += one.rss / float64(len(part))
		mean.files += one.files / float64(len(part))
	}
	return mean
}

// judge tells the means, and wants them to stay.
func (u usages) judge(t *testing.T, name string) {
	t.Helper()
	if len(u) < 8 {
		t.Fatalf("%s: %d samples are too few to judge", name, len(u))
	}
	t.Logf("%s, means of the quarters: %v; %v; %v; %v", name, u.quarter(0), u.quarter(1), u.quarter(2), u.quarter(3))
	for _, what := range u.rises() {
		t.Errorf("%s: %s", name, what)
	}
}

// rises says what is more in the last quarter than it was in the second, or for
// memory in the first: a heap may lie low between two collections, and what leaks
// exceeds both.
func (u usages) rises() (what []string) {
	first, second, last := u.quarter(0), u.quarter(1), u.quarter(3)
	if most := max(first.rss, second.rss)*(1+soakMemory) + soakMemoryBytes; last.rss > most {
		what = append(what, fmt.Sprintf("memory rises from %v and %v to %v; at most %.1f MiB", first, second, last, most/(1<<20)))
	}
	if most := second.files*(1+soakFiles) + soakFilesCount; last.files > most {
		what = append(what, fmt.Sprintf("descriptors rise from %v to %v; at most %.0f", second, last, most))
	}
	return what
}

// TestUsages: what rises is found, what moves up and down is not.
func TestUsages(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   func(i int) usage
		want string
	}{
		{"flat", func(int) usage { return usage{100 << 20, 80} }, ""},
		{"grows at first", func(i int) usage { return usage{float64(min(i, 16)) * (8 << 20), 80} }, ""},
		{"up and down", func(i int) usage { return usage{100<<20 + float64(i%4)*(20<<20), 80 + float64(i%5)*20} }, ""},
		{"memory leaks", func(i int) usage { return usage{100<<20 + float64(i)*(1<<20), 80} }, "memory"},
		{"descriptors leak", func(i int) usage { return usage{100 << 20, 80 + float64(i)} }, "descriptors"},
	} {
		var u usages
		for i := range 64 {
			u = append(u, tt.at(i))
		}
		if got := strings.Join(u.rises(), "; "); (got == "") != (tt.want == "") || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
