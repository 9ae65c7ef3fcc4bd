package diagnose

import (
	"strings"

	"github.com/wstap/wstap/monitor"
)

// askers counts who tried something and failed, to tell a path that is broken
// from one that somebody made up: anybody can ask for anything.
type askers struct {
	all     int
	first   string // client
	several bool
}

const (
	fewAttempts  = 3  // by several clients
	manyAttempts = 10 // by one: behind a balancer all may have its address
)

func (a *askers) count(c *monitor.Conn) {
	client := askedBy(c)
	if a.all == 0 {
		a.first = client
	}
	a.all++
	a.several = a.several || client != a.first
}

// many says that it was not just one who tried.
func (a *askers) many() bool {
	return a.all >= manyAttempts || a.several && a.all >= fewAttempts
}

// askedBy is the client of a conn: as a proxy tells it, or its address.
func askedBy(c *monitor.Conn) string {
	for _, f := range c.Request.Forwarded {
		if name, v, _ := strings.Cut(f, ": "); strings.EqualFold(name, "X-Forwarded-For") || strings.EqualFold(name, "X-Real-IP") {
			first, _, _ := strings.Cut(v, ",")
			return strings.TrimSpace(first)
		}
	}
	return hostPart(c.Client)
}
