//go:build linux

package main

import (
	"fmt"
	"strings"
)

// viewerRows compares the slices with viewers to those without.
func viewerRows(got map[string][]result, cores int) []row {
	if got == nil {
		return nil
	}
	perMessage := func(r result) float64 { return r.ProxyCPU / float64(max(r.Ops, 1)) * micro }
	rows := []row{
		viewerRow("CPU of the relay per message", "µs", got, perMessage),
		viewerRow("round trip p50", "µs", got, func(r result) float64 { return r.P50 * micro }),
		viewerRow("round trip p99", "µs", got, func(r result) float64 { return r.P99 * micro }),
	}
	for i := range rows[1:] { // CPU for a message does not depend on who is the limit
		rows[1+i].refuseAudiences(got, cores)
	}
	return append(rows, viewersCPU(got))
}

// tooNoisy: what lies within such noise says nothing.
const tooNoisy = 0.25

// viewerRow makes the numbers of every slice and, round by round, their ratio
// to the mean of the two slices of that round that nobody looked at.
func viewerRow(what, unit string, got map[string][]result, of func(result) float64) row {
	r := row{What: what, Unit: unit, Goal: "within noise", Values: map[string][]float64{}, Ratio: map[string]float64{}, Spread: map[string]float64{}}
	for _, a := range audiences {
		for _, one := range got[a.way] {
			r.Values[a.way] = append(r.Values[a.way], of(one))
		}
	}
	alone := r.Values[noViewer]
	var base []float64 // of each round
	for i := 0; i+1 < len(alone); i += 2 {
		base = append(base, (alone[i]+alone[i+1])/2)
	}
	// Noise is how far apart the slices without a viewer are among themselves.
	if m := median(alone); m > 0 {
		r.Ratio[noViewer], r.Spread[noViewer] = 1, halfRange(alone)/m
	}
	var beyond []string
	for _, a := range audiences[1:] {
		by := ratios(r.Values[a.way], base)
		r.Ratio[a.way], r.Spread[a.way] = median(by), halfRange(by)
		if r.Ratio[a.way] > 1+r.Spread[noViewer] {
			beyond = append(beyond, a.way)
		}
	}
	if r.Spread[noViewer] > tooNoisy {
		r.Verdict = "too noisy to say"
		return r
	}
	r.judge(len(beyond) == 0)
	r.Note = strings.Join(beyond, ", ")
	return r
}

// refuseAudiences judges nothing where something else than the relay was the limit.
func (r *row) refuseAudiences(got map[string][]result, cores int) {
	for _, a := range audiences {
		bound, why := 0, ""
		for _, one := range got[a.way] {
			if by := one.boundBy(cores, lateLimit); by != "" {
				bound, why = bound+1, by
			}
		}
		if 2*bound > len(got[a.way]) {
			r.Verdict, r.Note = generatorBound, a.way+": "+why
			return
		}
	}
}

// viewersCPU is what the viewers themselves take of the cores that the others need, too.
func viewersCPU(got map[string][]result) row {
	r := row{What: "CPU of the viewers themselves", Unit: "% core", Values: map[string][]float64{}}
	for _, a := range audiences {
		for _, one := range got[a.way] {
			r.Values[a.way] = append(r.Values[a.way], one.ViewersCPU*100)
		}
	}
	return r
}

// printViewers prints what looking on costs.
func printViewers(b *strings.Builder, doc *document) {
	if len(doc.Viewers) == 0 {
		return
	}
	if len(doc.Rows) > 0 {
		b.WriteString("\n")
	}
	head := []string{"with viewers, 500 conns × 8 msg/s", "unit"}
	for _, a := range audiences {
		head = append(head, a.way)
	}
	cells := [][]string{append(head, "goal", "")}
	for i := range doc.Viewers {
		cells = append(cells, doc.Viewers[i].audienceCells()...)
	}
	writeCells(b, cells, 2)
	b.WriteString("\n" + viewersLegend)
}

func (r *row) audienceCells() [][]string {
	values, shares := []string{r.What, r.Unit}, []string{"  ratio to no viewer", ""}
	for _, a := range audiences {
		values = append(values, number(r.Values[a.way], false))
		shares = append(shares, fmt.Sprintf("%.3f ±%.3f", r.Ratio[a.way], r.Spread[a.way]))
	}
	lines := [][]string{append(values, r.Goal, r.judged())}
	if len(r.Ratio) > 0 {
		lines = append(lines, append(shares, "", ""))
	}
	return lines
}

const viewersLegend = `A relay as wstap tap starts it, recording, one for each column; the screen is wstap attach on a pseudo-terminal of
120 by 40, ten viewers are clients at its unix socket, or over TCP, of which one is stopped. Noise is half the range of the slices
that nobody looked at, two a round, by their median; within it is a ratio of at most 1 and the noise. Both ends compare
every byte to what the other sent: a wrong one ends the run. What the viewers take, the latencies of two cores have to share.
`
