//go:build linux

package main

import "fmt"

// row is one line of the table.
type row struct {
	What   string               `json:"what"`
	Unit   string               `json:"unit"`
	Values map[string][]float64 `json:"values"` // of every round, by way
	// Ratio to nginx of wstap and of wstap recording: the median of the rounds' ratios.
	Ratio map[string]float64 `json:"ratio,omitempty"`
	Goal  string             `json:"goal,omitempty"`
	// Verdict is "met" or "missed", by wstap recording; "generator-bound" where
	// something else than the proxy was the limit, so nothing is compared.
	Verdict string `json:"verdict,omitempty"`
	Note    string `json:"note,omitempty"`
	// Difference says that the values are differences, which may be about zero.
	Difference bool `json:"difference,omitempty"`
}

const generatorBound = "generator-bound"

// measureOf makes one number of one round; base is the direct way's round.
type measureOf func(r, base result) float64

func rowsOf(all results, cores int) (rows []row) {
	perOp := func(scale float64) measureOf {
		return func(r, _ result) float64 { return r.ProxyCPU / float64(max(r.Ops, 1)) * scale }
	}
	const micro, nano, kibi = 1e6, 1e9, 1.0 / 1024
	if got := all["echo"]; got != nil {
		rows = append(rows,
			compare("CPU per echoed 64-byte message, 100 conns", "µs", got, perOp(micro), 1),
			throughput(got, cores))
	}
	if got := all["bulk"]; got != nil {
		rows = append(rows, compare("CPU per GB from the server, 16 KiB frames", "s", got, perOp(1e9), 0.25))
	}
	if got := all["flood"]; got != nil {
		rows = append(rows,
			compare("CPU per 32-byte frame from the server", "ns", got, perOp(nano*floodFrame), 0.4),
			decoded(got))
	}
	if got := all["handshake"]; got != nil {
		rows = append(rows, compare("CPU per handshake: connect, upgrade, close", "µs", got, perOp(micro), 1))
	}
	if got := all["idle"]; got != nil {
		rows = append(rows,
			compare(fmt.Sprintf("memory per idle conn (RSS), %d conns", got[nginx][0].Ops), "KiB", got, func(r, _ result) float64 { return r.RSS * kibi }, 0.4),
			compare("memory per idle conn (PSS)", "KiB", got, func(r, _ result) float64 { return r.PSS * kibi }, 0.4),
			compare("CPU while all these are idle", "% core", got, func(r, _ result) float64 { return r.IdleCPU * 100 }, 0))
	}
	if got := all["latency"]; got != nil {
		rows = append(rows, latency(got, cores)...)
		rows = append(rows, compare("CPU per message, 500 conns × 8 msg/s", "µs", got, perOp(micro), 0), captureSize(got))
	}
	for _, load := range []struct{ name, what string }{{"echo", "echo"}, {"latency", "500 × 8 msg/s"}, {"flood", "flood"}, {"handshake", "handshakes"}} {
		if got := all[load.name]; got != nil {
			rows = append(rows, recordingCost(load.what, got))
		}
	}
	return rows
}

// compare makes a row of every way's number; limit is the goal's ratio to
// nginx, 0 if there is none.
func compare(what, unit string, got map[string][]result, of measureOf, limit float64) row {
	r := row{What: what, Unit: unit, Values: map[string][]float64{}, Ratio: map[string]float64{}}
	for _, way := range variants[1:] {
		for i, one := range got[way] {
			var base result
			if d := got[direct]; i < len(d) {
				base = d[i]
			}
			r.Values[way] = append(r.Values[way], of(one, base))
		}
	}
	for _, way := range []string{tapped, recorded} {
		if by := ratios(r.Values[way], r.Values[nginx]); len(by) > 0 {
			r.Ratio[way] = median(by)
		}
	}
	if limit > 0 {
		r.Goal = fmt.Sprintf("≤ %.4g × nginx", limit)
		r.judge(r.Ratio[recorded] <= limit)
	}
	return r
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

// refuse takes the comparison out of a row if in most rounds of one of the ways
// something else than the proxy was the limit.
func (r *row) refuse(got map[string][]result, ways []string, cores int, lateLimit float64) {
	for _, way := range ways {
		n, why := 0, ""
		for _, one := range got[way] {
			if by := one.boundBy(cores, lateLimit); by != "" {
				n, why = n+1, by
			}
		}
		if 2*n > len(got[way]) {
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
			func(r, base result) float64 { return (q.of(r) - q.of(base)) * 1e6 }, 1)
		r.Difference = true
		for _, one := range got[direct] {
			r.Values[direct] = append(r.Values[direct], q.of(one)*1e6)
		}
		r.refuse(got, variants, cores, q.late)
		rows = append(rows, r)
	}
	return rows
}

func captureSize(got map[string][]result) row {
	r := row{What: "recording: bytes per frame, 500 × 8 msg/s", Unit: "B", Goal: "≤ 6 bytes", Values: map[string][]float64{}}
	for _, one := range got[recorded] {
		if one.BytesPerFrame > 0 {
			r.Values[recorded] = append(r.Values[recorded], one.BytesPerFrame)
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
	for i, one := range got[recorded] {
		if i < len(got[tapped]) && cpu(got[tapped][i]) > 0 {
			r.Values[recorded] = append(r.Values[recorded], (cpu(one)/cpu(got[tapped][i])-1)*100)
		}
	}
	r.judge(median(r.Values[recorded]) <= 5)
	return r
}
