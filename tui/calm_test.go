package tui

import (
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// calmMost is what a calm screen may send over a plain line, in bytes a second.
const calmMost = 20_000

// TestACalmScreenSendsLittle shows a full screen of countdowns over a terminal
// that knows no synchronized output (as over plain SSH), and counts the bytes.
func TestACalmScreenSendsLittle(t *testing.T) {
	b := newStory()
	for n := range uint64(60) {
		b.at(time.Duration(n)*time.Second).open("front", n+1, "/socket?room=1", "k==")
		b.upgrade("front", n+1)
	}
	var mu sync.Mutex
	began := time.Now()
	v := startTerminal(t, t.Context(), Options{Dark: true, Read: func(f func(*monitor.State)) {
		mu.Lock()
		defer mu.Unlock()
		b.at(time.Minute + time.Since(began)).apply(&monitor.Tick{Header: b.head("", 0)})
		f(b.s)
	}}, 200, 60)
	v.waitFor("/socket")
	sent := func() int {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.raw.Len()
	}
	first, from := sent(), time.Now()
	for time.Since(from) < 3*time.Second {
		<-v.changed
	}
	rate := float64(sent()-first) / time.Since(from).Seconds()
	t.Logf("%.0f bytes a second", rate)
	if rate > calmMost {
		t.Errorf("%.0f bytes a second, want at most %d", rate, calmMost)
	}
	v.emu.SendText("\x03")
	if err := v.ended(); err != nil {
		t.Error(err)
	}
}
