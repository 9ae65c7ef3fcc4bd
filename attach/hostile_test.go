package attach

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
)

// hostile is a server that does what the test says to each line.
func hostile(t *testing.T, do func(*websocket.Conn)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		conn.ReadMessage() // the hello
		do(conn)
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

const (
	welcomeText  = `{"type":"welcome","v":1,"stream":"s","host":"h","seq":0,"events":0}`
	snapshotText = `{"type":"snapshot","seq":1,"events":0}`
)

func binaryOf(kind byte, numbers []uint64, records ...string) []byte {
	b := []byte{kind}
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	for _, r := range records {
		b = appendRecord(b, r[0], []byte(r[1:]))
	}
	return b
}

func emptySnapshot() []byte { return binaryOf(kindSnapshot, []uint64{0, lastPart}) }

func packedBomb(says uint64) []byte {
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, flate.BestCompression)
	w.Write(make([]byte, 64<<20))
	w.Close()
	return append(binary.AppendUvarint([]byte{kindPacked}, says), z.Bytes()...)
}

// TestHostileRelay: whatever a server sends, the viewer says what is wrong,
// keeps its memory bounded, and tries again.
func TestHostileRelay(t *testing.T) {
	text := func(c *websocket.Conn, s string) { c.WriteMessage(websocket.TextMessage, []byte(s)) }
	data := func(c *websocket.Conn, b []byte) { c.WriteMessage(websocket.BinaryMessage, b) }
	for _, c := range []struct {
		name string
		do   func(*websocket.Conn)
		want string
	}{
		{"not JSON", func(c *websocket.Conn) { text(c, "hi \x1b[2J") }, "no message of this protocol"},
		{"another protocol", func(c *websocket.Conn) { text(c, `{"type":"subscribed"}`) }, "is this a wstap relay?"},
		{"events first", func(c *websocket.Conn) { data(c, emptySnapshot()) }, "before a welcome"},
		{"two welcomes", func(c *websocket.Conn) { text(c, welcomeText); text(c, welcomeText) }, "second welcome"},
		{"resumes the unbegun", func(c *websocket.Conn) { text(c, `{"type":"welcome","v":1,"stream":"s","resumed":true}`) }, "not begun"},
		{"part without snapshot", func(c *websocket.Conn) { text(c, welcomeText); data(c, emptySnapshot()) }, "out of turn"},
		{"part out of turn", func(c *websocket.Conn) {
			text(c, welcomeText)
			text(c, snapshotText)
			data(c, binaryOf(kindSnapshot, []uint64{1, 0}))
		}, "out of turn"},
		{"empty message", func(c *websocket.Conn) { text(c, welcomeText); data(c, nil) }, "empty"},
		{"cut message", func(c *websocket.Conn) { text(c, welcomeText); data(c, []byte{kindSamples, 0x80}) }, "cut short"},
		{"cut record", func(c *websocket.Conn) {
			text(c, welcomeText)
			text(c, snapshotText)
			data(c, append(binaryOf(kindSnapshot, []uint64{0, 0}), tagJSON, 100, '{'))
		}, "cut short"},
		{"no event", func(c *websocket.Conn) {
			text(c, welcomeText)
			text(c, snapshotText)
			data(c, binaryOf(kindSnapshot, []uint64{0, 0}, "Jnot an event \x1b]0;x\x07"))
		}, "no event"},
		{"no batch", func(c *websocket.Conn) {
			text(c, welcomeText)
			text(c, snapshotText)
			data(c, binaryOf(kindSnapshot, []uint64{0, 0}, "BS\xff\xff\xff"))
		}, "no event"},
		{"a batch of billions", func(c *websocket.Conn) {
			text(c, welcomeText)
			text(c, snapshotText)
			data(c, binaryOf(kindSnapshot, []uint64{0, 0}, "BF\x01\x01\x00\x01\x00\xff\xff\xff\xff\x0f"))
		}, "no event"},
		{"newer events", func(c *websocket.Conn) {
			text(c, welcomeText)
			text(c, snapshotText)
			data(c, binaryOf(kindSnapshot, []uint64{0, 0}, `J{"v":7,"type":"opened"}`))
		}, "update the viewer"},
		{"a message too large", func(c *websocket.Conn) { text(c, welcomeText); data(c, make([]byte, 2<<20)) }, "more than 1048576 bytes"},
		{"a notice too large", func(c *websocket.Conn) { text(c, `{"type":"`+strings.Repeat("x", maxNotice)+`"}`) }, "text message of"},
		{"a bomb that says so", func(c *websocket.Conn) { text(c, welcomeText); data(c, packedBomb(64<<20)) }, "at most 1048576"},
		{"a bomb that lies", func(c *websocket.Conn) { text(c, welcomeText); data(c, packedBomb(1000)) }, "another length"},
		{"no deflate", func(c *websocket.Conn) { text(c, welcomeText); data(c, []byte{kindPacked, 100, 1, 2, 3, 4}) }, "compressed message"},
		{"packed twice", func(c *websocket.Conn) {
			text(c, welcomeText)
			inner := append([]byte{kindPacked, 3}, make([]byte, 4000)...)
			data(c, pack(inner))
		}, "holds none"},
		{"packed nothing", func(c *websocket.Conn) {
			text(c, welcomeText)
			data(c, []byte{kindPacked, 0, 1, 0, 0, 0xff, 0xff})
		}, "holds none"},
		{"endless snapshot", func(c *websocket.Conn) {
			text(c, welcomeText)
			text(c, snapshotText)
			for part := uint64(0); ; part++ {
				var records []string
				for i := range uint64(100) {
					records = append(records, fmt.Sprintf(`J{"v":1,"type":"opened","at":null,"tap":"1","conn":%d,"client":"c","listen":"l"}`, part*100+i+1))
				}
				if c.WriteMessage(websocket.BinaryMessage, binaryOf(kindSnapshot, []uint64{part, 0}, records...)) != nil {
					return
				}
			}
		}, "snapshot of more than"},
		{"an error with escapes", func(c *websocket.Conn) { text(c, `{"type":"error","text":"go away\u001b[31m\u202e"}`) }, "the relay says: go away·[31m·"},
		{"it just closes", func(c *websocket.Conn) { c.Close() }, "line"},
		{"closes with a reason", func(c *websocket.Conn) {
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1011, "oops \u202e"))
		}, "1011 oops ·"},
		{"a past nobody asked for", func(c *websocket.Conn) {
			text(c, welcomeText)
			text(c, `{"type":"past_end","id":9}`)
			text(c, `{"type":"answer","id":9,"text":"x"}`)
			text(c, `{"type":"pong","id":9,"now":"2999-01-01T00:00:00Z"}`)
			data(c, binaryOf(kindPast, []uint64{9, 3}, "Jx"))
			text(c, `{"type":"error","text":"all that was nothing"}`)
		}, "all that was nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := watchRelay(t, ClientOptions{URL: hostile(t, c.do), MaxMessage: 1 << 20, MaxSnapshot: 4 << 20})
			eventually(t, c.want, func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, st := range s.states {
					if st.Err != nil && contains(st.Err.Error(), c.want) {
						for _, r := range st.Err.Error() {
							if r < ' ' || r == '\u202e' {
								t.Fatalf("raw text in %q", st.Err)
							}
						}
						return true
					}
				}
				return false
			})
		})
	}
}

// TestVersions: who does not understand the other says which of the two to update.
func TestVersions(t *testing.T) {
	for v, want := range map[int]string{2: "update the viewer", 0: "update the relay"} {
		s := watchRelay(t, ClientOptions{Version: "1.0", URL: hostile(t, func(c *websocket.Conn) {
			c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"welcome","v":%d,"version":"3.0","stream":"s"}`, v))
		})})
		<-s.done
		var version *VersionError
		if !errors.As(s.err, &version) || !contains(s.err.Error(), want) || !contains(s.err.Error(), "3.0") {
			t.Errorf("relay of version %d: %v, want %q", v, s.err, want)
		}
	}
	s := watchRelay(t, ClientOptions{URL: hostile(t, func(c *websocket.Conn) {
		c.WriteMessage(websocket.TextMessage, []byte(`{"type":"error","code":"version","v":3,"version":"7.0","text":"no"}`))
	})})
	<-s.done
	if s.err == nil || !contains(s.err.Error(), "update the viewer") {
		t.Errorf("refused for the version: %v", s.err)
	}
}

// TestEndlessEvents: what Emit does not take is counted, and costs no memory.
func TestEndlessEvents(t *testing.T) {
	const n = 20_000
	url := hostile(t, func(c *websocket.Conn) {
		c.WriteMessage(websocket.TextMessage, []byte(welcomeText))
		c.WriteMessage(websocket.TextMessage, []byte(snapshotText))
		c.WriteMessage(websocket.BinaryMessage, emptySnapshot())
		for i := uint64(0); i < n; i += 100 {
			var records []string
			for j := i + 1; j <= i+100; j++ {
				records = append(records, fmt.Sprintf(`J{"v":1,"type":"opened","at":null,"tap":"1","conn":%d,"client":"c","listen":"l"}`, j))
				records = append(records, fmt.Sprintf(`J{"v":1,"type":"closed","at":null,"tap":"1","conn":%d,"sample":{}}`, j))
			}
			c.WriteMessage(websocket.BinaryMessage, binaryOf(kindEvents, []uint64{i/100 + 2, 1, 2 * i}, records...))
		}
	})
	s := watchRelay(t, ClientOptions{URL: url, Emit: func(monitor.Event) bool { return false }})
	eventually(t, "all of them", func() bool { return s.client.State().Seen == 2*n })
	s.close()
	// What follows of a conn that was refused does not come.
	if st := s.client.State(); st.Refused != n {
		t.Errorf("refused %d, want %d", st.Refused, n)
	}
	if k := s.client.known; len(k.open) != 0 || len(k.closed) > knownClosed {
		t.Errorf("remembers %d open and %d closed", len(k.open), len(k.closed))
	}
}

// TestEventsOutOfOrder: repeats are left out, gaps are counted and asked about.
func TestEventsOutOfOrder(t *testing.T) {
	asked := make(chan string, 100)
	record := func(n int) string {
		return fmt.Sprintf(`J{"v":1,"type":"http","at":null,"tap":"1","counts":{"200":%d}}`, n)
	}
	url := hostile(t, func(c *websocket.Conn) {
		c.WriteMessage(websocket.TextMessage, []byte(welcomeText))
		c.WriteMessage(websocket.TextMessage, []byte(snapshotText))
		c.WriteMessage(websocket.BinaryMessage, emptySnapshot())
		for _, b := range [][]byte{
			binaryOf(kindEvents, []uint64{2, 1, 0}, record(0), record(1)),
			binaryOf(kindEvents, []uint64{2, 1, 0}, record(0), record(1)),
			binaryOf(kindEvents, []uint64{3, 1, 1}, record(1), record(2)),
			binaryOf(kindEvents, []uint64{9, 1, 13}, record(13)),
			binaryOf(kindEvents, []uint64{1, 1, 14}, "J"+`{"v":1,"type":"of tomorrow"}`, "Xwhat"),
			{'?', 1, 2, 3},
		} {
			c.WriteMessage(websocket.BinaryMessage, b)
		}
		for {
			_, msg, err := c.ReadMessage()
			if err != nil {
				return
			}
			asked <- string(msg)
		}
	})
	s := watchRelay(t, ClientOptions{URL: url})
	eventually(t, "the last message", func() bool { return s.client.State().Unknown == 3 })
	st := s.client.State()
	if st.Seen != 6 || st.Missed.Events != 10 {
		t.Errorf("seen %d, missed %d; want 6, 10", st.Seen, st.Missed.Events)
	}
	for text := range asked {
		if contains(text, `"fresh"`) {
			break
		}
	}
}

// TestRefusedForGood: what trying again cannot help ends Run; what it can does not.
func TestRefusedForGood(t *testing.T) {
	r := newRelay(t, ServerOptions{Token: token})
	s := watchRelay(t, ClientOptions{URL: "ws://" + r.listen(), Token: "wrong"})
	<-s.done
	var refused *RefusedError
	if !errors.As(s.err, &refused) || refused.Status != 401 || s.client.State().Phase != Failed {
		t.Errorf("wrong token: %v", s.err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>\x1b[2J") }))
	defer page.Close()
	s = watchRelay(t, ClientOptions{URL: page.URL})
	<-s.done
	if s.err == nil || !contains(s.err.Error(), "does not look like a wstap relay") {
		t.Errorf("a web page: %v", s.err)
	}
}

// TestEndlessHead: a response head that does not end is not collected.
func TestEndlessHead(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		ln.Close()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n"))
		for err == nil {
			_, err = conn.Write(bytes.Repeat([]byte("X-Header: and so on\r\n"), 1000))
		}
	}()
	tg, err := parseTarget("ws://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = tg.dial(context.Background(), "", nil)
	if err == nil || !contains(err.Error(), "handshake is longer") {
		t.Errorf("dial: %v", err)
	}
	<-done
}

func TestURLs(t *testing.T) {
	for in, want := range map[string]string{
		"ws://127.0.0.1:9100":         "ws://127.0.0.1:9100/attach",
		"http://127.0.0.1:9100/":      "ws://127.0.0.1:9100/attach",
		"wss://staging.example":       "wss://staging.example/attach",
		"https://staging.example/tap": "wss://staging.example/tap",
		"ws://[::1]:9100":             "ws://[::1]:9100/attach",
		"unix:/run/wstap/a.sock":      "unix /run/wstap/a.sock",
		"unix:///run/wstap/a.sock":    "unix /run/wstap/a.sock",
	} {
		tg, err := parseTarget(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := tg.url
		if tg.unix != "" {
			got = "unix " + tg.unix
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"":                             "no URL",
		"staging:9100":                 "no URL",
		"ftp://staging":                "unknown scheme",
		"ws://":                        "no URL",
		"ws://:9100":                   "host is missing",
		"unix:":                        "path is missing",
		"unix:/" + long(120):           "at most 107",
		"wss://user:secret@host":       "may hold a secret",
		"wss://host/?token=secret":     "may hold a secret",
		"wss://host/#secret":           "may hold a secret",
		"://user:secret@host?x=secret": "no URL",
		"ws://h\x1b[31m:1":             "no URL",
	} {
		err := CheckURL(in)
		if err == nil || !contains(err.Error(), want) || contains(err.Error(), "secret@") || contains(err.Error(), "=secret") || contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	for url, ok := range map[string]bool{
		"ws://10.0.0.1:1": false, "ws://127.0.0.1:1": true, "ws://localhost:1": true, "ws://[::1]:1": true, "wss://10.0.0.1:1": true, "unix:/x": true,
		"ws://localhost.evil.example": false,
	} {
		if _, err := NewClient(ClientOptions{URL: url, Token: "t", Emit: func(monitor.Event) bool { return true }}); (err == nil) != ok {
			t.Errorf("a token to %s: %v", url, err)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }
