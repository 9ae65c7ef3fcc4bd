package diagnose

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// massRules look at what happens to many WebSockets at once.
var massRules = []rule{{
	id:        "mass-disconnect",
	severity:  monitor.SeverityWarning,
	title:     "Many WebSockets ended at once",
	reference: "nginx: worker_shutdown_timeout (ngx_core_module); RFC 6455 §7.2.3, §7.4.1",
	conn:      watchEnds,
	done:      massDisconnects,
}, {
	id:        "reconnect-storm",
	severity:  monitor.SeverityWarning,
	title:     "Clients reconnect all at once after a mass disconnect",
	reference: "RFC 6455 §7.2.3",
	conn:      watchReconnects,
	done:      reconnectStorms,
}}

// endClass is what ends have in common that may have one cause.
type endClass uint8

const (
	endOrdinary  endClass = iota // as WebSockets end; or not known
	endByNginx                   // a worker left
	endAnnounced                 // the server said that it goes: 1001, 1012
	endByCode                    // the server closed with another code than 1000
	endByServer                  // the server's side ended TCP without a close frame
	endByClient                  // the client's side did
	endByIdle                    // an idle limit
	endClasses
)

// massClass is what a mass of a class is called, and what to do about it.
type massClass struct {
	subject  string
	severity monitor.Severity
	fix      string
}

var massClasses = [endClasses]massClass{
	endByNginx: {"an nginx worker left", mild, `# A reload ends tunnels only where worker_shutdown_timeout is set; without it they live on in the old workers. At the top level,
# nothing, or long enough for tunnels to end by themselves:
worker_shutdown_timeout 1h;
# A stop (SIGTERM) ends them at once: before it, let the servers close with 1001 or 1012; use nginx -s quit to let tunnels end.`},
	endAnnounced: {"the server said that it goes away", small, "That is how a deploy should look. Let clients reconnect with a random delay; let the servers close a part at a time."},
	endByCode:    {"the server closed with an error code", grave, "See the finding close-code, and the server's own log for that time."},
	endByServer:  {"the server's side ended them without a close frame", grave, "A crash, a kill, a restart that does not wait, or a hop between nginx and the server. In a deploy let the server close with 1001 or 1012 first, and wait for the answers, before it exits (SIGTERM handler, preStop)."},
	endByClient:  {"the clients' side ended them without a close frame", mild, "What so many clients have in common is between them and nginx: a balancer or CDN that restarted, a network that broke. If they are one application's, it was closed or updated."},
	endByIdle:    {"one idle limit ended them together", mild, "They fell silent together: see the finding idle-timeout for the limit. Let each connection ping at its own time."},
}

// masses are the ends of each class, by second.
type masses struct {
	ends    [endClasses]timeline
	servers []string // seen on back legs; the first few
	backdrop
}

const serversMost = 16

func watchEnds(p *pass, c *monitor.Conn) {
	remember[masses](p).see(c)
	if !c.IsUpgraded() {
		return
	}
	if c.Role == monitor.Back {
		remember[masses](p).addServer(c.Server)
	}
	if c.Verdict.Cause == "" || isSecondLeg(c) {
		return
	}
	if k := classOf(c); k != endOrdinary {
		remember[masses](p).ends[k].add(c, c.EndAt())
	}
}

func (m *masses) addServer(server string) {
	for _, s := range m.servers {
		if s == server {
			return
		}
	}
	if len(m.servers) < serversMost {
		m.servers = append(m.servers, server)
	}
}

func classOf(c *monitor.Conn) endClass {
	switch c.Verdict.Cause {
	case monitor.CauseProxyShutdown:
		return endByNginx
	case monitor.CauseCloseHandshake:
		return classOfCode(&c.Verdict)
	case monitor.CauseServerFIN, monitor.CauseServerReset:
		return endByServer
	case monitor.CauseClientFIN, monitor.CauseClientReset, monitor.CausePeerVanished:
		return endByClient
	case monitor.CauseIdleTimeout:
		return endByIdle
	}
	return endOrdinary
}

// classOfCode: 1000, a close frame without a code, and whatever clients send are
// ordinary, however many there are.
func classOfCode(v *monitor.Verdict) endClass {
	switch {
	case v.CloseFrom != "server" || v.CodeDerived || v.Code == ws.CloseNormalClosure:
		return endOrdinary
	case v.Code == ws.CloseGoingAway || v.Code == ws.CloseServiceRestart:
		return endAnnounced
	}
	return endByCode
}

func massDisconnects(p *pass) {
	m := remember[masses](p)
	for k := range m.ends {
		for _, b := range m.bursts(&m.ends[k], p.state) {
			p.sayMass(m, endClass(k), b)
		}
	}
}

func (p *pass) sayMass(m *masses, k endClass, b burst) {
	class := massClasses[k]
	t := p.about(class.subject).raise(massSeverity(k, b))
	for _, c := range b.conns {
		t.conn(c, c.EndAt())
	}
	t.Count += b.n - len(b.conns)
	t.seen(b.from).seen(b.to)
	t.say("%s %d connections ended within %s%s", clock(b.from), b.n, span(b.to.Sub(b.from)), m.whose(b))
	first := b.conns[0]
	for _, e := range first.Verdict.Evidence[:min(4, len(first.Verdict.Evidence))] {
		t.say("the first of them, #%d: %s", first.Seq, e)
	}
	t.fix("%s", class.fix)
}

// massSeverity: clients that close TCP together may be one application that was
// closed, and a cause that is only possible accuses nobody.
func massSeverity(k endClass, b burst) monitor.Severity {
	fins, possible := 0, 0
	for _, c := range b.conns {
		if c.Verdict.Cause == monitor.CauseClientFIN {
			fins++
		}
		if c.Verdict.Confidence == monitor.Possible {
			possible++
		}
	}
	switch s := massClasses[k].severity; {
	case k == endByClient && 2*fins >= len(b.conns):
		return monitor.SeverityInfo
	case s == monitor.SeverityError && 2*possible >= len(b.conns):
		return monitor.SeverityWarning
	default:
		return s
	}
}

// whose says whose connections they were: all of one server, or of one client address.
func (m *masses) whose(b burst) string {
	server, client := serverBehind(b.conns[0]), hostPart(b.conns[0].Client)
	for _, c := range b.conns[1:] {
		if serverBehind(c) != server {
			server = ""
		}
		if hostPart(c.Client) != client {
			client = ""
		}
	}
	var words string
	if server != "" && len(m.servers) > 1 {
		words += fmt.Sprintf(", all of the server %s and none of the %d others", server, len(m.servers)-1)
	}
	if client != "" {
		words += ", all from " + client
	}
	return words
}

// serverBehind is the server of a conn, as its back leg has it; "" if that is not seen.
func serverBehind(c *monitor.Conn) string {
	if _, back := c.Legs(); back != nil {
		return back.Server
	}
	return ""
}

// hostPart is an address without its port.
func hostPart(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		return addr[:i]
	}
	return addr
}
