package diagnose

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

const realLog = "../testdata/logs/nginx-1.22.1-error.log"

func readLog(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// scanLog looks at a log that is in no State, as `wstap logs` does.
func scanLog(tb testing.TB, log []byte) []Finding {
	tb.Helper()
	x := NewLogScan(Options{})
	if err := logparse.Read(bytes.NewReader(log), "error.log", func(e *logparse.Entry) { x.Line(e, monitor.TimeOf(e.Time(time.UTC))) }); err != nil {
		tb.Fatal(err)
	}
	x.Conclude()
	return x.Findings()
}

// TestRealLog: a log that nginx wrote while all its faults were provoked. Each
// rule of log lines that one of them was provoked for fires.
func TestRealLog(t *testing.T) {
	fs := scanLog(t, readLog(t, realLog))
	checkFindings(t, fs)
	got := map[string]int{}
	for _, f := range fs {
		got[f.ID]++
	}
	for _, id := range []string{
		"connect-refused", "no-live-upstreams", "upstream-timeout", "upstream-reset", "premature-close", "bad-upstream-answer", "header-too-large",
		"tls-upstream", "plain-to-https", "tls-to-plain-port", "host-not-found", "resolver-trouble", "idle-timeout-log", "slow-client-log", "limits-hit",
		"upgrade-in-subrequest", "auth-request-failed", "http2-upgrade", "worker-connections", "too-many-files", "worker-crash", "reload",
		"configuration-refused", "forged-log-line",
	} {
		if got[id] == 0 {
			t.Errorf("%s does not fire; got %v", id, slices.Sorted(maps.Keys(got)))
		}
		delete(got, id)
	}
	if len(got) > 0 {
		t.Errorf("fire, and nobody expected it: %v\n%s", got, render(fs))
	}
}

// TestNormalLines: what nginx writes on a good day is no trouble.
func TestNormalLines(t *testing.T) {
	for _, f := range scanLog(t, readLog(t, "testdata/normal.log")) {
		if f.Severity != monitor.SeverityInfo {
			t.Errorf("trouble found in normal lines:\n%s", render([]Finding{f}))
		}
	}
}

// TestScanIsBounded: a long log of names that clients choose gives no more
// findings, and no more evidence, than a short one.
func TestScanIsBounded(t *testing.T) {
	x := NewLogScan(Options{})
	e := logparse.Entry{Kind: logparse.KindUpstreamTimedOut, Level: logparse.LevelInfo, Action: "proxying upgraded connection", Present: logparse.HasRequest | logparse.HasUpstream}
	const n = 20_000
	for i := range n {
		e.Request = "GET /" + strings.Repeat("x", i%4000) + " HTTP/1.1"
		e.Upstream = "http://10.0." + strings.Repeat("1", i%50) + ".1:80/"
		e.Raw = e.Request
		for _, k := range []logparse.Kind{logparse.KindUpstreamTimedOut, logparse.KindConnectFailed, logparse.KindUpstreamDisabled, logparse.KindReconfiguring} {
			e.Kind = k
			x.Line(&e, monitor.Time(i+1)*1e9)
		}
	}
	x.Conclude()
	perRule, counted := map[string]int{}, map[string]int{}
	for _, f := range x.Findings() {
		perRule[f.ID]++
		counted[f.ID] += f.Count
		if len(f.Evidence) > evidenceMost+2 {
			t.Errorf("%s: %d sentences", f.ID, len(f.Evidence))
		}
	}
	if got := perRule["idle-timeout-log"]; got > subjectsMost+1 || counted["idle-timeout-log"] != n {
		t.Errorf("%d findings that count %d, want %d at the most and %d", got, counted["idle-timeout-log"], subjectsMost+1, n)
	}
}

// TestFixesAreHarmless: what a client writes into a log cannot end the line it
// stands on in a fix, nor begin another directive or command.
func TestFixesAreHarmless(t *testing.T) {
	evil := "/x\ninclude /tmp/y; } $(reboot) `id` {\u2028"
	log := "2026/11/22 09:05:04 [error] 1#1: *1 connection upgrade in subrequest while reading response header from upstream, client: 1.2.3.4, server: s, request: \"GET " + evil +
		" HTTP/1.1\", subrequest: \"" + evil + "\", upstream: \"http://a" + evil + "\", host: \"h\"\n" +
		"2026/11/22 09:05:04 [error] 1#1: *1 a" + evil + " could not be resolved (3: Host not found), client: 1.2.3.4, server: s, request: \"GET / HTTP/1.1\", host: \"h\"\n"
	fs := scanLog(t, []byte(log))
	for _, f := range fs {
		for _, bad := range []string{"include /tmp", "$(reboot", "`id`", "\u2028"} {
			if strings.Contains(f.Fix, bad) {
				t.Errorf("%s: %q is in the fix\n%s", f.ID, bad, f.Fix)
			}
		}
	}
	if len(fs) == 0 {
		t.Error("no finding to look at")
	}
}

func TestKindOfAddress(t *testing.T) {
	for addr, want := range map[string]addressKind{
		"127.0.0.1:80": loopbackAddress, "[::1]:80": loopbackAddress, "10.1.2.3:80": privateAddress, "172.18.0.2:8080": privateAddress,
		"172.32.0.2:8080": publicAddress, "[fd00::1]:80": privateAddress, "192.168.0.1:1": privateAddress, "9.9.9.9:80": publicAddress,
		"169.254.1.1:80": privateAddress, "backend:80": namedAddress, "unix:/run/x.sock": namedAddress, "two_dead": namedAddress, "": namedAddress,
		"[::ffff:10.0.0.1]:80": privateAddress,
	} {
		if got := kindOfAddress(addr); got != want {
			t.Errorf("kindOfAddress(%q) = %d, want %d", addr, got, want)
		}
	}
}

// Lines that concern no rule cost nothing on the heap.
func TestLineAllocations(t *testing.T) {
	x := NewLogScan(Options{})
	for _, kind := range []logparse.Kind{logparse.KindOther, logparse.KindClientClosedKeepalive, logparse.KindUpstreamTimedOut, logparse.KindRecvFailed} {
		e := logparse.Entry{Kind: kind, Level: logparse.LevelInfo, Raw: "x"}
		if kind == logparse.KindUpstreamTimedOut { // after the first lines it is only counted
			e.Request, e.Action = "GET /ws HTTP/1.1", "proxying upgraded connection"
			for range linesMost {
				x.Line(&e, 1)
			}
		}
		if n := testing.AllocsPerRun(100, func() { x.Line(&e, 1) }); n != 0 {
			t.Errorf("%s: %v allocations a line", kind, n)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	log := bytes.Repeat(readLog(b, realLog), 20)
	run := func(name string, look func(x *Scan, e *logparse.Entry)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				x := NewLogScan(Options{})
				if err := logparse.Read(bytes.NewReader(log), "", func(e *logparse.Entry) { look(x, e) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("parse", func(*Scan, *logparse.Entry) {})
	run("parse and scan", func(x *Scan, e *logparse.Entry) { x.Line(e, 1) })
}
