package metrics

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

const instance monitor.Instance = 0xabc

func head(leg string, conn uint64) monitor.Header {
	return monitor.Header{At: 1, Tap: instance, Leg: leg, Conn: conn}
}

func hello(names ...string) *monitor.Hello {
	h := &monitor.Hello{Header: head("", 0)}
	for i, n := range names {
		h.Taps = append(h.Taps, monitor.TapInfo{Name: n, Role: []monitor.Role{monitor.Front, monitor.Back}[i%2]})
	}
	return h
}

func opened(leg string, conn uint64) *monitor.Opened {
	return &monitor.Opened{Header: head(leg, conn), Client: "192.0.2.7:1234", Server: "192.0.2.9:80"}
}

func answered(leg string, conn uint64, status int) *monitor.Response {
	return &monitor.Response{Header: head(leg, conn), Status: status}
}

func samples(conn uint64, s monitor.Sample) *monitor.Samples {
	return &monitor.Samples{Header: head("", 0), Conns: []uint64{conn}, Samples: []monitor.Sample{s}}
}

func closed(leg string, conn uint64, s monitor.Sample) *monitor.Closed {
	return &monitor.Closed{Header: head(leg, conn), Sample: s}
}

func verdict(leg string, conn uint64, cause monitor.Cause, code ws.CloseCode, c monitor.Confidence) *monitor.Verdicted {
	return &monitor.Verdicted{Header: head(leg, conn), Target: "/secret?token=x", Verdict: monitor.Verdict{Cause: cause, Code: code, Confidence: c}}
}

// passed is a sample of so many bytes from the client, text frames from the
// server and gaps of one bucket.
func passed(bytes, texts uint64, bucket int, gaps uint32) (s monitor.Sample) {
	s.Dir[ws.FromClient].Bytes = bytes
	s.Dir[ws.FromServer].Frames.Add(ws.OpText, texts)
	s.Gaps[bucket] = gaps
	return s
}

// text is all that is counted, in the OpenMetrics format.
func text(t *testing.T, m *Metrics, o Options) string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(&collector{m: m, opts: o})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToOpenMetrics(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := expfmt.FinalizeOpenMetrics(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// series are the samples of a text by name and labels.
func series(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			all[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return all
}

// want compares some series.
func want(t *testing.T, m *Metrics, expected map[string]string) {
	t.Helper()
	have := series(text(t, m, Options{}))
	for name, value := range maps.All(expected) {
		if got, ok := have["wstap_"+name]; got != value {
			t.Errorf("%s is %q (%v), want %s", name, got, ok, value)
		}
	}
}
