package filter

import (
	"strconv"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// Conn is a conn with the State it is of.
type Conn struct {
	S *monitor.State
	*monitor.Conn
}

// Conns are the fields of connections.
var Conns = Set[Conn]{Fields: []Field[Conn]{
	{Name: "target", What: "request target", Example: "/socket", text: func(c Conn) string { return c.Target() }},
	{Name: "group", What: "path of the target, :id for names of rooms, users and the like", Example: "=/rooms/:id", text: func(c Conn) string { return monitor.TargetGroup(c.Target()) }},
	{Name: "host", What: "Host of the request", Example: "ws.example.com", text: func(c Conn) string { return c.Host() }},
	{Name: "client", Kind: Address, What: "address of the client, for both legs of a WebSocket", Example: "10.0.0.7", text: func(c Conn) string { return c.EndClient() }},
	{Name: "server", Kind: Address, What: "address we forward to", Example: "10.0.0.5:3000", text: func(c Conn) string { return c.Server }},
	{Name: "leg", Kind: Word, What: "before or behind nginx", Example: "back", Words: []string{"front", "back"}, is: func(c Conn, w string) bool { return string(c.Role) == w }},
	{Name: "tap", What: "name of the tap", Example: "front", text: func(c Conn) string { return c.Tap }},
	{Name: "id", Kind: Number, What: "number on the list", Example: "12", number: func(c Conn) (float64, bool) { return float64(c.Seq), true }},
	{Name: "link", Kind: Number, What: "number shared by both legs", Example: "7", number: linkNumber},
	{Name: "key", What: "Sec-WebSocket-Key", Example: "dGhl", text: func(c Conn) string { return c.Key() }},
	{Name: "state", Kind: Word, What: "where it is in its life", Example: "near", Words: states, is: inState},
	{Name: "cause", Kind: Word, What: "why it ended", Example: "idle_timeout", Words: causeWords(), is: func(c Conn, w string) bool { return string(c.Verdict.Cause) == w }},
	{Name: "confidence", Kind: Word, What: "how sure the cause is", Example: "confirmed", Words: []string{"confirmed", "likely", "possible"},
		is: func(c Conn, w string) bool { return c.Verdict.Cause != "" && string(c.Verdict.Confidence) == w }},
	{Name: "code", Kind: Number, What: "close code, derived ones too", Example: "1006", number: func(c Conn) (float64, bool) { return float64(c.Verdict.Code), c.Verdict.Code != 0 }},
	{Name: "reason", What: "reason of the close frame", Example: "bye", text: func(c Conn) string { return c.Verdict.Reason }},
	{Name: "status", Kind: Number, What: "HTTP status of the handshake", Example: "502", number: func(c Conn) (float64, bool) { return float64(c.Status()), c.Status() != 0 }},
	{Name: "subprotocol", What: "subprotocol of the response", Example: "graphql-ws", text: subprotocol},
	{Name: "extensions", What: "extensions of the response", Example: "permessage-deflate", text: extensions},
	{Name: "idle", Kind: Duration, What: "time without a byte, now or at the end", Example: ">30s", number: func(c Conn) (float64, bool) { return float64(c.Gap(c.S.Now())), true }},
	{Name: "maxgap", Kind: Duration, What: "longest time without a byte", Example: ">30s", number: func(c Conn) (float64, bool) { return float64(c.Sample.LongestGap.Std()), true }},
	{Name: "age", Kind: Duration, What: "how long it has been, or was, there", Example: "<5m", number: func(c Conn) (float64, bool) { return float64(c.Age(c.S.Now())), true }},
	{Name: "left", Kind: Duration, What: "time left to the limit", Example: "<10s", number: left},
	{Name: "limit", Kind: Duration, What: "the limit that counts down", Example: "=60s", number: limit},
	{Name: "handshake", Kind: Duration, What: "from the request to the response", Example: ">200ms", number: handshake},
	{Name: "frames", Kind: Number, What: "frames, both ways", Example: ">1000", number: func(c Conn) (float64, bool) { return frames(c, 0) + frames(c, 1), true }},
	{Name: "frames.up", Kind: Number, What: "frames from the client", Example: "0", number: func(c Conn) (float64, bool) { return frames(c, 0), true }},
	{Name: "frames.down", Kind: Number, What: "frames from the server", Example: "0", number: func(c Conn) (float64, bool) { return frames(c, 1), true }},
	{Name: "bytes", Kind: Size, What: "bytes, both ways, heads included", Example: ">1M", number: func(c Conn) (float64, bool) { return size(c, 0) + size(c, 1), true }},
	{Name: "bytes.up", Kind: Size, What: "bytes from the client", Example: ">10k", number: func(c Conn) (float64, bool) { return size(c, 0), true }},
	{Name: "bytes.down", Kind: Size, What: "bytes from the server", Example: ">10k", number: func(c Conn) (float64, bool) { return size(c, 1), true }},
	{Name: "violation", What: "rule broken on the wire", Example: "client-not-masked", text: violations},
	{Name: "log", What: "text of a log line that belongs to it", Example: `"timed out"`, text: logText},
}, free: freeOfConn}

// freeOfConn are the texts of the list: what a viewer reads there can be typed.
func freeOfConn(c Conn, found func(string) bool) bool {
	if found(c.Target()) || found(c.Client) || found(c.EndClient()) || found(c.Host()) || found(c.Tap) {
		return true
	}
	v := &c.Verdict
	if found(string(v.Cause)) || v.Cause != "" && found(v.Cause.Short()) {
		return true
	}
	if v.Code != 0 && (found(smallNumber(int(v.Code))) || found(v.CodeName)) {
		return true
	}
	return found(statusText(c))
}

func statusText(c Conn) string {
	switch {
	case c.Opaque:
		return "opaque"
	case c.Answer != nil:
		return smallNumber(c.Answer.Status)
	case c.Dial != nil:
		return "dial"
	}
	return ""
}

// smallNumbers are the texts of status codes and close codes.
var smallNumbers = func() (t [5000]string) {
	for i := range t {
		t[i] = strconv.Itoa(i)
	}
	return t
}()

func smallNumber(n int) string {
	if n >= 0 && n < len(smallNumbers) {
		return smallNumbers[n]
	}
	return strconv.Itoa(n)
}

// states of a conn; near, critical and expired are those of its countdown.
var states = []string{"live", "connecting", "open", "closing", "closed", "refused", "near", "critical", "expired", "flagged", "violating", "pinned", "opaque", "linked"}

func inState(c Conn, word string) bool {
	switch word {
	case "live":
		return !c.IsClosed()
	case "connecting":
		return c.Phase == monitor.Connecting && c.Dial == nil && c.Answer == nil
	case "open":
		return c.Phase == monitor.Open
	case "closing":
		return c.Phase == monitor.Closing
	case "closed":
		return c.IsClosed()
	case "refused":
		return !c.IsUpgraded() && !c.Opaque && (c.IsClosed() || c.Dial != nil || c.Answer != nil)
	case "violating":
		return len(c.Sample.Violations) > 0
	case "pinned":
		return c.Pinned
	case "opaque":
		return c.Opaque
	case "linked":
		return c.Link != nil
	}
	return marked(c, word)
}

func marked(c Conn, word string) bool {
	cd, _ := c.S.Countdown(c.Conn)
	switch word {
	case "near":
		return cd.Mark == monitor.MarkNear
	case "critical":
		return cd.Mark == monitor.MarkCritical
	case "expired":
		return cd.Mark == monitor.MarkExpired
	}
	return cd.Mark == monitor.MarkNear || cd.Mark == monitor.MarkCritical || cd.Mark == monitor.MarkExpired || len(c.Sample.Violations) > 0
}

func causeWords() []string {
	var words []string
	for _, c := range monitor.Causes() {
		words = append(words, string(c))
	}
	return words
}

func linkNumber(c Conn) (float64, bool) {
	if c.Link == nil {
		return 0, false
	}
	return float64(c.Link.ID), true
}

func subprotocol(c Conn) string {
	if c.Answer == nil {
		return ""
	}
	return c.Answer.Subprotocol
}

func extensions(c Conn) string {
	if c.Answer == nil {
		return ""
	}
	return c.Answer.Extensions
}

func left(c Conn) (float64, bool) {
	cd, ok := c.S.Countdown(c.Conn)
	return float64(cd.Left), ok
}

func limit(c Conn) (float64, bool) {
	cd, ok := c.S.Countdown(c.Conn)
	return float64(cd.Limit.Value.Std()), ok
}

func handshake(c Conn) (float64, bool) {
	if c.Request == nil || c.Answer == nil {
		return 0, false
	}
	return float64(max(c.Answer.At.Sub(c.Request.Began), time.Duration(0))), true
}

func frames(c Conn, dir ws.Direction) float64 { return float64(c.Sample.Dir[dir].FrameCount()) }
func size(c Conn, dir ws.Direction) float64   { return float64(c.Sample.Dir[dir].Bytes) }

func violations(c Conn) string {
	switch v := c.Sample.Violations; len(v) {
	case 0:
		return ""
	case 1:
		return v[0].Rule
	}
	text := ""
	for _, v := range c.Sample.Violations {
		text += v.Rule + " "
	}
	return text
}

func logText(c Conn) string {
	switch len(c.Logs) {
	case 0:
		return ""
	case 1:
		return c.Logs[0].Entry.Raw
	}
	text := ""
	for _, l := range c.Logs {
		text += l.Entry.Raw + "\n"
	}
	return text
}
