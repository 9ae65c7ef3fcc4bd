package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

func summarize(t *testing.T, log string) *logparse.Summary {
	t.Helper()
	sum := logparse.NewSummary(time.UTC)
	if err := logparse.Read(strings.NewReader(log), "error.log", sum.Add); err != nil {
		t.Fatal(err)
	}
	return sum
}

// logFindings is what the log alone says is wrong, as `wstap logs` finds it.
func logFindings(t *testing.T, log string) []diagnose.Finding {
	t.Helper()
	x := diagnose.NewLogScan(diagnose.Options{})
	look := func(e *logparse.Entry) { x.Line(e, monitor.TimeOf(e.Time(time.UTC))) }
	if err := logparse.Read(strings.NewReader(log), "error.log", look); err != nil {
		t.Fatal(err)
	}
	x.Conclude()
	return x.Findings()
}

func logText(sum *logparse.Summary) renderer {
	return func(w io.Writer, _ *monitor.State, o Options) error { return LogText(w, sum, o) }
}

const tail = `, client: 10.0.0.7, server: app.example, request: "GET /ws/chat?x=1 HTTP/1.1", ` +
	`upstream: "http://127.0.0.1:9000/ws/chat?x=1", host: "app.example"` + "\n"

// mixedLog is what a day of trouble leaves, and what a client can put there.
func mixedLog() string {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "2026/08/23 10:%02d:03 [info] 21#21: *%d upstream timed out (110: Connection timed out) while proxying upgraded connection%s", i%7, i, tail)
	}
	for i := range 5 {
		fmt.Fprintf(&b, "2026/08/23 11:%02d:03 [error] 21#21: *%d recv() failed (104: Connection reset by peer) while proxying upgraded connection%s", i, i, tail)
	}
	b.WriteString("10.0.0.7 - - [23/Aug/2026:11:04:59 +0000] \"GET / HTTP/1.1\" 200 5\n" + hostile + "\n")
	fmt.Fprintf(&b, "2026/08/23 11:05:00 [notice] 20#20: signal 1 (SIGHUP) received, reconfiguring\n")
	fmt.Fprintf(&b, "2026/08/23 11:05:01 [error] 21#21: *9 open() \"/srv/%s\" failed (2: No such file or directory), client: 10.0.0.9, server: _, "+
		"request: \"GET /%s HTTP/1.1\", host: \"x%s\"\n", hostile, hostile, hostile)
	fmt.Fprintf(&b, "2026/08/23 11:05:02 [error] 21#21: *9 open() \"/srv/x\n2031/01/01 00:00:00 [emerg] 1#1: *1 upstream timed out%s", tail)
	return b.String()
}

func TestLogText(t *testing.T) {
	for name, log := range map[string]string{
		"mixed": mixedLog(),
		"blind": "2026/08/23 10:00:03 [error] 21#21: *1 recv() failed (104: Connection reset by peer) while proxying upgraded connection" + tail,
		"calm":  "2026/08/23 10:00:03 [notice] 20#20: reconfiguring\n2026/08/24 10:00:03 [info] 21#21: *7 client 10.0.0.7 closed keepalive connection\n",
		"empty": "",
		"other": "no log at all\n",
	} {
		t.Run(name, func(t *testing.T) {
			out := render(t, logText(summarize(t, log)), nil, Options{Source: name + ".log", Findings: logFindings(t, log)})
			golden(t, "log-"+name+".txt", out)
			for line := range strings.Lines(string(out)) {
				line = strings.TrimSuffix(line, "\n")
				if printable.String(line) != line {
					t.Errorf("raw: %q", line)
				}
			}
			if got, want := bytes.Contains(out, []byte("idle kills")), name == "blind"; got != want {
				t.Errorf("remark on the level: %v, want %v", got, want)
			}
		})
	}
}

// Trouble stands before the summary, remarks after it, and of very many
// findings the rest is counted.
func TestLogFindings(t *testing.T) {
	sum := summarize(t, mixedLog())
	finding := func(s monitor.Severity, id string, n int) (fs []diagnose.Finding) {
		for i := range n {
			fs = append(fs, diagnose.Finding{ID: id, Severity: s, Title: fmt.Sprintf("%s %d", id, i), Count: 1, Evidence: []string{"log: x", "and more"}, Fix: "do it", Reference: "nginx"})
		}
		return fs
	}
	for _, test := range []struct {
		name         string
		fs           []diagnose.Finding
		first        string // of two that stand in this order
		second       string
		want, unwant string
	}{
		{"trouble first", finding(monitor.SeverityWarning, "w", 1), "1 finding\n", "Levels", "  warning w 0  (1 time)", "and more"},
		{"remarks last", finding(monitor.SeverityInfo, "i", 2), "Levels", "2 findings\n", "    fix   do it", "and more"},
		{"none", nil, "Levels", "Every line", "Levels", "finding"},
		{"very many", finding(monitor.SeverityError, "e", findingsMost+3), "43 findings", "Levels", "  and 3 × e\n", "e 40  ("},
	} {
		out := string(render(t, logText(sum), nil, Options{Findings: test.fs}))
		if a, b := strings.Index(out, test.first), strings.Index(out, test.second); a < 0 || b < a {
			t.Errorf("%s: %q at %d, %q at %d of\n%s", test.name, test.first, a, test.second, b, out)
		}
		if !strings.Contains(out, test.want) || strings.Contains(out, test.unwant) {
			t.Errorf("%s: want %q and no %q in\n%s", test.name, test.want, test.unwant, out)
		}
	}
}

func TestEvenBuckets(t *testing.T) {
	at := func(minutes int) time.Time { return time.Unix(0, 0).Add(time.Duration(minutes) * time.Minute) }
	for _, test := range []struct {
		name    string
		minutes []int
		each    time.Duration
		n       int
	}{
		{"none", nil, time.Minute, 0},
		{"one", []int{5}, time.Minute, 1},
		{"a silence", []int{0, 9}, time.Minute, 10},
		{"just fits", []int{0, 23}, time.Minute, 24},
		{"one more", []int{0, 24}, 2 * time.Minute, 13},
		{"a week", []int{0, 1, 7*24*60 - 1}, 7 * time.Hour, 24},
	} {
		var in []logparse.Bucket
		for _, m := range test.minutes {
			in = append(in, logparse.Bucket{At: at(m), N: 2, Errors: 1})
		}
		out, each := evenBuckets(in, time.Minute)
		var n, errors int64
		for _, b := range out {
			n += b.N
			errors += b.Errors
		}
		if len(out) != test.n || each != test.each || n != 2*int64(len(in)) || errors != int64(len(in)) {
			t.Errorf("%s: %d buckets of %v with %d entries, %d errors; want %d of %v", test.name, len(out), each, n, errors, test.n, test.each)
		}
	}
}

func TestBar(t *testing.T) {
	for _, test := range []struct {
		n, errors, highest int64
		want               string
	}{
		{0, 0, 0, ""},
		{0, 0, 1000, ""},
		{1, 0, 1000, "."},
		{1000, 1, 1000, "#" + strings.Repeat(".", barWidth-1)},
		{1000, 1000, 1000, strings.Repeat("#", barWidth)},
	} {
		if got := bar(logparse.Bucket{N: test.n, Errors: test.errors}, test.highest); got != test.want {
			t.Errorf("bar(%d, %d of %d) = %q, want %q", test.n, test.errors, test.highest, got, test.want)
		}
	}
}
