//go:build linux

package main

import (
	"slices"
	"time"
)

// quantile sorts d.
func quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[min(int(q*float64(len(d))), len(d)-1)]
}

// median of what a few rounds gave; 0 of nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// halfRange is how far apart the rounds are.
func halfRange(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return (slices.Max(v) - slices.Min(v)) / 2
}

// ratios divides round by round: both were measured within seconds.
func ratios(v, by []float64) []float64 {
	out := make([]float64, 0, len(v))
	for i := range min(len(v), len(by)) {
		if by[i] != 0 {
			out = append(out, v[i]/by[i])
		}
	}
	return out
}

// differences subtracts round by round.
func differences(v, by []float64) []float64 {
	out := make([]float64, min(len(v), len(by)))
	for i := range out {
		out[i] = v[i] - by[i]
	}
	return out
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

// slope of the straight line that lies nearest to the points: least squares.
func slope(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var xy, xx float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}
