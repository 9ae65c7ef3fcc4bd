package metrics

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

var update = flag.Bool("update", false, "write the golden file anew")

// day is a fixed list of events in which everything happens once.
func day() []monitor.Event {
	return []monitor.Event{
		hello("front", "app-1"),
		opened("front", 1), opened("app-1", 2),
		answered("front", 1, 101), answered("app-1", 2, 101),
		samples(1, passed(100, 3, 0, 1)), samples(1, passed(250, 4, 9, 2)),
		opened("front", 3), answered("front", 3, 403), closed("front", 3, passed(400, 0, 0, 0)),
		verdict("front", 3, monitor.CauseRefused, 0, monitor.Confirmed),
		closed("app-1", 2, passed(300, 5, 15, 1)),
		verdict("app-1", 2, monitor.CauseIdleTimeout, 1006, monitor.Confirmed),
		opened("front", 4), answered("front", 4, 999),
		opened("front", 5), answered("front", 5, 101), closed("front", 5, passed(1, 1, 23, 1)),
		verdict("front", 5, monitor.CauseCloseHandshake, 4401, monitor.Confirmed),
		&monitor.LogLine{Header: head("", 0), Entry: logparse.Entry{Kind: logparse.KindUpstreamTimedOut}},
		&monitor.LogSummary{Header: head("", 0), Kinds: map[string]uint64{"recv_failed": 40, "upstream_timed_out": 2}},
		&monitor.Dropped{Header: head("", 0), What: "log lines", N: 7},
		&monitor.Dropped{Header: head("", 0), What: "conns", N: 2},
		&monitor.Health{Header: head("", 0), Name: "log /var/log/nginx/error.log", Status: monitor.HealthWarning},
		&monitor.Health{Header: head("", 0), Name: "capture", Status: monitor.HealthFailed},
		&monitor.Health{Header: head("front", 0), Name: "tap front", Status: monitor.HealthFailed},
		&monitor.Health{Header: head("front", 0), Name: "tap front", Status: monitor.HealthOK},
		&monitor.Tick{},
	}
}

func dayOptions() Options {
	n := func(n int) func() int { return func() int { return n } }
	u := func(n uint64) func() uint64 { return func() uint64 { return n } }
	return Options{
		Version: "v1.2.3", Live: n(11), Stalled: n(1), Near: n(2), Viewers: n(3),
		AcceptErrors: u(4), Panics: u(5), DroppedRecords: u(6), RefusedViewers: u(7),
	}
}

func TestGolden(t *testing.T) {
	m := newMetrics()
	m.Events(day())
	got := strings.ReplaceAll(text(t, m, dayOptions()), runtime.Version(), "GOVERSION")
	path := filepath.Join("testdata", "metrics.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s (-update writes it anew):\n%s", path, got)
	}
}

// TestLint: names, units and HELP texts are as Prometheus wants them.
func TestLint(t *testing.T) {
	m := newMetrics()
	m.Events(day())
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(&collector{m: m, opts: dayOptions()})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %+v", err, problems)
	}
}

// scrape asks the handler.
func scrape(t *testing.T, m *Metrics, method, accept string) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(method, "/metrics", nil)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, req)
	return w.Result(), w.Body.String()
}

func TestHandler(t *testing.T) {
	m := New(dayOptions())
	m.Events(day())
	t.Run("OpenMetrics", func(t *testing.T) {
		resp, body := scrape(t, m, "GET", "application/openmetrics-text;version=1.0.0")
		if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/openmetrics-text") {
			t.Errorf("content type %q", ct)
		}
		if !strings.HasSuffix(body, "\n# EOF\n") {
			t.Errorf("no EOF at the end:\n%.200s", body)
		}
		if series(body)[`wstap_connections_closed_total{cause="idle_timeout",code="1006",tap="app-1"}`] != "1.0" {
			t.Errorf("the idle timeout is missing:\n%s", body)
		}
	})
	t.Run("text", func(t *testing.T) {
		_, body := scrape(t, m, "GET", "")
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"wstap_build_info", "wstap_gap_seconds", "go_goroutines", "process_resident_memory_bytes"} {
			if families[name] == nil {
				t.Errorf("%s is missing", name)
			}
		}
	})
	t.Run("POST", func(t *testing.T) {
		if resp, _ := scrape(t, m, "POST", ""); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") == "" {
			t.Errorf("%s", resp.Status)
		}
	})
	t.Run("gzip", func(t *testing.T) {
		s := httptest.NewServer(m.Handler())
		defer s.Close()
		req, err := http.NewRequest("GET", s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || !strings.Contains(string(b), "wstap_build_info") {
			t.Errorf("%v: %.200s", err, b)
		}
	})
}

// TestNothingSecret: what peers choose is nowhere in the text.
func TestNothingSecret(t *testing.T) {
	m := newMetrics()
	m.Events(day())
	body := text(t, m, dayOptions())
	for _, s := range []string{"192.0.2", "secret", "token=", "/var/log", "4401", "999"} {
		if strings.Contains(body, s) {
			t.Errorf("%q is in the metrics", s)
		}
	}
}

// TestHostile: names and codes made up by the ten thousand neither make series
// without end nor get into one.
func TestHostile(t *testing.T) {
	m := newMetrics()
	m.Events([]monitor.Event{hello("front", "back")})
	round := func(from int) int {
		for i := from; i < from+10_000; i++ {
			m.Events(hostile(i))
		}
		return len(series(text(t, m, dayOptions())))
	}
	first := round(0)
	if again := round(10_000); again != first {
		t.Errorf("%d series, and %d after as much again", first, again)
	}
	// All statuses, causes and codes at all taps.
	perTap := len(statuses) + len(causes)*len(codes) + 2*(1+len(opcodes)) + monitor.GapBuckets + 2 + 4
	if most := (maxTaps+1)*perTap + maxKinds + 64; first > most {
		t.Errorf("%d series, want at most %d", first, most)
	}
	for s := range series(text(t, m, dayOptions())) {
		if strings.Contains(s, "evil") {
			t.Fatalf("made up: %s", s)
		}
	}
	if len(m.doubts.has) > monitor.DefaultClosed || len(m.counts.healths) > maxHealths || len(m.counts.kinds) > maxKinds+1 || len(m.conns) > 0 {
		t.Errorf("kept: %d doubts, %d healths, %d kinds, %d conns", len(m.doubts.has), len(m.counts.healths), len(m.counts.kinds), len(m.conns))
	}
}

// hostile is one try: everything in it that can be chosen is new.
func hostile(i int) []monitor.Event {
	name, conn := fmt.Sprintf("EVIL evil\n\"%d", i), uint64(i)
	return []monitor.Event{
		&monitor.Hello{Taps: []monitor.TapInfo{{Name: name, Role: "evil"}, {Name: fmt.Sprintf("t-%d", i), Role: monitor.Role(name)}}},
		opened(name, conn), answered(name, conn, i), answered("front", conn, 1000-i),
		closed(name, conn, passed(1, 1, 0, 1)),
		&monitor.Verdicted{Header: head("front", conn), Key: name, Target: name, Verdict: monitor.Verdict{
			Cause: monitor.Cause(name), Code: ws.CloseCode(i), Reason: name, Confidence: monitor.Possible,
		}},
		&monitor.LogLine{Source: name, Entry: logparse.Entry{Kind: logparse.Kind(name)}},
		&monitor.LogSummary{Kinds: map[string]uint64{fmt.Sprintf("made_up_%d", i): 1}},
		&monitor.Dropped{What: name, N: 1},
		&monitor.Health{Name: name, Status: monitor.HealthFailed},
	}
}

// TestVersionThatIsNoText: whatever the build says, a scrape works.
func TestVersionThatIsNoText(t *testing.T) {
	if body := text(t, newMetrics(), Options{Version: "v1\xff\n"}); !strings.Contains(body, `version="v1?\n"`) {
		t.Error(body)
	}
}

// TestRace: scrapes while events come; nothing is lost between.
func TestRace(t *testing.T) {
	m := New(Options{})
	m.Events([]monitor.Event{hello("front")})
	const conns, rounds = 20, 50
	var scrapes, feeds sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		scrapes.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					scrape(t, m, "GET", "application/openmetrics-text")
				}
			}
		})
	}
	feeds.Go(func() {
		for c := range uint64(conns) {
			m.Events([]monitor.Event{opened("front", c), answered("front", c, 101)})
		}
		for n := range uint64(rounds) {
			for c := range uint64(conns) {
				m.Events([]monitor.Event{samples(c, passed(n+1, n+1, 3, uint32(n+1)))})
			}
		}
		for c := range uint64(conns) {
			m.Events([]monitor.Event{closed("front", c, passed(rounds+1, rounds+1, 3, rounds+1))})
		}
	})
	feeds.Wait()
	close(stop)
	scrapes.Wait()
	want(t, m, map[string]string{
		`relayed_bytes_total{direction="from_client",tap="front"}`:        fmt.Sprintf("%d.0", conns*(rounds+1)),
		`frames_total{direction="from_server",opcode="text",tap="front"}`: fmt.Sprintf("%d.0", conns*(rounds+1)),
		`gap_seconds_count{tap="front"}`:                                  fmt.Sprint(conns * (rounds + 1)),
		`websockets_open{tap="front"}`:                                    "0.0",
	})
}
