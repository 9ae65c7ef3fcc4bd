package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse/follow"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/tap"
)

// TestStopperSteps: the first signal after the user left by key is the second
// step, and none is swallowed.
func TestStopperSteps(t *testing.T) {
	interrupt := func() { syscall.Kill(os.Getpid(), syscall.SIGINT) }
	want := func(ctx context.Context, what string) {
		t.Helper()
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Fatal(what)
		}
	}
	s := newStopper(0, stays)
	interrupt()
	want(s.first, "the first signal does not end the face")
	if s.second.Err() != nil {
		t.Error("one signal is taken for two")
	}
	interrupt()
	want(s.second, "the second signal does not end the drain")
	s.close()

	for range 64 { // the goroutine may meet both at once, and then picks one at random
		s = newStopper(0, stays)
		s.leave()
		s.signals <- os.Interrupt
		want(s.second, "the first Ctrl-C of a drain was swallowed")
		s.close()
	}

	s = newStopper(time.Millisecond, stays)
	want(s.first, "--for does not end the face")
	s.close()
}

// keeper keeps events, from several goroutines.
type keeper struct {
	mu  sync.Mutex
	evs []monitor.Event
}

func (k *keeper) Events(evs []monitor.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.evs = append(k.evs, evs...)
}

func (k *keeper) emit(ev monitor.Event) bool {
	k.Events([]monitor.Event{ev})
	return true
}

func (k *keeper) types() (out []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ev := range k.evs {
		out = append(out, ev.Type())
	}
	return out
}

// TestHelloComesFirst: a client that is there before everything is ready has a
// tap with a role, and its limit.
func TestHelloComesFirst(t *testing.T) {
	l, err := newLive(liveOptions{headless: true, readTimeout: time.Minute, logTimezone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	specs, err := tap.ParseSpecs([]string{"back@127.0.0.1:0=" + echoServer(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.listen(specs); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.taps()[0].Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, upgradeHead)
	time.Sleep(50 * time.Millisecond) // long enough for a tap that accepts
	k := &keeper{}
	l.feed.AddWriter(k)
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the early client is seen", func() bool { return strings.Contains(fmt.Sprint(k.types()), "opened") })
	if got := k.types(); got[0] != "hello" || got[1] != "limit" {
		t.Errorf("events %v, want hello and limit first", got)
	}
}

// lines is a log that has 12,000 lines at once and ends.
type lines struct{ line func([]byte, time.Time) }

func (l lines) Run(context.Context) error {
	for i := range 12_000 {
		l.line(fmt.Appendf(nil, "2026/11/22 09:05:03 [error] 31#31: *%d x", i), time.Now())
	}
	return nil
}

// TestLogSource: log lines carry the time of the clock that all events have,
// and the counts of a flood come though it lasts until the end.
func TestLogSource(t *testing.T) {
	at := monitor.TimeOf(time.Date(2026, 11, 22, 9, 5, 3, 0, time.UTC)) // far from the wall clock
	k := &keeper{}
	s, err := newLogSource("error.log", monitor.Header{Tap: 1}, func() monitor.Time { return at }, time.UTC, nil, k.emit)
	if err != nil {
		t.Fatal(err)
	}
	s.runner = lines{s.line}
	s.run(t.Context())
	var kept, counted uint64
	for _, ev := range k.evs {
		if ev.Head().At != at {
			t.Fatalf("%s at %v, want the clock's %v", ev.Type(), ev.Head().At.Std(), at.Std())
		}
		switch ev := ev.(type) {
		case *monitor.LogLine:
			kept++
		case *monitor.LogSummary:
			for _, n := range ev.Kinds {
				counted += n
			}
		}
	}
	if kept != monitor.LogRate || kept+counted != 12_000 {
		t.Errorf("%d kept, %d counted, of 12,000", kept, counted)
	}
}

func TestFirstTrouble(t *testing.T) {
	var b bytes.Buffer
	tr := firstTrouble{spec: "x\x1b[m.log", out: &b}
	tr.health(follow.Health{OK: true, Text: "following"})
	tr.health(follow.Health{Text: "waiting for the file to appear"})
	tr.health(follow.Health{Text: "permission denied"})
	if got := b.String(); strings.Count(got, "\n") != 1 || strings.Contains(got, "\x1b") || !strings.HasSuffix(got, ".log: waiting for the file to appear\n") {
		t.Errorf("said %q", got)
	}
}

// unencodable is an event that has no JSON.
type unencodable struct {
	monitor.Header
	C chan int `json:"c"`
}

func (*unencodable) Type() string { return "unencodable" }

// TestNDJSONOfAFault: an event that cannot be encoded costs neither those
// around it nor the version.
func TestNDJSONOfAFault(t *testing.T) {
	var b bytes.Buffer
	n := &ndjson{w: &b}
	n.Events([]monitor.Event{&monitor.Health{Name: "a"}, &unencodable{}, &monitor.Health{Name: "b"}})
	sc, types := bufio.NewScanner(&b), ""
	for sc.Scan() {
		var o struct {
			V    int
			Type string
		}
		if err := json.Unmarshal(sc.Bytes(), &o); err != nil || o.V != monitor.EventVersion {
			t.Errorf("%s: %v, version %d", sc.Text(), err, o.V)
		}
		types += o.Type + " "
	}
	if types != "health error health " {
		t.Errorf("wrote %q", types)
	}
}

// TestDemoEndsByItsTaps: the summary is about what happened, not about how the
// crowd was sent home.
func TestDemoEndsByItsTaps(t *testing.T) {
	t.Parallel()
	out, errs, code := output(t, "demo", "--headless", "--json", "--for", "3s")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	closing := map[uint64]bool{} // conns that closed since the first that its tap ended
	shutdown, other := 0, 0
	for line := range strings.Lines(out) {
		var o struct {
			Type    string
			Conn    uint64
			ByTap   bool `json:"by_tap"`
			Verdict monitor.Verdict
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		switch {
		case o.Type == "closed" && (o.ByTap || len(closing) > 0):
			closing[o.Conn] = true
		case o.Type != "verdict" || !closing[o.Conn]:
		case o.Verdict.Cause == monitor.CauseTapShutdown:
			shutdown++
		default:
			other++
		}
	}
	if shutdown < 10 || other > shutdown/10 {
		t.Errorf("at the end %d conns were ended by the tap, %d by something else; most of two dozen clients' were open", shutdown, other)
	}
}
