package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// The tests of this file hold verdicts to the wire: what came after the end,
// what belongs to another connection, and what was not seen proves nothing.

// endGap ends a side with the silence that observe measured before it.
func (l *leg) endGap(dir ws.Direction, how How, gap time.Duration) {
	l.w.apply(&SideEnded{Header: l.head(), Dir: dir, How: how, Gap: Millis(gap)})
}

// TestBytesAfterTheEnd: nginx kills an idle tunnel; the server's library then
// answers the FIN with a close frame that nobody receives.
func TestBytesAfterTheEnd(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, 3*time.Second, "flag")
	f, b := w.pair("k", "/ws")
	w.wait(3 * time.Second)
	b.endGap(client, HowFIN, 3*time.Second)
	f.endGap(server, HowFIN, 3*time.Second)
	w.skip(time.Millisecond)
	b.closeFrame(server, 1011)
	b.end(server, HowFIN)
	b.closed()
	f.end(client, HowFIN)
	f.closed()
	w.wait(3 * time.Second)
	for _, l := range []*leg{f, b} {
		l.verdict(CauseIdleTimeout, Confirmed)
		if v := l.conn().Verdict; v.Code != 1006 || !v.CodeDerived || v.CloseFrom != "none" {
			t.Errorf("%s: code %d from %s", l.name, v.Code, v.CloseFrom)
		}
	}
	if ev := strings.Join(b.conn().Verdict.Evidence, "\n"); !strings.Contains(ev, "after the end, the server sent a close frame: 1011") {
		t.Errorf("the late close frame is hidden:\n%s", ev)
	}
}

// TestForeignLines: tunnels that no tap sees share target and client address.
func TestForeignLines(t *testing.T) {
	for _, tt := range []struct{ level, message string }{
		{"info", "upstream timed out (110: Connection timed out)"},
		{"error", "recv() failed (104: Connection reset by peer)"},
		{"info", "recv() failed (104: Connection reset by peer)"},
	} {
		t.Run(tt.level+" "+tt.message, func(t *testing.T) {
			w := newWorld(t, frontTap, backTap)
			w.limit(Idle, 60*time.Second, "flag")
			f, b := w.pair("k", "/ws")
			w.wait(time.Second)
			f.fin(client)
			b.fin(client)
			w.tunnelLine(tt.level, tt.message, "/ws", 9)
			w.wait(3 * time.Second)
			for _, l := range []*leg{f, b} {
				l.verdict(CauseClientFIN, Confirmed)
				if !strings.Contains(strings.Join(l.conn().Verdict.Evidence, "\n"), "does not prove this end") {
					t.Errorf("%s: the line that fits is not shown as doubtful", l.name)
				}
			}
		})
	}
}

// TestForgedLine: a client may write a whole log line by %0a in a URL; logparse
// flags it.
func TestForgedLine(t *testing.T) {
	w := newWorld(t, frontTap)
	l := w.open("front", "k", "/ws")
	l.answer(101)
	w.wait(time.Second)
	l.fin(server)
	var p logparse.Parser
	forge := func(e *logparse.Entry) {
		e.Flags |= logparse.FlagForged
		w.apply(NewLogLine(w.head("", 0), "error.log", e, nil, time.Local))
	}
	p.Line(fmt.Appendf(nil, `%s [info] 31#31: *6 upstream timed out (110: Connection timed out) while proxying upgraded connection, client: 127.0.0.1, server: x, request: "GET /ws HTTP/1.1", upstream: "http://127.0.0.1:9000/ws", host: "ws.test"`, w.now.Std().Format("2006/01/02 15:04:05")), forge)
	p.Flush(forge)
	w.wait(3 * time.Second)
	if c := l.conn(); c.Verdict.Cause == CauseIdleTimeout || len(c.Logs) > 0 {
		t.Errorf("a forged line made it %s with %d log lines", c.Verdict.Cause, len(c.Logs))
	}
	if w.s.FollowsLog() {
		t.Error("a forged info line proves that the log is at info")
	}
	if len(w.s.Logs()) != 1 {
		t.Error("a forged line is to be shown all the same")
	}
}

// TestFewerLinesThanConns: 40 tunnels of one target end together, 16 lines.
func TestFewerLinesThanConns(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 60*time.Second, "flag")
	var legs []*leg
	for i := range 40 {
		l := w.open("front", fmt.Sprint(i), "/same")
		l.answer(101)
		legs = append(legs, l)
	}
	w.wait(3 * time.Second)
	for _, l := range legs {
		l.fin(server)
	}
	for i := range 16 {
		w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/same", i+1)
	}
	w.wait(3 * time.Second)
	for _, l := range legs {
		if v := l.conn().Verdict; v.Confidence == Confirmed {
			t.Fatalf("#%d: %s confirmed by 16 lines for 40 connections", l.n, v.Cause)
		}
	}
}

// TestTimeIsTheTicks: one source with a wrong clock must not expire everything.
func TestTimeIsTheTicks(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 60*time.Second, "flag")
	l := w.open("front", "k", "/ws")
	l.answer(101)
	w.wait(time.Second)
	h := w.head("", 0)
	h.At = h.At.Add(time.Hour)
	w.apply(&Health{Header: h, Name: "log x", Status: HealthOK, Text: "t"})
	if cd, ok := w.s.Countdown(l.conn()); !ok || cd.Mark != MarkOK {
		t.Errorf("countdown %v %v after an event from the future", cd.Left, cd.Mark)
	}
}

// TestRolesAreFilledIn: conns that came before the hello.
func TestRolesAreFilledIn(t *testing.T) {
	w := &world{t: t, s: NewState(Bounds{}), now: testStart}
	f := w.open("front", "k", "/ws")
	b := w.open("back", "k", "/ws")
	w.apply(&Hello{Header: w.head("", 0), Taps: []TapInfo{frontTap, backTap}})
	if f.conn().Role != Front || b.conn().Role != Back || f.conn().Link == nil {
		t.Errorf("roles %q %q, link %v", f.conn().Role, b.conn().Role, f.conn().Link)
	}
}

// TestOtherLegStillOpen: one end is one end, not both.
func TestOtherLegStillOpen(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, 60*time.Second, "flag")
	_, b := w.pair("k", "/ws")
	w.wait(time.Second)
	b.fin(client)
	w.wait(3 * time.Second)
	b.verdict(CauseClientFIN, Possible)
}

func TestSlowConsumerOnEitherLeg(t *testing.T) {
	for _, tt := range []struct {
		name    string
		waited  time.Duration
		cause   Cause
		confide Confidence
	}{{"long", 2 * time.Second, CauseSlowConsumer, Confirmed}, {"a moment", 2 * time.Millisecond, CauseUnknown, Possible}} {
		w := newWorld(t, frontTap, backTap)
		w.limit(Idle, 60*time.Second, "flag")
		f, b := w.pair("k", "/flood")
		w.wait(3 * time.Second)
		f.s.Dir[server].BlockedAtEnd = Millis(tt.waited)
		f.fin(server)
		b.end(client, HowReset) // what the server sent was not read
		b.closed()
		w.wait(3 * time.Second)
		f.verdict(tt.cause, tt.confide)
		b.verdict(tt.cause, tt.confide)
	}
}

// TestUndecoded: nobody knows that no close frame came, or no answer.
func TestUndecoded(t *testing.T) {
	w := newWorld(t, frontTap)
	before := w.open("front", "a", "/ws")
	w.apply(&Lost{Header: before.head(), Dir: client, Reason: "more than 64 KiB before the answer"})
	inside := w.open("front", "b", "/ws")
	inside.answer(101)
	w.apply(&Lost{Header: inside.head(), Dir: server, Reason: "impossible frame length"})
	w.wait(time.Second)
	before.fin(client)
	inside.fin(client)
	w.wait(3 * time.Second)
	before.verdict(CauseClientFIN, Likely)
	inside.verdict(CauseClientFIN, Likely)
	if w.s.Totals.Failed != 0 {
		t.Errorf("%d failed", w.s.Totals.Failed)
	}
	if v := inside.conn().Verdict; v.Code != 0 || !strings.Contains(strings.Join(v.Evidence, "\n"), "not decoded") {
		t.Errorf("code %d claimed of frames that were not decoded: %q", v.Code, v.Evidence)
	}
}

// TestAnyIdleLimit: not only the smallest may be the one that ended it.
func TestAnyIdleLimit(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, 5*time.Second, "hop x")
	w.limit(Idle, 8*time.Second, "flag")
	f, b := w.pair("k", "/ws")
	w.wait(8 * time.Second)
	f.fin(server)
	b.fin(client)
	w.wait(3 * time.Second)
	f.verdict(CauseIdleTimeout, Confirmed)
	if !strings.Contains(strings.Join(f.conn().Verdict.Evidence, "\n"), "8.00 s (flag)") {
		t.Errorf("evidence %q", f.conn().Verdict.Evidence)
	}
}

// TestSharedConnectionNumber: two attempts of one keep-alive connection have
// one *N; each line goes to the attempt it speaks of.
func TestSharedConnectionNumber(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 3*time.Second, "flag")
	first := w.open("front", "a", "/ws")
	first.answer(502)
	first.closed()
	w.log(fmt.Sprintf(`%s [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: x, request: "GET /ws HTTP/1.1", upstream: "http://127.0.0.1:1/ws", host: "ws.test"`, w.now.Std().Format("2006/01/02 15:04:05")))
	w.wait(3 * time.Second)
	second := w.open("front", "b", "/ws")
	second.answer(101)
	w.wait(3 * time.Second)
	second.fin(server)
	w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/ws", 7)
	w.wait(3 * time.Second)
	if n := len(first.conn().Logs); n != 1 {
		t.Errorf("the first attempt has %d lines", n)
	}
	second.verdict(CauseIdleTimeout, Confirmed)
}

// TestWildcardListen: nginx's name of the back tap has another host.
func TestPortDecidesBehindTranslation(t *testing.T) {
	for upstream, want := range map[string]int{"127.0.0.1:9000": 4, "10.0.0.1:9000": 2, "127.0.0.1:9001": 0, "unix:/x": 0} {
		if got := addressScore(upstream, "127.0.0.1:9000"); got != want {
			t.Errorf("%s: %d, want %d", upstream, got, want)
		}
	}
	if hostOf("[::1]:5") != "::1" || hostOf("127.0.0.1:5") != "127.0.0.1" {
		t.Error("hostOf")
	}
}

// TestHostileRecording: whatever a file says, memory stays bounded.
func TestHostileRecording(t *testing.T) {
	s := NewState(Bounds{Conns: 100, Closed: 10})
	h := Header{At: testStart, Tap: 1, Leg: "front", Conn: 1}
	s.Apply(&Opened{Header: h})
	for i := range 20_000 {
		k := fmt.Sprint(i)
		s.Apply(&Request{Header: h, Key: k, Target: strings.Repeat("x", 100), NgxConn: "1 " + k})
		s.Apply(&Response{Header: h, Status: 101})
		s.Apply(&DialError{Header: h})
		s.Apply(&Hello{Header: Header{At: testStart, Tap: Instance(i + 10)}, Notes: []string{k}, Taps: []TapInfo{{Name: k}}})
		s.Apply(&Dropped{Header: h, What: k, N: 1})
		s.Apply(&HTTP{Header: h, Counts: map[string]uint64{k: 1}})
		s.Apply(&Violation{Header: h, Rule: k, Count: 1})
		s.Apply(&Limit{Header: h, Kind: Idle, Value: 1, Source: k})
		s.Apply(&LogSummary{Header: h, Kinds: map[string]uint64{k: 1}, Levels: map[string]uint64{k: 1}})
	}
	tot := s.Totals
	for name, n := range map[string]int{
		"keys": len(s.keys), "byNgx": len(s.byNgx), "hellos": len(s.Hellos), "roles": len(s.roles), "dropped": len(tot.Dropped),
		"http": len(tot.HTTP), "violations": len(tot.ViolationsByRule), "kinds": len(tot.LogKinds), "notes": len(s.Notes), "limits": len(s.Conn(h.ID()).OwnLimits()),
	} {
		if n > mapMost+1 {
			t.Errorf("%s: %d entries", name, n)
		}
	}
	if tot.Upgraded != 1 || tot.Failed != 0 || s.Conn(h.ID()).Dial != nil {
		t.Errorf("impossible events were applied: upgraded %d, failed %d", tot.Upgraded, tot.Failed)
	}
	for i := range 500 {
		h.Conn = uint64(i + 2)
		s.Apply(&Opened{Header: h})
		s.Apply(&Closed{Header: h})
		s.Apply(&Tick{Header{At: testStart.Add(time.Duration(i) * 3 * time.Second)}})
	}
	if s.Len() > 101 || tot.Dropped["conns"] > 0 {
		t.Errorf("%d conns kept, %d refused while closed ones were kept", s.Len(), tot.Dropped["conns"])
	}
}

// TestKeptMemoryIsOurOwn: a kept text must not hold the whole it was cut from.
func TestKeptText(t *testing.T) {
	w := newWorld(t, frontTap)
	w.n++
	l := &leg{w: w, name: "front", n: w.n}
	w.apply(&Opened{Header: l.head()})
	many := make([]string, 10_000)
	w.apply(&Request{Header: l.head(), HeadText: strings.Repeat("h", 60<<10), Target: strings.Repeat("t", 60<<10), Subprotocols: many})
	r := l.conn().Request
	if len(r.HeadText) != HeadKept || !r.HeadCut || len(r.Target) != HeadKept || len(r.Subprotocols) > HeadKept/16 {
		t.Errorf("kept head %d target %d subprotocols %d", len(r.HeadText), len(r.Target), len(r.Subprotocols))
	}
	records := make([]FrameRecord, 5000)
	for i := range records {
		records[i].At = testStart + Time(i)
	}
	w.apply(&Frames{Header: l.head(), Records: records})
	if c := l.conn(); len(c.Last) != LastFrames || cap(c.Last) > 2*LastFrames || c.Last[LastFrames-1].At != records[4999].At {
		t.Errorf("%d records, room for %d", len(c.Last), cap(c.Last))
	}
}

// TestMassSpread: the verdict does not depend on which tick a conn settles in.
func TestMassSpread(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, 60*time.Second, "flag")
	var legs []*leg
	for i := range 12 {
		f, b := w.pair(fmt.Sprint(i), "/busy/"+fmt.Sprint(i))
		legs = append(legs, f, b)
		w.wait(700 * time.Millisecond)
	}
	w.wait(time.Second)
	for i := 0; i < len(legs); i += 2 {
		legs[i].fin(server)
		legs[i+1].fin(client)
		w.wait(25 * time.Millisecond)
	}
	w.wait(3 * time.Second)
	for _, l := range legs {
		l.verdict(CauseProxyShutdown, Confirmed)
	}
}

// TestMassDisconnectCost: 60,000 ends are not quadratic.
func TestMassDisconnectCost(t *testing.T) {
	s := NewState(Bounds{Closed: 1000})
	for i := range 30_000 {
		h := Header{At: testStart, Tap: 1, Leg: "front", Conn: uint64(i + 1)}
		s.Apply(&Opened{Header: h})
		s.Apply(&Closed{Header: h})
	}
	ticks := 0
	for at := testStart.Add(3 * time.Second); len(s.settling) > 0; at = at.Add(250 * time.Millisecond) {
		s.Apply(&Tick{Header{At: at}})
		if ticks++; ticks > 30_000/settleAtOnce+10 {
			t.Fatalf("%d verdicts left after %d ticks", len(s.settling), ticks)
		}
	}
	if s.Totals.Evicted != 29_000 || s.Len() != 1000 {
		t.Errorf("evicted %d, kept %d", s.Totals.Evicted, s.Len())
	}
}

// TestSameSilence: silent conns opened together end together, and no limit is
// known. That may be a timer or one blow: idle_timeout, possible, and not a
// reload that nobody saw.
func TestSameSilence(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	var legs []*leg
	for i := range 4 {
		f, b := w.pair(fmt.Sprint(i), "/silent")
		legs = append(legs, f, b)
	}
	w.wait(5 * time.Second)
	for i := 0; i < len(legs); i += 2 {
		legs[i].fin(server)
		legs[i+1].fin(client)
	}
	w.wait(3 * time.Second)
	for _, l := range legs {
		l.verdict(CauseIdleTimeout, Possible)
	}
	// One more at the same gap, proven by its log line: the limit is learned, and
	// the earlier ones are judged again.
	f, b := w.pair("x", "/proof")
	w.wait(5 * time.Second)
	f.fin(server)
	b.fin(client)
	w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/proof", 5)
	w.wait(3 * time.Second)
	for _, l := range append(legs, f, b) {
		l.verdict(CauseIdleTimeout, Confirmed)
	}
	last := w.open("front", "y", "/next")
	last.answer(101)
	if cd, _ := w.s.Countdown(last.conn()); cd.Limit.Source != "learned" || cd.Limit.Value.Std() != 5*time.Second {
		t.Errorf("limit %v (%s), want 5 s learned", cd.Limit.Value.Std(), cd.Limit.Source)
	}
	var sum uint64
	for _, n := range w.s.Totals.Causes {
		sum += n
	}
	if sum != 10 || w.s.Totals.Causes[CauseIdleTimeout] != 10 {
		t.Errorf("causes %v", w.s.Totals.Causes)
	}
}

// TestNginxGaveUpFirst: nginx ends the back leg; the client, which read nothing
// for long, resets seconds later. It is not the one who ended it.
func TestNginxGaveUpFirst(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	f, b := w.pair("k", "/flood")
	w.wait(time.Second)
	f.s.Dir[server].Blocked, f.s.Dir[server].Waiting, f.s.Dir[server].BlockedNow = Millis(5*time.Second), Millis(3*time.Second), true
	f.sample()
	b.end(client, HowReset)
	b.closed()
	w.wait(4 * time.Second)
	b.verdict(CauseSlowConsumer, Confirmed)
	f.s.Dir[server].BlockedNow, f.s.Dir[server].BlockedAtEnd = false, Millis(7*time.Second)
	f.end(client, HowReset)
	f.closed()
	w.wait(3 * time.Second)
	f.verdict(CauseSlowConsumer, Confirmed)
}

// TestShortWaitsExplainNothing: they make up 11 s, and the one that stands has
// only begun.
func TestShortWaitsExplainNothing(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	f, b := w.pair("k", "/busy")
	w.wait(time.Second)
	f.s.Dir[server].Blocked, f.s.Dir[server].Waiting, f.s.Dir[server].BlockedNow = Millis(11*time.Second), Millis(50*time.Millisecond), true
	f.sample()
	b.end(client, HowReset)
	b.closed()
	w.wait(4 * time.Second)
	b.verdict(CauseUnknown, Possible)
}

// TestDeadServerExplainsThe502: the back conn that could not be dialled has no
// key; the log line that speaks of both links it to the front.
func TestDeadServerExplainsThe502(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	f := w.open("front", "k", "/ws")
	w.n++
	b := &leg{w: w, name: "back", n: w.n}
	w.apply(&Opened{Header: b.head(), Client: "127.0.0.1:5", Listen: "127.0.0.1:9000", Server: "127.0.0.1:9001"})
	w.apply(&DialError{Header: b.head(), Error: "connection refused", Errno: 111})
	b.closed()
	f.answer(502)
	f.closed()
	w.log(fmt.Sprintf(`%s [error] 31#31: *7 connect() failed (104: Connection reset by peer) while connecting to upstream, client: 127.0.0.1, server: x, request: "GET /ws HTTP/1.1", upstream: "http://127.0.0.1:9000/ws", host: "ws.test"`, w.now.Std().Format("2006/01/02 15:04:05")))
	w.wait(3 * time.Second)
	if f.conn().Link == nil || f.conn().Other() != b.conn() {
		t.Fatal("not linked")
	}
	if ev := strings.Join(f.conn().Verdict.Evidence, "\n"); !strings.Contains(ev, "could not be reached: connection refused") || !strings.Contains(ev, "connect() failed (104") {
		t.Errorf("the 502 is not explained:\n%s", ev)
	}
}
