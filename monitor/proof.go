package monitor

import (
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// Which entries of nginx's log prove which end.

// The kinds of log entries that verdicts read; a test holds them against
// logparse's catalogue.
const (
	kindExiting   logparse.Kind = "exiting"
	kindSignal    logparse.Kind = "signal_received"
	kindUpTimeout logparse.Kind = "upstream_timed_out"
	kindClTimeout logparse.Kind = "client_timed_out"
	kindRecv      logparse.Kind = "recv_failed"
	kindSend      logparse.Kind = "send_failed"
	kindSSLWrite  logparse.Kind = "ssl_write_failed"

	kindSSLHandshake logparse.Kind = "ssl_handshake_failed"
	kindSSLClosed    logparse.Kind = "peer_closed_ssl_handshake"
	kindSSLVerify    logparse.Kind = "certificate_verify_failed"
)

// errnoReset is ECONNRESET as nginx on Linux writes it.
const errnoReset = 104

// line is the first joined entry of a kind that came with the end. Ambiguous
// ones count only when there are as many lines as conns they fit, so that each
// conn has its own.
func (j *judge) line(is func(*logparse.Entry) bool) *LogRef {
	for _, r := range j.Conn.Logs {
		if is(&r.Entry) && withEnd(r, j.Conn) && provenFor(r) {
			return r
		}
	}
	return nil
}

// provenFor says that an entry tells of each conn it is joined to.
func provenFor(r *LogRef) bool { return r.group == nil || r.group.lines >= len(r.group.conns) }

// withEnd says that an entry is not from long before the end.
func withEnd(r *LogRef, c *Conn) bool {
	return r.At.Sub(c.EndAt()) > -joinWithin
}

func (j *judge) anyLine() *LogRef {
	return j.line(func(*logparse.Entry) bool { return true })
}

func isTunnelTimeout(e *logparse.Entry) bool {
	return e.Kind == kindUpTimeout && e.Action == tunnelAction
}

func isClientTimeout(e *logparse.Entry) bool {
	return e.Kind == kindClTimeout && e.Action == tunnelAction
}

func isReset(e *logparse.Entry) bool {
	switch e.Kind {
	case kindRecv, kindSend, kindSSLWrite:
		return e.Action == tunnelAction && (e.Errno == errnoReset || e.Errno == 32)
	}
	return false
}

// isKeepaliveExpiry: so_keepalive or proxy_socket_keepalive found a peer gone.
func isKeepaliveExpiry(e *logparse.Entry) bool {
	return e.Kind == kindRecv && e.Action == tunnelAction && e.Errno == 110
}

// endsOneTunnel says that an entry gives a reason of one tunnel's own for its end.
func endsOneTunnel(e *logparse.Entry) bool {
	return isTunnelTimeout(e) || isClientTimeout(e) || isReset(e) || isKeepaliveExpiry(e)
}

// isTLSFailure: a handshake of TLS that came to nothing, on either leg.
func isTLSFailure(e *logparse.Entry) bool {
	return e.Kind == kindSSLHandshake || e.Kind == kindSSLClosed || e.Kind == kindSSLVerify
}

// sideOf tells whose failure a line with the same words for both sides is about.
func sideOf(line *LogRef) Cause {
	if line.Entry.Level == logparse.LevelInfo {
		return CauseClientReset
	}
	return CauseServerReset
}

// whileStuck says that nginx gave up on a receiver while our own write to it was
// waiting: what ended c in our sight came later.
func whileStuck(r *LogRef, c *Conn) bool {
	waited := waitedAtEnd(c, int(ws.FromServer))
	if waited == 0 || !isClientTimeout(&r.Entry) {
		return false
	}
	before := c.EndAt().Sub(r.At)
	return before >= 0 && before <= waited
}
