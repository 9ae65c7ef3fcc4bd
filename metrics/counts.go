package metrics

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/wstap/wstap/monitor"
)

// counts are all numbers served that come from events. A scrape works on a copy.
type counts struct {
	taps    []tapCounts // the first is for names past the bound
	places  map[string]uint8
	kinds   kinds
	dropped [len(drops)]uint64
	healths healths
}

// tapCounts are those of one tap.
type tapCounts struct {
	name, leg string
	seen      bool // has a series: announced, or something was counted
	open      int

	opened, upgraded uint64
	refused          [len(statuses)]uint64
	ended            [len(causes)][len(codes)]uint64
	bytes            [2]uint64      // from client, from server
	frames           [2]frameCounts // the same
	gaps             [monitor.GapBuckets]uint64
}

// maxTaps bounds the taps with a name of their own; those above share "other".
const maxTaps = 64

func newCounts() counts {
	return counts{
		taps:    []tapCounts{{name: other}},
		places:  map[string]uint8{other: 0},
		kinds:   kinds{},
		healths: healths{},
	}
}

// clone shares nothing with c that changes.
func (c *counts) clone() counts {
	d := *c
	d.taps, d.places = slices.Clone(c.taps), nil
	d.kinds, d.healths = maps.Clone(c.kinds), maps.Clone(c.healths)
	return d
}

// tapName is what a name on the command line looks like.
var tapName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// announce gives a tap of a hello its series: only our own command line names taps.
func (c *counts) announce(t monitor.TapInfo) {
	i, known := c.places[t.Name]
	switch {
	case known:
	case len(c.taps) > maxTaps || !tapName.MatchString(t.Name):
		return
	default:
		i = uint8(len(c.taps))
		c.places[t.Name] = i
		c.taps = append(c.taps, tapCounts{name: t.Name})
	}
	if to := c.at(i); t.Role == monitor.Front || t.Role == monitor.Back {
		to.leg = string(t.Role)
	}
}

// tapIndex is the place of a tap; names that were not announced are "other".
func (c *counts) tapIndex(name string) uint8 { return c.places[name] }

func (c *counts) tap(name string) *tapCounts { return c.at(c.tapIndex(name)) }

func (c *counts) at(i uint8) *tapCounts {
	t := &c.taps[i]
	t.seen = true
	return t
}

// kinds counts log lines. The kinds are a table of ours, but nothing here
// depends on it: how many there may be is bounded, and so is what they look like.
type kinds map[string]uint64

const maxKinds = 128

var kindName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func (k kinds) add(kind string, n uint64) {
	if _, known := k[kind]; !known && (len(k) >= maxKinds || !kindName.MatchString(kind)) {
		kind = other
	}
	k[kind] += n
}

// healths are the newest states of the parts by their names, which have paths
// in them and are not shown.
type healths map[string]monitor.HealthStatus

const maxHealths = 256

func (h healths) set(name string, status monitor.HealthStatus) {
	if status == monitor.HealthOK {
		delete(h, name)
	} else if _, known := h[name]; known || len(h) < maxHealths {
		h[name] = status
	}
}

// count is how many of a part's sources or writers have a status.
func (h healths) count(part string, status monitor.HealthStatus) (n int) {
	for name, s := range h {
		if s == status && partOf(name) == part {
			n++
		}
	}
	return n
}

// parts are what a health may be of.
var parts = [...]string{"log", "tap", "recording", other}

func partOf(name string) string {
	switch {
	case strings.HasPrefix(name, monitor.HealthLog):
		return "log"
	case strings.HasPrefix(name, "tap "):
		return "tap"
	case name == "capture":
		return "recording"
	}
	return other
}

// doubts are the newest conns whose verdict was only possible: State may judge
// those again when it has learned a limit, and they must not count twice. It
// keeps as many ended conns as these.
type doubts struct {
	has  map[monitor.ID]struct{}
	ring []monitor.ID
	next int // place of the oldest, once the ring is full
}

func newDoubts() doubts { return doubts{has: map[monitor.ID]struct{}{}} }

// again says that a verdict replaces one that was counted, and remembers those
// that may be replaced.
func (d *doubts) again(ev *monitor.Verdicted) bool {
	id := ev.ID()
	if _, again := d.has[id]; again {
		return true
	}
	if ev.Verdict.Confidence != monitor.Possible {
		return false
	}
	d.has[id] = struct{}{}
	if len(d.ring) < monitor.DefaultClosed {
		d.ring = append(d.ring, id)
		return false
	}
	delete(d.has, d.ring[d.next])
	d.ring[d.next] = id
	d.next = (d.next + 1) % len(d.ring)
	return false
}
