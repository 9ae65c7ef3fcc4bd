package attach

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func isOpened(ev monitor.Event) bool { _, ok := ev.(*monitor.Opened); return ok }
func isClosed(ev monitor.Event) bool { _, ok := ev.(*monitor.Closed); return ok }
func isLog(ev monitor.Event) bool    { _, ok := ev.(*monitor.LogLine); return ok }

func (r *relay) log(text string) {
	r.emit(&monitor.LogLine{Header: monitor.Header{At: monitor.TimeOf(time.Now()), Tap: instance}, Source: "error.log", Entry: logparse.Entry{Raw: text, Message: text}})
}

// same compares a screen with the relay, when all has arrived.
func (s *screen) same(r *relay) {
	s.t.Helper()
	eventually(s.t, "all events received or known as missed", func() bool {
		st := s.client.State()
		return st.Phase == Live && st.Before+st.Seen+st.Missed.Events == r.server.Stats().Events
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	sameState(s.t, s.state, r.state)
}

// TestCutLineLosesNothing: what happened while the line was broken comes after it.
func TestCutLineLosesNothing(t *testing.T) {
	r := newRelay(t, ServerOptions{})
	c := newCutter(t, r.listen())
	s := watchRelay(t, ClientOptions{URL: c.url()})
	s.phase(Live)
	for i := range 20 {
		a, b := r.open(), r.open()
		r.sample(a, 100)
		c.cut(true)
		s.phase(Lost)
		r.shut(a)
		r.sample(b, 55)
		r.log(fmt.Sprint("line ", i))
		c.mend()
		s.phase(Live)
	}
	s.same(r)
	st := s.client.State()
	if st.Missed.Total() != 0 || st.Restored != 1 || st.Resumed < 20 {
		t.Errorf("missed %+v, restored %d times, resumed %d times; want nothing, once, 20 times or more", st.Missed, st.Restored, st.Resumed)
	}
	if n := s.count(isOpened); n != 40 {
		t.Errorf("%d opened came, want 40, each once", n)
	}
}

// forget lets so much happen that nothing of before is in the ring, and says
// how many conns that took.
func (r *relay) forget() (n int) {
	s := r.server
	s.mu.Lock()
	from := s.ring.next
	s.mu.Unlock()
	eventually(r.t, "the ring has forgotten", func() bool {
		a := r.open()
		r.open()
		r.shut(a)
		n += 2
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.ring.oldest() > from+1
	})
	return n
}

// TestCutLineBeyondTheRing: a snapshot makes up for what is forgotten, and the
// screen's State is told nothing twice.
func TestCutLineBeyondTheRing(t *testing.T) {
	for _, restore := range []bool{false, true} {
		t.Run(fmt.Sprint("restore=", restore), func(t *testing.T) {
			r := newRelay(t, ServerOptions{RingBytes: 4096})
			c := newCutter(t, r.listen())
			s := new(screen)
			o := ClientOptions{URL: c.url()}
			if restore {
				o.Restore = func(events []monitor.Event) {
					for _, ev := range events {
						s.emit(ev)
					}
				}
			}
			watchRelayInto(t, s, o)
			old, opened := r.open(), 1
			r.log("before")
			s.phase(Live)
			for i := range 3 {
				c.cut(true)
				s.phase(Lost)
				opened += r.forget()
				r.log(fmt.Sprint("meanwhile ", i))
				r.sample(old, uint64(1000*i))
				c.mend()
				s.phase(Live)
				s.same(r)
			}
			r.shut(old)
			s.same(r)
			st := s.client.State()
			if st.Restored != 4 || st.Missed.Events == 0 {
				t.Errorf("restored %d times, missed %+v; want 4, and some events", st.Restored, st.Missed)
			}
			if n := s.count(isOpened); n != opened {
				t.Errorf("%d opened came, want %d, each once", n, opened)
			}
			if n := s.count(isLog); n != 4 {
				t.Errorf("%d log lines came, want 4, each once", n)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.state.Totals.Oddities != 0 {
				t.Errorf("the State found %d oddities", s.state.Totals.Oddities)
			}
		})
	}
}

// TestForgottenConnsEnd: what the relay has forgotten is not open for ever.
func TestForgottenConnsEnd(t *testing.T) {
	var r *relay
	r = newRelay(t, ServerOptions{RingBytes: 2048, Snapshot: func() []monitor.Event { return r.state.Snapshot(0) }})
	c := newCutter(t, r.listen())
	s := watchRelay(t, ClientOptions{URL: c.url(), LastSample: func(id monitor.ID) monitor.Sample { return sampleOf(77) }})
	a := r.open()
	s.phase(Live)
	s.sees("the conn", func(st *monitor.State) bool { return st.Len() == 1 })
	c.cut(true)
	s.phase(Lost)
	r.shut(a)
	r.mu.Lock()
	r.state.Apply( // it is judged, and can be left out
		&monitor.Tick{Header: monitor.Header{At: monitor.TimeOf(time.Now().Add(3 * time.Second))}})
	r.mu.Unlock()
	r.forget()
	c.mend()
	s.phase(Live)
	s.sees("it closed", func(st *monitor.State) bool {
		c := st.Conn(monitor.ID{Tap: instance, Conn: a})
		return c != nil && !c.Ended.IsZero() && c.Sample.Dir[0].Bytes == 77
	})
}

// TestRelayRestarts: another relay at the same address is another story.
func TestRelayRestarts(t *testing.T) {
	first := newRelay(t, ServerOptions{})
	c := newCutter(t, first.listen())
	s := watchRelay(t, ClientOptions{URL: c.url()})
	a := first.open()
	s.phase(Live)
	s.sees("a conn", func(st *monitor.State) bool { return st.Totals.Open == 1 })
	second := newRelay(t, ServerOptions{Hello: &monitor.Hello{Header: monitor.Header{At: 1, Tap: 0xdef}, Host: "again"}})
	c.cut(true)
	s.phase(Lost)
	c.lead(second.listen())
	first.close()
	c.mend()
	s.phase(Live)
	eventually(t, "a restart", func() bool { return s.client.State().Restarts == 1 })
	if st := s.client.State(); st.Host != "again" || st.Missed.Events != 0 {
		t.Errorf("state %+v", st)
	}
	s.sees("the first relay's conn closed", func(st *monitor.State) bool {
		c := st.Conn(monitor.ID{Tap: instance, Conn: a})
		return c != nil && !c.Ended.IsZero()
	})
}

// TestGoodbye: who listens at the end hears all of it, and that it is the end.
func TestGoodbye(t *testing.T) {
	r := newRelay(t, ServerOptions{})
	s := watchRelay(t, ClientOptions{URL: "ws://" + r.listen()})
	s.phase(Live)
	for range 100 {
		r.shut(r.open())
	}
	r.close()
	eventually(t, "a goodbye", func() bool { return s.client.State().Goodbye })
	eventually(t, "all of it", func() bool {
		st := s.client.State()
		return st.Before+st.Seen == r.server.Stats().Events && st.Missed.Events == 0
	})
	if n := s.count(isClosed); n != 100 {
		t.Errorf("%d closed, want 100", n)
	}
}

// TestResumeNumbers: whatever number a viewer comes with, it gets what it is
// to get, and nobody else is disturbed.
func TestResumeNumbers(t *testing.T) {
	r := newRelay(t, ServerOptions{RingBytes: 4 << 10})
	addr := r.listen()
	s := watchRelay(t, ClientOptions{URL: "ws://" + addr})
	s.phase(Live)
	for range 50 {
		r.open()
	}
	s.same(r)
	r.server.mu.Lock()
	stream, next, oldest := r.server.stream, r.server.ring.next, r.server.ring.oldest()
	r.server.mu.Unlock()
	for name, c := range map[string]struct {
		resume string
		want   string
	}{
		"none":            {`null`, `"type":"snapshot"`},
		"newest":          {fmt.Sprintf(`{"stream":%q,"seq":%d}`, stream, next-1), `"resumed":true`},
		"newest again":    {fmt.Sprintf(`{"stream":%q,"seq":%d}`, stream, next-1), `"resumed":true`},
		"oldest":          {fmt.Sprintf(`{"stream":%q,"seq":%d}`, stream, oldest-1), `"resumed":true`},
		"forgotten":       {fmt.Sprintf(`{"stream":%q,"seq":%d}`, stream, oldest-2), `"type":"snapshot"`},
		"zero":            {fmt.Sprintf(`{"stream":%q,"seq":0}`, stream), `"type":"snapshot"`},
		"of the future":   {fmt.Sprintf(`{"stream":%q,"seq":%d}`, stream, next), `"type":"snapshot"`},
		"largest":         {fmt.Sprintf(`{"stream":%q,"seq":18446744073709551615}`, stream), `"type":"snapshot"`},
		"another stream":  {fmt.Sprintf(`{"stream":"0123456789abcdef","seq":%d}`, next-1), `"type":"snapshot"`},
		"negative":        {fmt.Sprintf(`{"stream":%q,"seq":-1}`, stream), `"code":"protocol"`},
		"beyond 64 bit":   {fmt.Sprintf(`{"stream":%q,"seq":18446744073709551616}`, stream), `"code":"protocol"`},
		"no number":       {fmt.Sprintf(`{"stream":%q,"seq":"1"}`, stream), `"code":"protocol"`},
		"no resume":       {`7`, `"code":"protocol"`},
		"stream is huge":  {fmt.Sprintf(`{"stream":%q,"seq":1}`, strings.Repeat("x", 4000)), `"type":"snapshot"`},
		"stream is empty": {`{"stream":"","seq":1}`, `"type":"snapshot"`},
	} {
		v := dialRaw(t, addr, nil)
		v.say(`{"type":"hello","v":1,"resume":` + c.resume + `}`)
		if got := v.until(c.want); got == "" {
			t.Errorf("%s: no answer with %s", name, c.want)
		}
		v.conn.Close()
	}
	s.same(r)
}

// until reads until a text message holds a part.
func (v *rawViewer) until(part string) string {
	v.t.Helper()
	v.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		typ, msg, err := v.conn.ReadMessage()
		if err != nil {
			return ""
		}
		if typ == websocket.TextMessage && contains(string(msg), part) {
			return string(msg)
		}
	}
}
