package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/attach"
)

// background is a relay that a screen started.
type background struct {
	*screen
	addr string // of its tap
}

func startBackground(t *testing.T, args ...string) *background {
	t.Helper()
	return startBackgroundTo(t, echoServer(t), args...)
}

// startBackgroundTo taps what goes to server.
func startBackgroundTo(t *testing.T, server string, args ...string) *background {
	t.Helper()
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	b := &background{addr: addr}
	b.screen = startScreen(t, 120, 24, append(append([]string{"tap"}, args...), "back@"+addr+"="+server)...)
	t.Cleanup(func() { b.stopIfLeft() })
	b.until("back " + addr)
	return b
}

// relay is what the list of this machine says of it.
func (b *background) relay() *attach.Relay {
	registry, err := attach.LocalRegistry()
	if err != nil {
		b.t.Fatal(err)
	}
	relays, err := registry.List()
	if err != nil {
		b.t.Fatal(err)
	}
	for i, r := range relays {
		if len(r.Taps) > 0 && r.Taps[0].Listen == b.addr {
			return &relays[i]
		}
	}
	return nil
}

func (b *background) stopIfLeft() {
	if r := b.relay(); r != nil {
		syscall.Kill(r.PID, syscall.SIGKILL)
	}
}

// TestRelayOutlivesItsScreen: stopped, hung up or killed, the screen takes
// nothing with it; another joins, and ends both by asking.
func TestRelayOutlivesItsScreen(t *testing.T) {
	b := startBackground(t)
	c := dial(t, b.addr, "/chat", nil)
	pass := func(after string) {
		t.Helper()
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		c.WriteMessage(websocket.TextMessage, []byte(after))
		if _, p, err := c.ReadMessage(); err != nil || string(p) != after {
			t.Fatalf("after %s: %q, %v", after, p, err)
		}
	}
	pass("the start")
	b.until("/chat")
	b.cmd.Process.Signal(syscall.SIGSTOP)
	pass("SIGSTOP")
	b.cmd.Process.Signal(syscall.SIGCONT)
	b.cmd.Process.Signal(syscall.SIGHUP)
	<-b.done
	pass("SIGHUP")
	relay := b.relay()
	if relay == nil {
		t.Fatal("the relay is not listed")
	}
	again := startScreen(t, 120, 24, "attach", relay.Name)
	again.until("/chat", "1 live")
	again.cmd.Process.Kill()
	<-again.done
	pass("SIGKILL")
	last := startScreen(t, 120, 24, "attach", relay.Name)
	last.until("/chat")
	last.keys("q")
	last.until("leave it running", "1 connection passes")
	last.stopRelay()
	if err := drain(c); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
		t.Errorf("the client saw %v", err)
	}
	eventually(t, "the relay is not listed any more", func() bool { return b.relay() == nil })
	b.checkLeft(relay)
}

// checkLeft: a recording that can be read, messages without a line for each connection.
func (b *background) checkLeft(relay *attach.Relay) {
	b.t.Helper()
	if d := readReport(b.t, relay.Recording); len(d.Conns) != 1 || d.Conns[0].Close == nil || d.Conns[0].Close.Cause != "tap_shutdown" {
		b.t.Errorf("the recording has %+v", d.Conns)
	}
	log, err := os.ReadFile(relay.Log)
	if err != nil || !strings.Contains(string(log), "listens at "+b.addr) || strings.Contains(string(log), "#1 opened") {
		b.t.Errorf("the messages are %q, %v", log, err)
	}
	for _, file := range []string{relay.Log, relay.Recording} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			b.t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

// TestDrainFromOutside: no new connections, and the end when the last has gone.
func TestDrainFromOutside(t *testing.T) {
	b := startBackground(t, "--no-capture")
	c := dial(t, b.addr, "/chat", nil)
	b.keys("q")
	b.until("leave it running")
	time.Sleep(500 * time.Millisecond)
	b.keys("l")
	b.ended(0)
	name := b.relay().Name
	p := startWstap(t, "drain", name)
	eventually(t, "it drains", func() bool {
		return strings.Contains(p.out.String(), name+": accepts no more; 1 connection passes\n")
	})
	eventually(t, "new ones are refused", func() bool {
		_, _, err := websocket.DefaultDialer.Dial("ws://"+b.addr+"/", nil)
		return err != nil
	})
	c.Close()
	eventually(t, "it has ended", func() bool { return strings.Contains(p.out.String(), name+": has ended\n") })
	<-p.done
	if _, errs, code := output(t, "reload", name); code != 2 || !strings.Contains(errs, "no relay") {
		t.Errorf("reload of a relay that is gone: %d, %s", code, errs)
	}
}

// TestBackgroundStartFails: the reason and the hint are the relay's own.
func TestBackgroundStartFails(t *testing.T) {
	s := startScreen(t, 120, 24, "tap", "back@127.0.0.1:0=127.0.0.1:1", "--tls-cert", "none.pem")
	<-s.done
	s.until("wstap: tap back: --tls-cert needs --tls-key")
	if code := s.cmd.ProcessState.ExitCode(); code != 2 {
		t.Errorf("exit code %d", code)
	}
}

// TestTwoRelaysOnOneScreen: front and back tap are processes of their own, and
// one viewer links the legs and gives a confirmed verdict.
func TestTwoRelaysOnOneScreen(t *testing.T) {
	s := newSite(t, siteOptions{
		servers: map[string]string{"app": echoServer(t)},
		http:    `server { listen ‹nginx›; location / { ` + goodHeaders + ` proxy_read_timeout 2s; proxy_pass http://‹app›; } }`,
		args:    []string{"--serve", "unix:" + filepath.Join(shortTemp(t), "back.sock")},
	})
	sockets := []string{serveSocket(s.wstap), filepath.Join(shortTemp(t), "front.sock")}
	front := startWstap(t, "tap", "--headless", "--no-capture", "--serve", "unix:"+sockets[1], "front:edge@127.0.0.1:0="+s.nginx)
	viewer := startWstap(t, "attach", "--headless", "unix:"+sockets[0], "unix:"+sockets[1])
	eventually(t, "both are attached", func() bool { return strings.Count(viewer.out.String(), "ok: attached") == 2 })
	drain(dial(t, front.addr("edge"), "/silent", nil))
	eventually(t, "both legs have the verdict", func() bool {
		return strings.Count(viewer.out.String(), "closed idle_timeout (confirmed)") == 2
	})
	viewer.stop()
	front.stop()
}

func serveSocket(p *process) string {
	for i, arg := range p.cmd.Args {
		if arg == "--serve" {
			return strings.TrimPrefix(p.cmd.Args[i+1], "unix:")
		}
	}
	return ""
}

func shortTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ws")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestServedAndScraped: what others see has the numbers, and no secret.
func TestServedAndScraped(t *testing.T) {
	dir := shortTemp(t)
	token := "planted-token-of-the-viewers"
	file := filepath.Join(dir, "token")
	os.WriteFile(file, []byte(token+"\n"), 0o600)
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	rec := filepath.Join(dir, "rec.mcap")
	p := startWstap(t, "tap", "--headless", "--serve", "127.0.0.1:0", "--token-file", file, "--metrics", addr, "--capture", rec, "back@127.0.0.1:0="+echoServer(t))
	c := dial(t, p.addr("back"), "/chat?token=planted-secret", http.Header{"Cookie": {"session=planted-cookie"}})
	c.WriteMessage(websocket.TextMessage, []byte("planted payload"))
	c.ReadMessage()
	eventually(t, "the scrape tells of it", func() bool { return strings.Contains(scrape(t, addr), `wstap_websockets_open{tap="back"} 1`) })
	url := viewersURL(t, p)
	if _, errs, code := output(t, "attach", "--headless", "--for", "1s", url); code != 2 || !strings.Contains(errs, "token") {
		t.Errorf("without a token: %d, %s", code, errs)
	}
	viewed := startWstap(t, "attach", "--headless", "--json", "--token-file", file, url)
	eventually(t, "a viewer sees it", func() bool { return strings.Contains(viewed.out.String(), `"/chat?`) })
	all := viewed.out.String() + scrape(t, addr) + p.out.String() + p.err.String()
	eventually(t, "the refused viewer is counted", func() bool { return strings.Contains(scrape(t, addr), "wstap_viewers_refused_total 1") })
	viewed.stop()
	c.Close()
	p.stop()
	b, _ := os.ReadFile(rec)
	ps, _ := exec.Command("ps", "axww").Output()
	for _, secret := range []string{token, "planted-secret", "planted-cookie", "planted payload"} {
		if strings.Contains(all+string(b)+string(ps), secret) {
			t.Errorf("%q is to be seen", secret)
		}
	}
}

// TestScrapedFromTheSession: what events do not tell is wired, too.
func TestScrapedFromTheSession(t *testing.T) {
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	p := startWstap(t, "tap", "--headless", "--metrics", addr, "--read-timeout", "2s", "back@127.0.0.1:0="+echoServer(t))
	dial(t, p.addr("back"), "/silent", nil)
	eventually(t, "a silent connection is near its limit", func() bool { return strings.Contains(scrape(t, addr), "\nwstap_connections_near_limit 1\n") })
	if got := scrape(t, addr); !strings.Contains(got, "\nwstap_recording_dropped_records_total 0\n") {
		t.Errorf("nothing of the recording in\n%s", got)
	}
	p.stop()
	p = startWstap(t, "tap", "--headless", "--metrics", addr, "--no-capture", "back@127.0.0.1:0="+echoServer(t))
	p.addr("back")
	eventually(t, "it is scraped", func() bool { return strings.Contains(scrape(t, addr), "\nwstap_connections_near_limit 0\n") })
	if got := scrape(t, addr); strings.Contains(got, "wstap_recording_dropped") {
		t.Errorf("there is no recording to tell of\n%s", got)
	}
	p.stop()
}

func scrape(t *testing.T, addr string) string {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var b strings.Builder
	resp.Write(&b)
	return b.String()
}

// viewersURL waits for the line that says where to attach.
func viewersURL(t *testing.T, p *process) (url string) {
	t.Helper()
	eventually(t, "viewers are served", func() bool {
		for _, line := range strings.Split(p.out.String(), "\n") {
			if u, ok := strings.CutPrefix(line, "viewers: wstap attach "); ok {
				url = u
			}
		}
		return url != ""
	})
	return url
}
