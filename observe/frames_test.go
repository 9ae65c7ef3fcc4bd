package observe

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// TestFramesInAnyReads: samples, records and events of a tunnel do not depend on
// how many frames a read brings, or parts of them.
func TestFramesInAnyReads(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		dir := ws.Direction(random.IntN(2))
		frames := randomFrames(random, dir)
		stream := strings.Join(frames, "")
		want := tunnelEvents(t, dir, frames)
		for name, reads := range map[string][]string{"whole": {stream}, "halves": {stream[:len(stream)/2], stream[len(stream)/2:]}, "bytes": single(stream)} {
			if got := tunnelEvents(t, dir, reads); got != want {
				t.Fatalf("seed %d, %s:\n%s\nwant, as with a read for each frame,\n%s", seed, name, got, want)
			}
		}
	}
}

// randomFrames is floods of short messages with other frames between them, more
// than are recorded.
func randomFrames(random *rand.Rand, dir ws.Direction) (frames []string) {
	others := []string{
		frame(dir, ws.OpPing, true, "p"), frame(dir, ws.OpPong, true, "p"), frame(dir.Other(), ws.OpText, true, "mask"),
		frame(dir, ws.OpText, false, "a") + frame(dir, ws.OpPing, true, "") + frame(dir, ws.OpContinuation, true, "b"),
		frame(dir, ws.OpText, true, "\xFF"), frame(dir, ws.OpBinary, true, strings.Repeat("x", 200)), frame(dir, 3, true, "reserved"),
	}
	for range random.IntN(20) {
		for range random.IntN(100) {
			payload := strings.Repeat([]string{"a", "ä"}[random.IntN(2)], random.IntN(60))
			frames = append(frames, frame(dir, []ws.Opcode{ws.OpText, ws.OpBinary}[random.IntN(2)], true, payload))
		}
		frames = append(frames, others[random.IntN(len(others))])
	}
	return append(frames, frame(dir, ws.OpClose, true, closePayload(1000, "")), frame(dir, ws.OpText, true, "late"))
}

// tunnelEvents is the events of a tunnel that reads bring, as JSON.
func tunnelEvents(t *testing.T, dir ws.Direction, reads []string) string {
	t.Helper()
	var b strings.Builder
	h := benchHub(true)
	h.Emit = func(ev monitor.Event) bool {
		text, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
		return true
	}
	st := openTunnel(h, start)
	for _, p := range reads {
		st.Bytes(dir, start, []byte(p))
	}
	st.Close(start, false)
	return b.String()
}
