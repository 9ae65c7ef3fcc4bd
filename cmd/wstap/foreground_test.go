package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/attach"
)

// startForeground starts a relay without a screen, as a service manager does,
// and finds it on the list of this machine.
func startForeground(t *testing.T, args ...string) (*process, attach.Relay) {
	t.Helper()
	p := startWstap(t, append(append([]string{"tap", "--headless"}, args...), "back@127.0.0.1:0="+echoServer(t))...)
	return p, listed(t, p.addr("back"))
}

func listed(t *testing.T, addr string) (found attach.Relay) {
	t.Helper()
	registry, err := attach.LocalRegistry()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the relay is listed", func() bool {
		relays, err := registry.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range relays {
			if len(r.Taps) > 0 && r.Taps[0].Listen == addr {
				found = r
			}
		}
		return found.Name != ""
	})
	return found
}

// TestForegroundIsFound: attach, drain and stop find a relay without --serve,
// through a socket of its own, and it has recorded.
func TestForegroundIsFound(t *testing.T) {
	p, relay := startForeground(t)
	if info, err := os.Stat(relay.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", relay.Socket, info, err)
	}
	if !strings.Contains(p.out.String(), "on this machine: wstap attach "+relay.Name+"\n") {
		t.Errorf("it does not say how to look at it:\n%s", p.out.String())
	}
	c := dial(t, p.addr("back"), "/chat", nil)
	c.WriteMessage(websocket.TextMessage, []byte("x"))
	c.ReadMessage()
	viewed := startWstap(t, "attach", "--headless", "--json", relay.Name)
	eventually(t, "a viewer sees it", func() bool { return strings.Contains(viewed.out.String(), `"/chat"`) })
	drained := startWstap(t, "drain", relay.Name)
	eventually(t, "it drains", func() bool { return strings.Contains(drained.out.String(), "accepts no more; 1 connection passes") })
	c.Close()
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, p.err.String())
	}
	<-drained.done
	viewed.stop()
	if info, err := os.Stat(relay.Recording); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%s: %v, %v", relay.Recording, info, err)
	}
	if d := readReport(t, relay.Recording); len(d.Conns) != 1 || d.Conns[0].FromClient.Messages != 1 {
		t.Errorf("the recording has %+v", d.Conns)
	}
}

// TestForegroundWithoutRecording: as it was asked for.
func TestForegroundWithoutRecording(t *testing.T) {
	p, relay := startForeground(t, "--no-capture")
	if relay.Recording != "" {
		t.Errorf("it records to %s", relay.Recording)
	}
	if out, errs, code := output(t, "stop", relay.Name); code != 0 || !strings.Contains(out, "stopped") {
		t.Errorf("stop: %d, %s%s", code, out, errs)
	}
	<-p.done
}

// TestForegroundWithoutStateFolder: traffic does not depend on it.
func TestForegroundWithoutStateFolder(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(dir string) // what XDG_STATE_HOME names
		want    string
	}{
		"it is a file": {func(dir string) { os.WriteFile(dir, nil, 0o600) }, "note: wstap attach, drain and stop do not find this relay"},
		"no recording can be made": {func(dir string) {
			os.MkdirAll(filepath.Join(dir, "wstap"), 0o700)
			os.Symlink("/proc/1/no-such-place", filepath.Join(dir, "wstap", "lock"))
		}, "not listed, so that wstap attach, drain and stop do not find it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(shortTemp(t), "state")
			tc.prepare(dir)
			t.Setenv("XDG_STATE_HOME", dir)
			p := startWstap(t, "tap", "--headless", "back@127.0.0.1:0="+echoServer(t))
			c := dial(t, p.addr("back"), "/chat", nil)
			c.WriteMessage(websocket.TextMessage, []byte("x"))
			if _, _, err := c.ReadMessage(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(p.out.String(), tc.want) {
				t.Errorf("no %q in\n%s", tc.want, p.out.String())
			}
			p.stop()
		})
	}
}
