package demo

import (
	"context"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeTimeout = 5 * time.Second
	closeTimeout = time.Second // for the answer to a close frame
)

// session is one end of a WebSocket while a temperament plays on it. One goroutine reads, because gorilla answers
// pings and close frames there; the temperament writes. end waits for the reader.
type session struct {
	ctx  context.Context
	conn *websocket.Conn
	dice *dice
	idle time.Duration // the proxy's timeout, for those who play with it

	heard chan struct{} // a message came; not more than one waits
	gone  chan struct{} // closed by the reader: the WebSocket is over

	stopWatching func() bool
}

func newSession(ctx context.Context, conn *websocket.Conn, dice *dice, idle time.Duration) *session {
	s := &session{
		ctx: ctx, conn: conn, dice: dice, idle: idle,
		heard: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	conn.SetReadLimit(64 << 10)
	s.stopWatching = context.AfterFunc(ctx, func() { conn.Close() })
	go s.read()
	return s
}

func (s *session) read() {
	defer close(s.gone)
	for {
		if _, _, err := s.conn.ReadMessage(); err != nil {
			return
		}
		select {
		case s.heard <- struct{}{}:
		default:
		}
	}
}

// end closes the TCP connection, whatever was said before on it, and waits for the reader.
func (s *session) end() {
	s.stopWatching()
	s.conn.Close()
	<-s.gone
}

// wait lets d pass. It reports false if the WebSocket or the demo ended meanwhile.
func (s *session) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.gone:
	case <-s.ctx.Done():
	}
	return false
}

// untilGone waits for the other side to end it.
func (s *session) untilGone() {
	select {
	case <-s.gone:
	case <-s.ctx.Done():
	}
}

func (s *session) say(text string) bool {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.conn.WriteMessage(websocket.TextMessage, []byte(text)) == nil
}

func (s *session) ping() bool {
	return s.conn.WriteControl(websocket.PingMessage, []byte("demo"), time.Now().Add(writeTimeout)) == nil
}

// close sends a close frame and waits a moment for the answer.
func (s *session) close(code int, reason string) {
	message := websocket.FormatCloseMessage(code, reason)
	if s.conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(writeTimeout)) == nil {
		s.wait(closeTimeout)
	}
}

// resetTCP ends the TCP connection with an RST, as a process that is killed with bytes unread.
func (s *session) resetTCP() {
	if tcp, ok := s.conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	s.conn.NetConn().Close()
}

// sayFor says something every lo to hi until d has passed.
func (s *session) sayFor(d, lo, hi time.Duration, text func() string) bool {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if !s.wait(s.dice.between(lo, min(hi, max(lo, time.Until(end))))) || !s.say(text()) {
			return false
		}
	}
	return true
}
