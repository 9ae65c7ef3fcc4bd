package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/gorilla/websocket"
)

// TestFullDisk: traffic goes on, recording stops, and wstap says so.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("skipped: no small file system can be mounted: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	p := startWstap(t, "tap", "--headless", "--capture", filepath.Join(dir, "rec.mcap"), "back@127.0.0.1:0="+echoServer(t))
	addr := p.addr("back")
	full := func() bool { return strings.Contains(p.out.String(), "no space left on device") }
	deadline := time.Now().Add(30 * time.Second)
	for i := 0; !full() && time.Now().Before(deadline); i++ {
		c := dial(t, addr, fmt.Sprintf("/%d/%x", i, bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 500)), nil)
		echo(t, c, "x")
		c.Close()
	}
	if !full() {
		t.Fatalf("not a word about the full disk:\n%.2000s", p.out.String())
	}
	c := dial(t, addr, "/after", nil)
	echo(t, c, "traffic goes on")
	p.end(os.Interrupt)
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1: the recording is not complete", code)
	}
	if !strings.Contains(p.err.String(), "recording") {
		t.Errorf("standard error: %s", p.err.String())
	}
}

func echo(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, p, err := c.ReadMessage(); err != nil || string(p) != text {
		t.Fatalf("echo %q: %v", p, err)
	}
}

// TestKill: a wstap that is killed leaves a recording of all but the last second.
func TestKill(t *testing.T) {
	t.Parallel()
	rec := filepath.Join(t.TempDir(), "rec.mcap")
	p := startWstap(t, "tap", "--headless", "--capture", rec, "back@127.0.0.1:0="+echoServer(t))
	addr := p.addr("back")
	c := dial(t, addr, "/killed", nil)
	const before = 500
	for i := range before {
		echo(t, c, fmt.Sprint(i))
	}
	quiet := time.Now()
	for i := 0; time.Since(quiet) < 1500*time.Millisecond; i++ { // the second that may be lost, and half of one more
		echo(t, c, "later")
	}
	p.cmd.Process.Kill()
	<-p.done
	out, _, code := output(t, "report", "--json", rec)
	if code > 1 {
		t.Fatalf("exit code %d", code)
	}
	if !strings.Contains(out, `"target":"/killed"`) {
		t.Fatalf("the conn is not in the recording: %s", out)
	}
	var n int
	if _, err := fmt.Sscanf(out[strings.Index(out, `"text":`):], `"text":%d`, &n); err != nil || n < before {
		t.Errorf("%d text frames recorded, at least %d were sent more than a second before the kill", n, before)
	}
}

// TestNoSecretIsStored plants secrets wherever a client or a log can put them,
// and looks for them in all that is written.
func TestNoSecretIsStored(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	dir := t.TempDir()
	rec, log := filepath.Join(dir, "rec.mcap"), filepath.Join(dir, "error.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startWstap(t, "tap", "--headless", "--capture", rec, "--error-log", log, "back@127.0.0.1:0="+echoServer(t))
	addr := p.addr("back")
	eventually(t, "the log is followed", func() bool { return strings.Contains(p.out.String(), "ok: following") })
	h := http.Header{}
	h.Set("Authorization", "Bearer "+secret)
	h.Set("Cookie", "sid="+secret+"; theme=dark")
	h.Set("X-Api-Key", secret)
	h.Set("Referer", "https://user:"+secret+"@example.test/?jwt="+secret)
	h.Set("Sec-WebSocket-Protocol", "bearer, "+secret)
	c := dial(t, addr, "/ws?access_token="+secret+"&room=1&sessionId="+secret, h)
	echo(t, c, secret+" in a payload")
	c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bad ?token="+secret))
	drain(c)
	line := fmt.Sprintf(`%s [error] 1#1: *1 recv() failed (104: Connection reset by peer) while proxying upgraded connection, client: 127.0.0.1, server: x, request: "GET /ws?access_token=%s&room=1 HTTP/1.1", upstream: "http://%s/ws?access_token=%s&room=1", host: "h", referrer: "https://x/?password=%s"`+"\n",
		time.Now().UTC().Format("2006/01/02 15:04:05"), secret, addr, secret, secret)
	if err := os.WriteFile(log, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log line", func() bool { return strings.Contains(p.out.String(), "recv() failed") })
	eventually(t, "the verdict", func() bool { return strings.Contains(p.out.String(), "closed close_handshake") })
	p.stop()
	if strings.Contains(p.out.String(), secret) {
		t.Errorf("printed:\n%s", p.out.String())
	}
	all := recorded(t, rec)
	if bytes.Contains(all, []byte(secret)) {
		i := bytes.Index(all, []byte(secret))
		t.Errorf("recorded: …%s…", all[max(i-200, 0):i+20])
	}
	if !bytes.Contains(all, []byte("room=1")) || !bytes.Contains(all, []byte("recv() failed")) {
		t.Error("what is no secret is missing, too")
	}
	for _, args := range [][]string{{"report", rec}, {"report", "--json", rec}, {"report", "--all", rec}} {
		if out, _, _ := output(t, args...); strings.Contains(out, secret) {
			t.Errorf("%v prints it", args)
		}
	}
}

// recorded is the raw bytes of a recording and all its messages, unpacked by
// the library alone.
func recorded(t *testing.T, path string) []byte {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mcap.NewReader(bytes.NewReader(all))
	if err != nil {
		t.Fatal(err)
	}
	it, err := r.Messages(mcap.UsingIndex(false))
	if err != nil {
		t.Fatal(err)
	}
	var m mcap.Message
	for {
		_, _, _, err := it.NextInto(&m)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m.Data...)
	}
}

// TestHostileTextIsNeverRaw: lines, NDJSON and reports go to terminals, too.
func TestHostileTextIsNeverRaw(t *testing.T) {
	t.Parallel()
	rec := filepath.Join(t.TempDir(), "rec.mcap")
	for _, args := range [][]string{{"--headless"}, {"--headless", "--json"}} {
		p := startWstap(t, append(append([]string{"tap"}, args...), "front@127.0.0.1:0="+echoServer(t), "--capture", rec+args[len(args)-1])...)
		if len(args) == 1 {
			hostileHandshake(t, p.addr("front"))
			eventually(t, "the verdict", func() bool { return strings.Contains(p.out.String(), "closed ") })
		}
		eventually(t, "hello", func() bool { return p.out.String() != "" })
		p.stop()
		clean(t, fmt.Sprint(args), p.out.String())
	}
	for _, args := range [][]string{{"report"}, {"report", "--json"}} {
		out, _, _ := output(t, append(args, rec+"--headless")...)
		clean(t, fmt.Sprint(args), out)
	}
}

// hostileHandshake sends escapes, bidi controls and broken UTF-8 wherever a
// client can.
func hostileHandshake(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	evil := "\x1b]0;owned\x07\x1b[31m\u202e\u009b31m\xff\xfe"
	fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: h%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: %s\r\nX-Forwarded-For: %s\r\n\r\n", evil, evil, evil, evil)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	io.Copy(io.Discard, io.LimitReader(c, 1000))
}

// clean wants no byte that a terminal would obey.
func clean(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%s: not UTF-8", what)
	}
	for i, r := range s {
		if (r < 0x20 && r != '\n') || (r >= 0x7f && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			t.Errorf("%s: %q at byte %d: …%q", what, r, i, s[max(i-60, 0):min(i+20, len(s))])
			return
		}
	}
}
