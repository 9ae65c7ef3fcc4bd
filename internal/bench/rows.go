//go:build linux

package main

import "fmt"

// row is one line of the table.
type row struct {
	What   string               `json:"what"`
	Unit   string               `json:"unit"`
	Values map[string][]float64 `json:"values"` // of every round, by way
	// Ratio to nginx, by way: the median of the rounds' ratios.
	Ratio map[string]float64 `json:"ratio,omitempty"`
	// Spread is half the range of the rounds' ratios, where one is asked for.
	Spread map[string]float64 `json:"spread,omitempty"`
	// Change is what became of the wstap of -against, by way.
	Change map[string]change `json:"change,omitempty"`
	Goal   string            `json:"goal,omitempty"`
	// Verdict is "met" or "missed", by wstap recording; "generator-bound" where
	// something else than the proxy was the limit, so nothing is compared.
	Verdict string `json:"verdict,omitempty"`
	Note    string `json:"note,omitempty"`
	// Difference says that the values are differences, which may be about zero.
	Difference bool     `json:"difference,omitempty"`
	Details    []detail `json:"details,omitempty"`
	// Bound says of each way what other than the proxy was the limit, if anything.
	Bound map[string]string `json:"bound,omitempty"`
}

// change is a ratio or, of differences, a difference.
type change struct {
	Median    float64 `json:"median"`
	HalfRange float64 `json:"half_range"`
}

// detail is a line below a row: two numbers of each way that belong together.
type detail struct {
	What   string                  `json:"what"`
	Values map[string][][2]float64 `json:"values"` // of every round, by way
}

const generatorBound = "generator-bound"

// measureOf makes one number of one round; base is the direct way's round.
type measureOf func(r, base result) float64

const micro, nano, kibi = 1e6, 1e9, 1.0 / 1024

func rowsOf(all results, cores int) (rows []row) {
	if got := all["echo"]; got != nil {
		rows = append(rows, cpuRow("CPU per echoed 64-byte message, 100 conns", "µs", got, micro, 1), throughput(got, cores))
	}
	if got := all["bulk"]; got != nil {
		rows = append(rows, cpuRow("CPU per GB from the server, 16 KiB frames", "s", got, 1e9, 0.25))
	}
	if got := all["flood"]; got != nil {
		rows = append(rows, cpuRow("CPU per 32-byte frame from the server", "ns", got, nano*floodFrame, 0.4), decoded(got))
	}
	if got := all["handshake"]; got != nil {
		rows = append(rows, cpuRow("CPU per handshake: connect, upgrade, close", "µs", got, micro, 1))
	}
	if got := all["idle"]; got != nil {
		rows = append(rows,
			compare(fmt.Sprintf("memory per idle conn (RSS), %d conns", got[nginx][0].Ops), "KiB", got, func(r, _ result) float64 { return r.RSS * kibi }, 0.4),
			compare("memory per idle conn (PSS)", "KiB", got, func(r, _ result) float64 { return r.PSS * kibi }, 0.4),
			compare("CPU while all these are idle", "% core", got, func(r, _ result) float64 { return r.IdleCPU * 100 }, 0))
	}
	if got := all["latency"]; got != nil {
		rows = append(rows, latency(got, cores)...)
		rows = append(rows, cpuRow("CPU per message, 500 conns × 8 msg/s", "µs", got, micro, 0), captureSize(got))
	}
	for _, load := range []struct{ name, what string }{{"echo", "echo"}, {"latency", "500 × 8 msg/s"}, {"flood", "flood"}, {"handshake", "handshakes"}} {
		if got := all[load.name]; got != nil {
			rows = append(rows, recordingCost(load.what, got))
		}
	}
	for i := range rows {
		rows[i].compareBuilds()
	}
	return rows
}

// cpuRow is the CPU time of an operation, with what it is made of.
func cpuRow(what, unit string, got map[string][]result, scale, limit float64) row {
	perOp := func(v float64, r result) float64 { return v / float64(max(r.Ops, 1)) * scale }
	r := compare(what, unit, got, func(r, _ result) float64 { return perOp(r.ProxyCPU, r) }, limit)
	times := detail{What: "user + system", Values: map[string][][2]float64{}}
	switches := detail{What: "context switches a ms of CPU: waits + preempted", Values: map[string][][2]float64{}}
	for way := range r.Values {
		for _, one := range got[way] {
			times.Values[way] = append(times.Values[way], [2]float64{perOp(one.ProxyUser, one), perOp(one.ProxySystem, one)})
			ms := max(one.ProxyCPU*1e3, 1e-3)
			switches.Values[way] = append(switches.Values[way], [2]float64{float64(one.Waits) / ms, float64(one.Preempted) / ms})
		}
	}
	r.Details = []detail{times, switches}
	return r
}

// compare makes a row of the number of every way that has a proxy; limit is
// the goal's ratio to nginx, 0 if there is none.
func compare(what, unit string, got map[string][]result, of measureOf, limit float64) row {
	r := row{What: what, Unit: unit, Values: map[string][]float64{}, Ratio: map[string]float64{}}
	for _, way := range waysIn(got) {
		if way == direct {
			continue
		}
		for i, one := range got[way] {
			var base result
			if d := got[direct]; i < len(d) {
				base = d[i]
			}
			r.Values[way] = append(r.Values[way], of(one, base))
		}
	}
	for way, v := range r.Values {
		if by := ratios(v, r.Values[nginx]); way != nginx && len(by) > 0 {
			r.Ratio[way] = median(by)
		}
	}
	if limit > 0 {
		r.Goal = fmt.Sprintf("≤ %.4g × nginx", limit)
		r.judge(r.Ratio[recorded] <= limit)
	}
	return r
}

// compareBuilds fills Change: each way of wstap to the same of -against.
func (r *row) compareBuilds() {
	for way, earlier := range map[string]string{tapped: against, recorded: againstRecorded} {
		now, before := r.Values[way], r.Values[earlier]
		by := ratios(now, before)
		if r.Difference {
			by = differences(now, before)
		}
		if len(by) == 0 || r.Bound[way] != "" || r.Bound[earlier] != "" {
			continue
		}
		if r.Change == nil {
			r.Change = map[string]change{}
		}
		r.Change[way] = change{median(by), halfRange(by)}
	}
}

func (r *row) judge(met bool) {
	r.Verdict = "missed"
	if met {
		r.Verdict = "met"
	}
}

// What may be used of a core, and of all, before the limit is not the proxy.
const (
	ownLimit     = 0.80
	machineLimit = 0.95
	lateLimit    = 0.10 // of the messages of a steady load, sent behind the schedule
)

// boundBy says what other than the proxy limited a round; "" if nothing did.
func (r result) boundBy(cores int, lateLimit float64) string {
	switch {
	case r.OwnCPU > ownLimit*r.Seconds:
		return "generator at its limit"
	case r.ServerCPU > ownLimit*r.Seconds:
		return "server at its limit"
	case r.BusyCPU > machineLimit*r.Seconds*float64(cores):
		return "all cores busy"
	case r.Late > lateLimit:
		return "late sends"
	}
	return ""
}

// refuse finds the ways of a row where in most rounds something else than the
// proxy was the limit, and takes the row's comparison out if one of must is.
func (r *row) refuse(got map[string][]result, must []string, cores int, lateLimit float64) {
	r.Bound = map[string]string{}
	for _, way := range waysIn(got) {
		n, why := 0, ""
		for _, one := range got[way] {
			if by := one.boundBy(cores, lateLimit); by != "" {
				n, why = n+1, by
			}
		}
		if 2*n > len(got[way]) {
			r.Bound[way] = why
		}
	}
	for _, way := range must {
		if why := r.Bound[way]; why != "" {
			r.Verdict, r.Ratio, r.Note = generatorBound, nil, fmt.Sprintf("%s: %s", way, why)
			return
		}
	}
}

// throughput means something only where the proxy is the limit.
func throughput(got map[string][]result, cores int) row {
	r := compare("echoed messages a second, 100 conns", "k/s", got,
		func(r, _ result) float64 { return float64(r.Ops) / r.Seconds / 1e3 }, 0)
	for _, one := range got[direct] {
		r.Values[direct] = append(r.Values[direct], float64(one.Ops)/one.Seconds/1e3)
	}
	r.refuse(got, variants[1:], cores, lateLimit) // direct has no proxy that could be the limit
	return r
}

func decoded(got map[string][]result) row {
	r := compare("frames a second and core under that flood", "M/s", got,
		func(r, _ result) float64 { return float64(r.Ops) / floodFrame / max(r.ProxyCPU, 1e-9) / 1e6 }, 0)
	r.Goal, r.Ratio = "≥ 30 M/s a core", nil
	r.judge(median(r.Values[recorded]) >= 30)
	return r
}

func latency(got map[string][]result, cores int) (rows []row) {
	for _, q := range []struct {
		name string
		late float64 // more late messages than slower ones would speak of the generator
		of   func(result) float64
	}{
		{"p50", lateLimit, func(r result) float64 { return r.P50 }},
		{"p99", 0.01, func(r result) float64 { return r.P99 }},
	} {
		r := compare("added latency "+q.name+", 500 conns × 8 msg/s", "µs", got,
			func(r, base result) float64 { return (q.of(r) - q.of(base)) * micro }, 1)
		r.Difference = true
		r.judge(median(differences(r.Values[recorded], r.Values[nginx])) <= 0)
		if median(r.Values[nginx]) <= 0 {
			r.Ratio = nil // of what is about zero
		}
		for _, one := range got[direct] {
			r.Values[direct] = append(r.Values[direct], q.of(one)*micro)
		}
		r.refuse(got, variants, cores, q.late)
		rows = append(rows, r)
	}
	return rows
}

func captureSize(got map[string][]result) row {
	r := row{What: "recording: bytes per frame, 500 × 8 msg/s", Unit: "B", Goal: "≤ 6 bytes", Values: map[string][]float64{}}
	for way, rounds := range got {
		for _, one := range rounds {
			if one.BytesPerFrame > 0 {
				r.Values[way] = append(r.Values[way], one.BytesPerFrame)
			}
		}
	}
	if len(r.Values[recorded]) > 0 {
		r.judge(median(r.Values[recorded]) <= 6)
	}
	return r
}

// recordingCost is what recording adds to the CPU of an operation.
func recordingCost(what string, got map[string][]result) row {
	r := row{What: "cost of recording: " + what, Unit: "%", Goal: "≤ 5 % CPU", Values: map[string][]float64{}, Difference: true}
	cpu := func(one result) float64 { return one.ProxyCPU / float64(max(one.Ops, 1)) }
	for with, without := range map[string]string{recorded: tapped, againstRecorded: against} {
		for i, one := range got[with] {
			if i < len(got[without]) && cpu(got[without][i]) > 0 {
				r.Values[with] = append(r.Values[with], (cpu(one)/cpu(got[without][i])-1)*100)
			}
		}
	}
	r.judge(median(r.Values[recorded]) <= 5)
	return r
}
