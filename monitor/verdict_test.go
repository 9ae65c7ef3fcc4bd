package monitor

import (
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

const (
	client = ws.FromClient
	server = ws.FromServer
)

// TestVerdictTwoLegs is the table of facts/field.md §0.2, as events.
func TestVerdictTwoLegs(t *testing.T) {
	const timeout = `upstream timed out (110: Connection timed out)`
	tests := []struct {
		name  string
		play  func(w *world, f, b *leg)
		cause Cause
		conf  Confidence
	}{
		{"idle timeout", func(w *world, f, b *leg) {
			w.wait(3 * time.Second)
			f.fin(server)
			b.fin(client)
		}, CauseIdleTimeout, Confirmed},
		{"idle timeout 290 ms early", func(w *world, f, b *leg) {
			w.wait(2710 * time.Millisecond)
			b.fin(client)
			f.fin(server)
		}, CauseIdleTimeout, Confirmed},
		{"server reset", func(w *world, f, b *leg) {
			w.wait(time.Second)
			b.end(server, HowReset)
			b.closed()
			w.skip(time.Millisecond)
			f.fin(server)
		}, CauseServerReset, Confirmed},
		{"server FIN", func(w *world, f, b *leg) {
			w.wait(time.Second)
			b.fin(server)
			f.fin(server)
		}, CauseServerFIN, Confirmed},
		{"client reset", func(w *world, f, b *leg) {
			w.wait(time.Second)
			f.end(client, HowReset)
			f.closed()
			b.fin(client)
		}, CauseClientReset, Confirmed},
		{"client FIN", func(w *world, f, b *leg) {
			w.wait(time.Second)
			f.fin(client)
			b.fin(client)
		}, CauseClientFIN, Confirmed},
		{"clean close", func(w *world, f, b *leg) {
			f.closeFrame(client, 1000)
			b.closeFrame(client, 1000)
			b.closeFrame(server, 1000)
			f.closeFrame(server, 1000)
			b.fin(server)
			f.fin(server)
		}, CauseCloseHandshake, Confirmed},
		{"close frame not answered", func(w *world, f, b *leg) {
			b.closeFrame(server, 1012)
			f.closeFrame(server, 1012)
			b.fin(server)
			f.fin(server)
		}, CauseCloseHandshake, Confirmed},
		{"lingering", func(w *world, f, b *leg) {
			for _, l := range []*leg{f, b} {
				l.closeFrame(client, 1000)
				l.closeFrame(server, 1000)
			}
			w.wait(3 * time.Second)
			b.fin(client)
			f.fin(server)
			w.tunnelLine("info", timeout, "/ws", 7)
		}, CauseLingering, Confirmed},
		{"slow consumer", func(w *world, f, b *leg) {
			f.s.Dir[server].Waiting, f.s.Dir[server].BlockedNow = Millis(2*time.Second), true
			w.wait(2 * time.Second)
			f.fin(server)
			b.fin(client)
			w.tunnelLine("info", "client timed out (110: Connection timed out)", "/ws", 8)
		}, CauseSlowConsumer, Confirmed},
		{"server vanished", func(w *world, f, b *leg) {
			w.wait(time.Second)
			b.end(server, HowTimeout)
			b.closed()
			f.fin(server)
		}, CausePeerVanished, Confirmed},
		{"nginx ended both, why is not seen", func(w *world, f, b *leg) {
			w.wait(time.Second)
			f.fin(server)
			b.fin(client)
		}, CauseUnknown, Possible},
		{"nginx stopped", func(w *world, f, b *leg) {
			w.wait(time.Second)
			w.log(w.now.Std().Format("2006/01/02 15:04:05") + " [notice] 31#31: exiting")
			f.fin(server)
			b.fin(client)
		}, CauseProxyShutdown, Confirmed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, frontTap, backTap)
			w.limit(Idle, 3*time.Second, "flag")
			f, b := w.pair("k1", "/ws")
			tt.play(w, f, b)
			w.wait(3 * time.Second)
			f.verdict(tt.cause, tt.conf)
			if tt.name != "slow consumer" { // what is seen on the other leg follows from the log line
				b.verdict(tt.cause, tt.conf)
			}
			if f.conn().Link == nil || f.conn().Link != b.conn().Link {
				t.Error("legs are not linked")
			}
		})
	}
}

// TestVerdictOneLeg: the best honest answer, and less sure of it.
func TestVerdictOneLeg(t *testing.T) {
	tests := []struct {
		name  string
		tap   TapInfo
		play  func(w *world, l *leg)
		cause Cause
		conf  Confidence
	}{
		{"front: idle", frontTap, func(w *world, l *leg) { w.wait(3 * time.Second); l.fin(server) }, CauseIdleTimeout, Likely},
		{"back: idle", backTap, func(w *world, l *leg) { w.wait(3 * time.Second); l.fin(client) }, CauseIdleTimeout, Likely},
		{"front: idle with log line", frontTap, func(w *world, l *leg) {
			w.wait(3 * time.Second)
			l.fin(server)
			w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/ws", 3)
		}, CauseIdleTimeout, Confirmed},
		{"back: idle with log line", backTap, func(w *world, l *leg) {
			w.wait(3 * time.Second)
			l.fin(client)
			w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/ws", 3)
		}, CauseIdleTimeout, Confirmed},
		{"front: log line contradicts the limit", frontTap, func(w *world, l *leg) {
			w.wait(5 * time.Second)
			l.fin(server)
			w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/ws", 3)
		}, CauseIdleTimeout, Confirmed},
		{"front: nginx FIN at another time", frontTap, func(w *world, l *leg) { w.wait(time.Second); l.fin(server) }, CauseServerFIN, Possible},
		{"back: nginx FIN at another time", backTap, func(w *world, l *leg) { w.wait(time.Second); l.fin(client) }, CauseClientFIN, Possible},
		{"front: server reset by log", frontTap, func(w *world, l *leg) {
			w.wait(time.Second)
			l.fin(server)
			w.tunnelLine("error", "recv() failed (104: Connection reset by peer)", "/ws", 3)
		}, CauseServerReset, Confirmed},
		{"back: client reset by log", backTap, func(w *world, l *leg) {
			w.wait(time.Second)
			l.fin(client)
			w.tunnelLine("info", "recv() failed (104: Connection reset by peer)", "/ws", 3)
		}, CauseClientReset, Confirmed},
		{"front: client reset", frontTap, func(w *world, l *leg) { l.end(client, HowReset); l.closed() }, CauseClientReset, Likely},
		{"back: server reset", backTap, func(w *world, l *leg) { l.end(server, HowReset); l.closed() }, CauseServerReset, Likely},
		{"front: client FIN", frontTap, func(w *world, l *leg) { l.fin(client) }, CauseClientFIN, Likely},
		{"back: server FIN", backTap, func(w *world, l *leg) { l.fin(server) }, CauseServerFIN, Likely},
		{"front: lingering", frontTap, func(w *world, l *leg) {
			l.closeFrame(client, 1000)
			l.closeFrame(server, 1000)
			w.wait(3 * time.Second)
			l.fin(server)
		}, CauseLingering, Likely},
		{"tap stopped", frontTap, func(w *world, l *leg) {
			w.apply(&Closed{Header: l.head(), ByTap: true, Sample: l.s})
		}, CauseTapShutdown, Confirmed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.tap)
			w.limit(Idle, 3*time.Second, "flag")
			l := w.open(tt.tap.Name, "k1", "/ws")
			l.answer(101)
			tt.play(w, l)
			w.wait(3 * time.Second)
			l.verdict(tt.cause, tt.conf)
		})
	}
}

func TestVerdictHandshakes(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	refused := w.open("front", "a", "/ws")
	refused.answer(426)
	refused.closed()

	silent := w.open("front", "b", "/ws")
	silent.end(server, HowFIN)
	silent.closed()

	w.n++
	dead := &leg{w: w, name: "back", n: w.n}
	w.apply(&Opened{Header: dead.head(), Client: "127.0.0.1:5", Listen: "127.0.0.1:9000"})
	w.apply(&DialError{Header: dead.head(), Error: "connection refused", Errno: 111})
	dead.closed()

	w.wait(3 * time.Second)
	refused.verdict(CauseRefused, Confirmed)
	silent.verdict(CauseHandshakeFailed, Likely)
	dead.verdict(CauseConnectFailed, Confirmed)
	if got := w.s.Totals; got.Refused != 1 || got.Failed != 2 || got.Upgraded != 0 || got.Open != 0 || got.Closed != 3 {
		t.Errorf("totals: %+v", got)
	}
}

// TestMassDisconnect: nginx ends busy tunnels on both legs at once.
func TestMassDisconnect(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	var legs []*leg
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		f, b := w.pair(key, "/busy/"+key)
		legs = append(legs, f, b)
		w.wait(700 * time.Millisecond) // so that each has been silent for another time
	}
	w.wait(time.Second)
	for _, l := range legs {
		if l.name == "front" {
			l.fin(server)
		} else {
			l.fin(client)
		}
	}
	w.wait(3 * time.Second)
	for _, l := range legs {
		l.verdict(CauseProxyShutdown, Confirmed)
	}
}

// TestServerDeployIsNoProxyShutdown: the server's FINs come together, too.
func TestServerDeployIsNoProxyShutdown(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	var legs []*leg
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		f, b := w.pair(key, "/x")
		legs = append(legs, b, f)
	}
	for _, l := range legs {
		l.fin(server)
	}
	w.wait(3 * time.Second)
	for _, l := range legs {
		l.verdict(CauseServerFIN, Confirmed)
	}
}

// TestEqualLinesForEqualConns: three silent tunnels of one target die in one
// second; no line names its conn, but there is one for each.
func TestEqualLinesForEqualConns(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 3*time.Second, "flag")
	var legs []*leg
	for i := range 3 {
		l := w.open("front", string(rune('a'+i)), "/same")
		l.answer(101)
		legs = append(legs, l)
	}
	w.wait(3 * time.Second)
	for i, l := range legs {
		l.fin(server)
		w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/same", i+1)
	}
	w.wait(3 * time.Second)
	for _, l := range legs {
		l.verdict(CauseIdleTimeout, Confirmed)
		if !strings.Contains(strings.Join(l.conn().Verdict.Evidence, "\n"), "fit 3 connections equally") {
			t.Errorf("evidence hides that the join is ambiguous:\n%s", strings.Join(l.conn().Verdict.Evidence, "\n"))
		}
	}
}

func TestExactJoin(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, 3*time.Second, "flag")
	f, b := w.pair("k", "/same")
	f2, b2 := w.pair("k2", "/same")
	for l, n := range map[*leg]string{b: "31 77", b2: "31 78"} {
		l.conn().Request.NgxConn = n
		w.s.addNgx(l.conn())
	}
	w.wait(3 * time.Second)
	for _, l := range []*leg{f, f2} {
		l.fin(server)
	}
	for _, l := range []*leg{b, b2} {
		l.fin(client)
	}
	w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/same", 78)
	w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/same", 77)
	w.wait(3 * time.Second)
	for l, n := range map[*leg]int64{f: 77, b: 77, f2: 78, b2: 78} {
		logs := l.conn().Logs
		if len(logs) != 1 || logs[0].Entry.Connection != n || !logs[0].Exact {
			t.Errorf("%s #%d: joined %d lines, want the one of *%d exactly", l.name, l.n, len(logs), n)
		}
	}
}

// TestLogBlind: at level error an idle kill leaves no line, and we say so.
func TestLogBlind(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, 3*time.Second, "flag")
	w.log(w.now.Std().Format("2006/01/02 15:04:05") + " [error] 31#31: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: x, request: \"GET /other HTTP/1.1\", upstream: \"http://127.0.0.1:1/other\", host: \"x\"")
	f, b := w.pair("k", "/ws")
	w.wait(3 * time.Second)
	f.fin(server)
	b.fin(client)
	w.wait(3 * time.Second)
	f.verdict(CauseIdleTimeout, Confirmed)
	if !strings.Contains(strings.Join(f.conn().Verdict.Evidence, "\n"), "level info") {
		t.Error("no word about the level that hides idle kills")
	}
}

func TestLogKindsExist(t *testing.T) {
	known := map[logparse.Kind]bool{}
	for _, k := range logparse.Catalogue() {
		known[k.Kind] = true
	}
	for _, k := range []logparse.Kind{kindExiting, kindSignal, kindUpTimeout, kindClTimeout, kindRecv, kindSend, kindSSLWrite, kindSSLHandshake, kindSSLClosed, kindSSLVerify} {
		if !known[k] {
			t.Errorf("logparse has no kind %q", k)
		}
	}
}
