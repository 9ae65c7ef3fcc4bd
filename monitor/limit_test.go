package monitor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestContradictedLimit: the silence before the end is not nginx's limit.
func TestContradictedLimit(t *testing.T) {
	tests := []struct {
		name  string
		gap   time.Duration
		who   int // whose FIN: the client's, the server's, nginx's
		cause Cause
		conf  Confidence
		says  []string
		not   string
	}{
		{"client's side, as a balancer in front would", 60 * time.Second, 0, CauseClientFIN, Confirmed,
			[]string{"closed at 60.00 s idle, nginx allows 1h0m0s (nginx.conf:12): something before nginx may have a 60 s limit", "AWS ALB", "nginx proxy_read_timeout"}, ""},
		{"server's side", 55 * time.Second, 1, CauseServerFIN, Confirmed,
			[]string{"something behind nginx may have a 55 s limit", "Heroku"}, ""},
		{"nginx's side", 300 * time.Second, 2, CauseUnknown, Possible,
			[]string{"something between the two taps may have a 300 s limit", "Envoy"}, ""},
		{"no hop has it", 47 * time.Second, 0, CauseClientFIN, Confirmed, nil, "closed at"},
		{"nginx's own limit", 3600 * time.Second, 2, CauseIdleTimeout, Confirmed, []string{"the idle limit is 1h0m0s (nginx.conf:12)"}, "closed at"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, frontTap, backTap)
			w.limit(Idle, time.Hour, "nginx.conf:12")
			f, b := w.pair("k", "/ws")
			w.wait(tt.gap)
			switch tt.who {
			case 0:
				f.fin(client)
				b.fin(client)
			case 1:
				b.fin(server)
				f.fin(server)
			case 2:
				b.fin(client)
				f.fin(server)
			}
			w.wait(3 * time.Second)
			for _, l := range []*leg{f, b} {
				l.verdict(tt.cause, tt.conf)
				for _, s := range tt.says {
					if !strings.Contains(evidence(l), s) {
						t.Errorf("%s: evidence lacks %q:\n%s", l.name, s, evidence(l))
					}
				}
				if tt.not != "" && strings.Contains(evidence(l), tt.not) {
					t.Errorf("%s: evidence says %q:\n%s", l.name, tt.not, evidence(l))
				}
			}
		})
	}
}

// TestLearnedAgainstTold: three ends at 50 s, where nginx allows an hour.
func TestLearnedAgainstTold(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, time.Hour, "nginx.conf:12")
	var legs []*leg
	for i := range 4 {
		l := w.open("front", fmt.Sprint(i), "/ws")
		l.answer(101)
		legs = append(legs, l)
		w.wait(50 * time.Second)
		l.fin(server)
		w.wait(3 * time.Second)
	}
	for _, l := range legs {
		l.verdict(CauseIdleTimeout, Likely)
		for _, s := range []string{
			"the idle limit is 50.00 s (learned), but nginx allows 1h0m0s (nginx.conf:12)",
			"something before or behind nginx has a 50 s limit; none known has it by default",
		} {
			if !strings.Contains(evidence(l), s) {
				t.Errorf("evidence lacks %q:\n%s", s, evidence(l))
			}
		}
	}
}

// TestHopLimit: a hop that was named ends it, as a close or a reset of the
// peer's side; at any other time the peer did.
func TestHopLimit(t *testing.T) {
	tests := []struct {
		name  string
		hop   string
		after time.Duration
		busy  bool // a byte a second before the end
		end   func(f, b *leg)
		cause Cause
		conf  Confidence
	}{
		{"balancer before nginx closes", "heroku", 55 * time.Second, false, func(f, b *leg) { f.fin(client); b.fin(client) }, CauseIdleTimeout, Likely},
		{"balancer before nginx resets", "heroku", 55 * time.Second, false, func(f, b *leg) { f.end(client, HowReset); f.closed(); b.fin(client) }, CauseIdleTimeout, Likely},
		{"hop behind nginx", "heroku", 55 * time.Second, false, func(f, b *leg) { b.fin(server); f.fin(server) }, CauseIdleTimeout, Likely},
		{"the client at another time", "heroku", 54 * time.Second, false, func(f, b *leg) { f.fin(client); b.fin(client) }, CauseClientFIN, Confirmed},
		{"lifetime, however busy", "gcp-alb", 30 * time.Second, true, func(f, b *leg) { f.fin(client); b.fin(client) }, CauseLifetimeLimit, Likely},
		{"another age", "gcp-alb", 28 * time.Second, true, func(f, b *leg) { f.fin(client); b.fin(client) }, CauseClientFIN, Confirmed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, frontTap, backTap)
			hop, _ := HopByName(tt.hop)
			for _, ev := range hop.Limits(w.head("", 0)) {
				w.apply(ev)
			}
			w.limit(Idle, time.Hour, "flag")
			f, b := w.pair("k", "/ws")
			w.wait(tt.after - time.Second)
			if tt.busy {
				f.touch(client, 10)
				b.touch(client, 10)
			}
			w.wait(time.Second)
			tt.end(f, b)
			w.wait(3 * time.Second)
			f.verdict(tt.cause, tt.conf)
			b.verdict(tt.cause, tt.conf)
			if tt.conf == Likely && !strings.Contains(evidence(f), "(hop "+tt.hop+")") {
				t.Errorf("the hop is not named:\n%s", evidence(f))
			}
		})
	}
}

// TestLineAgainstTold: nginx says itself that it timed out, at another time than
// its settings say.
func TestLineAgainstTold(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, time.Hour, "nginx.conf:12")
	l := w.open("front", "k", "/ws")
	l.answer(101)
	w.wait(20 * time.Second)
	l.fin(server)
	w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/ws", 3)
	w.wait(3 * time.Second)
	l.verdict(CauseIdleTimeout, Confirmed)
	if !strings.Contains(evidence(l), "the settings in force are not those") {
		t.Errorf("the contradiction is not shown:\n%s", evidence(l))
	}
}

// TestToldIsStronger: of two limits that fit, the one that was told of nginx is named.
func TestToldIsStronger(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 60*time.Second, "hop aws-alb")
	w.limit(Idle, 60*time.Second+100*time.Millisecond, "nginx.conf:12")
	l := w.open("front", "k", "/ws")
	l.answer(101)
	w.wait(60 * time.Second)
	l.fin(server)
	w.wait(3 * time.Second)
	l.verdict(CauseIdleTimeout, Likely)
	if !strings.Contains(evidence(l), "(nginx.conf:12)") {
		t.Errorf("evidence %q", evidence(l))
	}
}

// TestBackTakesFrontsLimit: the location that the front's request chose rules.
func TestBackTakesFrontsLimit(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	guess := &Limit{Header: w.head("back", 0), Kind: Idle, Value: Millis(time.Minute), Source: "nginx.conf:9 (the least of 2 locations)"}
	w.apply(guess)
	f, b := w.pair("k", "/ws")
	alone := w.open("back", "other", "/ws")
	w.apply(&Limit{Header: f.head(), Kind: Idle, Value: Millis(time.Hour), Source: "nginx.conf:20"})
	w.apply(&Limit{Header: b.head(), Kind: Lifetime, Value: Millis(2 * time.Hour), Source: "nginx.conf:3"})
	w.limit(Idle, 90*time.Second, "hop x")
	sources := func(l *leg) (out []string) {
		for _, limit := range w.s.Limits(l.conn()) {
			out = append(out, string(limit.Kind)+" "+limit.Source)
		}
		return out
	}
	for l, want := range map[*leg]string{
		f:     "[idle nginx.conf:20 idle hop x]",
		b:     "[lifetime nginx.conf:3 idle hop x idle nginx.conf:20]",
		alone: "[idle nginx.conf:9 (the least of 2 locations) idle hop x]",
	} {
		if got := fmt.Sprint(sources(l)); got != want {
			t.Errorf("%s #%d: %s, want %s", l.name, l.n, got, want)
		}
	}
	if l, _ := w.s.IdleLimit(b.conn()); l.Value.Std() != 90*time.Second {
		t.Errorf("the smallest is %v (%s)", l.Value.Std(), l.Source)
	}
}

// TestStatedLimitTeachesNothing: an end that its location's own limit explains
// does not become a limit of other locations, not even with its log line.
func TestStatedLimitTeachesNothing(t *testing.T) {
	w := newWorld(t, frontTap)
	own := func(l *leg, d time.Duration, place string) {
		w.apply(&Limit{Header: l.head(), Kind: Idle, Value: Millis(d), Source: place})
	}
	for i := range 4 {
		l := w.open("front", fmt.Sprint("a", i), "/ws/a")
		own(l, 4*time.Second, "nginx.conf:5")
		l.answer(101)
		w.wait(4 * time.Second)
		w.tunnelLine("info", "upstream timed out (110: Connection timed out)", "/ws/a", 10+i)
		l.fin(server)
		w.wait(3 * time.Second)
		l.verdict(CauseIdleTimeout, Confirmed)
	}
	b := w.open("front", "b", "/ws/b")
	own(b, time.Hour, "nginx.conf:8")
	b.answer(101)
	w.wait(5 * time.Second)
	if ls := w.s.Limits(b.conn()); len(ls) != 1 || ls[0].Value.Std() != time.Hour {
		t.Errorf("limits of another location: %+v", ls)
	}
	if cd, ok := w.s.Countdown(b.conn()); !ok || cd.Mark != MarkOK {
		t.Errorf("countdown %+v", cd)
	}
}

// TestCountdownAllocates: nothing; a screen makes thousands in a refresh.
func TestCountdownAllocates(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, time.Hour, "flag")
	f, b := w.pair("k", "/ws")
	h := f.head()
	w.apply(&Limit{Header: h, Kind: Idle, Value: Millis(time.Minute), Source: "nginx.conf:3"})
	if got, _ := w.s.Countdown(b.conn()); got.Limit.Source != "nginx.conf:3" {
		t.Fatalf("the limit of %q counts down", got.Limit.Source)
	}
	n := testing.AllocsPerRun(100, func() {
		for _, l := range []*leg{f, b} {
			w.s.Countdown(w.s.Conn(ID{testTap, l.n}))
			w.s.IdleLimit(w.s.Conn(ID{testTap, l.n}))
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestOwnLimitsAreShared: conns of one location share what is said of it, and
// each can change without the others.
func TestOwnLimitsAreShared(t *testing.T) {
	w := newWorld(t, frontTap)
	var legs []*leg
	say := func(l *leg, value time.Duration, source string) {
		w.apply(&Limit{Header: l.head(), Kind: Idle, Value: Millis(value), Source: source})
	}
	for i := range 3 {
		l := w.open("front", fmt.Sprint(i), "/ws")
		say(l, time.Minute, "nginx.conf:3")
		say(l, time.Hour, "nginx.conf:4")
		legs = append(legs, l)
	}
	if a, b := legs[0].conn().limits, legs[1].conn().limits; a != b {
		t.Error("the same limits are kept twice")
	}
	say(legs[0], 0, "nginx.conf:3")
	say(legs[1], 2*time.Minute, "nginx.conf:3")
	for i, want := range [][]string{{"nginx.conf:4 1h0m0s"}, {"nginx.conf:4 1h0m0s", "nginx.conf:3 2m0s"}, {"nginx.conf:3 1m0s", "nginx.conf:4 1h0m0s"}} {
		c := legs[i].conn()
		var got []string
		for _, l := range c.OwnLimits() {
			got = append(got, fmt.Sprint(l.Source, " ", l.Value.Std()))
			if l.ID() != c.ID || l.Leg != "front" {
				t.Errorf("header %+v", l.Header)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("conn %d has %v, want %v", i, got, want)
		}
	}
	// What nobody shares is still bounded.
	for i := range 3 * limitSetsMost {
		say(legs[2], time.Minute, fmt.Sprint("nginx.conf:", i))
	}
	if n := len(legs[2].conn().OwnLimits()); n != ownLimitsMost || w.s.limitSets > limitSetsMost {
		t.Errorf("%d limits, %d sets", n, w.s.limitSets)
	}
}
