//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wstap/wstap/internal/nginxrun"
)

// TestMain lets the test binary be the bench's server and generator.
func TestMain(m *testing.M) {
	if isRole(os.Args) {
		os.Exit(role(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// quickly runs the bench with flags for a smoke run; what it prints comes back,
// and the document is read into doc.
func quickly(t *testing.T, doc any, flags ...string) string {
	t.Helper()
	if _, err := nginxrun.Binary(); errors.Is(err, nginxrun.ErrMissing) {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "bench.json")
	var out, progress bytes.Buffer
	if err := run(t.Context(), append([]string{"-quick", "-json", file}, flags...), &out, &progress); err != nil {
		t.Fatalf("%v\n%s\n%s", err, progress.String(), out.String())
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, doc); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestQuick holds that every load runs on every way and gives numbers; how
// large they are depends on who else uses the machine.
func TestQuick(t *testing.T) {
	var doc document
	out := quickly(t, &doc, "-peers", "yes")
	for _, g := range groups() {
		ways := append(slices.Clone(variants), waysIn(doc.Machine.Peers)...)
		if !g.direct {
			ways = ways[1:]
		}
		for _, way := range ways {
			rounds := doc.Results[g.name][way]
			if len(rounds) != 1 || rounds[0].Ops == 0 || rounds[0].Seconds <= 0 || rounds[0].OwnCPU <= 0 || way != direct && rounds[0].ProxyCPU < 0 {
				t.Errorf("%s, %s: %+v", g.name, way, rounds)
			}
		}
	}
	for _, a := range audiences {
		want := 1
		if a.way == noViewer {
			want = 2
		}
		rounds := doc.Results[viewersName][a.way]
		if len(rounds) != want || rounds[0].Ops == 0 || rounds[0].ProxyCPU <= 0 || a.clients > 0 && rounds[0].ViewersCPU <= 0 {
			t.Errorf("%s: %+v", a.way, rounds)
		}
	}
	for _, r := range slices.Concat(doc.Rows, doc.Viewers, doc.Local) {
		if !strings.Contains(out, r.What) {
			t.Errorf("the table lacks %q", r.What)
		}
	}
	for _, r := range doc.Local {
		if median(r.Values[tapped]) <= 0 {
			t.Errorf("%s: %v", r.What, r.Values)
		}
	}
	for _, want := range designGoals {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q:\n%s", want, out)
		}
	}
}

// designGoals are the goals of design §14, as the tables print them.
var designGoals = []string{
	"≤ 1 × nginx", "≤ 0.25 × nginx", "≥ 30 M/s a core", "≤ 0.4 × nginx", "≤ 5 % CPU", "≤ 6 bytes",
	"≥ 1 GB/s a core", "≥ 0.5 × grep -c", "≤ 2 KiB", "≤ 4 ms", "≤ 100 ms", "≥ 5 M frames/s",
	"nginx/1.", "cores", "a smoke run",
}

// TestAgainst compares a build to itself.
func TestAgainst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wstap")
	if err := build(t.Context(), file, true); err != nil {
		t.Fatal(err)
	}
	var doc document
	out := quickly(t, &doc, "-only", "echo,logs", "-wstap", file, "-against", file)
	for _, want := range []string{"wstap against -against", "CPU per echoed", logCommand} {
		if _, after, _ := strings.Cut(out, "wstap against -against"); !strings.Contains("wstap against -against"+after, want) {
			t.Errorf("the comparison lacks %q:\n%s", want, out)
		}
	}
	if c := doc.Rows[0].Change; c[tapped].Median <= 0 || c[recorded].Median <= 0 {
		t.Errorf("changes: %v", c)
	}
}

// TestSoak: few conns for a moment; that memory stays flat takes minutes.
func TestSoak(t *testing.T) {
	var doc soakDocument
	out := quickly(t, &doc, "-soak", "2s", "-conns", "100")
	if g := doc.Generator; g.Live != 100 || g.Ended == 0 || g.Opened != g.Live+g.Ended || g.Messages == 0 {
		t.Errorf("%+v", g)
	}
	if n := len(doc.Samples); n < 3 || doc.Samples[n-1].RSS <= 0 || doc.Samples[n-1].Descriptors < 200 {
		t.Errorf("samples: %+v", doc.Samples)
	}
	if !strings.Contains(out, "too short to judge") || strings.Contains(out, "DIFFERENT") {
		t.Error(out)
	}
}

func TestStatistics(t *testing.T) {
	for _, tt := range []struct {
		name         string
		v            []float64
		median, half float64
	}{
		{"none", nil, 0, 0},
		{"one", []float64{3}, 3, 0},
		{"two", []float64{1, 2}, 1.5, 0.5},
		{"three, not in order", []float64{9, 1, 2}, 2, 4},
	} {
		if m, h := median(tt.v), halfRange(tt.v); m != tt.median || h != tt.half {
			t.Errorf("%s: median %v half range %v, want %v %v", tt.name, m, h, tt.median, tt.half)
		}
	}
	if got := ratios([]float64{2, 9, 1}, []float64{1, 0}); len(got) != 1 || got[0] != 2 {
		t.Errorf("ratios %v", got)
	}
	d := []time.Duration{5, 1, 3, 2, 4}
	if p50, p99 := quantile(d, 0.5), quantile(d, 0.99); p50 != 3 || p99 != 5 {
		t.Errorf("quantiles %v %v", p50, p99)
	}
}

// TestVerdicts: ratios go round by round, goals are judged by recording, and
// nothing is compared where the proxy was not the limit.
func TestVerdicts(t *testing.T) {
	rounds := func(own float64, cpu ...float64) (out []result) {
		for _, c := range cpu {
			out = append(out, result{Ops: 1000, Seconds: 1, ProxyCPU: c, OwnCPU: own, BusyCPU: 1})
		}
		return out
	}
	got := map[string][]result{
		direct: rounds(0.1, 0, 0, 0), nginx: rounds(0.1, 0.1, 0.2, 0.1),
		tapped: rounds(0.1, 0.1, 0.1, 0.2), recorded: rounds(0.1, 0.11, 0.1, 0.2),
	}
	rows := rowsOf(results{"echo": got}, 2)
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	if r := rows[0]; math.Abs(r.Ratio[recorded]-1.1) > 1e-9 || r.Verdict != "missed" || r.Values[nginx][1] != 200 {
		t.Errorf("%+v", r)
	}
	if r := rows[1]; r.Verdict != "" || r.Ratio[tapped] == 0 {
		t.Errorf("throughput with a proxy at the limit: %+v", r)
	}
	if r := rows[2]; r.Verdict != "met" || median(r.Values[recorded]) != 0 {
		t.Errorf("cost of recording: %+v", r)
	}
	got[nginx] = rounds(0.9, 0.1, 0.1, 0.1)
	if r := throughput(got, 2); r.Verdict != generatorBound || r.Ratio != nil || !strings.Contains(r.Note, "generator") {
		t.Errorf("throughput with a generator at the limit: %+v", r)
	}
}

// TestGrowth: only what lies between two whole chunks counts.
func TestGrowth(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	var g growth
	size := 0
	grow := func(n int) {
		size += n
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look := func(frames uint64, still bool) {
		if still {
			g.changed = g.changed.Add(-2 * growthStill)
		}
		if err := g.look(file, frames); err != nil {
			t.Fatal(err)
		}
	}
	grow(1000)
	look(0, false)
	grow(500)
	look(100, false)
	grow(10) // the rest of the same chunk
	look(120, false)
	look(150, true)
	if g.perFrame() != 0 {
		t.Errorf("%v bytes a frame of one chunk", g.perFrame())
	}
	grow(300)
	look(200, false)
	look(230, true)
	if g.perFrame() != 3 {
		t.Errorf("%v bytes a frame, want 300 for frames 100 to 200", g.perFrame())
	}
}

func TestParse(t *testing.T) {
	for _, args := range []string{
		"-only nonsense", "more", "-rounds -1", "-conns 5", "-soak -1s", "-peers perhaps", "-soak 1s -against x", "-profile d -against x",
	} {
		if _, err := parse(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%q is not refused", args)
		}
	}
	for args, want := range map[string]bool{"": true, "-only echo": false, "-against x": false, "-only echo -peers yes": true, "-peers no": false, "-soak 1s": false} {
		if o, err := parse(strings.Fields(args), io.Discard); err != nil || o.wantsPeers() != want {
			t.Errorf("%q: other proxies %v, want %v (%v)", args, o.wantsPeers(), want, err)
		}
	}
	var help bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, io.Discard, &help); err != nil || strings.Contains(help.String(), "%!") || !strings.Contains(help.String(), "replay") {
		t.Errorf("%v\n%s", err, help.String())
	}
}

// TestChange: two builds are compared round by round.
func TestChange(t *testing.T) {
	r := row{Values: map[string][]float64{tapped: {1, 2, 3}, against: {2, 2, 2}, recorded: {5}}}
	r.compareBuilds()
	if c := r.Change; len(c) != 1 || c[tapped] != (change{1, 0.5}) {
		t.Errorf("%v", c)
	}
	r.Difference = true
	r.compareBuilds()
	if c := r.Change[tapped]; c != (change{0, 1}) {
		t.Errorf("of differences: %v", c)
	}
	r = row{Values: r.Values, Bound: map[string]string{against: "all cores busy"}}
	if r.compareBuilds(); r.Change != nil {
		t.Errorf("of a way whose limit was elsewhere: %v", r.Change)
	}
}

func TestScreensOf(t *testing.T) {
	rows := screensOf(`goos: linux
BenchmarkUpdate/quiet-2         	      20	   3187502 ns/op	         3.995 cpu-ms-max	         3.214 cpu-ms/op	         1.746 locked-cpu-ms-max
BenchmarkUpdate/by-target-2     	      20	   5622353 ns/op	         7.946 cpu-ms-max	         5.070 cpu-ms/op	         4.001 locked-cpu-ms-max
BenchmarkUpdate/quiet-2         	      20	   3187502 ns/op	         6 cpu-ms-max	         4.0 cpu-ms/op	         1.746 locked-cpu-ms-max
PASS
`)
	if len(rows) != 2 {
		t.Fatalf("%+v", rows)
	}
	if r := rows[0]; !strings.HasSuffix(r.What, ", quiet") || median(r.Values[tapped]) != 3.607 || r.Verdict != "met" || r.Note != "longest 6.0 ms" {
		t.Errorf("%+v", r)
	}
	if r := rows[1]; !strings.HasSuffix(r.What, ", by-target") || r.Verdict != "missed" {
		t.Errorf("%+v", r)
	}
}

// TestMakeLog: the copies are lines of the same kinds, and differ in what varies.
func TestMakeLog(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	const real = "2026/11/22 09:05:03 [error] 12#12: *7 recv() failed (104: Connection reset by peer), client: 127.0.0.1, server: a\n" +
		"2026/11/22 09:05:03 [notice] 12#12: exiting\nno entry\n"
	if err := os.WriteFile(from, []byte(real), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := makeLog(to, from, 300)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(to)
	if err != nil || int64(len(b)) != n || n < 300 {
		t.Fatalf("%d bytes of %d, %v", len(b), n, err)
	}
	const want = "2026/11/22 09:05:03 [error] 12#12: *7 recv() failed (104: Connection reset by peer), client: 10.0.0.0, server: a\n" +
		"2026/11/22 09:05:03 [notice] 12#12: exiting\nno entry\n" +
		"2026/11/22 09:05:04 [error] 13#13: *1007 recv() failed (104: Connection reset by peer), client: 10.0.0.1, server: a\n" +
		"2026/11/22 09:05:04 [notice] 13#13: exiting\nno entry\n"
	if string(b) != want {
		t.Errorf("%s", b)
	}
}

// TestRealLog: no line of the real log changes but for what varies.
func TestRealLog(t *testing.T) {
	b, err := os.ReadFile("../../" + realLog)
	if err != nil {
		t.Fatal(err)
	}
	varied := 0
	for line := range bytes.Lines(b) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		l := takeApart(line)
		got := l.copyTo(nil, 0, time.Hour)
		want := bytes.Replace(line, []byte(", client: 127.0.0.1"), []byte(", client: 10.0.0.0"), 1)
		if !l.at.IsZero() {
			varied++
		}
		if got := bytes.TrimSuffix(got, []byte("\n")); !bytes.Equal(got, want) && !bytes.Equal(got, line) {
			t.Errorf("%q became %q", line, got)
		}
	}
	if varied < 400 {
		t.Errorf("only %d lines vary", varied)
	}
}

func TestReadSummary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	const text = `wstap: tap, 10 s
connections  12,345: 12,340 upgraded, 3 refused, 2 failed; 1 open, 12,344 closed
traffic      1,000,002 frames, 3.0 MB
ended by
  9,850  tap_shutdown  confirmed  the relay was stopped
  2,494  client_fin    likely     the client closed TCP
missed       nothing that wstap knows of
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readSummary(file)
	if want := (tapCounts{12345, 12340, 1, 12344, 9850, 1000002, "nothing that wstap knows of"}); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := os.WriteFile(file, []byte("panic"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSummary(file); err == nil {
		t.Error("a tap that died has a summary")
	}
}

// TestFlat: what is judged is the slope after the State has settled.
func TestFlat(t *testing.T) {
	doc := func(settled float64, rss ...float64) *soakDocument {
		d := &soakDocument{Settled: settled}
		for i, v := range rss {
			d.Samples = append(d.Samples, sample{At: float64(i) * 60, RSS: v})
		}
		return d
	}
	for _, tt := range []struct {
		name string
		d    *soakDocument
		want string
	}{
		{"grows at first, then not", doc(120, 10, 50, 100, 101, 100), "flat (+0.0 %"},
		{"goes on growing", doc(120, 10, 50, 100, 105, 110), "rises (+9.5 %"},
		{"falls", doc(60, 10, 100, 90, 80), "flat (-22.2 %"},
		{"short", doc(0, 10, 20), "too short"},
	} {
		if c := soakSeries[0].cells(tt.d); !strings.HasPrefix(c[len(c)-1], tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, c[len(c)-1], tt.want)
		}
	}
}

func TestCallsPerOp(t *testing.T) {
	got := callsPerOp("    calls    errors syscall\n--------- --------- ----\n      200        10 read\n      100           sendto\n", 100)
	if !strings.Contains(got, "    2.000       200        10 read") && !strings.Contains(got, "    2.000 200") {
		t.Errorf("%s", got)
	}
}
