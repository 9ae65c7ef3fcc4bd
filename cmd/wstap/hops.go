package main

import (
	"strings"

	"github.com/wstap/wstap/monitor"
)

// hopNames lists what --hop takes.
func hopNames() string {
	var names []string
	for _, h := range monitor.Hops() {
		names = append(names, h.Name)
	}
	return strings.Join(names, ", ")
}

// checkHops refuses a name that is not known, and a hop without a limit: it
// would do nothing.
func checkHops(names []string) error {
	for _, name := range names {
		h, ok := monitor.HopByName(name)
		switch {
		case !ok:
			return hint(usagef("--hop %q: not known", name), "one of "+hopNames())
		case h.Idle == 0 && h.Lifetime == 0:
			return hint(usagef("--hop %s: %s", name, h.Note), "say --read-timeout with the limit it has")
		}
	}
	return nil
}
