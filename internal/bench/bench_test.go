//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
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

// TestQuick holds that every load runs on every way and gives numbers; how
// large they are depends on who else uses the machine.
func TestQuick(t *testing.T) {
	if _, err := nginxrun.Binary(); errors.Is(err, nginxrun.ErrMissing) {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "bench.json")
	var out, progress bytes.Buffer
	if err := run(context.Background(), []string{"--quick", "--json", file}, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups() {
		for _, way := range g.ways {
			rounds := doc.Results[g.name][way]
			if len(rounds) != 1 || rounds[0].Ops == 0 || rounds[0].Seconds <= 0 || rounds[0].OwnCPU <= 0 || way != direct && rounds[0].ProxyCPU < 0 {
				t.Errorf("%s, %s: %+v", g.name, way, rounds)
			}
		}
	}
	for _, r := range doc.Rows {
		if !strings.Contains(out.String(), r.What) {
			t.Errorf("the table lacks %q", r.What)
		}
	}
	for _, want := range []string{"nginx/1.", "cores", "a smoke run", "≤ 1 × nginx", "≤ 0.25 × nginx", "≤ 6 bytes"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
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
	if err := run(context.Background(), []string{"--only", "nonsense", "--wstap", "none"}, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
		t.Error("an unknown load is not refused")
	}
	if _, err := parse([]string{"more"}, &bytes.Buffer{}); err == nil {
		t.Error("an argument is not refused")
	}
}
