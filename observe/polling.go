package observe

import (
	"strings"

	"github.com/wstap/wstap/monitor"
)

// Polling transports (Socket.IO, SockJS) begin, and behind a proxy that refuses
// the upgrade go on, as plain HTTP requests that all must reach the server which
// holds their session. To see when they do not, the sessions are counted by tap
// and status; their ids are credentials, and leave only as a keyed hash.

// poll is a request of a polling transport.
type poll struct {
	session, transport, path string
}

// pollOf recognises a request by its target; session is still the id itself.
//
//	Engine.IO   /socket.io/?EIO=4&transport=polling&sid=ID    (socket.io-protocol, "HTTP long-polling")
//	SockJS      /echo/123/ID/xhr_streaming                    (sockjs-protocol, "/:server/:session/:transport")
func pollOf(target string) (poll, bool) {
	path, query, _ := strings.Cut(target, "?")
	if strings.Contains(query, "sid=") {
		return engineIO(path, query)
	}
	return sockJS(path)
}

func engineIO(path, query string) (poll, bool) {
	p := poll{transport: "socket.io", path: path}
	engine, polling := false, false
	for pair := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		switch k {
		case "EIO":
			engine = true
		case "transport":
			polling = v == "polling" || v == "websocket"
		case "sid":
			p.session = v
		}
	}
	return p, engine && polling && p.session != ""
}

// sockJSTransports are the last segments of SockJS's session URLs.
var sockJSTransports = map[string]bool{
	"xhr": true, "xhr_send": true, "xhr_streaming": true, "jsonp": true, "jsonp_send": true, "eventsource": true, "htmlfile": true, "websocket": true,
}

func sockJS(path string) (poll, bool) {
	rest, transport, ok := cutLast(path)
	if !ok || !sockJSTransports[transport] {
		return poll{}, false
	}
	rest, session, ok := cutLast(rest)
	if !ok || session == "" {
		return poll{}, false
	}
	rest, server, ok := cutLast(rest)
	if !ok || len(server) != 3 || strings.Trim(server, "0123456789") != "" {
		return poll{}, false
	}
	return poll{session, "sockjs", rest + "/"}, true
}

// cutLast cuts the last segment off a path.
func cutLast(path string) (rest, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// pollKey is what answers are counted by until the next Collect.
type pollKey struct {
	leg string
	poll
	status int
}

// pollsAtOnce bounds the keys of one Collect; what is beyond counts as plain
// HTTP alone.
const pollsAtOnce = 4096

// polled counts an answered request of a polling transport.
func (h *Hub) polled(leg, target string, status int) {
	p, ok := pollOf(target)
	if !ok {
		return
	}
	p.session, p.path = h.Redact.Hash(p.session), h.Redact.Target(p.path)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.polls == nil {
		h.polls = map[pollKey]uint64{}
	}
	k := pollKey{leg, p, status}
	if _, have := h.polls[k]; have || len(h.polls) < pollsAtOnce {
		h.polls[k]++
	}
}

func (h *Hub) emitPolls(at monitor.Time, polls map[pollKey]uint64) {
	for k, n := range polls {
		h.Emit(&monitor.Polling{
			Header: monitor.Header{At: at, Tap: h.Instance, Leg: k.leg}, Session: k.session, Transport: k.transport, Path: k.path, Status: k.status, N: n,
		})
	}
}
