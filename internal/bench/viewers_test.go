//go:build linux

package main

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestViewerRows: each round is compared to its own two slices that nobody
// looked at, and the noise is what those differ by among themselves.
func TestViewerRows(t *testing.T) {
	slicesOf := func(cpu ...float64) (out []result) {
		for _, c := range cpu {
			out = append(out, result{Ops: 1e6, Seconds: 1, ProxyCPU: c, P50: c, P99: c})
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		alone   []float64 // two a round
		viewed  []float64 // one a round
		busy    float64
		ratio   float64
		noise   float64
		verdict string // of the CPU
		p99     string
	}{
		{"the same", []float64{10, 10, 20, 20}, []float64{10, 20}, 0, 1, 1.0 / 3, "too noisy to say", "too noisy to say"},
		{"within noise", []float64{10, 11, 10, 11}, []float64{10.8, 10.8}, 0, 10.8 / 10.5, 0.5 / 10.5, "met", "met"},
		{"beyond noise", []float64{10, 11, 10, 11}, []float64{12, 12}, 0, 12 / 10.5, 0.5 / 10.5, "missed", "missed"},
		{"less", []float64{10, 10.5, 10, 10.5}, []float64{5, 5}, 0, 5 / 10.25, 0.25 / 10.25, "met", "met"},
		{"all cores busy", []float64{10, 11, 10, 11}, []float64{12, 12}, 2, 12 / 10.5, 0.5 / 10.5, "missed", generatorBound},
	} {
		got := map[string][]result{noViewer: slicesOf(tt.alone...)}
		for _, a := range audiences[1:] {
			got[a.way] = slicesOf(tt.viewed...)
			for i := range got[a.way] {
				got[a.way][i].BusyCPU = tt.busy
			}
		}
		rows := viewerRows(got, 2)
		cpu, p99 := rows[0], rows[2]
		way := audiences[1].way
		if math.Abs(cpu.Ratio[way]-tt.ratio) > 1e-9 || math.Abs(cpu.Spread[noViewer]-tt.noise) > 1e-9 || cpu.Verdict != tt.verdict || p99.Verdict != tt.p99 {
			t.Errorf("%s: ratio %v, noise %v, CPU %s, p99 %s (%s)", tt.name, cpu.Ratio[way], cpu.Spread[noViewer], cpu.Verdict, p99.Verdict, p99.Note)
		}
		if named := strings.Contains(cpu.Note, way); named != (tt.verdict == "missed") {
			t.Errorf("%s: the note is %q", tt.name, cpu.Note)
		}
	}
	if rows := viewerRows(nil, 2); rows != nil {
		t.Errorf("of nothing: %+v", rows)
	}
}

// TestInTurn: every round has all audiences, and begins and ends with none.
func TestInTurn(t *testing.T) {
	seconds := map[string]bool{}
	for round := range len(audiences) - 1 {
		var ways []string
		for _, a := range inTurn(round) {
			ways = append(ways, a.way)
		}
		last := len(ways) - 1
		if last != len(audiences) || ways[0] != noViewer || ways[last] != noViewer {
			t.Errorf("round %d: %q", round, ways)
		}
		seconds[ways[1]] = true
		slices.Sort(ways)
		if len(slices.Compact(ways)) != len(audiences) {
			t.Errorf("round %d lacks some of %q", round, ways)
		}
	}
	if len(seconds) != len(audiences)-1 {
		t.Errorf("the order is not turned: after nobody come only %v", seconds)
	}
}
