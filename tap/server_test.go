package tap

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

func TestListensOnAllOrNone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	path := filepath.Join(shortDir(t), "tap")
	s := newServer(t, "front@unix:"+path+"=a:1", "back@"+taken.Addr().String()+"=b:1")
	err = s.Listen()
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) || !strings.Contains(err.Error(), "another port") {
		t.Errorf("error %v, want one with the address and what to do", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the first tap still listens")
	}
}

func newServer(t *testing.T, args ...string) *Server {
	t.Helper()
	specs, err := ParseSpecs(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := New(nil, specs, Options{}, nil)
	t.Cleanup(s.Close)
	return s
}

func TestListenErrorsSayWhatToDo(t *testing.T) {
	for _, test := range []struct {
		listen string
		err    error
		want   string
	}{
		{":80", syscall.EACCES, "CAP_NET_BIND_SERVICE"},
		{":80", syscall.EADDRINUSE, "choose another port"},
		{"192.0.2.1:80", syscall.EADDRNOTAVAIL, "no such address"},
		{"unix:/no/such/place", syscall.EACCES, "directory"},
		{"unix:/no/such/place", syscall.ENOENT, "create the directory"},
	} {
		s := newServer(t, test.listen+"=a:1")
		s.opts.Listen = func(network, address string) (net.Listener, error) {
			return nil, &net.OpError{Op: "listen", Net: network, Err: os.NewSyscallError("bind", test.err)}
		}
		if err := s.Listen(); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.listen) {
			t.Errorf("%s, %v: error %q, want one with %q", test.listen, test.err, err, test.want)
		}
	}
}

func TestUnixSocketFile(t *testing.T) {
	path := filepath.Join(shortDir(t), "tap")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)

	if err := newServer(t, "unix:"+path+"=a:1").Listen(); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a live socket: %v, want a refusal", err)
	}
	stale.Close()
	s := newServer(t, "unix:"+path+"=a:1")
	if err := s.Listen(); err != nil {
		t.Fatalf("a stale socket: %v, want it replaced", err)
	}
	if got := s.Taps()[0].Listen; got != "unix:"+path {
		t.Errorf("listens on %s", got)
	}
	s.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket file is still there")
	}
	os.WriteFile(path, nil, 0o600)
	if err := newServer(t, "unix:"+path+"=a:1").Listen(); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a plain file: %v, want a refusal", err)
	}
}

func TestCloseLeavesTheSocketOfASuccessor(t *testing.T) {
	path := filepath.Join(shortDir(t), "tap")
	first, second := newServer(t, "unix:"+path+"=a:1"), newServer(t, "unix:"+path+"=a:1")
	if err := first.Listen(); err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	if err := second.Listen(); err != nil {
		t.Fatal(err)
	}
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestUnixSockets(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		dir := shortDir(t)
		listen, upstream := filepath.Join(dir, "tap"), filepath.Join(dir, "upstream")
		ln, err := net.Listen("unix", upstream)
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, rigOptions{way: way, listen: "unix:" + listen, upstream: "unix:" + upstream,
			prepare: func(r *rig) { r.useUpstream(ln) }})
		client, server := r.pair()
		upgrade(t, client, server)
		client.CloseWrite()
		wantEOF(t, server)
		exchange(t, server, client, "still open")
		server.Close()
		wantEOF(t, client)
		r.idle()
		got := find[*monitor.Opened](r)[0]
		if got.Client != "unix:" || got.Listen != "unix:"+listen || got.Local != "unix:" || got.Server != "unix:"+upstream {
			t.Errorf("opened with %q %q %q %q", got.Client, got.Listen, got.Local, got.Server)
		}
	})
}

func TestAddresses(t *testing.T) {
	r := newRig(t, rigOptions{})
	client, server := r.pair()
	upgrade(t, client, server)
	got := find[*monitor.Opened](r)[0]
	want := [4]string{client.LocalAddr().String(), client.RemoteAddr().String(), server.RemoteAddr().String(), server.LocalAddr().String()}
	if [4]string{got.Client, got.Listen, got.Local, got.Server} != want || r.server.Taps()[0].Listen != want[1] {
		t.Errorf("opened with %q %q %q %q, want %q", got.Client, got.Listen, got.Local, got.Server, want)
	}
}

// TestListenOfAWildcard: nginx's log names the address that it dialled.
func TestListenOfAWildcard(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0"} {
		r := newRig(t, rigOptions{listen: listen})
		_, port, err := net.SplitHostPort(r.server.Taps()[0].Listen)
		if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		upgrade(t, r.ours(client), r.accept())
		if got := find[*monitor.Opened](r)[0].Listen; got != "127.0.0.1:"+port {
			t.Errorf("%s: opened at %q, want 127.0.0.1:%s", listen, got, port)
		}
	}
}

// TestWaitsForServe: who connects after Listen is not lost, and is not seen yet.
func TestWaitsForServe(t *testing.T) {
	r := newRig(t, rigOptions{listenOnly: true})
	client := r.dial()
	if _, err := io.WriteString(client, "early"); err != nil {
		t.Fatal(err)
	}
	if n := r.server.Live(); n != 0 {
		t.Errorf("%d connections before Serve", n)
	}
	r.server.Serve()
	got := make([]byte, 5)
	if _, err := io.ReadFull(r.accept(), got); err != nil || string(got) != "early" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestCloseWithoutServe: a start that fails later must leave nothing behind.
func TestCloseWithoutServe(t *testing.T) {
	path := filepath.Join(shortDir(t), "tap")
	s := newServer(t, "front@unix:"+path+"=a:1", "back@127.0.0.1:0=b:1")
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket file is still there")
	}
	if c, err := net.Dial("tcp", s.Taps()[1].Listen); err == nil {
		c.Close()
		t.Error("still listens")
	}
}

func TestDialFailures(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, test := range []struct {
		name  string
		tap   Options
		errno int
		text  string
	}{
		{"refused", Options{}, 111, "refused"},
		{"timed out", Options{DialTimeout: time.Millisecond, Dial: dialNever}, 110, "no answer within 1ms"},
		{"no descriptors", Options{Dial: dialError(syscall.EMFILE)}, 24, "too many open files"},
		{"no name", Options{Dial: dialError(&net.DNSError{Err: "no such host", Name: "app"})}, 0, "no such host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, rigOptions{upstream: gone.Addr().String(), tap: test.tap})
			// Go's own connect reports a reset that comes quickly.
			client, err := net.Dial("tcp", r.server.Taps()[0].Listen)
			if err == nil {
				wantReset(t, r.ours(client))
			} else if !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
			r.until("the failure is on record", func() bool { return len(find[*monitor.Closed](r)) == 1 })
			r.idle()
			got := find[*monitor.DialError](r)
			if len(got) != 1 || got[0].Errno != test.errno || !strings.Contains(got[0].Error, test.text) {
				t.Fatalf("on record: %+v", got)
			}
			if closed := find[*monitor.Closed](r); len(closed) != 1 || closed[0].ByTap {
				t.Errorf("closed on record: %+v", closed)
			}
		})
	}
}

func dialNever(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func dialError(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
}

func TestClientLeavesWhileWeDial(t *testing.T) {
	dial, dialling := make(chan struct{}), make(chan struct{})
	r := newRig(t, rigOptions{prepare: func(r *rig) {
		r.server.opts.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			close(dialling)
			<-dial
			return r.server.dialDefault(ctx, network, address)
		}
	}})
	client := r.dial()
	io.WriteString(client, "hello")
	<-dialling
	resetNow(client)
	close(dial)
	server := r.accept()
	if got, err := io.ReadAll(server); string(got) != "hello" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server got %q, %v", got, err)
	}
	r.idle()
}

func TestCloseWhileWeDial(t *testing.T) {
	dialling := make(chan struct{})
	r := newRig(t, rigOptions{tap: Options{Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
		close(dialling)
		return dialNever(ctx, n, a)
	}}})
	client := r.dial()
	<-dialling
	r.server.Close()
	wantEOF(t, client)
	if got := find[*monitor.DialError](r); len(got) > 0 {
		t.Errorf("on record as %+v", got)
	}
}

func TestDrain(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		client, server := r.pair()
		upgrade(t, client, server)
		if err := r.server.Drain(withTimeout(t, time.Millisecond)); err == nil || !strings.Contains(err.Error(), "1 connection") {
			t.Errorf("drained with one live: %v", err)
		}
		if c, err := net.Dial("tcp", client.RemoteAddr().String()); err == nil {
			c.Close()
			t.Error("accepted while draining")
		}
		exchange(t, client, server, "\x81\x80\x00\x00\x00\x00")
		drained := make(chan error, 1)
		go func() { drained <- r.server.Drain(withTimeout(t, patience)) }()
		client.Close()
		server.Close()
		if err := <-drained; err != nil {
			t.Error(err)
		}
		if closed := find[*monitor.Closed](r); len(closed) != 1 || closed[0].ByTap {
			t.Errorf("closed on record: %+v", closed)
		}
	})
}

func TestCloseEndsTunnelsWithAFin(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		r := newRig(t, rigOptions{way: way})
		client, server := r.pair()
		upgrade(t, client, server)
		stuckClient, stuckServer := r.pair()
		go io.Copy(stuckServer, neverEnding{})
		r.until("a direction stalls", func() bool { return r.server.Counts().Stalled == 1 })
		r.server.Close()
		wantEOF(t, client)
		wantEOF(t, server)
		stuckClient.Close()
		if r.server.Live() != 0 || r.hub.Live() != 0 {
			t.Errorf("%d connections, %d streams after Close", r.server.Live(), r.hub.Live())
		}
		for _, c := range find[*monitor.Closed](r) {
			if !c.ByTap {
				t.Errorf("closed, but not by the tap: %+v", c)
			}
		}
	})
}

func TestPastTheConnLimit(t *testing.T) {
	r := newRig(t, rigOptions{prepare: func(r *rig) { r.hub.MaxConns = 1 }})
	r.pair()
	client, server := r.pair()
	exchange(t, client, server, "undecoded")
	server.Close()
	wantEOF(t, client)
}

func TestADecodersPanicDoesNotReachTheTraffic(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		var told atomic.Int32
		r := newRig(t, rigOptions{way: way,
			tap: Options{OnHealth: func(string, monitor.HealthStatus, string) { told.Add(1) }},
			prepare: func(r *rig) {
				r.hub.Emit = func(ev monitor.Event) bool {
					if _, ok := ev.(*monitor.Request); ok {
						panic("a bug")
					}
					return r.emit(ev)
				}
			}})
		for range 3 {
			client, server := r.pair()
			upgrade(t, client, server)
			exchange(t, client, server, "on and on")
			exchange(t, server, client, "and on")
			client.Close()
			wantEOF(t, server)
			server.Close()
		}
		r.idle()
		if n := r.server.Counts().Panics; n != 3 || told.Load() != 1 || r.hub.Live() != 0 {
			t.Errorf("%d panics counted, health told %d times, %d streams left", n, told.Load(), r.hub.Live())
		}
	})
}

// failingListener fails to accept as often as it says.
type failingListener struct {
	net.Listener
	failures atomic.Int32
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestAcceptErrorsAreSurvived(t *testing.T) {
	health := make(chan string, 10)
	r := newRig(t, rigOptions{
		tap: Options{OnHealth: func(tap string, status monitor.HealthStatus, text string) {
			health <- tap + " " + string(status) + ": " + text
		}},
		prepare: func(r *rig) {
			r.server.opts.Listen = func(network, address string) (net.Listener, error) {
				ln, err := net.Listen(network, address)
				l := &failingListener{Listener: ln}
				l.failures.Store(1)
				return l, err
			}
		},
	})
	client, server := r.pair()
	exchange(t, client, server, "hello")
	for _, want := range []string{"front warning: cannot accept connections (1 times): accept: accept4: too many open files", "front ok: accepting again after 1 failures"} {
		if got := <-health; got != want {
			t.Errorf("health %q, want %q", got, want)
		}
	}
	if n := r.server.Counts().AcceptErrors; n != 1 {
		t.Errorf("%d accept errors counted", n)
	}
}
