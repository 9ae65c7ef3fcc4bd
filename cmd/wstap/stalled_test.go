package main

import (
	"context"
	"syscall"
	"testing"

	"github.com/wstap/wstap/monitor"
)

const (
	stalledConns   = 36
	stalledViewers = 9
	stalledEchoes  = 60 // of each conn while something is stalled
)

// TestStalledUnderLoad: a screen that is stopped, hung up or killed and ten
// viewers, one of which is stopped, cost no conn a byte; who attaches later sees
// everything, and so does the stopped one when it goes on.
func TestStalledUnderLoad(t *testing.T) {
	t.Parallel()
	load := newTraffic(t)
	b := startBackgroundTo(t, load.addr)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	load.start(ctx, b.addr, stalledConns)
	b.until("36 live")
	relay := b.relay()
	if relay == nil {
		t.Fatal("the relay is not listed")
	}
	viewers := make([]*looker, stalledViewers)
	for i := range viewers {
		viewers[i] = look(t, relay.URL())
		viewers[i].live(t)
	}
	stalled := startCounted(t, "the stopped viewer", "attach", "--headless", "--json", relay.URL())
	eventually(t, "the tenth viewer is attached", func() bool { return stalled.said("attached") })
	load.passes("ten viewers", stalledEchoes)

	stalled.cmd.Process.Signal(syscall.SIGSTOP)
	load.passes("one viewer is stopped", stalledEchoes)
	b.cmd.Process.Signal(syscall.SIGSTOP)
	load.passes("SIGSTOP of the screen", stalledEchoes)
	b.cmd.Process.Signal(syscall.SIGHUP)
	b.cmd.Process.Signal(syscall.SIGCONT) // what is stopped takes no other signal
	<-b.done
	load.passes("SIGHUP of the screen", stalledEchoes)
	again := startScreen(t, 120, 24, "attach", relay.Name)
	again.until("36 live")
	again.cmd.Process.Kill()
	<-again.done
	load.passes("SIGKILL of the screen", stalledEchoes)

	last := startScreen(t, 120, 24, "attach", relay.Name)
	last.until("36 live")
	stop()
	t.Logf("%d echoes", load.identical())
	last.until("36 closed")
	stalled.cmd.Process.Signal(syscall.SIGCONT)
	eventually(t, "the viewer that was stopped has all ends", func() bool { return stalled.count("closed") == stalledConns })
	for i, v := range viewers {
		eventually(t, "a viewer has all ends", func() bool { return v.totals().Closed == stalledConns })
		if now := v.totals(); now.Conns != stalledConns || now.Open != 0 || v.client.State().Resumed != 0 {
			t.Errorf("viewer %d: %d conns, %d open, resumed %d times", i, now.Conns, now.Open, v.client.State().Resumed)
		}
	}
	if _, errs, code := output(t, "stop", relay.Name); code != 0 {
		t.Errorf("stop: exit code %d, %s", code, errs)
	}
	d := readReport(t, relay.Recording)
	if len(d.Conns) != stalledConns {
		t.Errorf("the recording has %d conns", len(d.Conns))
	}
	for _, c := range d.Conns {
		if c.Close == nil || c.Close.Cause != monitor.CauseCloseHandshake {
			t.Errorf("conn %d ended by %+v", c.ID, c.Close)
		}
	}
}
