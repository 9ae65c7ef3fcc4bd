//go:build !linux

package tap

import (
	"io"
	"net"
)

// What the kernel knows of a socket is asked on Linux only, and only there is a
// loop of our own. Elsewhere bytes are copied, a reset is passed on after its
// full patience, and one that comes while nobody reads is found out late.

type (
	loops  struct{}
	direct struct{}
)

func (s *Server) startLoops()  {}
func (s *Server) endLoops()    {}
func (s *Server) serve(t *tap) { s.wg.Go(t.acceptLoop) } // until its listener is closed

func (s *Server) takeOver(*tunnel, net.Conn, net.Conn) bool { return false }

func (*direct) close() {}

func progressOf(io.Closer) (ackProgress, bool) { return ackProgress{}, false }

func isClosed(io.Closer) bool      { return false }
func hasUnsent(io.Closer) bool     { return true }
func pendingError(io.Closer) error { return nil }
