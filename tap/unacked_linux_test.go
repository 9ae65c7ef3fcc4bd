package tap

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// vanish makes a socket deaf: its kernel drops whatever comes, acknowledges
// nothing and says nothing, as after a lost route.
func vanish(t *testing.T, c net.Conn) {
	t.Helper()
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	err := error(nil)
	control(c, func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
	})
	if err != nil {
		t.Skipf("skipped: the kernel takes no socket filter: %v", err)
	}
}

// unackedNow is the newest sample's word on a direction.
func unackedNow(r *rig, dir ws.Direction) (d monitor.Millis) {
	r.hub.Collect(r.server.now())
	for _, ev := range find[*monitor.Samples](r) {
		for i := range ev.Samples {
			d = ev.Samples[i].Dir[dir].Unacked
		}
	}
	return d
}

// TestVanishedPeer: a server that is gone is told from one that does not read.
func TestVanishedPeer(t *testing.T) {
	r := newRig(t, rigOptions{})
	client, server := r.pair()
	upgrade(t, client, server)
	vanish(t, server)
	if _, err := client.Write([]byte("anybody there?")); err != nil {
		t.Fatal(err)
	}
	r.until("unacknowledged bytes are seen", func() bool { return unackedNow(r, ws.FromClient) > 0 })
	if d := unackedNow(r, ws.FromServer); d != 0 {
		t.Errorf("the living client is said to have acknowledged nothing for %v", d.Std())
	}
}

// TestSlowPeerIsNoVanishedOne: a full window is acknowledged.
func TestSlowPeerIsNoVanishedOne(t *testing.T) {
	r := newRig(t, rigOptions{})
	client, server := r.pair()
	upgrade(t, client, server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 64<<10); ; {
			if _, err := client.Write(buf); err != nil {
				return
			}
		}
	}()
	r.until("the relay waits for the server", func() bool { return r.server.Counts().Stalled > 0 })
	began := r.server.now()
	r.until("it has been looked at a few times", func() bool { return r.server.now().Sub(began).Seconds() > 2.5 })
	if d := unackedNow(r, ws.FromClient); d != 0 {
		t.Errorf("a slow server is taken for a vanished one: %v", d.Std())
	}
	client.Close()
	server.Close()
	<-done
}
