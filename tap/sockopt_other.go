//go:build !linux

package tap

import "net"

// What the kernel knows of a socket is asked on Linux only. Elsewhere bytes move
// the plain way, a reset is passed on after its full patience, and one that
// comes while nobody reads is found out late.

func (s *Server) newMover(f *flow) mover { return &plain{f: f} }

func progressOf(net.Conn) (ackProgress, bool) { return ackProgress{}, false }

func isClosed(net.Conn) bool      { return false }
func hasUnsent(net.Conn) bool     { return true }
func pendingError(net.Conn) error { return nil }
