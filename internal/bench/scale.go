//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
)

// crowdSize is the normal size of design §14.
const crowdSize = 100_000

// crowdMemory is what a conn costs, in bytes of heap after a collection.
type crowdMemory struct {
	State    float64 `json:"state"`
	Observed float64 `json:"observed"` // with what observe keeps of it
}

// weighCrowd is the role that makes a State of n live conns, as a tap's events
// make it, each with a message either way.
func weighCrowd(n int) (m crowdMemory, err error) {
	base := heap()
	sim, state := newSimulation(), monitor.NewState(monitor.Bounds{})
	state.Apply(sim.hello())
	for i := range n {
		c := sim.open(sim.now)
		sim.say(&c, sim.now.Add(2*time.Millisecond))
		sim.conns = append(sim.conns, c)
		if i%1000 == 999 || i == n-1 {
			sim.now = sim.now.Add(batchEvery)
			for _, ev := range sim.collect() {
				state.Apply(ev)
			}
		}
	}
	if state.Len() != n {
		return m, fmt.Errorf("the State has %d conns, want %d", state.Len(), n)
	}
	m.Observed = float64(heap()-base) / float64(n)
	runtime.KeepAlive(sim)
	sim = nil
	m.State = float64(heap()-base) / float64(n)
	runtime.KeepAlive(state)
	return m, nil
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers held
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func (b *bench) stateRows(ctx context.Context) ([]row, error) {
	n := crowdSize
	if b.quick {
		n = 1000
	}
	var m crowdMemory
	if err := b.askRole(ctx, "state", n, &m); err != nil {
		return nil, err
	}
	b.step()
	state := row{What: "100,000 conns in State: memory a conn", Unit: "KiB", Goal: "≤ 2 KiB", Values: one(m.State * kibi)}
	state.judge(m.State <= 2048)
	return []row{state, {What: "  with what observe keeps of it", Unit: "KiB", Values: one(m.Observed * kibi)}}, nil
}

// one is the value of a row that is measured once.
func one(v float64) map[string][]float64 { return map[string][]float64{tapped: {v}} }

// screenRows runs the benchmark of package tui, which has the screens that it
// needs: one refresh with its picture, sorted or filtered, in CPU time.
func (b *bench) screenRows(ctx context.Context) ([]row, error) {
	// Rounds of few updates: the slow ones must not hide in an average.
	args := []string{"test", "-run", "^$", "-bench", "^BenchmarkUpdate$", "-benchtime", "20x", "-count", strconv.Itoa(b.roundsOr(3)), module + "/tui"}
	if b.quick {
		args = []string{"test", "-run", "^$", "-bench", "^BenchmarkUpdate$/^quiet$", "-benchtime", "1x", module + "/tui"}
	}
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	b.step()
	rows := screensOf(string(out))
	if len(rows) == 0 {
		return nil, fmt.Errorf("go %s has no figures:\n%s", strings.Join(args, " "), out)
	}
	return rows, nil
}

var (
	benchmarkLine = regexp.MustCompile(`(?m)^Benchmark\w+/(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	benchmarkUnit = regexp.MustCompile(`([0-9.e+-]+) (\S+)`)
)

// screensOf makes a row of each case of `go test -bench` output.
func screensOf(out string) (rows []row) {
	longest := map[string]float64{}
	for _, m := range benchmarkLine.FindAllStringSubmatch(out, -1) {
		units := map[string]float64{}
		for _, u := range benchmarkUnit.FindAllStringSubmatch(m[2], -1) {
			units[u[2]], _ = strconv.ParseFloat(u[1], 64)
		}
		what := "100,000 conns: one screen update, " + m[1]
		i := rowIndex(&rows, what)
		rows[i].Values[tapped] = append(rows[i].Values[tapped], units["cpu-ms/op"])
		longest[what] = max(longest[what], units["cpu-ms-max"])
	}
	for i := range rows {
		r := &rows[i]
		r.Unit, r.Goal, r.Note = "ms", "≤ 4 ms", fmt.Sprintf("longest %.1f ms", longest[r.What])
		r.judge(median(r.Values[tapped]) <= 4)
	}
	return rows
}

// rowIndex finds the row of that name, or adds it.
func rowIndex(rows *[]row, what string) int {
	for i, r := range *rows {
		if r.What == what {
			return i
		}
	}
	*rows = append(*rows, row{What: what, Values: map[string][]float64{}})
	return len(*rows) - 1
}
