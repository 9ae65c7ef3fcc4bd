//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"

	"github.com/wstap/wstap/attach"
	"github.com/wstap/wstap/monitor"
)

// lookers are the processes that look at a relay during one slice.
type lookers struct {
	screen  *screen
	clients []*clients
}

func (l *lookers) come(b *bench, s *audienceStack, a audience) (err error) {
	relay := s.relays[a.way]
	if a.screen {
		if l.screen, err = startScreen(b.wstap, s.env[a.way], &relay); err != nil {
			return err
		}
		if a.stopped {
			if err := halt(l.screen.pid()); err != nil {
				return err
			}
			l.screen.stopped = true
		}
	}
	for _, n := range []int{a.clients, a.stoppedClients} {
		if n == 0 {
			continue
		}
		c, err := startClients(b.self, s.urls[a.way], n)
		if err != nil {
			return err
		}
		l.clients = append(l.clients, c)
	}
	if a.stoppedClients > 0 {
		last := l.clients[len(l.clients)-1]
		last.stopped = true
		return halt(last.pid())
	}
	return nil
}

// halt stops a process, and waits until it is.
func halt(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	return await("SIGSTOP", nil, func() bool { return isHalted(pid) })
}

func isHalted(pid int) bool {
	f := statOf(pid)
	return len(f) > 0 && f[0] == "T"
}

// cpu is what they have used so far.
func (l *lookers) cpu() (all time.Duration) {
	if l.screen != nil {
		t, _ := cpuTime(l.screen.pid())
		all += t
	}
	for _, c := range l.clients {
		t, _ := cpuTime(c.pid())
		all += t
	}
	return all
}

// check ends the clients and wants them to have seen the load, all they were sent.
func (l *lookers) check() error {
	switch s := l.screen; {
	case s != nil && s.stopped != isHalted(s.pid()):
		return errors.New("the screen was not as it was to be: stopped, or not")
	case s != nil && !s.stopped && s.bytes.Load() == s.atFirst:
		return errors.New("nothing changed on the screen")
	}
	for _, c := range l.clients {
		if c.stopped != isHalted(c.pid()) {
			return errors.New("a viewer was not as it was to be: stopped, or not")
		}
		if c.stopped {
			continue
		}
		seen, err := c.finish()
		if err != nil {
			return err
		}
		if seen.Samples == 0 || seen.Missed > 0 {
			return fmt.Errorf("the viewers saw %+v", seen)
		}
	}
	return nil
}

// stop ends them, at once: what is stopped takes no other signal.
func (l *lookers) stop() {
	if l.screen != nil {
		l.screen.stop()
	}
	for _, c := range l.clients {
		c.kill()
	}
}

// screen is `wstap attach` on a pseudo-terminal.
type screen struct {
	cmd     *exec.Cmd
	tty     *os.File
	bytes   atomic.Int64 // written by it
	atFirst int64        // of those, when it showed the tap
	stopped bool
	readers sync.WaitGroup
}

// startScreen waits until the screen shows the relay's tap.
func startScreen(binary string, env []string, relay *attach.Relay) (*screen, error) {
	s := &screen{cmd: exec.Command(binary, "attach", relay.Name)}
	s.cmd.Env = env
	var err error
	if s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Cols: 120, Rows: 40}); err != nil {
		return nil, err
	}
	shown := make(chan struct{})
	s.readers.Go(func() { s.read([]byte(relay.Taps[0].Listen), shown) })
	select {
	case <-shown:
		s.atFirst = s.bytes.Load()
		return s, nil
	case <-time.After(10 * time.Second):
		s.stop()
		return nil, errors.New("the screen does not show the tap within 10 s")
	}
}

// read takes what the screen writes until its terminal is closed.
func (s *screen) read(want []byte, shown chan<- struct{}) {
	buf, tail := make([]byte, 64<<10), []byte(nil)
	for {
		n, err := s.tty.Read(buf)
		if err != nil {
			return
		}
		s.bytes.Add(int64(n))
		if shown == nil {
			continue
		}
		tail = append(tail, buf[:n]...)
		if bytes.Contains(tail, want) {
			close(shown)
			shown = nil
		}
		tail = bytes.Clone(tail[max(0, len(tail)-len(want)):])
	}
}

func (s *screen) pid() int { return s.cmd.Process.Pid }

func (s *screen) stop() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.readers.Wait()
	s.tty.Close()
}

// clients is a process with several clients of attach.
type clients struct {
	*child
	out     *os.File
	results *json.Decoder
	stopped bool
}

// lookJob is what such a process does.
type lookJob struct {
	URL string `json:"url"`
	N   int    `json:"n"`
}

// seen is what came to all of them.
type seen struct {
	Events  uint64 `json:"events"`
	Samples uint64 `json:"samples"` // of a conn
	Missed  uint64 `json:"missed"`
	Bytes   uint64 `json:"bytes"`
}

// startClients waits until all are attached.
func startClients(self, url string, n int) (*clients, error) {
	arg, err := json.Marshal(lookJob{URL: url, N: n})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, roleFlag, "look", string(arg))
	cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = w
	c, err := start(cmd)
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	l := &clients{child: c, out: r, results: json.NewDecoder(r)}
	if err := l.results.Decode(new(seen)); err != nil {
		l.kill()
		return nil, fmt.Errorf("%d viewers do not attach: %w", n, err)
	}
	return l, nil
}

// finish asks what came.
func (c *clients) finish() (s seen, err error) {
	c.stdin.Close()
	return s, c.results.Decode(&s)
}

func (c *clients) kill() {
	c.cmd.Process.Kill()
	<-c.done
	c.out.Close()
}

// look is a role: it writes one line when all clients are attached, and what
// they have seen when standard input ends.
func look(j lookJob) error {
	time.AfterFunc(forgottenAfter, func() { os.Exit(3) })
	var samples atomic.Uint64
	var all []*attach.Client
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for range j.N {
		c, err := attach.NewClient(attach.ClientOptions{URL: j.URL, Version: "bench", Emit: func(ev monitor.Event) bool {
			if s, ok := ev.(*monitor.Samples); ok {
				samples.Add(uint64(len(s.Conns)))
			}
			return true
		}})
		if err != nil {
			return err
		}
		all = append(all, c)
		go c.Run(ctx) // until the process ends
	}
	err := await(strconv.Itoa(j.N)+" viewers", nil, func() bool {
		for _, c := range all {
			if c.State().Phase != attach.Live {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(seen{}); err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin)
	sum := seen{Samples: samples.Load()}
	for _, c := range all {
		st := c.State()
		sum.Events += st.Seen
		sum.Missed += st.Missed.Total()
		sum.Bytes += st.Bytes
	}
	return out.Encode(sum)
}
