package attach

import (
	"bytes"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
)

// FuzzRelayMessages: whatever a relay sends, the viewer does not panic, keeps
// its memory bounded, and passes nothing on that is no event.
func FuzzRelayMessages(f *testing.F) {
	var rec recorder
	records := []byte{}
	for _, ev := range burst(1) {
		records = rec.append(records, ev)
	}
	whole := append([]byte{kindSnapshot, 0, lastPart}, records...)
	events := append([]byte{kindEvents, 2, 1, 0}, records...)
	f.Add(false, []byte(welcomeText), true, []byte(`{"type":"beat","seq":1}`))
	f.Add(true, whole, true, events)
	f.Add(true, whole, true, append([]byte{kindSamples, 3, 1}, records...))
	f.Add(true, pack(whole), true, pack(events))
	f.Add(false, []byte(snapshotText), true, whole)
	f.Add(false, []byte(`{"type":"snapshot","refresh":true,"log_n":5,"logs":3,"events":77}`), true, whole)
	f.Add(false, []byte(`{"type":"bye","events":18446744073709551615}`), false, []byte(`{"type":"dropped","counts":{"events":1,"frames":2}}`))
	f.Add(false, []byte(`{"type":"slow","on":true}`), false, []byte(`{"type":"pong","id":1,"now":"2026-01-01T00:00:00Z"}`))
	f.Add(true, []byte{kindPast, 1, 0}, false, []byte(`{"type":"past_end","id":1}`))
	f.Add(true, []byte{kindPacked, 4, 1, 2}, false, []byte(`{"type":"welcome","v":1,"stream":"t"}`))
	f.Fuzz(func(t *testing.T, binary1 bool, first []byte, binary2 bool, second []byte) {
		c, err := NewClient(ClientOptions{URL: "ws://127.0.0.1:1", MaxMessage: 1 << 20, MaxSnapshot: 1 << 20, Emit: func(ev monitor.Event) bool {
			if ev == nil || ev.Head() == nil {
				t.Fatal("no event was passed on")
			}
			return len(first)%2 == 0
		}})
		if err != nil {
			t.Fatal(err)
		}
		l := c.newLine(nil)
		c.line = nil
		take := func(typ int, msg []byte) bool { return l.take(typ, bytes.Clone(msg)) == nil }
		if !take(websocket.TextMessage, []byte(welcomeText)) || !take(websocket.TextMessage, []byte(snapshotText)) {
			t.Fatal("a good beginning is refused")
		}
		kinds := map[bool]int{false: websocket.TextMessage, true: websocket.BinaryMessage}
		if take(kinds[binary1], first) {
			take(kinds[binary2], second)
		}
		c.State()
		if len(l.baselines) > 0 && l.size > 2<<20 {
			t.Errorf("%d bytes of a snapshot are held", l.size)
		}
	})
}

// FuzzViewerMessages: whatever a viewer sends, the server does not panic and
// what it keeps is bounded.
func FuzzViewerMessages(f *testing.F) {
	s := NewServer(ServerOptions{Hello: &monitor.Hello{}})
	f.Cleanup(func() { closeNow(s) })
	for _, seed := range []string{
		`{"type":"hello","v":1}`, `{"type":"hello","v":1,"deflate":true,"resume":{"stream":"x","seq":1},"watch":[{"tap":"a","conn":1}]}`,
		`{"type":"watch","tap":"abc","conn":3,"on":true}`, `{"type":"watch","tap":"abc","conn":3}`, `{"type":"ping","id":1}`,
		`{"type":"past","id":1,"from":"2026-01-01T00:00:00Z","to":null}`, `{"type":"more","id":1}`, `{"type":"stop","id":1}`,
		`{"type":"fresh"}`, `{"type":"control","verb":"drain"}`, `null`, `[]`, `{`, ``, "\x00",
	} {
		f.Add(true, []byte(seed), []byte(seed))
		f.Add(false, []byte(seed), []byte(`{"type":"ping"}`))
	}
	f.Fuzz(func(t *testing.T, greet bool, first, second []byte) {
		v := newViewer(s, nil, "", false)
		if s.join(v) != nil {
			t.Fatal("not taken in")
		}
		defer s.leave(v)
		defer v.cancel()
		if greet && v.take(websocket.TextMessage, []byte(`{"type":"hello","v":1}`)) != nil {
			t.Fatal("a good hello is refused")
		}
		if v.take(websocket.TextMessage, first) == nil {
			v.take(websocket.TextMessage, second)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(v.texts) > maxTexts || len(v.watching) > maxWatchedEach {
			t.Errorf("%d answers wait, %d conns are watched", len(v.texts), len(v.watching))
		}
	})
}
