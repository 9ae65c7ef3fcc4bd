//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// netns is a network namespace without a name. This process's descriptor keeps
// it, and so do the processes started within: it goes with them, however the
// test ends, and its ends of wires with it.
type netns struct {
	t  *testing.T
	fd *os.File
}

// newNetns makes a namespace in which only loopback is up, or skips the test.
func newNetns(t *testing.T) *netns {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: a network namespace needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("skipped: %v (make deps installs it)", err)
	}
	n := &netns{t: t}
	var err error
	onThread(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			n.fd, err = os.Open("/proc/thread-self/ns/net")
		}
	})
	if err != nil {
		t.Skipf("skipped: no network namespace can be made here (CAP_SYS_ADMIN is needed): %v", err)
	}
	t.Cleanup(func() { n.fd.Close() })
	if out, err := n.tryIP("link set lo up"); err != nil {
		t.Skipf("skipped: a network namespace cannot be set up here (CAP_NET_ADMIN is needed): %v: %s", err, out)
	}
	return n
}

// onThread runs f on a thread that nobody uses after it, and says whether f came
// to its end: one that fails the test does not.
func onThread(f func()) (whole bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		f()
		whole = true
	}()
	<-done
	return whole
}

// do runs f within the namespace: the sockets that it makes itself, for literal
// addresses, and the processes that it starts are there. Several may run at once.
func (n *netns) do(f func()) {
	n.t.Helper()
	var err error
	whole := onThread(func() {
		if err = unix.Setns(int(n.fd.Fd()), unix.CLONE_NEWNET); err == nil {
			f()
		}
	})
	if err != nil {
		n.t.Errorf("entering a network namespace: %v", err)
	}
	if !whole || err != nil {
		n.t.FailNow()
	}
}

// path is how other processes find the namespace.
func (n *netns) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.fd.Fd()) }

// ip runs ip(8) within.
func (n *netns) ip(args string) {
	n.t.Helper()
	if out, err := n.tryIP(args); err != nil {
		n.t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

func (n *netns) tryIP(args string) (out []byte, err error) {
	n.do(func() { out, err = exec.Command("ip", strings.Fields(args)...).CombinedOutput() })
	return out, err
}

// wire is a veth pair between two namespaces, called the same on both sides.
type wire struct {
	name         string
	a, b         *netns
	aAddr, bAddr netip.Addr
}

// newWire connects two namespaces; its ends have the two addresses of a network
// of their own.
func newWire(a, b *netns, name string, network netip.Prefix) *wire {
	a.t.Helper()
	w := &wire{name: name, a: a, b: b, aAddr: network.Addr().Next()}
	w.bAddr = w.aAddr.Next()
	a.ip("link add " + name + " type veth peer name " + name + " netns " + b.path())
	a.ip("addr add " + netip.PrefixFrom(w.aAddr, network.Bits()).String() + " dev " + name)
	b.ip("addr add " + netip.PrefixFrom(w.bAddr, network.Bits()).String() + " dev " + name)
	w.restore()
	return w
}

// cut takes the wire away from both sides: what they send is lost, and neither
// is told.
func (w *wire) cut() {
	w.a.t.Helper()
	for _, n := range []*netns{w.a, w.b} {
		n.ip("link set " + w.name + " down")
	}
}

func (w *wire) restore() {
	w.a.t.Helper()
	for _, n := range []*netns{w.a, w.b} {
		n.ip("link set " + w.name + " up")
	}
}
