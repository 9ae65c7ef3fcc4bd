//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// soakJob is what the generator of a soak does: hold Conns conns, of which the
// share Churn ends and is replaced every second, and speak on the others.
type soakJob struct {
	job
	Churn float64 `json:"churn"` // a second
	Rate  float64 `json:"rate"`  // messages a second, all conns together
}

// soakCounts is what the generator did. It has seen every answer by then.
type soakCounts struct {
	Opened   uint64 `json:"opened"`
	Ended    uint64 `json:"ended"` // by us: half of them by FIN, half by reset
	Live     uint64 `json:"live"`
	Messages uint64 `json:"messages"` // each sent and echoed
}

// soaker is the load of a soak.
type soaker struct {
	*load
	job      soakJob
	counts   soakCounts
	messages float64 // due, and less than one
	ends     float64
	turn     int // where in the list conns are replaced
}

// soak is a role: it writes one line when all conns are there, soakCounts
// after the time of the job, and then holds its conns until standard input ends.
func soak(j soakJob) error {
	oneThread()
	poll, err := newPoller()
	if err != nil {
		return err
	}
	s := &soaker{load: &load{job: j.job, poll: poll, timer: -1, seed: 1}, job: j}
	if err := s.openAll(); err != nil {
		return err
	}
	s.counts.Opened = uint64(len(s.list))
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(s.counts); err != nil {
		return err
	}
	const every = 10 * time.Millisecond
	s.tick = func() error { return s.pass(every) }
	if err := s.startTimer(every); err != nil {
		return err
	}
	if err := s.drive(time.Now().Add(j.For), (*load).counted); err != nil {
		return err
	}
	s.tick = s.drain
	if err := s.drive(time.Now().Add(answersTake), (*load).counted); err != nil {
		return err
	}
	s.counts.Live, s.counts.Messages = uint64(len(s.list)), s.ops
	if err := out.Encode(s.counts); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// answersTake is what the answers under way may take at the end.
const answersTake = time.Second

// counted takes an answer.
func (l *load) counted(c *client) error {
	done, err := l.answer(c)
	if done {
		l.ops++
	}
	return err
}

// pass does what is due after d, if the timer did not fire several times.
func (s *soaker) pass(d time.Duration) error {
	n, err := s.drainTimer()
	if n == 0 || err != nil {
		return err
	}
	seconds := float64(n) * d.Seconds()
	s.messages += s.job.Rate * seconds
	for ; s.messages >= 1; s.messages-- {
		if c := s.list[s.seed.below(len(s.list))]; !c.busy {
			if err := c.send(16 + s.seed.below(96)); err != nil {
				return err
			}
		}
	}
	s.ends += s.job.Churn * float64(s.Conns) * seconds
	for ; s.ends >= 1; s.ends-- {
		if err := s.replace(); err != nil {
			return err
		}
	}
	return nil
}

// replace ends a conn that waits for nothing, by FIN and by reset in turn, and
// opens another.
func (s *soaker) replace() error {
	for range s.list {
		s.turn = (s.turn + 1) % len(s.list)
		if !s.list[s.turn].busy {
			break
		}
	}
	c := s.list[s.turn]
	if c.busy {
		return nil
	}
	if s.counts.Ended%2 == 1 {
		unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	s.conns[c.fd] = nil
	if err := unix.Close(c.fd); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	s.counts.Ended++
	fresh, err := s.open()
	if err != nil {
		return err
	}
	s.list[s.turn], s.list = fresh, s.list[:len(s.list)-1]
	s.counts.Opened++
	return nil
}

func (s *soaker) drain() error {
	_, err := s.drainTimer()
	return err
}

// startTimer makes tick be called every so often.
func (l *load) startTimer(every time.Duration) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	spec := unix.NsecToTimespec(int64(every))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: spec, Value: spec}, nil); err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	l.timer = fd
	return l.poll.add(fd, unix.EPOLLIN)
}

// drainTimer is how often the timer fired since it was asked last.
func (l *load) drainTimer() (uint64, error) {
	var b [8]byte
	switch _, err := read(l.timer, b[:]); err {
	case nil:
		return binary.NativeEndian.Uint64(b[:]), nil
	case unix.EAGAIN:
		return 0, nil
	default:
		return 0, fmt.Errorf("timerfd: %w", err)
	}
}
