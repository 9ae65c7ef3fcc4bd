//go:build linux

package follow

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	put(t, f, 0, 5000)
	h.whole(5000, true)
}

func TestStartsAtEnd(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	write(t, f, "old\nold too, and beg")
	h := start(t, Follower{Path: p})
	write(t, f, "un\nnew\n")
	h.waitFor(2)
	if got, want := h.got(), []string{"old too, and begun", "new"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnendedLineFromBeforeIsNotDelivered(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	write(t, appendTo(t, p), "old\nunended")
	h := start(t, Follower{Path: p})
	h.waitHealth("following")
	h.end()
	if got := h.got(); len(got) != 0 {
		t.Errorf("got %q, want nothing", got)
	}
}

func TestFromStart(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	n := put(t, f, 0, 100)
	h := start(t, Follower{Path: p, FromStart: true})
	h.waitFor(n)
	n = put(t, f, n, 100)
	h.whole(n, true)
}

// rotate renames and creates anew, rounds times. Through oldFor the writer
// goes on in the renamed file, as nginx does until it gets USR1.
func rotate(t *testing.T, rounds, per int, before, between, oldFor time.Duration, ordered bool) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	h.waitHealth("following")
	n := 0
	for r := range rounds {
		n = put(t, f, n, per)
		time.Sleep(before)
		must(t, os.Rename(p, fmt.Sprintf("%s.%d", p, r)))
		for end := time.Now().Add(oldFor); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
			n = put(t, f, n, 1)
		}
		f.Close()
		f = appendTo(t, p)
		n = put(t, f, n, per)
		time.Sleep(between)
		h.waitOpened() // a file that comes and goes between two looks is lost: no poller can know it
	}
	h.whole(n, ordered)
	h.waitHealth("rotated")
}

func TestRotateSlow(t *testing.T) {
	rotate(t, 3, 100, 150*time.Millisecond, 150*time.Millisecond, 0, true)
}

func TestRotateFast(t *testing.T) {
	rotate(t, 20, 50, 0, 60*time.Millisecond, 0, true)
}

// The order is not asserted: if the writer pauses for Turn, the new file may
// be read before the rest of the old one.
func TestRotateLikeNginx(t *testing.T) {
	rotate(t, 4, 50, 150*time.Millisecond, 150*time.Millisecond, 300*time.Millisecond, false)
}

func TestCopyTruncate(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	h.waitHealth("following")
	n := 0
	for r := range 4 {
		n = put(t, f, n, 100)
		h.waitFor(n)
		must(t, os.Truncate(p, 0))
		if !eventually(func() bool { return lost(h.states()) > r }) {
			t.Fatalf("health %+v, want %d times Lost", h.states(), r+1)
		}
		time.Sleep(10 * testPoll) // the library looks for itself
		n = put(t, f, n, 25)
		h.waitFor(n)
	}
	h.whole(n, true)
	h.waitHealth("truncated")
}

func lost(states []Health) (n int) {
	for _, s := range states {
		if s.Lost {
			n++
		}
	}
	return n
}

func TestPartialLines(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	pause := func() { time.Sleep(10 * testPoll) }
	pause()
	write(t, f, "first ha")
	pause()
	write(t, f, "lf\nsecond\n")
	pause()
	write(t, f, "cut of")
	pause()
	must(t, os.Rename(p, p+".1"))
	write(t, f, "f\n")
	write(t, f, "never ended")
	f = appendTo(t, p)
	write(t, f, "new\n")
	h.waitFor(4)
	write(t, f, "last")
	pause()
	h.end()
	got := h.got()
	want := []string{"first half", "second", "cut off", "new", "never ended", "last"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnendedLineWhenLetGo(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p, Drain: 300 * time.Millisecond})
	write(t, f, "a\nb")
	h.waitFor(1)
	must(t, os.Rename(p, p+".1"))
	appendTo(t, p)
	h.waitFor(2)
	if got, want := h.got(), []string{"a", "b"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBigLines(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	h.waitHealth("following")
	a, b := strings.Repeat("a", MaxLine), strings.Repeat("b", 4*MaxLine)
	write(t, f, a+"\n"+b+"\nend\n")
	h.waitFor(3)
	got := h.got()
	if len(got) != 3 || got[0] != a || got[1] != b[:MaxLine] || got[2] != "end" {
		t.Errorf("lines of %d bytes came, want 1 MiB, 1 MiB (cut), 3", lengths(got))
	}
}

func lengths(s []string) (n []int) {
	for _, l := range s {
		n = append(n, len(l))
	}
	return n
}

func TestCreatedLater(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	h := start(t, Follower{Path: p})
	h.waitHealth("waiting for the file to appear")
	f := appendTo(t, p)
	n := put(t, f, 0, 100)
	h.waitFor(n)
	n = put(t, f, n, 100)
	h.whole(n, true)
	h.waitHealth("following")
}

func TestDirectoryCreatedLater(t *testing.T) {
	t.Parallel()
	p := filepath.Join(t.TempDir(), "sub", "error.log")
	h := start(t, Follower{Path: p})
	h.waitHealth("waiting")
	must(t, os.Mkdir(filepath.Dir(p), 0o755))
	put(t, appendTo(t, p), 0, 100)
	h.whole(100, true)
}

func TestDeleteAndRecreate(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	h.waitHealth("following")
	n := 0
	for range 4 {
		n = put(t, f, n, 50)
		h.waitFor(n)
		f.Close()
		must(t, os.Remove(p))
		h.waitHealth("the file is gone")
		time.Sleep(5 * testPoll)
		f = appendTo(t, p)
		n = put(t, f, n, 50)
		h.waitFor(n)
	}
	h.whole(n, true)
}

func TestDeleteWhileWriting(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	h.waitHealth("following")
	n := put(t, f, 0, 50)
	h.waitFor(n)
	must(t, os.Remove(p))
	time.Sleep(150 * time.Millisecond)
	n = put(t, f, n, 50)
	h.waitFor(n)
	n = put(t, appendTo(t, p), n, 50)
	h.whole(n, true)
}

func TestBytesAreKept(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	want := []string{"\xff\xfe\x80bad", "a\x00b", "crlf\r", "", "", "utf8 \u00e9\u4e16", "\xe4\xb8", "end"}
	write(t, f, strings.Join(want, "\n")+"\n")
	h.waitFor(len(want))
	if got := h.got(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSymlinkRetargeted(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	one, two := appendTo(t, p+"-1"), appendTo(t, p+"-2")
	must(t, os.Symlink(p+"-1", p))
	h := start(t, Follower{Path: p})
	h.waitHealth("following")
	retarget := func(to string) {
		must(t, os.Symlink(to, p+".tmp"))
		must(t, os.Rename(p+".tmp", p))
	}
	n := put(t, one, 0, 50)
	retarget(p + "-2")
	n = put(t, two, n, 50)
	h.waitFor(n)
	retarget(p + "-1") // and back: what was read is not read again
	time.Sleep(10 * testPoll)
	n = put(t, one, n, 50)
	h.whole(n, true)
}

func TestOrderWhileOnLineBlocks(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	ctx, cancel := context.WithCancel(context.Background())
	gate, ended := make(chan struct{}), make(chan struct{})
	h := &tailing{t: t, path: p, stop: cancel, ended: ended}
	fl := Follower{Path: p, FromStart: true, Poll: testPoll, Turn: 100 * time.Millisecond, OnLine: func(line []byte, _ time.Time) {
		<-gate
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lines = append(h.lines, string(line))
	}}
	go func() { defer close(ended); _ = fl.Run(ctx) }()
	t.Cleanup(h.end)
	n := 0
	for r := range 3 {
		h.waitOpened()
		n = put(t, f, n, 300)
		time.Sleep(200 * time.Millisecond)
		must(t, os.Rename(p, fmt.Sprintf("%s.%d", p, r)))
		f.Close()
		f = appendTo(t, p)
	}
	close(gate)
	h.whole(n, true)
}

func TestEndWhileOnLineBlocks(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	put(t, appendTo(t, p), 0, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, ended := make(chan struct{}, 1000), make(chan struct{})
	f := Follower{Path: p, FromStart: true, Poll: testPoll, OnLine: func([]byte, time.Time) {
		in <- struct{}{}
		<-ctx.Done()
	}}
	go func() { defer close(ended); _ = f.Run(ctx) }()
	<-in
	cancel()
	select {
	case <-ended:
	case <-time.After(deadline):
		t.Fatal("Run did not return")
	}
}

func TestTwoFollowersOfOneFile(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	a, b := start(t, Follower{Path: p}), start(t, Follower{Path: p})
	n := put(t, f, 0, 200)
	a.waitFor(n)
	b.whole(n, true)
	b.end()
	n = put(t, f, n, 200)
	a.whole(n, true)
}

func TestNotARegularFile(t *testing.T) {
	t.Parallel()
	h := start(t, Follower{Path: t.TempDir()})
	h.waitHealth("not a regular file")
	if s := h.states(); s[0].OK {
		t.Errorf("health %+v, want not OK", s)
	}
}

// Not parallel: it counts the descriptors of the process.
func TestNoDescriptorStaysOpen(t *testing.T) {
	p := logPath(t)
	put(t, appendTo(t, p), 0, 10)
	count := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(e)
	}
	before := 0
	for i := range 15 {
		h := start(t, Follower{Path: p, FromStart: true})
		h.waitFor(10)
		h.end()
		if i == 0 { // the first opens what the runtime keeps
			before = count()
		}
	}
	if n := count(); n > before {
		t.Errorf("%d descriptors after 15 runs, %d after the first", n, before)
	}
}

func TestManyLinesOverOneRotation(t *testing.T) {
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	h.waitHealth("following")
	var b bytes.Buffer
	burst := func(from, n int) int {
		b.Reset()
		for i := from; i < from+n; i++ {
			b.WriteString(lineOf(i))
		}
		write(t, f, b.String())
		return from + n
	}
	n := burst(0, 30000)
	must(t, os.Rename(p, p+".1"))
	f.Close()
	f = appendTo(t, p)
	n = burst(n, 30000)
	h.whole(n, true)
}
