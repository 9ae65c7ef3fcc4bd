package observe

import (
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// LastByte is when the last byte of a direction of the current conn came; zero
// if there is no conn, or nobody counts.
func (s *Stream) LastByte(dir ws.Direction) monitor.Time {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return 0
	}
	return s.conn.sample.Dir[dir].LastByte
}
