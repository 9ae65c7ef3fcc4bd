package observe

import (
	"strings"
	"testing"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// TestNoAllocationPerFrame: design §6. Without records, a tunnel whose last
// frames are full allocates nothing, whatever a read brings.
func TestNoAllocationPerFrame(t *testing.T) {
	st := openTunnel(benchHub(false), start)
	for dir := range ws.Direction(2) {
		text := frame(dir, ws.OpText, true, "hello")
		for name, p := range map[string]string{
			"100 short messages": strings.Repeat(text, 100),
			"one":                text,
			"a long one":         frame(dir, ws.OpBinary, true, strings.Repeat("x", 70000)),
			"fragments":          frame(dir, ws.OpText, false, "a") + frame(dir, ws.OpContinuation, true, "b"),
			"pings and pongs":    text + frame(dir, ws.OpPing, true, "p") + text + frame(dir, ws.OpPong, true, "p") + text,
		} {
			read := []byte(p)
			st.Bytes(dir, start, []byte(strings.Repeat(p, monitor.LastFrames)))
			if n := testing.AllocsPerRun(100, func() { st.Bytes(dir, start, read) }); n > 0 {
				t.Errorf("%v, %s: %v allocations", dir, name, n)
			}
		}
	}
}

// TestHandshakeAllocates bounds what a short conn costs, all its events
// included: see BenchmarkStreamHandshake.
func TestHandshakeAllocates(t *testing.T) {
	const most = 60 // 44, and more with the race detector, which makes pools forget
	h := benchHub(true)
	life := shortLife(h)
	if n := testing.AllocsPerRun(200, func() { life(start) }); n > most {
		t.Errorf("%v allocations, want %d at the most", n, most)
	}
}

// TestIdleConnIsSmall bounds what a conn at rest holds: see BenchmarkStreamMemory.
func TestIdleConnIsSmall(t *testing.T) {
	const most = 1200
	if got := idleBytes(2000); got > most {
		t.Errorf("%.0f bytes a conn, want %d at the most", got, most)
	}
}
