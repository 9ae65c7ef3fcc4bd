// Package metrics counts what the events of one relay tell and serves the
// counts to Prometheus and its like, in the OpenMetrics format.
//
// Labels are few and bounded: a tap, a cause, a registered code. Addresses,
// targets and whatever else a peer can choose never become one. The HELP texts
// in collector.go say what each number means.
package metrics

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wstap/wstap/monitor"
)

// Options are what events do not tell. The functions are called at each scrape,
// on its goroutine; a nil one leaves its metric out.
type Options struct {
	Version string // of wstap

	Live    func() int // connections relayed now, those being dialled included
	Stalled func() int // directions that wait for their receiver
	Near    func() int // conns past 75 % of their limit
	Viewers func() int // attached viewers

	AcceptErrors   func() uint64 // connections that could not be accepted at once
	Panics         func() uint64 // connections whose decoder failed
	DroppedRecords func() uint64 // records that are missing in the recording
	RefusedViewers func() uint64 // viewers turned away: wrong token or origin, too many
}

// Metrics is made by New. It is a feed's Writer.
type Metrics struct {
	handler http.Handler

	mu     sync.Mutex // guards what follows: a scrape copies it, Events changes it
	counts counts
	conns  map[monitor.ID]*carried
	doubts doubts
}

// scrapesAtOnce bounds the scrapes served at a time; more are answered 503.
const scrapesAtOnce = 4

// New returns metrics that have counted nothing yet.
func New(o Options) *Metrics {
	m := newMetrics()
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{m: m, opts: o},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = readOnly(promhttp.HandlerFor(r, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: scrapesAtOnce,
	}))
	return m
}

func newMetrics() *Metrics {
	return &Metrics{counts: newCounts(), conns: map[monitor.ID]*carried{}, doubts: newDoubts()}
}

// Handler serves the metrics: in the OpenMetrics format to who accepts it, else
// in Prometheus' older text format. It is for GET and HEAD.
func (m *Metrics) Handler() http.Handler { return m.handler }

func readOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "metrics are read with GET", http.StatusMethodNotAllowed)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Events counts a batch. It waits for nobody but a scrape that copies the
// counts, some microseconds, and allocates for new conns only.
func (m *Metrics) Events(events []monitor.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ev := range events {
		m.count(ev)
	}
}

func (m *Metrics) count(ev monitor.Event) {
	switch ev := ev.(type) {
	case *monitor.Samples:
		m.samples(ev)
	case *monitor.Opened:
		m.opened(ev)
	case *monitor.Response:
		m.answered(ev)
	case *monitor.Closed:
		m.closed(ev)
	case *monitor.Verdicted:
		m.judged(ev)
	case *monitor.LogLine:
		m.counts.kinds.add(string(ev.Entry.Kind), 1)
	case *monitor.LogSummary:
		for kind, n := range ev.Kinds {
			m.counts.kinds.add(kind, n)
		}
	case *monitor.Dropped:
		m.counts.dropped[dropIndex(ev.What)] += ev.N
	case *monitor.Health:
		m.counts.healths.set(ev.Name, ev.Status)
	case *monitor.Hello:
		for _, t := range ev.Taps {
			m.counts.announce(t)
		}
	}
}

// answered counts the answer to an upgrade attempt.
func (m *Metrics) answered(ev *monitor.Response) {
	t := m.counts.tap(ev.Leg)
	if ev.Status != http.StatusSwitchingProtocols {
		t.refused[statusIndex(ev.Status)]++
		return
	}
	t.upgraded++
	if c := m.conns[ev.ID()]; c != nil && !c.upgraded {
		c.upgraded = true
		t.open++
	}
}

// judged counts a verdict, once for each conn.
func (m *Metrics) judged(ev *monitor.Verdicted) {
	if m.doubts.again(ev) {
		return
	}
	m.counts.tap(ev.Leg).ended[causeIndex(ev.Verdict.Cause)][codeIndex(int(ev.Verdict.Code))]++
}
