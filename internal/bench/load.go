//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// job is what one generator process does; it comes as JSON.
type job struct {
	Load   string         `json:"load"` // see loads
	Addr   netip.AddrPort `json:"addr"`
	Path   string         `json:"path"`
	Conns  int            `json:"conns"`
	Rate   float64        `json:"rate"`   // paced: messages a second and conn
	Warm   time.Duration  `json:"warm"`   // before measuring; idle: how long memory must not change
	For    time.Duration  `json:"for"`    // measuring, at most
	Most   uint64         `json:"most"`   // operations measured at most; 0: no limit
	Proxy  int            `json:"proxy"`  // PID whose CPU time is read; 0: none
	Server int            `json:"server"` // likewise
	File   string         `json:"file"`   // a recording whose growth is watched
}

// result is what a generator measured. CPU times are in seconds.
type result struct {
	Ops       uint64  `json:"ops"` // messages, handshakes or, of a stream, bytes
	Seconds   float64 `json:"seconds"`
	ProxyCPU  float64 `json:"proxy_cpu"`
	ServerCPU float64 `json:"server_cpu"`
	OwnCPU    float64 `json:"own_cpu"`
	BusyCPU   float64 `json:"busy_cpu"` // of the whole machine

	// What ProxyCPU is made of, in the shares that the kernel's timer saw, and
	// the context switches of the proxy's threads.
	ProxyUser   float64 `json:"proxy_user"`
	ProxySystem float64 `json:"proxy_system"`
	Waits       int64   `json:"waits"`
	Preempted   int64   `json:"preempted"`

	P50  float64 `json:"p50,omitempty"` // round trip, seconds
	P99  float64 `json:"p99,omitempty"`
	Late float64 `json:"late,omitempty"` // share of messages sent 1 ms behind the schedule or more

	RSS     float64 `json:"rss,omitempty"` // growth a conn, bytes
	PSS     float64 `json:"pss,omitempty"`
	IdleCPU float64 `json:"idle_cpu,omitempty"` // of the proxy with all conns at rest, share of a core

	ViewersCPU float64 `json:"viewers_cpu,omitempty"` // of those who looked on, share of a core

	BytesPerFrame float64 `json:"bytes_per_frame,omitempty"` // of the recording
}

// load generates. The functions of one kind of load are its methods.
type load struct {
	job
	poll  *poller
	conns []*client // by descriptor
	list  []*client
	in    [64 << 10]byte

	ops   uint64
	trips []time.Duration // measured round trips
	due   uint64          // paced: messages that the schedule asked for
	late  uint64
	timer int          // its descriptor, or -1
	tick  func() error // when it fires
	seed  seed
	size  growth
}

// client is one conn of the generator.
type client struct {
	fd    int
	got   int // bytes of the answer so far
	want  int // payload of the message under way
	busy  bool
	since time.Time
}

// loads is how each kind of load begins and what it does when a conn is ready.
var loads = map[string]struct {
	begin func(*load) error
	ready func(*load, *client) error
}{
	"echo":      {(*load).beginEcho, (*load).echoed},
	"paced":     {(*load).beginPaced, (*load).paced},
	"stream":    {(*load).openAll, (*load).received},
	"handshake": {(*load).beginHandshakes, (*load).shaken},
}

// generate does a job.
func generate(j job) (r result, err error) {
	oneThread()
	time.AfterFunc(j.Warm+j.For+forgottenAfter, func() { os.Exit(3) })
	l := &load{job: j, timer: -1, seed: 1}
	if l.poll, err = newPoller(); err != nil {
		return r, err
	}
	if j.Load == "idle" {
		return l.idle()
	}
	kind, ok := loads[j.Load]
	if !ok {
		return r, fmt.Errorf("no load %q", j.Load)
	}
	if err := kind.begin(l); err != nil {
		return r, err
	}
	if err := l.drive(time.Now().Add(j.Warm), kind.ready); err != nil {
		return r, err
	}
	l.trips, l.due, l.late, l.ops, l.size = l.trips[:0], 0, 0, 0, growth{}
	before := l.reading()
	if err := l.drive(time.Now().Add(j.For), kind.ready); err != nil {
		return r, err
	}
	r = l.reading().since(before)
	r.Ops = l.ops
	if len(l.trips) > 0 {
		r.P50, r.P99 = quantile(l.trips, 0.5).Seconds(), quantile(l.trips, 0.99).Seconds()
		r.Late = float64(l.late) / float64(max(l.due, 1))
	}
	r.BytesPerFrame = l.size.perFrame()
	return r, nil
}

// drive serves ready conns until the deadline or the most operations.
func (l *load) drive(end time.Time, ready func(*load, *client) error) error {
	for {
		left := time.Until(end)
		if left <= 0 || l.Most > 0 && l.ops >= l.Most {
			return nil
		}
		events, err := l.poll.wait(min(left, 20*time.Millisecond))
		if err != nil {
			return err
		}
		for i := range events {
			fd := int(events[i].Fd)
			if fd == l.timer {
				err = l.tick()
			} else if c := l.conns[fd]; c != nil {
				err = ready(l, c)
			}
			if err != nil {
				return err
			}
		}
	}
}

func (l *load) openAll() error {
	for range l.Conns {
		if _, err := l.open(); err != nil {
			return err
		}
	}
	return nil
}

// open makes one upgraded conn.
func (l *load) open() (*client, error) {
	c, err := l.connect()
	if err != nil {
		return nil, err
	}
	if err := l.readResponse(c); err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(c.fd, true); err != nil {
		return nil, err
	}
	l.list = append(l.list, c)
	return c, l.watch(c)
}

// connect makes a conn that has sent its request.
func (l *load) connect() (*client, error) {
	fd, err := dial(l.Addr)
	if err != nil {
		return nil, err
	}
	return &client{fd: fd}, writeAll(fd, []byte("GET "+l.Path+requestTail))
}

func (l *load) watch(c *client) error {
	for c.fd >= len(l.conns) {
		l.conns = append(l.conns, nil)
	}
	l.conns[c.fd] = c
	return l.poll.add(c.fd, unix.EPOLLIN)
}

// readResponse waits for the 101. Bytes of a stream may follow it.
func (l *load) readResponse(c *client) error {
	for n := 0; ; {
		k, err := read(c.fd, l.in[n:])
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if n += k; k == 0 {
			return fmt.Errorf("the connection was closed after %q", l.in[:min(n, 200)])
		}
		if whole, err := isUpgraded(l.in[:n]); whole || err != nil {
			return err
		}
	}
}

var upgraded = []byte("HTTP/1.1 101 ")

// isUpgraded says whether b is a whole response, and with an error that it is
// not the one that is wanted.
func isUpgraded(b []byte) (bool, error) {
	if !bytes.Contains(b, []byte("\r\n\r\n")) {
		return false, nil
	}
	if !bytes.HasPrefix(b, upgraded) {
		return false, fmt.Errorf("not upgraded: %.100q", b)
	}
	return true, nil
}
