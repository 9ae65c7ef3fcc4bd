//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
)

// A soak holds as many conns as the descriptors allow through a recording tap
// and watches what the tap needs while they come and go.
const (
	soakChurn = 0.02 // of the conns end and are replaced every second
	soakRate  = 0.1  // messages a second and conn
	soakEvery = 5 * time.Second
	// soakSpare is how many descriptors a process needs for other things.
	soakSpare = 300
)

// sample is what the tap needs at one moment.
type sample struct {
	At          float64 `json:"at"`  // seconds since all conns were there
	RSS         float64 `json:"rss"` // MiB
	Descriptors float64 `json:"descriptors"`
	Threads     float64 `json:"threads"`
	CPU         float64 `json:"cpu"` // seconds so far
}

// soakDocument is everything about a soak, as --json writes it.
type soakDocument struct {
	Machine   machine    `json:"machine"`
	Began     time.Time  `json:"began"`
	Took      string     `json:"took"`
	Conns     int        `json:"conns"`
	Churn     float64    `json:"churn"`
	Rate      float64    `json:"rate"`
	Samples   []sample   `json:"samples"`
	Settled   float64    `json:"settled"` // seconds until the State kept all the closed conns it may; 0: never
	Generator soakCounts `json:"generator"`
	Tap       tapCounts  `json:"tap"`
}

// tapCounts is what the tap's own summary says.
type tapCounts struct {
	Conns, Upgraded, Open, Closed, TapShutdown, Frames uint64
	Missed                                             string
}

// errAccount says that the tap and the generator counted differently.
var errAccount = errors.New("the tap's counts are not the generator's")

func (b *bench) runSoak(ctx context.Context, stdout io.Writer) error {
	most := (raiseFiles() - soakSpare) / 2 // two descriptors a conn in the tap
	doc := &soakDocument{Machine: describe(nil), Began: time.Now().Round(time.Second), Conns: min(cmp.Or(b.conns, most), most), Churn: soakChurn}
	doc.Rate = soakRate * float64(doc.Conns)
	if err := b.soakOnce(ctx, doc); err != nil {
		return err
	}
	doc.Took = time.Since(doc.Began).Round(time.Second).String()
	doc.settle()
	if b.json != "" {
		if err := writeJSON(b.json, doc); err != nil {
			return err
		}
	}
	if err := printSoak(stdout, doc); err != nil {
		return err
	}
	for _, a := range doc.accounts() {
		if a.generator != a.tap {
			return errAccount
		}
	}
	return nil
}

// soakOnce starts a server, a tap and a generator, watches the tap for the time
// of the soak, and ends the tap while the generator still holds its conns.
func (b *bench) soakOnce(ctx context.Context, doc *soakDocument) error {
	s := &stack{dir: b.dir, routes: map[string]route{}}
	defer s.stop()
	addrs, err := s.startServer(b.self, 1)
	if err != nil {
		return err
	}
	t := tap{binary: b.wstap, way: tapped, recording: filepath.Join(b.dir, "soak.mcap"), life: b.soak + forgottenAfter, more: []string{"--drain-timeout", "0s"}}
	if err := s.startTap(t, addrs[0]); err != nil {
		return err
	}
	g, err := b.startSoaker(ctx, soakJob{
		job:   job{Load: "soak", Addr: s.routes[tapped].addr, Path: pathEcho, Conns: doc.Conns, For: b.soak},
		Churn: doc.Churn, Rate: doc.Rate,
	})
	if err != nil {
		return err
	}
	defer g.stop()
	var ready soakCounts
	if err := g.results.Decode(&ready); err != nil {
		return fmt.Errorf("the generator did not open %d conns: %w", doc.Conns, err)
	}
	done := make(chan error, 1)
	go func() { done <- g.results.Decode(&doc.Generator) }() // which the end of the generator ends
	if doc.Samples, err = b.watch(ctx, s.routes[tapped].proxy, done); err != nil {
		return err
	}
	s.proxies[0].stop() // while its conns are alive: the summary says how many
	doc.Tap, err = readSummary(s.logOf(tapped))
	return err
}

// watch samples a process until done.
func (b *bench) watch(ctx context.Context, pid int, done <-chan error) (samples []sample, err error) {
	began := time.Now()
	tick := time.NewTicker(max(min(soakEvery, b.soak/10), 10*time.Millisecond))
	defer tick.Stop()
	defer fmt.Fprintln(b.progress)
	for {
		now, err := sampleOf(pid, began)
		if err != nil {
			return nil, err
		}
		samples = append(samples, now)
		b.step()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-done:
			return samples, err
		case <-tick.C:
		}
	}
}

// soaking is the generator's process.
type soaking struct {
	*child
	results *json.Decoder
	out     io.Closer
}

func (b *bench) startSoaker(ctx context.Context, j soakJob) (*soaking, error) {
	arg, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.self, roleFlag, "soak", string(arg))
	cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = w
	c, err := start(cmd)
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	return &soaking{child: c, results: json.NewDecoder(r), out: r}, nil
}

func (s *soaking) stop() {
	s.child.stop()
	s.out.Close()
}

func sampleOf(pid int, began time.Time) (sample, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return sample{}, fmt.Errorf("the tap has ended: %w", err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return sample{}, fmt.Errorf("the tap has ended: %w", err)
	}
	cpu, err := cpuTime(pid)
	return sample{
		At: time.Since(began).Seconds(), CPU: cpu.Seconds(), Descriptors: float64(len(files)),
		RSS: float64(numberAfter(status, "\nVmRSS:")) / 1024, Threads: float64(numberAfter(status, "\nThreads:")),
	}, err
}

var (
	summaryConns  = regexp.MustCompile(`(?s)connections\s+([\d,]+): ([\d,]+) upgraded, [\d,]+ refused, [\d,]+ failed;\s+([\d,]+) open,\s+([\d,]+)\s+closed`)
	summaryFrames = regexp.MustCompile(`traffic\s+([\d,]+) frame`)
	summaryByTap  = regexp.MustCompile(`([\d,]+)\s+` + regexp.QuoteMeta(string(monitor.CauseTapShutdown)) + `\b`)
	summaryMissed = regexp.MustCompile(`missed\s+(.*)`)
)

// readSummary reads what a headless tap prints at its end.
func readSummary(file string) (t tapCounts, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return t, err
	}
	conns, frames := summaryConns.FindSubmatch(b), summaryFrames.FindSubmatch(b)
	if conns == nil || frames == nil {
		return t, fmt.Errorf("the tap ended without a summary: %s", b[max(0, len(b)-2000):])
	}
	number := func(text []byte) uint64 {
		n, _ := strconv.ParseUint(string(bytes.ReplaceAll(text, []byte(","), nil)), 10, 64)
		return n
	}
	t = tapCounts{Conns: number(conns[1]), Upgraded: number(conns[2]), Open: number(conns[3]), Closed: number(conns[4]), Frames: number(frames[1])}
	if m := summaryByTap.FindAllSubmatch(b, -1); m != nil {
		t.TapShutdown = number(m[len(m)-1][1])
	}
	if m := summaryMissed.FindSubmatch(b); m != nil {
		t.Missed = strings.TrimSpace(string(m[1]))
	}
	return t, nil
}

// account is one count of both.
type account struct {
	what           string
	generator, tap uint64
}

func (d *soakDocument) accounts() []account {
	g, t := d.Generator, d.Tap
	return []account{
		{"conns opened", g.Opened, t.Conns},
		{"conns upgraded", g.Opened, t.Upgraded},
		{"ended by the client, by FIN and reset in turn", g.Ended, t.Closed - t.TapShutdown},
		{"live when the tap was stopped", g.Live, t.TapShutdown},
		{"left open by the tap", 0, t.Open},
		{"frames", 2 * g.Messages, t.Frames},
	}
}

// settle finds from when on the State keeps as many closed conns as it may: so
// far memory has to grow.
func (d *soakDocument) settle() {
	const margin = 1.25 // the garbage of growing
	at := margin * monitor.DefaultClosed / (d.Churn * float64(d.Conns))
	if n := len(d.Samples); n > 0 && d.Samples[n-1].At >= 2*at {
		d.Settled = at
	}
}

// flatWithin is how much of its mean a series may rise from where it is judged
// to the end; between two garbage collections memory moves by more.
const flatWithin = 0.05

// series is one thing over time.
type series struct {
	what, unit string
	of         func(sample) float64
}

var soakSeries = []series{
	{"resident memory of the tap", "MiB", func(s sample) float64 { return s.RSS }},
	{"its descriptors", "", func(s sample) float64 { return s.Descriptors }},
	{"its threads", "", func(s sample) float64 { return s.Threads }},
}

// cells are start, least, most, end, and slope with a verdict of the part that
// is judged.
func (x series) cells(d *soakDocument) []string {
	var all, at, judged []float64
	for _, s := range d.Samples {
		v := x.of(s)
		all = append(all, v)
		if d.Settled > 0 && s.At >= d.Settled {
			at, judged = append(at, s.At/60), append(judged, v)
		}
	}
	c := []string{x.what, x.unit}
	for _, v := range []float64{all[0], slices.Min(all), slices.Max(all), all[len(all)-1]} {
		c = append(c, fmt.Sprintf("%.1f", v))
	}
	if len(judged) < 2 {
		return append(c, "-", "too short to judge")
	}
	perMinute := slope(at, judged)
	rise := perMinute * (at[len(at)-1] - at[0]) / max(mean(judged), 1)
	verdict := fmt.Sprintf("flat (%+.1f %% in %.1f min)", rise*100, at[len(at)-1]-at[0])
	if rise > flatWithin {
		verdict = "rises" + strings.TrimPrefix(verdict, "flat")
	}
	return append(c, fmt.Sprintf("%+.2f", perMinute), verdict)
}

func printSoak(w io.Writer, d *soakDocument) error {
	var b strings.Builder
	m, last := d.Machine, d.Samples[len(d.Samples)-1]
	fmt.Fprintf(&b, "soak of wstap recording, %s, took %s\n%s, %d cores, Linux %s, %s\n", d.Began.Format("2006-01-02 15:04:05 MST"), d.Took, m.CPU, runtime.NumCPU(), m.Kernel, m.Go)
	fmt.Fprintf(&b, "%d conns for %.0f s, of which %.3g end and are replaced a second, %.4g messages a second; %.1f %% of a core\n\n",
		d.Conns, last.At, d.Churn*float64(d.Conns), d.Rate, (last.CPU-d.Samples[0].CPU)/max(last.At-d.Samples[0].At, 1e-3)*100)
	cells := [][]string{{"", "unit", "start", "min", "max", "end", "slope a minute", ""}}
	for _, x := range soakSeries {
		cells = append(cells, x.cells(d))
	}
	writeCells(&b, cells, 1)
	if d.Settled > 0 {
		fmt.Fprintf(&b, "\nslope: from %.0f s on, when the State keeps the %d closed conns that it may\n\n", d.Settled, monitor.DefaultClosed)
	} else {
		fmt.Fprintf(&b, "\nslope: none, memory has to grow until the State keeps the %d closed conns that it may\n\n", monitor.DefaultClosed)
	}
	cells = [][]string{{"counted by", "", "the generator", "the tap", ""}}
	for _, a := range d.accounts() {
		verdict := "equal"
		if a.generator != a.tap {
			verdict = "DIFFERENT"
		}
		cells = append(cells, []string{a.what, "", strconv.FormatUint(a.generator, 10), strconv.FormatUint(a.tap, 10), verdict})
	}
	writeCells(&b, cells, 1)
	fmt.Fprintf(&b, "\nmissed, the tap says: %s\n", d.Tap.Missed)
	_, err := io.WriteString(w, b.String())
	return err
}
