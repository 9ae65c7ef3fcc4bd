package tap

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/wstap/wstap/monitor"
)

// secured is a TLS connection over a socket of which we must know how it ended.
type secured struct {
	*tls.Conn
	raw   *endNoter
	reset atomic.Bool
}

// endNoter notes that the TCP connection's bytes are at their end.
type endNoter struct {
	net.Conn
	ended atomic.Bool
}

func (n *endNoter) Read(p []byte) (int, error) {
	count, err := n.Conn.Read(p)
	if err == io.EOF {
		n.ended.Store(true)
	}
	return count, err
}

// Read is that of tls.Conn, to which a FIN in the middle of a record is another
// error: here it is an end like others.
func (s *secured) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// howEnded tells a close_notify (RFC 8446 §6.1) from a FIN without one, after
// Read returned io.EOF.
func (s *secured) howEnded() monitor.How {
	if s.raw.ended.Load() {
		return monitor.HowFIN
	}
	return monitor.HowCloseNotify
}

// CloseWrite sends close_notify, and then a FIN: who waits for either sees it.
func (s *secured) CloseWrite() error {
	err := s.Conn.CloseWrite()
	closeWrite(s.raw.Conn)
	return err
}

// closeWriteRaw sends a FIN alone.
func (s *secured) closeWriteRaw() { closeWrite(s.raw.Conn) }

// SetLinger with 0 makes the coming Close send a reset and no close_notify.
func (s *secured) SetLinger(sec int) error {
	s.reset.Store(sec == 0)
	setReset(s.raw.Conn)
	return nil
}

// Close closes both. A close_notify is sent, unless it was or a reset is due.
func (s *secured) Close() error {
	if s.reset.Load() {
		return s.raw.Close()
	}
	return s.Conn.Close()
}

// SyscallConn is there for control.
func (s *secured) SyscallConn() (syscall.RawConn, error) {
	if c, ok := s.raw.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, net.ErrClosed
}
