package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The tests of this file hold verdicts to what else may have ended a conn, and
// to what the log's lines and its silence prove.

func evidence(l *leg) string { return strings.Join(l.conn().Verdict.Evidence, "\n") }

// TestHAProxy: between the taps it resets its server's side where nginx closes it.
func TestHAProxy(t *testing.T) {
	tests := []struct {
		name  string
		wait  time.Duration
		end   func(f, b *leg)
		cause Cause
	}{
		{"timeout tunnel", 3 * time.Second, func(f, b *leg) { f.fin(server); b.end(client, HowReset); b.closed() }, CauseIdleTimeout},
		{"client reset", time.Second, func(f, b *leg) { f.end(client, HowReset); f.closed(); b.end(client, HowReset); b.closed() }, CauseClientReset},
		{"server reset", time.Second, func(f, b *leg) { b.end(server, HowReset); b.closed(); f.fin(server) }, CauseServerReset},
	}
	for _, tt := range tests {
		w := newWorld(t, frontTap, backTap)
		w.limit(Idle, 3*time.Second, "flag")
		f, b := w.pair("k", "/ws")
		w.wait(tt.wait)
		tt.end(f, b)
		w.wait(3 * time.Second)
		f.verdict(tt.cause, Confirmed)
		b.verdict(tt.cause, Confirmed)
	}
	w := newWorld(t, backTap) // alone, a reset of the proxy's side is not the client's
	w.limit(Idle, 3*time.Second, "flag")
	b := w.open("back", "k", "/ws")
	b.answer(101)
	w.wait(time.Second)
	b.end(client, HowReset)
	b.closed()
	w.wait(3 * time.Second)
	b.verdict(CauseUnknown, Possible)
}

// TestSilentLogTells: at level info a reset, a timeout and a leaving worker
// would have left a line.
func TestSilentLogTells(t *testing.T) {
	for _, tt := range []struct {
		tap   TapInfo
		level string
		cause Cause
		conf  Confidence
	}{
		{frontTap, "info", CauseServerFIN, Likely},
		{frontTap, "notice", CauseServerFIN, Possible},
		{backTap, "info", CauseClientFIN, Likely},
		{backTap, "error", CauseClientFIN, Possible},
	} {
		w := newWorld(t, tt.tap)
		w.log(w.now.Std().Format("2006/01/02 15:04:05") + " [" + tt.level + "] 31#31: *1 client 127.0.0.1 closed keepalive connection")
		l := w.open(tt.tap.Name, "k", "/ws")
		l.answer(101)
		w.wait(time.Second)
		if tt.tap.Role == Front {
			l.fin(server)
		} else {
			l.fin(client)
		}
		w.wait(3 * time.Second)
		l.verdict(tt.cause, tt.conf)
	}
}

func TestOneSided(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 3*time.Second, "flag")
	l := w.open("front", "k", "/ws")
	l.answer(101)
	for range 4 {
		w.wait(time.Second)
		l.s.Dir[client].Unanswered++
		l.frame(client, 9)
	}
	l.s.Dir[client].Unacked = Millis(4 * time.Second)
	l.sample()
	w.wait(3 * time.Second)
	l.fin(server)
	w.wait(3 * time.Second)
	l.verdict(CauseIdleTimeout, Likely)
	for _, s := range []string{"in the 4.00 s before the last byte only the client had spoken", "never answered: 4", "acknowledged nothing for 4.00 s"} {
		if !strings.Contains(evidence(l), s) {
			t.Errorf("evidence lacks %q:\n%s", s, evidence(l))
		}
	}
}

// TestKeepaliveExpiry: so_keepalive finds a client gone; the level tells the side.
func TestKeepaliveExpiry(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, time.Minute, "flag")
	f, b := w.pair("k", "/ws")
	w.wait(9 * time.Second)
	b.fin(client)
	f.fin(server)
	w.tunnelLine("info", "recv() failed (110: Connection timed out)", "/ws", 4)
	w.wait(3 * time.Second)
	f.verdict(CausePeerVanished, Confirmed)
	if !strings.Contains(evidence(b), "keepalive finds the client gone") {
		t.Errorf("evidence: %s", evidence(b))
	}
}

// TestTLSFailed: nginx speaks TLS to a server that does not; the tap between
// them sees a stream that is not HTTP.
func TestTLSFailed(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	f := w.open("front", "k", "/ws")
	w.n++
	b := &leg{w: w, name: "back", n: w.n}
	w.apply(&Opened{Header: b.head(), Client: "127.0.0.1:5", Listen: "127.0.0.1:9000", Server: "127.0.0.1:9001", Opaque: true, Reason: "TLS record"})
	w.skip(5 * time.Millisecond)
	b.fin(client)
	f.answer(502)
	f.closed()
	w.log(fmt.Sprintf(`%s [error] 31#31: *7 SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream, client: 127.0.0.1, server: x, request: "GET /ws HTTP/1.1", upstream: "https://127.0.0.1:9000/ws", host: "ws.test"`, w.now.Std().Format("2006/01/02 15:04:05")))
	w.wait(3 * time.Second)
	b.verdict(CauseTLSFailed, Confirmed)
	f.verdict(CauseRefused, Confirmed)
	if f.conn().Other() != b.conn() || !strings.Contains(evidence(f), "wrong version number") {
		t.Errorf("the 502 is not explained:\n%s", evidence(f))
	}
}

// TestAttemptsLines: all that nginx wrote of one attempt is evidence, in order.
func TestAttemptsLines(t *testing.T) {
	w := newWorld(t, frontTap)
	f := w.open("front", "k", "/ws")
	f.answer(502)
	f.closed()
	for _, m := range []string{
		"connect() failed (111: Connection refused) while connecting to upstream",
		"upstream prematurely closed connection while reading response header from upstream",
		"no live upstreams while connecting to upstream",
	} {
		w.log(fmt.Sprintf(`%s [error] 31#31: *7 %s, client: 127.0.0.1, server: x, request: "GET /ws HTTP/1.1", upstream: "http://app/ws", host: "ws.test"`, w.now.Std().Format("2006/01/02 15:04:05"), m))
	}
	w.wait(3 * time.Second)
	f.verdict(CauseRefused, Confirmed)
	ev := evidence(f)
	first, last := strings.Index(ev, "connect() failed"), strings.Index(ev, "no live upstreams")
	if first < 0 || last < first || !strings.Contains(ev, "prematurely closed") {
		t.Errorf("evidence:\n%s", ev)
	}
}

// TestGaveUpWhileStuck: nginx's line about a client that does not read comes long
// before that client leaves.
func TestGaveUpWhileStuck(t *testing.T) {
	w := newWorld(t, frontTap)
	f := w.open("front", "k", "/flood")
	f.answer(101)
	w.wait(2 * time.Second)
	w.tunnelLine("info", "client timed out (110: Connection timed out)", "/flood", 8)
	w.wait(2500 * time.Millisecond)
	f.s.Dir[server].BlockedAtEnd = Millis(4 * time.Second)
	f.sample()
	f.end(client, HowReset)
	f.closed()
	w.wait(3 * time.Second)
	f.verdict(CauseSlowConsumer, Confirmed)
}
