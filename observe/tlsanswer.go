package observe

import (
	"strings"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// tlsAnswer is how a server's answer to a TLS record begins. A server that
// speaks TLS answers with a record, too, at least an alert; text comes from a
// port that is plain. Sizes tell nothing: a resumed session is short.
type tlsAnswer struct {
	first [len(httpBegin)]byte
	n     int
}

const httpBegin = "HTTP/"

// reasonTLS is ws's word for bytes that are a TLS record where HTTP is expected.
const reasonTLS = "TLS record"

// answerTLS tells, once, what the server's first bytes say.
func (s *Stream) answerTLS(at monitor.Time, p []byte) {
	a := s.answer
	a.n += copy(a.first[a.n:], p)
	if a.n < len(a.first) {
		return
	}
	s.answer = nil
	reason := textReason(string(a.first[:]))
	if reason != "" {
		s.conn.emit(&monitor.Lost{Header: s.conn.head(at), Dir: ws.FromServer, Reason: reason})
	}
}

// textReason is what an answer that begins so is called, or "" if it is no text.
func textReason(first string) string {
	switch {
	case first == httpBegin:
		return monitor.ReasonHTTPToTLS
	case strings.IndexFunc(first, isNoText) < 0:
		return monitor.ReasonTextToTLS
	}
	return ""
}

func isNoText(r rune) bool { return (r < ' ' || r > '~') && r != '\r' && r != '\n' && r != '\t' }
