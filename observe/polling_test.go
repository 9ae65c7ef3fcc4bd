package observe

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

func TestPollOf(t *testing.T) {
	for target, want := range map[string]poll{
		"/socket.io/?EIO=4&transport=polling&sid=abc":       {"abc", "socket.io", "/socket.io/"},
		"/socket.io/?EIO=4&transport=websocket&sid=abc&t=1": {"abc", "socket.io", "/socket.io/"},
		"/app/ws?sid=abc&transport=polling&EIO=3":           {"abc", "socket.io", "/app/ws"},
		"/socket.io/?EIO=4&transport=polling":               {}, // the first: no session yet
		"/socket.io/?EIO=4&transport=polling&sid=":          {},
		"/login?sid=abc":                   {},
		"/login?sid=abc&transport=polling": {},
		"/echo/123/s3ss1on/xhr_streaming":  {"s3ss1on", "sockjs", "/echo/"},
		"/echo/123/s3ss1on/xhr?t=1":        {"s3ss1on", "sockjs", "/echo/"},
		"/echo/123/s3ss1on/websocket":      {"s3ss1on", "sockjs", "/echo/"},
		"/123/s3ss1on/xhr":                 {"s3ss1on", "sockjs", "/"},
		"/echo/1234/s3ss1on/xhr":           {},
		"/echo/12x/s3ss1on/xhr":            {},
		"/echo/123//xhr":                   {},
		"/echo/123/s3ss1on/other":          {},
		"xhr":                              {},
		"/s3ss1on/xhr":                     {},
		"":                                 {},
	} {
		got, ok := pollOf(target)
		if ok != (want != poll{}) || (ok && got != want) {
			t.Errorf("%q: %+v %v, want %+v", target, got, ok, want)
		}
	}
}

func get(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n"
}

const refused = "HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n{\"code\":1,\"message\":\"Session ID unknown\"}"

// TestPollingIsCounted: answered requests by session and status, plain ones and
// the upgrade that refers to the session, whatever the splits.
func TestPollingIsCounted(t *testing.T) {
	const target = "/socket.io/?EIO=4&transport=polling&sid=s3cr3t5ession"
	up := strings.Replace(upgrade, "/ws", strings.Replace(target, "polling", "websocket", 1), 1)
	sc := script{
		c(get("/other")), s("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
		c(get(target)), s("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
		c(get(target)), s("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
		c(get(target)), s(refused),
		c(up), s(switched),
	}
	for name, split := range map[string]func(string) []string{"whole": whole, "single": single} {
		evs := play(sc, split)
		polls := only[*monitor.Polling](evs)
		slices.SortFunc(polls, func(a, b *monitor.Polling) int { return a.Status - b.Status })
		if len(polls) != 3 {
			t.Fatalf("%s: %d events, want 3", name, len(polls))
		}
		for i, want := range []struct {
			status int
			n      uint64
		}{{101, 1}, {200, 2}, {400, 1}} {
			p := polls[i]
			if p.Status != want.status || p.N != want.n || p.Transport != "socket.io" || p.Path != "/socket.io/" || p.Session != polls[0].Session || len(p.Session) != 16 {
				t.Errorf("%s: %+v, want %+v", name, p, want)
			}
		}
		for _, ev := range evs {
			if monitor.IsBinary(ev) {
				continue
			}
			b, err := monitor.AppendJSON(nil, ev)
			if err != nil || strings.Contains(string(b), "s3cr3t5ession") {
				t.Errorf("%s: the session's id is in %s (%v)", name, b, err)
			}
		}
	}
}

func TestPollsAreBounded(t *testing.T) {
	n := 0
	h := &Hub{Emit: func(ev monitor.Event) bool {
		if _, ok := ev.(*monitor.Polling); ok {
			n++
		}
		return true
	}}
	for i := range pollsAtOnce + 100 {
		h.polled("back", "/e/123/"+strings.Repeat("x", 1+i)+"/xhr", 200)
	}
	h.Collect(start)
	h.Collect(start)
	if n != pollsAtOnce {
		t.Errorf("%d events, want %d", n, pollsAtOnce)
	}
}

// TestUnacked: what the kernel knows of a vanished receiver comes with the samples.
func TestUnacked(t *testing.T) {
	var evs []monitor.Event
	h := &Hub{Emit: func(ev monitor.Event) bool { evs = append(evs, ev); return true }}
	st := h.Open("back", start, "a", "b")
	st.Bytes(client, start, []byte(upgrade))
	st.Bytes(server, start, []byte(switched))
	st.Unacked(client, 7*time.Second)
	h.Collect(start.Add(time.Second))
	if got := evs[len(evs)-1].(*monitor.Samples).Samples[0].Dir[client].Unacked.Std(); got != 7*time.Second {
		t.Errorf("unacked %v, want 7s", got)
	}
	n := len(evs)
	st.Unacked(client, 0)
	h.Collect(start.Add(2 * time.Second))
	if got := evs[len(evs)-1].(*monitor.Samples).Samples[0].Dir[client].Unacked; len(evs) != n+1 || got != 0 {
		t.Errorf("acknowledged, and %v is still shown", got.Std())
	}
	st.Unacked(client, 0)
	if h.Collect(start.Add(3 * time.Second)); len(evs) != n+1 {
		t.Error("a sample without a change")
	}
	(*Stream)(nil).Unacked(client, time.Second)
}
