package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
)

func rewindOf(t *testing.T, v *viewer) *rewind {
	t.Helper()
	r := newRewind(v)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return r
}

// targets are the conns that the screen has, with a + for those that are open.
func (r *rewind) targets() (all string) {
	r.Read(func(s *monitor.State) {
		for c := range s.Conns {
			all += c.Target()
			if !c.IsClosed() {
				all += "+"
			}
		}
	})
	return all
}

// served starts a relay that serves at a socket, and records unless told not to.
func served(t *testing.T, spec string, args ...string) (p *process, url string) {
	t.Helper()
	url = "unix:" + filepath.Join(shortTemp(t), "r.sock")
	return startWstap(t, append(append([]string{"tap", "--headless", "--serve", url}, args...), spec)...), url
}

// TestRewind: what was before the viewer came is shown as it was, is played, and
// leads back to what happens now.
func TestRewind(t *testing.T) {
	p, url := served(t, "back@127.0.0.1:0="+echoServer(t))
	talk := func(target string) *websocket.Conn {
		c := dial(t, p.addr("back"), target, nil)
		c.WriteMessage(websocket.TextMessage, []byte("x"))
		c.ReadMessage()
		return c
	}
	a := talk("/a")
	time.Sleep(1500 * time.Millisecond) // part of a script of traffic
	a.Close()
	talk("/b")
	v := watchViewer(t, url)
	r := rewindOf(t, v)
	eventually(t, "both are seen, and how far back it goes", func() bool {
		st := r.Status()
		return r.targets() == "/a/b+" && st.To.Sub(st.From) >= 1500*time.Millisecond
	})
	if !r.Live() || r.Status().Paused {
		t.Error("it does not begin live")
	}
	var opened monitor.Time
	r.Read(func(s *monitor.State) {
		for c := range s.Conns {
			if c.Target() == "/a" {
				opened = c.Opened
			}
		}
	})
	eventually(t, "the end without a close frame is an incident to go to", func() bool {
		marks := r.Timeline().Marks
		return len(marks) == 1 && marks[0].N == 1 && marks[0].At <= r.Status().To
	})
	r.Pause(true)
	eventually(t, "the present, as recorded", func() bool { st := r.Status(); return !r.Live() && st.Paused && st.Goal.IsZero() })
	r.Seek(opened.Add(700 * time.Millisecond))
	eventually(t, "the first conn is open again", func() bool { return r.Status().Goal.IsZero() && r.targets() == "/a+" })
	if st := r.Status(); st.At != opened.Add(700*time.Millisecond) || !st.Paused || st.To < st.At {
		t.Errorf("it stands at %+v", st)
	}
	talk("/c")
	if got := r.targets(); got != "/a+" {
		t.Errorf("the past has become %s", got)
	}
	r.SetSpeed(10)
	r.Pause(false)
	eventually(t, "it is live again", func() bool { return r.Live() && r.targets() == "/a/b+/c+" })
	if st := r.Status(); st.Speed != 1 || st.Paused || st.To.Sub(st.At) > time.Second {
		t.Errorf("live: %+v", st)
	}
	r.Seek(opened.Add(-time.Hour))
	eventually(t, "before the first", func() bool { return !r.Live() && r.Status().Goal.IsZero() && r.targets() == "" })
	r.GoLive()
	eventually(t, "live at once", func() bool { return r.Live() && r.targets() == "/a/b+/c+" })
	p.stop()
}

// TestRewindOfTwoRelays: both pasts are one.
func TestRewindOfTwoRelays(t *testing.T) {
	server := echoServer(t)
	p, url := served(t, "back:one@127.0.0.1:0="+server)
	q, url2 := served(t, "back:two@127.0.0.1:0="+server)
	a, b := dial(t, p.addr("one"), "/a", nil), dial(t, q.addr("two"), "/b", nil)
	time.Sleep(1500 * time.Millisecond) // part of a script of traffic
	a.Close()
	b.Close()
	v := watchViewer(t, url, url2)
	r := rewindOf(t, v)
	var both monitor.Time // when both were open
	eventually(t, "both have been seen", func() bool {
		r.Read(func(s *monitor.State) {
			for c := range s.Conns {
				both = max(both, c.Opened)
			}
		})
		return r.targets() == "/a/b" || r.targets() == "/b/a"
	})
	r.Pause(true)
	eventually(t, "it knows how far back it goes", func() bool { return r.Status().From < both })
	r.Seek(both.Add(300 * time.Millisecond))
	eventually(t, "both are open", func() bool { return r.targets() == "/a+/b+" })
	r.Read(func(s *monitor.State) {
		if s.Totals.Open != 2 || s.Totals.Conns != 2 {
			t.Errorf("%d open of %d", s.Totals.Open, s.Totals.Conns)
		}
	})
}

// TestRewindWithoutRecording: it says so, and stays live.
func TestRewindWithoutRecording(t *testing.T) {
	p, url := served(t, "back@127.0.0.1:0="+echoServer(t), "--no-capture")
	dial(t, p.addr("back"), "/a", nil)
	v := watchViewer(t, url)
	r := rewindOf(t, v)
	eventually(t, "it is attached", func() bool { return r.targets() == "/a+" })
	if v.mayLookBack(context.Background()) {
		t.Error("the screen believes that there is a past")
	}
	r.Seek(r.Status().To.Add(-time.Minute))
	eventually(t, "it says why not", func() bool {
		return r.Live() && r.Status().Goal.IsZero() && strings.Contains(v.healths(), "the past warning: cannot go back: no relay that can be reached keeps a recording")
	})
}

// TestRewindOnABrokenLine: what is shown of the past ends with the line, and the
// present, as far as it is known, is shown again.
func TestRewindOnABrokenLine(t *testing.T) {
	p, url := served(t, "back@127.0.0.1:0="+echoServer(t))
	dial(t, p.addr("back"), "/a", nil)
	v := watchViewer(t, url)
	r := rewindOf(t, v)
	eventually(t, "there is a past", func() bool { st := r.Status(); return st.From < st.To && r.targets() == "/a+" })
	p.end(os.Kill)
	eventually(t, "the line is gone", func() bool { return v.clients[0].State().Phase != "live" })
	r.Seek(r.Status().From)
	eventually(t, "it says why not", func() bool { return r.Live() && strings.Contains(v.healths(), "the past warning: cannot go back: ") })
	if got := r.targets(); got != "/a+" {
		t.Errorf("the screen has %q", got)
	}
}
