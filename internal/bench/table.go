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
	Absent     []string  `json:"absent,omitempty"` // proxies that are not installed
	Began      time.Time `json:"began"`
	Took       string    `json:"took"`
	LoadBefore string    `json:"load_average_before"`
	LoadAfter  string    `json:"load_average_after"`
	Rows       []row     `json:"rows"`
	Viewers    []row     `json:"viewers,omitempty"`
	Local      []row     `json:"local"` // without a proxy
	Results    results   `json:"results"`
}

// printTables prints what was measured. Units and goals are plain text of
// ours: every rune is one cell wide.
func printTables(w io.Writer, doc *document, quick bool) error {
	var b strings.Builder
	m := doc.Machine
	fmt.Fprintf(&b, "wstap against nginx, %s, took %s\n", doc.Began.Format("2006-01-02 15:04:05 MST"), doc.Took)
	fmt.Fprintf(&b, "%s, %d cores, Linux %s, %s, %s\n", m.CPU, m.Cores, m.Kernel, m.Go, m.Nginx)
	fmt.Fprintf(&b, "load average %s before, %s after%s\n\n", doc.LoadBefore, doc.LoadAfter, othersShare(doc.Results, m.Cores))
	if quick {
		b.WriteString("a smoke run: these numbers mean nothing\n\n")
	}
	printProxies(&b, doc)
	printViewers(&b, doc)
	printLocal(&b, doc)
	printOthers(&b, doc)
	printChanges(&b, doc)
	_, err := io.WriteString(w, b.String())
	return err
}

func printProxies(b *strings.Builder, doc *document) {
	if len(doc.Rows) == 0 {
		return
	}
	cells := [][]string{{"what", "unit", "direct", "nginx", "wstap", "recording", "wstap/ng", "rec/ng", "goal", ""}}
	for i := range doc.Rows {
		cells = append(cells, doc.Rows[i].cells())
		cells = append(cells, doc.Rows[i].details()...)
	}
	writeCells(b, cells, 2)
	b.WriteString("\n" + legend)
}

// printLocal prints what passes through no proxy.
func printLocal(b *strings.Builder, doc *document) {
	if len(doc.Local) == 0 {
		return
	}
	if len(doc.Rows)+len(doc.Viewers) > 0 {
		b.WriteString("\n")
	}
	cells := [][]string{{"without a proxy", "unit", "grep -c", "wstap", "goal", ""}}
	for i := range doc.Local {
		r := &doc.Local[i]
		cells = append(cells, []string{r.What, r.Unit, number(r.Values[reference], false), number(r.Values[tapped], false), r.Goal, r.judged()})
	}
	writeCells(b, cells, 2)
	b.WriteString("\n" + localLegend)
}

const localLegend = `Logs: bytes by CPU time, pinned to one core, the file in the page cache, grep with LC_ALL=C. State: heap after a collection.
Screen: CPU time of a refresh and its picture of 200 by 60. Replay: from the call to a State of that time, by the clock.
`

const legend = `Median of interleaved rounds ± half their range. CPU is user and system time of the proxy's own process
(nginx: its one worker); how it splits is what the kernel's timer saw. Ratios are the median of the rounds' ratios.
"recording" is wstap with --capture, and the goals are for it. CPU for an operation does not depend on who is the limit;
messages a second and latency do: where the generator, the server or the cores are at theirs, the row says
generator-bound and compares nothing. Latency: direct is the whole round trip, the others what they add to it.
An idle conn has been upgraded and has had one message each way.
`

func (r *row) cells() []string {
	c := []string{r.What, r.Unit}
	for _, way := range variants {
		c = append(c, number(r.Values[way], r.Difference))
	}
	for _, way := range []string{tapped, recorded} {
		c = append(c, r.ratio(way))
	}
	return append(c, r.Goal, r.judged())
}

func (r *row) judged() string {
	if r.Note == "" {
		return r.Verdict
	}
	return r.Verdict + " (" + r.Note + ")"
}

func (r *row) ratio(way string) string {
	ratio, ok := r.Ratio[way]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%.2f", ratio)
}

func (r *row) details() (lines [][]string) {
	for _, d := range r.Details {
		c := []string{"  " + d.What, ""}
		for _, way := range variants {
			c = append(c, pair(d.Values[way]))
		}
		lines = append(lines, append(c, "", "", "", ""))
	}
	return lines
}

// pair is the medians of two numbers that belong together.
func pair(v [][2]float64) string {
	if len(v) == 0 {
		return ""
	}
	var halves [2][]float64
	for _, p := range v {
		halves[0], halves[1] = append(halves[0], p[0]), append(halves[1], p[1])
	}
	a, b := median(halves[0]), median(halves[1])
	return fmt.Sprintf("%.*f + %.*f", decimals(a), a, decimals(b), b)
}

// printOthers compares wstap recording to the proxies other than nginx.
func printOthers(b *strings.Builder, doc *document) {
	if len(doc.Absent) > 0 {
		fmt.Fprintf(b, "\nnot installed: %s\n", strings.Join(doc.Absent, ", "))
	}
	others := waysIn(doc.Machine.Peers)
	if len(others) == 0 {
		return
	}
	b.WriteString("\n")
	head := []string{"beside other proxies", "unit", "nginx", "recording"}
	for _, way := range others {
		fmt.Fprintf(b, "%s: %s\n", way, doc.Machine.Peers[way])
		head = append(head, way, "rec/"+way)
	}
	b.WriteString("\n")
	cells := [][]string{head}
	for i := range doc.Rows {
		r := &doc.Rows[i]
		c := []string{r.What, r.Unit, number(r.Values[nginx], r.Difference), number(r.Values[recorded], r.Difference)}
		some := false
		for _, way := range others {
			some = some || len(r.Values[way]) > 0
			c = append(c, number(r.Values[way], r.Difference), r.ratioTo(way))
		}
		if some {
			cells = append(cells, c)
		}
	}
	writeCells(b, cells, 0)
}

// ratioTo is wstap recording by another proxy.
func (r *row) ratioTo(way string) string {
	by := ratios(r.Values[recorded], r.Values[way])
	switch {
	case r.Bound[recorded] != "" || r.Bound[way] != "":
		return "bound"
	case len(by) == 0 || r.Difference:
		return ""
	}
	return fmt.Sprintf("%.2f", median(by))
}

// printChanges compares wstap to that of -against.
func printChanges(b *strings.Builder, doc *document) {
	cells := [][]string{{"wstap against -against", "unit", "against", "wstap", "change", "against recording", "recording", "change"}}
	for _, r := range append(slices.Clone(doc.Rows), doc.Local...) {
		if len(r.Change) == 0 {
			continue
		}
		value := func(way string) string { return number(r.Values[way], r.Difference) }
		cells = append(cells, []string{r.What, r.Unit, value(against), value(tapped), r.changed(tapped),
			value(againstRecorded), value(recorded), r.changed(recorded)})
	}
	if len(cells) == 1 {
		return
	}
	b.WriteString("\n")
	writeCells(b, cells, 0)
	b.WriteString("\nchange: the median of the rounds' ratios ± half their range; of differences, the difference\n")
}

func (r *row) changed(way string) string {
	c, ok := r.Change[way]
	switch {
	case !ok:
		return ""
	case r.Difference:
		return fmt.Sprintf("%+.*f ±%.*f", decimals(c.Median), c.Median, decimals(c.HalfRange), c.HalfRange)
	}
	return fmt.Sprintf("× %.3f ±%.3f", c.Median, c.HalfRange)
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

// writeCells aligns columns: the first two and the last texts to the left.
func writeCells(b *strings.Builder, cells [][]string, texts int) {
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
			if i < 2 || i >= len(line)-texts {
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
				ours := r.ProxyCPU + r.ServerCPU + r.OwnCPU + r.ViewersCPU*r.Seconds
				shares = append(shares, max(r.BusyCPU-ours, 0)/r.Seconds/float64(cores))
			}
		}
	}
	if len(shares) == 0 {
		return ""
	}
	return fmt.Sprintf("; others used %.0f%% of the cores meanwhile (at most %.0f%%)", median(shares)*100, slices.Max(shares)*100)
}
