package demo

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// temperament is what happens on one path: what the server does, what the client does, or how the handshake is
// refused.
type temperament struct {
	about  string
	weight int // how often clients choose it
	serve  func(s *session, deploy <-chan struct{})
	visit  func(s *session)
	refuse func(w http.ResponseWriter, r *http.Request)
}

// temperaments by the first segment of the target. flaky has no server: the proxy finds nobody there.
var temperaments = map[string]temperament{
	"chat":      {about: "chatty both ways", weight: 6, serve: serveChat, visit: visitChat},
	"quiet":     {about: "the client speaks once, then nobody: dies idle", weight: 4, serve: serveNothing, visit: visitQuiet},
	"ticker":    {about: "the server pushes", weight: 5, serve: serveTicks, visit: visitListening},
	"heartbeat": {about: "the server pings", weight: 4, serve: serveHeartbeat, visit: visitListening},
	"slowping":  {about: "the client pings about as often as the timeout", weight: 3, serve: serveNothing, visit: visitSlowPing},
	"kick":      {about: "the server closes with a code", weight: 2, serve: serveKick, visit: visitListening},
	"crash":     {about: "the server resets", weight: 1, serve: serveCrash, visit: visitListening},
	"deploy":    {about: "the server sends everybody away now and then", weight: 3, serve: serveDeploy, visit: visitListening},
	"goodbye":   {about: "the client closes", weight: 2, serve: serveTicks, visit: visitGoodbye},
	"leave":     {about: "the client drops the connection", weight: 1, serve: serveNothing, visit: visitLeave},
	"badproto":  {about: "the client breaks the protocol", weight: 1, serve: serveNothing, visit: visitBadProtocol},
	"nope":      {about: "404 or 403", weight: 1, refuse: refuseNope},
	"old":       {about: "426", weight: 1, refuse: refuseOld},
	"flaky":     {about: "nobody listens: 502", weight: 1},
}

// firstRound makes sure that everything has been seen once soon after the start, whatever the dice say. With fewer
// clients than this, the first ones matter most.
var firstRound = []string{
	"chat", "kick", "crash", "nope", "quiet", "ticker", "goodbye", "heartbeat", "deploy", "flaky", "slowping", "leave",
	"badproto", "old", "chat", "quiet", "deploy", "ticker", "quiet", "heartbeat",
}

// temperamentOf returns the first segment of a target.
func temperamentOf(target string) string {
	target = strings.TrimPrefix(target, "/")
	if i := strings.IndexAny(target, "/?;#"); i >= 0 {
		target = target[:i]
	}
	return target
}

func chooseTemperament(d *dice) string {
	total := 0
	for _, name := range firstRound {
		total += temperaments[name].weight
	}
	n := d.IntN(total)
	for _, name := range firstRound {
		if n -= temperaments[name].weight; n < 0 {
			return name
		}
	}
	return firstRound[0]
}

func refuseNope(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		http.Error(w, "origin not allowed", http.StatusForbidden)
		return
	}
	http.Error(w, "no such room", http.StatusNotFound)
}

func refuseOld(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Sec-WebSocket-Version", "13")
	http.Error(w, "upgrade required", http.StatusUpgradeRequired)
}

// What the client does on each path. After it returns, the TCP connection is closed.

func visitChat(s *session) {
	n := 0
	stayed := s.sayFor(s.dice.between(15*time.Second, time.Minute), 300*time.Millisecond, 1500*time.Millisecond, func() string {
		n++
		return fmt.Sprintf(`{"type":"send","n":%d,"text":%q}`, n, pick(s.dice, sentences))
	})
	if stayed {
		s.close(websocket.CloseNormalClosure, "")
	}
}

func visitQuiet(s *session) {
	if s.say(`{"type":"subscribe","topic":"alerts"}`) {
		s.untilGone()
	}
}

// visitListening stays until the server ends it, or as long as people keep a page open.
func visitListening(s *session) {
	if s.wait(s.dice.between(20*time.Second, 90*time.Second)) {
		s.close(websocket.CloseGoingAway, "")
	}
}

// visitSlowPing plays with the timeout: some intervals are just below it, some just above.
func visitSlowPing(s *session) {
	for s.wait(s.dice.between(s.idle*7/8, s.idle*9/8)) && s.ping() {
	}
}

func visitGoodbye(s *session) {
	if s.wait(s.dice.between(time.Second, 3*time.Second)) {
		s.close(websocket.CloseNormalClosure, "done")
	}
}

// visitLeave drops the connection without a close frame, as an app that the system ends. The server is silent
// there, so that nothing unread turns the FIN into a reset.
func visitLeave(s *session) {
	if s.say(`{"type":"hello"}`) {
		s.wait(s.dice.between(s.idle/16, s.idle/4))
	}
}

// visitBadProtocol sends a text frame without a mask, which RFC 6455 §5.1 forbids to clients.
func visitBadProtocol(s *session) {
	if !s.wait(s.dice.between(s.idle/16, s.idle/4)) {
		return
	}
	if _, err := s.conn.NetConn().Write([]byte{0x81, 5, 'h', 'e', 'l', 'l', 'o'}); err == nil {
		s.untilGone()
	}
}
