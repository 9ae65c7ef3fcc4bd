//go:build linux

package main

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Echo: every conn has one message under way, always.

func (l *load) beginEcho() error {
	if err := l.openAll(); err != nil {
		return err
	}
	for _, c := range l.list {
		if err := c.send(echoPayload); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) echoed(c *client) error {
	done, err := l.answer(c)
	if !done || err != nil {
		return err
	}
	l.ops++
	return c.send(echoPayload)
}

func (c *client) send(payload int) error {
	c.got, c.want, c.busy = 0, payload, true
	return writeAll(c.fd, clientFrames[payload])
}

// answer reads of the answer what there is, and says whether it is complete.
func (l *load) answer(c *client) (done bool, err error) {
	want := serverFrames[c.want]
	n, err := read(c.fd, l.in[:])
	switch {
	case err == unix.EAGAIN:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read: %w", err)
	case n == 0:
		return false, fmt.Errorf("a conn was closed")
	case !c.busy || c.got+n > len(want) || !bytes.Equal(l.in[:n], want[c.got:c.got+n]):
		return false, fmt.Errorf("other bytes came back than were sent: %.80q", l.in[:n])
	}
	c.got += n
	c.busy = c.got < len(want)
	return !c.busy, nil
}

// Paced: messages of several lengths on conns taken at random, at a steady
// rate of all together.

func (l *load) beginPaced() error {
	if err := l.openAll(); err != nil {
		return err
	}
	every := time.Duration(float64(time.Second) / (l.Rate * float64(l.Conns)))
	l.trips = make([]time.Duration, 0, int(l.For/every)+1024)
	l.tick = l.sendDue
	return l.startTimer(every)
}

// lateAfter is how far behind its schedule the generator may be.
const lateAfter = time.Millisecond

func (l *load) sendDue() error {
	n, err := l.drainTimer()
	if err != nil {
		return err
	}
	l.due += n
	if allowed := uint64(l.Rate*float64(l.Conns)*lateAfter.Seconds()) + 1; n > allowed {
		l.late += n - allowed
	}
	for range min(n, 64) {
		c := l.list[l.seed.below(len(l.list))]
		if c.busy {
			continue
		}
		c.since = time.Now()
		if err := c.send(16 + l.seed.below(96)); err != nil {
			return err
		}
	}
	return l.size.look(l.File, 2*l.ops)
}

func (l *load) paced(c *client) error {
	done, err := l.answer(c)
	if !done || err != nil {
		return err
	}
	l.ops++
	if len(l.trips) < cap(l.trips) {
		l.trips = append(l.trips, time.Since(c.since))
	}
	return nil
}

// Stream: the server sends as fast as it can; an operation is a byte.

func (l *load) received(c *client) error {
	n, err := discard(c.fd, 1<<20)
	switch {
	case err == unix.EAGAIN:
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return fmt.Errorf("a conn was closed")
	}
	l.ops += uint64(n)
	return nil
}

// Handshake: connect, upgrade, close, and again.

func (l *load) beginHandshakes() error {
	for range l.Conns {
		if err := l.shake(); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) shake() error {
	c, err := l.connect()
	if err != nil {
		return err
	}
	return l.watch(c)
}

func (l *load) shaken(c *client) error {
	n, err := read(c.fd, l.in[:])
	switch {
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return fmt.Errorf("closed instead of upgraded")
	}
	whole, err := isUpgraded(l.in[:n])
	if err != nil || !whole {
		return fmt.Errorf("the head of the answer came in pieces or wrong: %w", err)
	}
	unix.Close(c.fd) // which takes it out of the epoll
	l.conns[c.fd] = nil
	l.ops++
	return l.shake()
}

// Idle: many conns that have had one message each.

const idleBase = 64 // conns opened before the growth counts

func (l *load) idle() (r result, err error) {
	if err := l.openEchoed(idleBase); err != nil {
		return r, err
	}
	before, err := settledMemory(l.Proxy, l.Warm)
	if err != nil {
		return r, err
	}
	if err := l.openEchoed(l.Conns); err != nil {
		return r, err
	}
	after, err := settledMemory(l.Proxy, l.Warm)
	if err != nil {
		return r, err
	}
	start := l.reading()
	time.Sleep(l.For) // the measurement itself: nothing happens meanwhile
	r = l.reading().since(start)
	r.Ops = uint64(l.Conns)
	r.RSS = float64(after.rss-before.rss) / float64(l.Conns)
	r.PSS = float64(after.pss-before.pss) / float64(l.Conns)
	r.IdleCPU = r.ProxyCPU / r.Seconds
	return r, nil
}

func (l *load) openEchoed(n int) error {
	for range n {
		c, err := l.open()
		if err != nil {
			return err
		}
		if err := c.send(echoPayload); err != nil {
			return err
		}
		for c.busy {
			if _, err := l.poll.wait(time.Second); err != nil {
				return err
			}
			if _, err := l.answer(c); err != nil {
				return err
			}
		}
	}
	return nil
}
