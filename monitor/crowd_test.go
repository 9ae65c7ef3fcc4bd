package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// many opens n conns on a leg alone, each silent for another time.
func (w *world) many(name string, n int) (legs []*leg) {
	for i := range n {
		l := w.open(name, fmt.Sprint(name, i), fmt.Sprint("/", i))
		l.answer(101)
		legs = append(legs, l)
		w.wait(1100 * time.Millisecond)
	}
	return legs
}

// TestManyEndsOnOneLeg: what ends many tunnels at once, as far as one leg tells.
func TestManyEndsOnOneLeg(t *testing.T) {
	stamp := func(w *world) string { return w.now.Std().Format("2006/01/02 15:04:05") }
	tests := []struct {
		name  string
		tap   TapInfo
		play  func(w *world, legs []*leg)
		cause Cause
		conf  Confidence
		says  string
	}{
		{"nothing tells", frontTap, func(w *world, legs []*leg) {
			for _, l := range legs {
				l.fin(server)
			}
		}, CauseProxyShutdown, Possible, "5 other connections"},
		{"a worker's exit", frontTap, func(w *world, legs []*leg) {
			for _, l := range legs {
				l.fin(server)
			}
			w.log(stamp(w) + " [notice] 31#31: exiting")
		}, CauseProxyShutdown, Likely, "exiting"},
		{"the log holds notices, and none of a worker", frontTap, func(w *world, legs []*leg) {
			w.log(stamp(w) + " [notice] 31#31: using the \"epoll\" event method")
			for _, l := range legs {
				l.fin(server)
			}
		}, CauseServerFIN, Possible, "only the front leg is seen"},
		{"the same on the back leg, by nginx", backTap, func(w *world, legs []*leg) {
			for _, l := range legs {
				l.fin(client)
			}
		}, CauseProxyShutdown, Possible, "5 other connections"},
		{"a server's deploy on the back leg", backTap, func(w *world, legs []*leg) {
			for _, l := range legs {
				l.fin(server)
			}
		}, CauseServerFIN, Likely, "closed TCP"},
		{"a network cut on the front leg", frontTap, func(w *world, legs []*leg) {
			for _, l := range legs {
				l.end(client, HowReset)
				l.closed()
			}
		}, CauseClientReset, Likely, "5 other connections of this tap were reset or lost"},
		{"the clients vanish together", frontTap, func(w *world, legs []*leg) {
			for _, l := range legs {
				l.end(client, HowTimeout)
				l.closed()
			}
		}, CausePeerVanished, Likely, "5 other connections of this tap were reset or lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.tap)
			legs := w.many(tt.tap.Name, 6)
			w.wait(time.Second)
			tt.play(w, legs)
			w.wait(3 * time.Second)
			for _, l := range legs {
				l.verdict(tt.cause, tt.conf)
				if !strings.Contains(evidence(l), tt.says) {
					t.Errorf("evidence lacks %q:\n%s", tt.says, evidence(l))
				}
			}
		})
	}
}

// TestDeployOnFrontLeg: the server tells some that it goes, and drops others.
func TestDeployOnFrontLeg(t *testing.T) {
	w := newWorld(t, frontTap)
	told, dropped := w.many("front", 5), w.many("front", 5)
	w.wait(time.Second)
	for i := range told {
		told[i].closeFrame(server, 1012)
		told[i].fin(server)
		dropped[i].fin(server)
	}
	w.wait(3 * time.Second)
	for i := range told {
		told[i].verdict(CauseCloseHandshake, Confirmed)
		dropped[i].verdict(CauseServerFIN, Possible)
		if !strings.Contains(evidence(dropped[i]), "a deploy") {
			t.Errorf("evidence: %s", evidence(dropped[i]))
		}
	}
}

// TestUsualEnds: on a busy site several ends a second are nothing special, but
// a crowd of them is.
func TestUsualEnds(t *testing.T) {
	w := newWorld(t, frontTap)
	w.limit(Idle, 60*time.Second, "flag")
	crowd := w.many("front", 40)
	var usual []*leg
	for i := range 48 {
		l := w.open("front", fmt.Sprint("u", i), "/u")
		l.answer(101)
		w.wait(250 * time.Millisecond)
		l.fin(server)
		usual = append(usual, l)
	}
	for _, l := range crowd {
		l.fin(server)
	}
	w.wait(3 * time.Second)
	usual[40].verdict(CauseServerFIN, Possible)
	crowd[0].verdict(CauseProxyShutdown, Possible)
}

// TestOneBusyTunnelCut: nginx ends both legs of a tunnel in use.
func TestOneBusyTunnelCut(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	f, b := w.pair("k", "/ws")
	w.wait(5 * time.Second)
	f.frame(client, 1)
	b.frame(client, 1)
	w.skip(10 * time.Millisecond)
	f.fin(server)
	b.fin(client)
	w.wait(3 * time.Second)
	f.verdict(CauseProxyShutdown, Possible)
	b.verdict(CauseProxyShutdown, Possible)
}

// TestSlowTogether: several clients that do not read are no leaving worker.
func TestSlowTogether(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, time.Minute, "flag")
	var legs []*leg
	for i := range 5 {
		f, b := w.pair(fmt.Sprint(i), fmt.Sprint("/", i))
		f.s.Dir[server].BlockedAtEnd = Millis(2 * time.Second)
		f.sample()
		legs = append(legs, f, b)
		w.wait(600 * time.Millisecond)
	}
	w.wait(2 * time.Second)
	for i := 0; i < len(legs); i += 2 {
		legs[i].fin(server)
		legs[i+1].end(client, HowReset)
		legs[i+1].closed()
	}
	w.wait(3 * time.Second)
	for _, l := range legs {
		l.verdict(CauseSlowConsumer, Confirmed)
	}
}
