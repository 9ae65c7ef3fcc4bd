package observe

import (
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// Unheard tells that a client failed before its first byte could be read:
// reason is one of monitor's, errText says more. It makes a conn of the
// connection, which ends with the Close that follows.
func (s *Stream) Unheard(at monitor.Time, reason, errText string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.conn = s.open(s.accepted, true, reason)
	s.mu.Unlock()
	s.End(ws.FromClient, at, monitor.HowError, errText)
}
