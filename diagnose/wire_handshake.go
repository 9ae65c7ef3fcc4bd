package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// handshakeRules look at what was agreed on, and at how long it took.
var handshakeRules = []rule{{
	id:        "accept-mismatch",
	severity:  monitor.SeverityError,
	title:     "The 101 does not belong to the request: its Sec-WebSocket-Accept is of another key, or missing",
	reference: "RFC 6455 §4.2.2, §4.1",
	conn:      acceptMismatch,
}, {
	id:        "extension-not-offered",
	severity:  monitor.SeverityError,
	title:     "The server chose an extension that the client did not offer",
	reference: "RFC 6455 §9.1, §4.1",
	conn:      extensionNotOffered,
}, {
	id:        "subprotocol-mismatch",
	severity:  monitor.SeverityError,
	title:     "Client and server do not agree on a subprotocol",
	reference: "RFC 6455 §4.1, §4.2.2, §11.3.4",
	conn:      subprotocolMismatch,
}, {
	id:        "slow-handshake",
	severity:  monitor.SeverityWarning,
	title:     "Handshakes wait long for their answer",
	reference: "RFC 6455 §4.1; nginx: proxy_connect_timeout, proxy_read_timeout (ngx_http_proxy_module)",
	conn:      slowHandshake,
}, {
	id:        "handshake-retried",
	severity:  monitor.SeverityWarning,
	title:     "nginx tried one handshake several times, at one server after the other",
	reference: "nginx: proxy_next_upstream (ngx_http_proxy_module)",
	conn:      handshakeRetried,
}}

// tunnelOnce says that c is an upgraded WebSocket whose handshake is known, and
// not the second leg of one.
func tunnelOnce(c *monitor.Conn) bool {
	return c.IsUpgraded() && c.Request != nil && c.Answer != nil && !isSecondLeg(c)
}

func acceptMismatch(p *pass, c *monitor.Conn) {
	if !tunnelOnce(c) || c.Answer.AcceptOK || c.Key() == "" {
		return
	}
	t := p.about(targetGroup(c.Target())).conn(c, c.Answer.At).tell(func() string {
		return fmt.Sprintf("%s on the %s key %s was answered with accept %s", clock(c.Answer.At), legName(c), c.Key(), orNone(c.Answer.Accept))
	})
	what := "The server's WebSocket code computes it wrongly, or something between answers from a cache"
	if back := c.Other(); back != nil && back.Answer != nil && back.Answer.AcceptOK {
		t.say("on the back leg the accept was right: nginx, or what stands between it and this tap, changed it")
		what = "nginx answered from a cache, or mixed answers up"
	}
	t.repair(func() string {
		return what + ". To switch caching off:\n" + new(paste).within(p.block(c)).add("proxy_cache off;").String()
	})
}

func extensionNotOffered(p *pass, c *monitor.Conn) {
	if !tunnelOnce(c) || c.Answer.Extensions == "" {
		return
	}
	name := notOffered(c.Answer.Extensions, c.Request.Extensions)
	if name == "" {
		return
	}
	p.about(targetGroup(c.Target())).conn(c, c.Answer.At).
		tell(func() string {
			return fmt.Sprintf("%s the server chose %s; the client had offered %s", clock(c.Answer.At), name, listed(c.Request.Extensions))
		}).
		fix("Clients must fail such a connection. Let the server choose only from what the request offers, or switch the extension off in it. If the request lost its offer on the way, something takes Sec-WebSocket-Extensions away: nginx passes it on unless a proxy_set_header empties it.")
}

func listed(offered []string) string {
	if len(offered) == 0 {
		return "none"
	}
	return strings.Join(offered, ", ")
}

// notOffered is the name of the first extension chosen that was not offered, or "".
func notOffered(chosen string, offered []string) string {
	for e := range strings.SplitSeq(chosen, ",") {
		name := extensionName(e)
		if name != "" && !slices.ContainsFunc(offered, func(o string) bool { return extensionName(o) == name }) {
			return name
		}
	}
	return ""
}

// extensionName is an extension without its parameters, RFC 6455 §9.1.
func extensionName(e string) string {
	name, _, _ := strings.Cut(e, ";")
	return strings.TrimSpace(name)
}

// subprotocolMismatch: a subprotocol chosen that was not offered breaks the
// protocol. None chosen is allowed, but browsers end such a connection.
func subprotocolMismatch(p *pass, c *monitor.Conn) {
	if !c.IsUpgraded() || c.Request == nil || c.Answer == nil || len(c.Request.Subprotocols) == 0 && c.Answer.Subprotocol == "" {
		return
	}
	chosen, offered := c.Answer.Subprotocol, c.Request.Subprotocols
	if isSecondLeg(c) || slices.Contains(offered, chosen) {
		return
	}
	group, at := targetGroup(c.Target()), c.Answer.At
	if chosen != "" {
		p.about(group).conn(c, at).
			tell(func() string {
				return fmt.Sprintf("%s the server chose %s; the client had offered %s", clock(at), chosen, listed(offered))
			}).
			fix("Let the server choose one of the subprotocols that the client offers, or none; or let the client offer what the server speaks.")
		return
	}
	t := p.about(group + ", none chosen")
	if leftAtOnce(c) {
		t.raise(monitor.SeverityWarning)
	} else {
		t.raise(monitor.SeverityInfo)
	}
	t.conn(c, at).
		tell(func() string {
			return fmt.Sprintf("%s the client offered %s, and the server chose none%s", clock(at), strings.Join(offered, ", "), leavingWords(c))
		}).
		fix("Let the server choose a subprotocol from the client's offer: browsers fail the connection when it chooses none. A token sent as a subprotocol must be chosen, too, or sent along with one that is.")
}

// leftAtOnce says that the client ended the connection right after the 101,
// having sent nothing.
func leftAtOnce(c *monitor.Conn) bool {
	e := c.FirstEnd()
	return e != nil && e.Dir == ws.FromClient && e.At.Sub(c.Upgraded) < time.Second && c.Sample.Dir[ws.FromClient].Messages == 0
}

func leavingWords(c *monitor.Conn) string {
	if leftAtOnce(c) {
		return fmt.Sprintf("; the client left %s later without a message", span(c.EndAt().Sub(c.Upgraded)))
	}
	return ""
}

// slowLeast is how long a handshake may wait: longer, and people look at an
// application that does nothing.
const slowLeast = 3 * time.Second

// slowHandshake looks at those that became a WebSocket, those that still wait,
// and those that the client gave up.
func slowHandshake(p *pass, c *monitor.Conn) {
	if c.Request == nil || isSecondLeg(c) {
		return
	}
	took, what := waited(p, c)
	if took < slowLeast {
		return
	}
	p.about(targetGroup(c.Target())).conn(c, c.Request.Began).
		tell(func() string {
			return fmt.Sprintf("%s the request for %s %s %s%s", clock(c.Request.Began), c.Target(), what, span(took), waitOf(c.Other()))
		}).
		repair(func() string {
			return "See what the server does before it answers: a login, a lookup, a queue of connections not yet accepted. If servers are slow to accept, to try the next one sooner:\n" +
				new(paste).within(p.block(c)).add("proxy_connect_timeout 5s;").String()
		})
}

// waited is how long a handshake waited, and in which words; 0 if it was refused.
func waited(p *pass, c *monitor.Conn) (time.Duration, string) {
	began := c.Request.Began
	switch {
	case c.IsUpgraded():
		return c.Upgraded.Sub(began), "was answered with 101 after"
	case c.Answer != nil || c.Dial != nil:
		return 0, ""
	case !c.IsClosed() && c.FirstEnd() == nil:
		return p.state.Now().Sub(began), "has been waiting for"
	case c.FirstEnd() != nil && c.FirstEnd().Dir == ws.FromClient:
		return c.EndAt().Sub(began), "was given up by the client after"
	}
	return 0, ""
}

// waitOf says how much of the wait was the server's.
func waitOf(back *monitor.Conn) string {
	switch {
	case back == nil || back.Request == nil:
		return ""
	case back.Answer == nil:
		return "; the server has given no answer"
	}
	return fmt.Sprintf("; the server took %s of that", span(back.Answer.At.Sub(back.Request.Began)))
}

// handshakeRetried: a front conn with several back conns, or, where no front tap
// is, an attempt that failed at one server and came with its key to another.
func handshakeRetried(p *pass, c *monitor.Conn) {
	switch l := c.Link; {
	case l != nil && len(l.Backs) > 1 && (l.Front == c || l.Front == nil && l.Backs[0] == c):
		p.sayRetried(c, l.Backs)
	case l == nil && c.Role == monitor.Back && c.Request != nil && !p.state.HasRole(monitor.Front):
		if first := remember[failedAttempts](p).before(c); first != nil {
			p.sayRetried(c, []*monitor.Conn{first, c})
		}
	}
}

func (p *pass) sayRetried(c *monitor.Conn, backs []*monitor.Conn) {
	t := p.about(targetGroup(c.Target())).conn(c, c.Request.At)
	for i, b := range backs {
		t.tell(func() string { return retriedWords(i, b) })
	}
	t.quoteLogs(c).repair(func() string {
		return "See why the first server fails. nginx gives a handshake to the next one after an error and after a timeout, so that one client is counted at two. To keep it to errors:\n" +
			new(paste).within(p.block(c)).add("proxy_next_upstream error;").add("proxy_connect_timeout 5s;").String()
	})
}

func retriedWords(i int, b *monitor.Conn) string {
	outcome := "gave no answer"
	switch {
	case b.Dial != nil:
		outcome = "could not be reached: " + b.Dial.Error
	case b.Answer != nil:
		outcome = "answered " + answerText(b.Answer)
	}
	return fmt.Sprintf("%s try %d was at %s, which %s", clock(b.Opened), i+1, b.Server, outcome)
}

// failedAttempts are attempts on back taps that were not upgraded, by key.
type failedAttempts struct{ byKey map[string]*monitor.Conn }

// retryWithin is how long after the first attempt the next may come:
// proxy_connect_timeout and proxy_read_timeout, and some more.
const retryWithin = 125 * time.Second

// before finds the failed attempt that c repeats, and remembers c if it failed.
func (m *failedAttempts) before(c *monitor.Conn) *monitor.Conn {
	key := c.Key()
	if key == "" {
		return nil
	}
	first := m.byKey[key]
	if !c.IsUpgraded() && c.IsClosed() && len(m.byKey) < memoryMost {
		if m.byKey == nil {
			m.byKey = map[string]*monitor.Conn{}
		}
		m.byKey[key] = c
	}
	if first == nil || first.Server == c.Server || first.Target() != c.Target() || c.Opened.Sub(first.Opened) > retryWithin || c.Opened < first.Opened {
		return nil
	}
	return first
}
