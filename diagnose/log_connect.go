package diagnose

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// connectRules look at how nginx reaches the servers.
var connectRules = []rule{{
	id:        "connect-refused",
	severity:  monitor.SeverityError,
	title:     "nginx cannot connect to a server",
	reference: "nginx: proxy_pass, ngx_http_upstream_test_connect; connect(2)",
	kinds: []logparse.Kind{
		logparse.KindConnectFailed, logparse.KindRecvFailed, logparse.KindSendFailed, logparse.KindUpstreamTimedOut, logparse.KindUpstreamPrematurelyClosed,
	},
	line: connectRefused,
}, {
	id:        "stale-upstream-address",
	severity:  monitor.SeverityWarning,
	title:     "nginx may hold on to an address that its server no longer has",
	reference: "nginx: resolver; server … resolve (ngx_http_upstream_module); names in proxy_pass are looked up at start and reload only",
	kinds: []logparse.Kind{
		logparse.KindConnectFailed, logparse.KindUpstreamTimedOut, logparse.KindRecvFailed, logparse.KindSendFailed,
		logparse.KindUpstreamPrematurelyClosed, logparse.KindReconfiguring,
	},
	line: watchAddress,
	done: staleAddresses,
}, {
	id:        "no-live-upstreams",
	severity:  monitor.SeverityError,
	title:     "nginx has taken all servers of a group out of use (502 at once)",
	reference: "nginx: max_fails, fail_timeout, down, max_conns (ngx_http_upstream_module); ngx_http_upstream_get_peer",
	kinds:     []logparse.Kind{logparse.KindNoLiveUpstreams, logparse.KindUpstreamDisabled},
	line:      noLiveUpstreams,
	done:      disabledServers,
}}

func connectRefused(p *pass, r *monitor.LogRef) {
	if p.ownDial(r) != nil {
		return // server-down says it, with our own dial error
	}
	if r.Entry.Kind != logparse.KindConnectFailed || r.Entry.Action == "resolving" {
		return
	}
	addr := lineServer(&r.Entry)
	subject := addr
	if n := r.Entry.Errno; n != 111 && n != 0 { // another cause needs another fix
		subject = fmt.Sprintf("%s, errno %d", addr, n)
	}
	if t, first := p.entry(subject, r); first {
		t.fix("%s", dialFix(addr, r.Entry.Errno))
	}
}

// dialFix says what to do about a connect() that failed. Linux's numbers; where
// BSD and macOS have others for the same, theirs too.
func dialFix(addr string, errno int) string {
	switch errno {
	case 111, 61: // ECONNREFUSED
		return refusedFix(addr)
	case 113, 101, 65, 51: // EHOSTUNREACH, ENETUNREACH
		return fmt.Sprintf("No way leads to %s: its host or container is gone, is in another network, or a firewall rejects it. Put nginx and the server in one network.%s", addr, reloadHint(addr))
	case 110, 60: // ETIMEDOUT
		return fmt.Sprintf("Nothing answers at %s: a firewall or a security group drops the packets, or the host is gone.%s", addr, reloadHint(addr))
	case 2: // ENOENT
		return fmt.Sprintf("The socket %s does not exist: start the server, or correct the path in proxy_pass. A container sees only what is mounted into it.", addr)
	case 13: // EACCES
		return fmt.Sprintf("nginx's user may not use %s. For a unix socket: correct its mode or owner. Under SELinux: setsebool -P httpd_can_network_connect 1", addr)
	case 11: // EAGAIN
		return fmt.Sprintf("The listen queue of %s is full: the server accepts too slowly. Raise its backlog and net.core.somaxconn, or run more of it.", addr)
	case 99: // EADDRNOTAVAIL
		return fmt.Sprintf("nginx has no local port left for connections to %s: each tunnel holds one. Widen net.ipv4.ip_local_port_range, or let the server listen at more addresses and list them all in the upstream { } group.", addr)
	}
	return fmt.Sprintf("Look at %s from nginx's own host or container: is the server up, and can it be reached from there?", addr)
}

func refusedFix(addr string) string {
	switch kindOfAddress(addr) {
	case loopbackAddress:
		return fmt.Sprintf("Start the server, or correct proxy_pass: nothing listens at %s. In a container that is the container itself: name the server's own container or service instead (proxy_pass http://backend:PORT;).", addr)
	case privateAddress:
		return fmt.Sprintf("Start the server, or correct proxy_pass: nothing listens at %s. A server in a container must listen at 0.0.0.0, not at 127.0.0.1.%s", addr, reloadHint(addr))
	}
	return fmt.Sprintf("Start the server, or correct proxy_pass: nothing listens at %s.", addr)
}

// reloadHint: the log shows addresses only, names that nginx looked up at start
// included.
func reloadHint(addr string) string {
	if kindOfAddress(addr) == namedAddress {
		return ""
	}
	return " If the configuration has a name in place of this address, nginx looked it up at start: nginx -s reload looks it up again."
}

// connectPhase says that an entry tells of a connection that did not come about.
func connectPhase(e *logparse.Entry) bool {
	return e.Kind == logparse.KindConnectFailed || e.Kind == logparse.KindUpstreamTimedOut && e.Action == "connecting to upstream"
}

// addressPast is what the log told of one address of a server.
type addressPast struct {
	worked   monitor.Time // last line of a connection that had come about
	since    monitor.Time // first failure after it
	last     monitor.Time // last failure
	failures int
	reloaded monitor.Time // first reload after since
	tried    bool         // refused after a reload too: it is not stale
	first    monitor.LogRef
}

type addresses struct {
	bounded[addressPast]
	last monitor.Time // of all entries looked at
}

// watchAddress remembers what came of connections to each address.
func watchAddress(p *pass, r *monitor.LogRef) {
	m := remember[addresses](p)
	m.last = max(m.last, r.At)
	e := &r.Entry
	if e.Kind == logparse.KindReconfiguring {
		m.reload(r.At)
		return
	}
	addr := e.UpstreamAddr()
	if p.ownDial(r) != nil {
		return
	}
	a := m.of[addr]                                   // before it is looked at closely: most come again
	if a == nil && !strings.HasPrefix(addr, "127.") { // a loopback address, or a name: of no interest, and in many logs it is each line's
		if k := kindOfAddress(addr); k == privateAddress || k == publicAddress {
			a = m.get(addr)
		}
	}
	switch {
	case a == nil:
	case !connectPhase(e):
		*a = addressPast{worked: r.At}
	default:
		a.fail(r)
	}
}

func (m *addresses) reload(at monitor.Time) {
	for _, a := range m.of {
		if a.failures > 0 && a.reloaded.IsZero() {
			a.reloaded = at
		}
	}
}

func (a *addressPast) fail(r *monitor.LogRef) {
	if a.failures == 0 {
		a.since = r.At
		a.first = *r
		a.first.Entry = r.Entry.Clone()
	}
	a.failures++
	a.last = r.At
	if !a.reloaded.IsZero() && r.At > a.reloaded {
		a.tried = true
	}
}

// staleAddresses concludes: an address that worked and then never again, or one
// that the configuration has as a name, and that no reload has looked up since.
func staleAddresses(p *pass) {
	m := remember[addresses](p)
	for _, addr := range m.names {
		a := m.of[addr]
		if a.failures < 2 || a.tried {
			continue
		}
		name := p.nameBehind(&a.first.Entry, addr)
		cured := !a.reloaded.IsZero() && m.last > a.reloaded
		if name == "" && p.opts.Conf != nil {
			continue // it stands in the configuration as it is
		}
		if name == "" && (a.worked.IsZero() && !cured || kindOfAddress(addr) != privateAddress) {
			continue
		}
		p.staleAddress(addr, name, a)
	}
}

func (p *pass) staleAddress(addr, name string, a *addressPast) {
	t, _ := p.entry(addr, &a.first)
	t.Count += a.failures - 1
	t.seen(a.last)
	if !a.worked.IsZero() {
		t.say("it still served at %s; since %s every connection to it failed, %d of them", clock(a.worked), clock(a.since), a.failures)
	} else {
		t.say("since %s every connection to it failed, %d of them", clock(a.since), a.failures)
	}
	if name != "" {
		t.say("the configuration has the name %s, which nginx looked up once, when it read it", name)
	}
	if !a.reloaded.IsZero() {
		t.say("after the reload at %s nginx did not ask this address any more", clock(a.reloaded))
	}
	if name == "" {
		name = "NAME:PORT"
	}
	t.fix(`# At once: nginx -s reload looks all names up again. (A server that just is down stays down.)
# For good, a name in a variable, which is looked up while nginx runs;
# the resolver is Docker's, in Kubernetes it is the address of the service kube-dns.
# in %s:
resolver 127.0.0.11 valid=10s;
set $backend %s;
proxy_pass http://$backend;`, p.blockOf(&a.first.Entry), name)
}

// nameBehind is the name with port that the configuration has where the log has
// addr, "" if it is not known or looked up at run time anyway.
func (p *pass) nameBehind(e *logparse.Entry, addr string) string {
	l := p.locationOf(e)
	if l == nil || l.Pass == nil || l.Pass.Variables {
		return ""
	}
	_, port, _ := cutLast(addr, ":")
	fits := func(server string) bool {
		host, its, _ := cutLast(server, ":")
		return its == port && host != "localhost" && kindOfAddress(server) == namedAddress && !strings.HasPrefix(server, "unix:")
	}
	if l.Pass.Upstream == nil {
		if fits(l.Pass.Host) {
			return l.Pass.Host
		}
		return ""
	}
	for _, s := range l.Pass.Upstream.Servers {
		if s.Address == addr || s.Resolve {
			return ""
		}
	}
	for _, s := range l.Pass.Upstream.Servers {
		if fits(s.Address) {
			return s.Address
		}
	}
	return ""
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// outOfUse counts how often nginx took each server out of use.
type outOfUse struct{ bounded[int] }

func noLiveUpstreams(p *pass, r *monitor.LogRef) {
	e := &r.Entry
	if e.Kind == logparse.KindUpstreamDisabled {
		if n := remember[outOfUse](p).get(e.UpstreamAddr()); n != nil {
			*n++
		}
		return
	}
	group := lineServer(e)
	if t, first := p.entry(group, r); first {
		t.fix(`# Its servers failed max_fails times (default 1) within fail_timeout (default 10s).
# Make them answer: the findings about connections and timeouts say how they failed.
# To go on asking a server after a failure,
# in upstream %s { }:
server ADDRESS max_fails=0;`, group)
	}
}

// disabledServers names the servers that were taken out, as evidence.
func disabledServers(p *pass) {
	if len(p.found) == 0 {
		return
	}
	m := remember[outOfUse](p)
	for i, addr := range m.names {
		if i == linesMost {
			break
		}
		p.found[0].say("server %s was taken out of use %d times for failing (max_fails)", addr, *m.of[addr])
	}
}
