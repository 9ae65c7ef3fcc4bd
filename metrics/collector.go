package metrics

import (
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wstap/wstap/monitor"
)

// desc makes the description of a metric.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("wstap_"+name, help, labels, nil)
}

var (
	descBuild = desc("build_info", "A constant 1; the labels say which wstap this is.", "version", "goversion")
	descTap   = desc("tap_info", "A constant 1 for each tap; leg says whether it is in front of nginx or behind it (back).", "tap", "leg")

	descOpened = desc("connections_opened_total",
		"Upgrade attempts, successful or not; streams that are no HTTP and connections that could not be dialled on count too.", "tap")
	descUpgraded = desc("connections_upgraded_total", "Upgrade attempts answered with 101: WebSockets.", "tap")
	descRefused  = desc("connections_refused_total", "Upgrade attempts answered with another status than 101.", "tap", "status")
	descEnded    = desc("connections_closed_total",
		"Connections ended, by the concluded cause and the close code. 1005, 1006 and 1015 were not on the wire but stand for what was; none: never upgraded. It counts when the verdict settles, some 2 s after the end.",
		"tap", "cause", "code")
	descOpen = desc("websockets_open", "WebSockets open at this moment.", "tap")

	descBytes  = desc("relayed_bytes_total", "Bytes of upgrade attempts and WebSockets, HTTP heads and frame heads included.", "tap", "direction")
	descFrames = desc("frames_total", "WebSocket frames by opcode (RFC 6455, section 5.2).", "tap", "direction", "opcode")
	descGaps   = desc("gap_seconds",
		"Silences of WebSockets, no byte in either direction, of 1 ms and longer, as they ended. nginx ends a connection whose silence reaches proxy_read_timeout. The sum is a lower bound: each silence counts as the shortest of its bucket.",
		"tap")

	descLog       = desc("log_lines_total", "Lines of the followed nginx error logs by what they are about.", "kind")
	descDropped   = desc("dropped_total", "What was not kept because there was too much of it. Traffic itself is never dropped.", "what")
	descUnhealthy = desc("unhealthy",
		"How many followed logs, taps, recordings and other parts have a warning or have failed at this moment.", "part", "status")

	descLive    = desc("connections_live", "TCP connections relayed at this moment, plain HTTP and those being dialled included.")
	descStalled = desc("stalled_directions", "Directions of connections that wait at this moment for a receiver that does not read.")
	descNear    = desc("connections_near_limit", "Connections past 75 % of the idle or lifetime limit that will end them.")
	descViewers = desc("viewers", "Viewers attached at this moment.")
	descErrors  = desc("relay_errors_total",
		"accept: connections that could not be accepted at once; decoder: connections relayed on undecoded after a failure of the decoder.", "kind")
	descUnrecorded = desc("recording_dropped_records_total", "Records that are missing in the recording because the disk did not keep up.")
	descTurnedAway = desc("viewers_refused_total", "Viewers turned away: wrong token or origin, or too many.")
)

// collector gives the registry what was counted.
type collector struct {
	m    *Metrics
	opts Options
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descBuild, descTap, descOpened, descUpgraded, descRefused, descEnded, descOpen, descBytes, descFrames, descGaps, descLog,
		descDropped, descUnhealthy, descLive, descStalled, descNear, descViewers, descErrors, descUnrecorded, descTurnedAway,
	} {
		ch <- d
	}
}

// Collect copies the counts, then lets Events go on.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.m.mu.Lock()
	n := c.m.counts.clone()
	c.m.mu.Unlock()
	s := sink{ch}
	s.gauge(descBuild, 1, strings.ToValidUTF8(c.opts.Version, "?"), runtime.Version())
	for i := range n.taps {
		if t := &n.taps[i]; t.seen {
			s.tap(t)
		}
	}
	s.parts(&n)
	s.functions(&c.opts)
}

// sink is where metrics go.
type sink struct{ ch chan<- prometheus.Metric }

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s sink) counter(d *prometheus.Desc, n uint64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func (s sink) tap(t *tapCounts) {
	s.gauge(descTap, 1, t.name, t.leg)
	s.gauge(descOpen, float64(t.open), t.name)
	s.counter(descOpened, t.opened, t.name)
	s.counter(descUpgraded, t.upgraded, t.name)
	for i, n := range t.refused {
		if n > 0 || slices.Contains(usual, statuses[i]) {
			s.counter(descRefused, n, t.name, statusLabel(i))
		}
	}
	for i := range t.ended {
		s.ended(t, i)
	}
	for dir, name := range directions {
		s.counter(descBytes, t.bytes[dir], t.name, name)
		for i, n := range t.frames[dir] {
			s.counter(descFrames, n, t.name, name, opcodes[i])
		}
	}
	s.gaps(t)
}

func (s sink) ended(t *tapCounts, cause int) {
	for i, n := range t.ended[cause] {
		if n > 0 || slices.Contains(expected(causes[cause]), codes[i]) {
			s.counter(descEnded, n, t.name, string(causes[cause]), codeLabel(i))
		}
	}
}

// gaps makes the histogram with the buckets that samples have, by powers of two
// of a millisecond. Theirs begin at their bound and Prometheus' end with it: a
// silence of exactly a bound is one bucket too high, and no other.
func (s sink) gaps(t *tapCounts) {
	var count uint64
	var sum float64
	buckets := make(map[float64]uint64, len(t.gaps))
	for i, n := range t.gaps {
		least := float64(uint64(1)<<i) / 1000
		count += n
		sum += float64(n) * least
		if i < len(t.gaps)-1 { // the last has no end: +Inf
			buckets[2*least] = count
		}
	}
	s.ch <- prometheus.MustNewConstHistogram(descGaps, count, sum, buckets, t.name)
}

// parts are the counts of no tap.
func (s sink) parts(n *counts) {
	for kind, lines := range n.kinds {
		s.counter(descLog, lines, kind)
	}
	for i, what := range drops {
		s.counter(descDropped, n.dropped[i], what)
	}
	for _, part := range parts {
		for _, status := range []monitor.HealthStatus{monitor.HealthWarning, monitor.HealthFailed} {
			s.gauge(descUnhealthy, float64(n.healths.count(part, status)), part, string(status))
		}
	}
}

// functions are the metrics that are asked for and not counted here.
func (s sink) functions(o *Options) {
	for _, g := range []struct {
		desc *prometheus.Desc
		now  func() int
	}{{descLive, o.Live}, {descStalled, o.Stalled}, {descNear, o.Near}, {descViewers, o.Viewers}} {
		if g.now != nil {
			s.gauge(g.desc, float64(g.now()))
		}
	}
	for _, c := range []struct {
		desc   *prometheus.Desc
		total  func() uint64
		labels []string
	}{
		{descErrors, o.AcceptErrors, []string{"accept"}}, {descErrors, o.Panics, []string{"decoder"}},
		{descUnrecorded, o.DroppedRecords, nil}, {descTurnedAway, o.RefusedViewers, nil},
	} {
		if c.total != nil {
			s.counter(c.desc, c.total(), c.labels...)
		}
	}
}
