package attach

import (
	"testing"

	"github.com/wstap/wstap/monitor"
)

func TestViewerSeesWhatTheRelaySees(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			r := newRelay(t, ServerOptions{})
			a, b := r.open(), r.open()
			r.shut(a)
			o := ClientOptions{}
			if network == "tcp" {
				o.URL = "ws://" + r.listen()
			} else {
				o.URL = "unix:" + r.listenUnix()
			}
			s := watchRelay(t, o)
			s.phase(Live)
			r.sample(b, 4711)
			c := r.open()
			r.shut(c)
			s.sees("the last conn closed", func(st *monitor.State) bool {
				c := st.Conn(monitor.ID{Tap: instance, Conn: c})
				return c != nil && c.IsClosed()
			})
			r.mu.Lock()
			defer r.mu.Unlock()
			s.mu.Lock()
			defer s.mu.Unlock()
			sameState(t, s.state, r.state)
			st := s.client.State()
			if st.Host != "staging" || st.Instance != instance || st.Restored != 1 || st.Missed.Total() != 0 || st.Before+st.Seen != r.server.Stats().Events {
				t.Errorf("state %+v, the relay's stats %+v", st, r.server.Stats())
			}
		})
	}
}
