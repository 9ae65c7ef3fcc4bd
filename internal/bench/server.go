//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// server is the upstream of everything: one thread, one epoll. What a conn
// gets is decided by the target of its request.
type server struct {
	poll      *poller
	listeners map[int]bool
	peers     []*peer // by descriptor
	in        [64 << 10]byte
	out       []byte
	streams   map[string][]byte
}

// peer is one accepted conn.
type peer struct {
	fd     int
	open   bool   // upgraded
	rest   []byte // of a request or frame that is not complete
	stream []byte // sent again and again; nil: echo
	at     int    // where in stream
}

// streamSize is about how much one write of a flood offers.
const streamSize = 256 << 10

// serve listens at n ports, says which on standard output, and serves until
// standard input ends.
func serve(n int) (none struct{}, err error) {
	oneThread()
	poll, err := newPoller()
	if err != nil {
		return none, err
	}
	s := &server{poll: poll, listeners: map[int]bool{}, streams: map[string][]byte{
		pathBulk: repeatFrame(bulkPayload, streamSize), pathFlood: repeatFrame(floodPayload, streamSize),
	}}
	var addrs []netip.AddrPort
	for range n {
		fd, addr, err := listen()
		if err != nil {
			return none, err
		}
		if err := poll.add(fd, unix.EPOLLIN); err != nil {
			return none, err
		}
		s.listeners[fd] = true
		addrs = append(addrs, addr)
	}
	if err := json.NewEncoder(os.Stdout).Encode(addrs); err != nil {
		return none, err
	}
	go func() { // ends with the process: the bench holds the other end
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		events, err := poll.wait(-1)
		if err != nil {
			return none, err
		}
		for i := range events {
			if err := s.ready(int(events[i].Fd), events[i].Events); err != nil {
				return none, err
			}
		}
	}
}

func (s *server) ready(fd int, events uint32) error {
	if s.listeners[fd] {
		return s.accept(fd)
	}
	p := s.peers[fd]
	if p == nil {
		return nil
	}
	err := s.move(p, events)
	if errors.Is(err, errWrong) {
		return err
	}
	if err != nil { // it ended
		unix.Close(fd)
		s.peers[fd] = nil
	}
	return nil
}

func (s *server) move(p *peer, events uint32) error {
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		n, err := read(p.fd, s.in[:])
		switch {
		case err == unix.EAGAIN:
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		default:
			if err := s.take(p, s.in[:n]); err != nil {
				return err
			}
		}
	}
	if events&unix.EPOLLOUT != 0 && p.stream != nil {
		return p.pump()
	}
	return nil
}

func (s *server) accept(listener int) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		switch err {
		case nil:
		case unix.EAGAIN:
			return nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		default:
			return fmt.Errorf("accept: %w", err)
		}
		noDelay(fd)
		for fd >= len(s.peers) {
			s.peers = append(s.peers, nil)
		}
		s.peers[fd] = &peer{fd: fd}
		if err := s.poll.add(fd, unix.EPOLLIN); err != nil {
			return err
		}
	}
}

// errWrong says that the bytes which came are not those that were sent.
var errWrong = errors.New("the server got other bytes than the generator sent")

func (s *server) take(p *peer, b []byte) error {
	if len(p.rest) > 0 {
		b = append(p.rest, b...)
	}
	if !p.open {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			p.rest = bytes.Clone(b)
			return nil
		}
		if err := s.upgrade(p, b[:end]); err != nil {
			return err
		}
		b = b[end+4:]
	}
	s.out = s.out[:0]
	for len(b) >= clientHeader {
		n := int(b[1] &^ maskBit)
		if n > maxPayload || len(b) < clientHeader+n {
			break
		}
		if !bytes.Equal(b[:clientHeader+n], clientFrames[n]) {
			return errWrong
		}
		s.out = append(s.out, serverFrames[n]...)
		b = b[clientHeader+n:]
	}
	p.rest = bytes.Clone(b)
	if len(s.out) > 0 {
		return writeAll(p.fd, s.out)
	}
	return nil
}

func (s *server) upgrade(p *peer, head []byte) error {
	p.open = true
	if err := writeAll(p.fd, []byte(response)); err != nil {
		return err
	}
	for path, stream := range s.streams {
		if bytes.HasPrefix(head, []byte("GET "+path+" ")) {
			p.stream = stream
			return s.poll.modify(p.fd, unix.EPOLLIN|unix.EPOLLOUT)
		}
	}
	return nil
}

// pump writes what the kernel takes, a few times at most: others wait too.
func (p *peer) pump() error {
	for range 4 {
		n, err := unix.Write(p.fd, p.stream[p.at:])
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
		case err != nil:
			return err
		default:
			p.at = (p.at + n) % len(p.stream)
		}
	}
	return nil
}
