//go:build unix

package attach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/wstap/wstap/monitor"
)

func TestListenUnix(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "s")
	ln, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", p, info.Mode(), err, want)
		}
	}
	if _, err := ListenUnix(path); err == nil || !contains(err.Error(), "listens there already") {
		t.Errorf("twice: %v", err)
	}
	ln.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}

	stale(t, path)
	ln, err = ListenUnix(path)
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	// Another took the name meanwhile: its file stays.
	os.Remove(path)
	os.WriteFile(path, []byte("mine"), 0o600)
	ln.Close()
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Error("Close removed another's file")
	}
	if _, err := ListenUnix(path); err == nil || !contains(err.Error(), "no socket") {
		t.Errorf("over a file: %v", err)
	}
	if _, err := ListenUnix(filepath.Join(dir, strings.Repeat("x", 100))); err == nil || !contains(err.Error(), "at most 107") {
		t.Errorf("long: %v", err)
	}
	if _, err := ListenUnix(path + "/s"); err == nil {
		t.Error("below a file: no error")
	}
}

// stale leaves a socket that nobody listens at.
func stale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
}

// TestPrivateFromTheStart: there is no moment at which others could connect.
func TestPrivateFromTheStart(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := listenPrivate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("made with %v", info.Mode())
	}
}

func testRegistry(t *testing.T) Registry {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	g, err := LocalRegistry()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var twoTaps = []monitor.TapInfo{{Name: "front", Listen: "0.0.0.0:8000"}, {Name: "back", Listen: "[::1]:9000"}}

func TestRegistry(t *testing.T) {
	g := testRegistry(t)
	if list, err := g.List(); len(list) != 0 || err != nil {
		t.Errorf("at first: %v, %v", list, err)
	}
	if _, err := g.Find(""); err == nil || !contains(err.Error(), "wstap tap") {
		t.Errorf("find nothing: %v", err)
	}
	var all []Relay
	for i, want := range []string{"tap-8000-9000", "tap-8000-9000-2", "tap-8000-9000-3"} {
		r, ln, err := g.Register(Relay{Taps: twoTaps, Started: monitor.Time(i + 1), Log: "/tmp/log"})
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		if r.Name != want || r.PID != os.Getpid() || r.Socket != filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "wstap", want+".sock") {
			t.Errorf("registered %+v, want the name %s", r, want)
		}
		all = append(all, r)
		if i == 0 {
			if got, err := g.Find(""); err != nil || got.Name != want || got.Log != "/tmp/log" || !got.Reachable || len(got.Taps) != 2 {
				t.Errorf("the only one: %+v, %v", got, err)
			}
		}
	}
	if info, err := os.Stat(g.file(all[0].Name)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	list, err := g.List()
	if err != nil || len(list) != 3 || list[0].Name != all[0].Name || list[2].Name != all[2].Name {
		t.Errorf("list %v, %v", list, err)
	}
	if _, err := g.Find(""); err == nil || !contains(err.Error(), "say which: tap-8000-9000, tap-8000-9000-2") {
		t.Errorf("find one of three: %v", err)
	}
	if _, err := g.Find("web"); err == nil || !contains(err.Error(), "no relay \"web\"") {
		t.Errorf("find another: %v", err)
	}
	if r, err := g.Find("tap-8000-9000-2"); err != nil || r.URL() != "unix:"+all[1].Socket {
		t.Errorf("find by name: %+v, %v", r, err)
	}
	if err := g.Remove(all[1]); err != nil {
		t.Error(err)
	}
	if err := g.Remove(all[1]); err != nil {
		t.Errorf("twice: %v", err)
	}
	if list, _ := g.List(); len(list) != 2 {
		t.Errorf("after Remove: %v", list)
	}
}

// TestStaleRelays: what a killed relay leaves behind goes, what cannot be judged stays.
func TestStaleRelays(t *testing.T) {
	g := testRegistry(t)
	const nobody = 1<<22 + 1 // above the largest pid
	put := func(name string, pid int, socket bool) {
		t.Helper()
		r := Relay{Name: name, PID: pid, Socket: filepath.Join(g.Sockets[1], name+".sock")}
		if socket {
			stale(t, r.Socket)
		}
		if err := g.write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := privateDir(g.State); err != nil {
		t.Fatal(err)
	}
	put("killed", nobody, true)
	put("rebooted", nobody, false)
	put("starting", os.Getpid(), false)
	put("wedged", os.Getpid(), true)
	os.WriteFile(g.file("garbage"), []byte("{"), 0o600)
	os.WriteFile(g.file("Bad-Name"), []byte(`{"name":"Bad-Name"}`), 0o600)
	os.WriteFile(g.file("renamed"), []byte(`{"name":"other","pid":1,"socket":"/other.sock"}`), 0o600)
	os.WriteFile(g.file("huge"), make([]byte, maxRelayFile+1), 0o600)
	// A file that points elsewhere must not make us remove that.
	victim := filepath.Join(t.TempDir(), "victim.sock")
	stale(t, victim)
	evil, _ := json.Marshal(Relay{Name: "evil", PID: nobody, Socket: victim})
	os.WriteFile(g.file("evil"), evil, 0o600)
	list, err := g.List()
	if err != nil || len(list) != 2 || list[0].Name != "starting" || list[1].Name != "wedged" || list[0].Reachable {
		t.Errorf("list %+v, %v", list, err)
	}
	for path, want := range map[string]bool{
		g.file("killed"): false, filepath.Join(g.Sockets[1], "killed.sock"): false, g.file("rebooted"): false,
		g.file("wedged"): true, filepath.Join(g.Sockets[1], "wedged.sock"): true, victim: true,
	} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	// The name of a killed one is free again.
	r, ln, err := g.Register(Relay{Name: "killed"})
	if err != nil || r.Name != "killed" {
		t.Fatalf("%+v, %v", r, err)
	}
	ln.Close()
}

func TestRegistryPlaces(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, strings.Repeat("d", 60), strings.Repeat("e", 60))
	t.Setenv("TMPDIR", dir)
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_STATE_HOME", deep)
	g, err := LocalRegistry()
	if err != nil {
		t.Fatal(err)
	}
	r, ln, err := g.Register(Relay{Name: "web"})
	if err != nil {
		t.Fatalf("with a long path: %v", err)
	}
	ln.Close()
	if want := filepath.Join(dir, fmt.Sprintf("wstap-%d", os.Getuid()), "web.sock"); r.Socket != want {
		t.Errorf("socket at %s, want %s", r.Socket, want)
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/x")
	if got, _ := StateDir(); got != "/home/x/.local/state/wstap" {
		t.Errorf("state in %s", got)
	}
	// A folder that others may write to could hold anything.
	open := filepath.Join(dir, "open")
	os.Mkdir(open, 0o700)
	os.Chmod(open, 0o777)
	if _, _, err := (Registry{State: open, Sockets: []string{open}}).Register(Relay{Name: "web"}); err == nil || !contains(err.Error(), "chmod 700") {
		t.Errorf("in an open folder: %v", err)
	}
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o600)
	if _, _, err := (Registry{State: file}).Register(Relay{Name: "web"}); err == nil {
		t.Error("in a file: no error")
	}
}

// TestFullStateFolder: a relay that cannot be listed says so and leaves nothing.
func TestFullStateFolder(t *testing.T) {
	g := testRegistry(t)
	if err := os.MkdirAll(g.file("web")+".new", 0o700); err != nil { // what cannot be written stands for a full disk
		t.Fatal(err)
	}
	if err := os.Chmod(g.State, 0o700); err != nil {
		t.Fatal(err)
	}
	r, _, err := g.Register(Relay{Name: "web"})
	if err == nil || !contains(err.Error(), "cannot be listed") {
		t.Errorf("registered: %v", err)
	}
	if _, err := os.Lstat(r.Socket); err == nil {
		t.Error("the socket is still there")
	}
}

// TestRegisterAtOnce: many relays that start together get a name each.
func TestRegisterAtOnce(t *testing.T) {
	g := testRegistry(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	names := map[string]bool{}
	for range 8 {
		wg.Go(func() {
			r, ln, err := g.Register(Relay{Name: "web"})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { ln.Close() })
			mu.Lock()
			defer mu.Unlock()
			names[r.Name] = true
		})
	}
	wg.Wait()
	if len(names) != 8 {
		t.Errorf("names %v", names)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		taps []string
		want string
	}{
		{nil, "tap"},
		{[]string{"127.0.0.1:9000"}, "tap-9000"},
		{[]string{":8000", "[::]:9000"}, "tap-8000-9000"},
		{[]string{"unix:/run/My App.sock"}, "tap-my-app"},
		{[]string{"unix:/run/…"}, "tap"},
		{[]string{"a:10001", "a:10002", "a:10003", "a:10004", "a:10005", "a:10006"}, "tap-10001-10002-10003-10004"},
	} {
		var taps []monitor.TapInfo
		for _, l := range c.taps {
			taps = append(taps, monitor.TapInfo{Listen: l})
		}
		if got := DefaultName(taps); got != c.want || CheckName(got) != nil {
			t.Errorf("%v: %q, want %q", c.taps, got, c.want)
		}
	}
	for _, bad := range []string{"", "-a", "9a", "A", "a_b", "a b", "../a", "a\x1b", strings.Repeat("a", 41)} {
		if CheckName(bad) == nil {
			t.Errorf("%q is taken for a name", bad)
		}
	}
}

// TestRegisteredRelayServes: from the list to a line.
func TestRegisteredRelayServes(t *testing.T) {
	g := testRegistry(t)
	reg, ln, err := g.Register(Relay{Taps: twoTaps})
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t, ServerOptions{Token: token, AllowControl: true, Control: func(context.Context, string) (string, error) { return "3 open", nil }})
	r.serve(ln)
	found, err := g.Find(reg.Name)
	if err != nil {
		t.Fatal(err)
	}
	s := watchRelay(t, ClientOptions{URL: found.URL()})
	s.phase(Live)
	if text, err := Control(t.Context(), ClientOptions{URL: found.URL()}, "status"); text != "3 open" || err != nil {
		t.Errorf("status: %q, %v", text, err)
	}
	r.close()
	if err := g.Remove(reg); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(reg.Socket); err == nil {
		t.Error("the socket is still there")
	}
}
