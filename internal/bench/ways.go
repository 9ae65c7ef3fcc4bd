//go:build linux

package main

import "slices"

// The ways from the generator to the server.
const (
	direct   = "direct"
	nginx    = "nginx"
	tapped   = "wstap"
	recorded = "wstap recording"

	// What else does the same, of a load that passes through nobody.
	reference = "reference"

	// The wstap of -against, see there.
	against         = "against"
	againstRecorded = "against recording"

	// Peers, where they are installed.
	haproxy   = "haproxy"
	toxiproxy = "toxiproxy"
)

// variants are the ways of every run: the columns of the first table.
var variants = []string{direct, nginx, tapped, recorded}

var allWays = append(slices.Clone(variants), against, againstRecorded, haproxy, toxiproxy)

// waysIn are the ways that m has, in the order of allWays.
func waysIn[T any](m map[string]T) (ways []string) {
	for _, w := range allWays {
		if _, ok := m[w]; ok {
			ways = append(ways, w)
		}
	}
	return ways
}

// ways are those of this run, a proxy on each but the first.
func (b *bench) ways() []string {
	ways := slices.Clone(variants)
	if b.against != "" {
		ways = append(ways, against, againstRecorded)
	}
	for _, p := range b.others {
		ways = append(ways, p.way)
	}
	return ways
}
