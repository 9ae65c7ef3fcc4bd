package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSilenceOverTLS: with TLS on the leg that is not seen nginx writes nothing
// of a reset either, so a silent log does not make it a FIN.
func TestSilenceOverTLS(t *testing.T) {
	for _, tt := range []struct {
		name      string
		origin    string
		forwarded []string
		conf      Confidence
	}{
		{"nothing said", "", nil, Likely},
		{"plain", "http://a", []string{"X-Forwarded-Proto: http"}, Likely},
		{"forwarded", "", []string{"X-Real-IP: 10.0.0.1", "X-Forwarded-Proto: https"}, Possible},
		{"forwarded, by several", "", []string{"x-forwarded-proto:  HTTPS, http"}, Possible},
		{"the standard's field", "", []string{`Forwarded: for=10.0.0.1;proto="https"`}, Possible},
		{"a page over TLS", "https://app.example", nil, Possible},
		{"a name that begins so", "http://https.example", []string{"X-Forwarded-Host: https"}, Likely},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, backTap)
			w.log(w.now.Std().Format("2006/01/02 15:04:05") + " [info] 31#31: *1 client 127.0.0.1 closed keepalive connection")
			l := w.open("back", "k", "/ws")
			l.conn().Request.Origin, l.conn().Request.Forwarded = tt.origin, tt.forwarded
			l.answer(101)
			w.wait(time.Second)
			l.fin(client)
			w.wait(3 * time.Second)
			l.verdict(CauseClientFIN, tt.conf)
			if !strings.Contains(evidence(l), "over TLS") {
				t.Errorf("not a word about TLS:\n%s", evidence(l))
			}
		})
	}
}

// deadServer is a back conn that could not be dialled, and what nginx wrote of it.
func (w *world) deadServer(message string) (b *leg, line string) {
	w.n++
	b = &leg{w: w, name: "back", n: w.n}
	w.apply(&Opened{Header: b.head(), Client: "127.0.0.1:5", Listen: "127.0.0.1:9000", Server: "127.0.0.1:9001"})
	w.apply(&DialError{Header: b.head(), Error: "connection refused", Errno: 111})
	b.closed()
	return b, w.deadLine(message)
}

func (w *world) deadLine(message string) string {
	return fmt.Sprintf(`%s [error] 31#31: *7 %s, client: 127.0.0.1, server: x, request: "GET /ws HTTP/1.1", upstream: "https://127.0.0.1:9000/ws", host: "ws.test"`,
		w.now.Std().Format("2006/01/02 15:04:05"), message)
}

// TestLineBeforeTheAnswer: the line about a dead server comes before the answer
// that nginx gives for it, with a tick between; both legs are linked all the same.
func TestLineBeforeTheAnswer(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	f := w.open("front", "k", "/ws")
	b, line := w.deadServer("connect() failed (104: Connection reset by peer) while connecting to upstream")
	w.log(line)
	w.wait(250 * time.Millisecond)
	f.answer(502)
	f.closed()
	w.wait(4 * time.Second)
	if f.conn().Link == nil || f.conn().Other() != b.conn() {
		t.Fatalf("not linked:\n%s", evidence(f))
	}
	if !strings.Contains(evidence(f), "could not be reached: connection refused") {
		t.Errorf("the 502 is not explained:\n%s", evidence(f))
	}
}

// TestLinesReadTogether: a line without a request joins through another of the
// same connection, whether that has found its conn yet or waits for the answer.
func TestLinesReadTogether(t *testing.T) {
	for name, pause := range map[string]time.Duration{"line by line": 250 * time.Millisecond, "in one read": 0} {
		w := newWorld(t, frontTap)
		f := w.open("front", "k", "/ws")
		line := w.deadLine("connect() failed (111: Connection refused) while connecting to upstream")
		f.answer(502)
		f.closed()
		w.log(line)
		w.wait(pause)
		w.log(strings.Split(line, " [")[0] + " [info] 31#31: *7 client 127.0.0.1 closed keepalive connection")
		w.wait(4 * time.Second)
		if n := len(f.conn().Logs); n != 2 {
			t.Errorf("%s: joined %d lines, want 2", name, n)
		}
	}
}

// TestLineWithoutAFront: a front leg that never comes does not keep the line
// from the back conn, nor does the end of all events.
func TestLineWithoutAFront(t *testing.T) {
	for name, after := range map[string]func(*world){
		"time passes": func(w *world) { w.wait(4 * time.Second) },
		"all ends":    func(w *world) { w.s.Finish() },
	} {
		w := newWorld(t, frontTap, backTap)
		b, line := w.deadServer("connect() failed (104: Connection reset by peer) while connecting to upstream")
		w.log(line)
		after(w)
		b.verdict(CauseConnectFailed, Confirmed)
		if !strings.Contains(evidence(b), "connect() failed (104") {
			t.Errorf("%s: the line is not joined:\n%s", name, evidence(b))
		}
	}
}

// TestWhatNginxSawOfAFailedDial: over TLS nginx calls the reset another name.
func TestWhatNginxSawOfAFailedDial(t *testing.T) {
	for _, tt := range []struct{ message, says string }{
		{"connect() failed (104: Connection reset by peer) while connecting to upstream", "the reset that wstap passed on (104)"},
		{"upstream prematurely closed connection while reading response header from upstream", "over TLS nginx does not tell a reset from an end"},
	} {
		w := newWorld(t, backTap)
		b, line := w.deadServer(tt.message)
		w.log(line)
		w.wait(4 * time.Second)
		if ev := evidence(b); !strings.Contains(ev, tt.says) || !strings.Contains(ev, tt.message) {
			t.Errorf("%s: evidence lacks %q:\n%s", tt.message, tt.says, ev)
		}
	}
}
