//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// document is everything, as --json writes it.
type document struct {
	Machine    machine   `json:"machine"`
	Began      time.Time `json:"began"`
	Took       string    `json:"took"`
	LoadBefore string    `json:"load_average_before"`
	LoadAfter  string    `json:"load_average_after"`
	Rows       []row     `json:"rows"`
	Results    results   `json:"results"`
}

var heads = []string{"what", "unit", "direct", "nginx", "wstap", "recording", "wstap/ng", "rec/ng", "goal", ""}

// printTable prints the table. Units and goals are plain text of ours: every
// rune is one cell wide.
func printTable(w io.Writer, doc *document, quick bool) error {
	var b strings.Builder
	m := doc.Machine
	fmt.Fprintf(&b, "wstap against nginx, %s, took %s\n", doc.Began.Format("2006-01-02 15:04:05 MST"), doc.Took)
	fmt.Fprintf(&b, "%s, %d cores, Linux %s, %s, %s\n", m.CPU, m.Cores, m.Kernel, m.Go, m.Nginx)
	fmt.Fprintf(&b, "load average %s before, %s after; others used %s of the cores meanwhile\n\n",
		doc.LoadBefore, doc.LoadAfter, othersShare(doc.Results, m.Cores))
	if quick {
		b.WriteString("a smoke run: these numbers mean nothing\n\n")
	}
	cells := [][]string{heads}
	for i := range doc.Rows {
		cells = append(cells, doc.Rows[i].cells())
	}
	writeCells(&b, cells)
	b.WriteString("\n" + legend)
	_, err := io.WriteString(w, b.String())
	return err
}

const legend = `Median of interleaved rounds ± half their range. CPU is user and system time of the proxy's own process
(nginx: its one worker). Ratios are the median of the rounds' ratios. "recording" is wstap with --capture, and the goals
are for it. CPU for an operation does not depend on who is the limit; messages a second and latency do: where the
generator, the server or the cores are at theirs, the row says generator-bound and compares nothing. Latency: direct is
the whole round trip, the others what they add to it. An idle conn has been upgraded and has had one message each way.
`

func (r *row) cells() []string {
	c := []string{r.What, r.Unit}
	for _, way := range variants {
		c = append(c, number(r.Values[way], r.Difference))
	}
	for _, way := range []string{tapped, recorded} {
		if ratio, ok := r.Ratio[way]; ok {
			c = append(c, fmt.Sprintf("%.2f", ratio))
		} else {
			c = append(c, "")
		}
	}
	last := r.Verdict
	if r.Note != "" {
		last += " (" + r.Note + ")"
	}
	return append(c, r.Goal, last)
}

// number is the median with half the range: as a share of it, or for
// differences, which may be about zero, in the same unit.
func number(v []float64, difference bool) string {
	if len(v) == 0 {
		return "-"
	}
	m, s := median(v), halfRange(v)
	text := fmt.Sprintf("%.*f", decimals(m), m)
	switch {
	case len(v) < 2:
	case difference:
		text += fmt.Sprintf(" ±%.*f", decimals(s), s)
	case m != 0:
		text += fmt.Sprintf(" ±%.0f%%", s/math.Abs(m)*100)
	}
	return text
}

// decimals leaves three figures.
func decimals(v float64) int {
	if v == 0 {
		return 0
	}
	return min(max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0), 3)
}

// writeCells aligns columns: the first two and the last two to the left.
func writeCells(b *strings.Builder, cells [][]string) {
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, c := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, line := range cells {
		var text strings.Builder
		for i, c := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i < 2 || i >= len(line)-2 {
				text.WriteString(c + pad)
			} else {
				text.WriteString(pad + c)
			}
			text.WriteString("  ")
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
}

// othersShare is the CPU that neither we nor our proxies used, stolen time of a
// virtual machine included.
func othersShare(all results, cores int) string {
	var shares []float64
	for _, ways := range all {
		for _, rounds := range ways {
			for _, r := range rounds {
				ours := r.ProxyCPU + r.ServerCPU + r.OwnCPU
				shares = append(shares, max(r.BusyCPU-ours, 0)/r.Seconds/float64(cores))
			}
		}
	}
	if len(shares) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%.0f%% (median, at most %.0f%%)", median(shares)*100, slices.Max(shares)*100)
}
