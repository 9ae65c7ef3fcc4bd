package diagnose

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// logRules look at log entries. They run for every line of a log, so each names
// the kinds it wants, and makes no text for a line it does not keep.
var logRules = slices.Concat(
	connectRules, answerRules, tlsRules, nameRules, tunnelRules, requestRules, capacityRules, processRules, sourceRules,
)

// linesMost bounds the log lines that a finding quotes; it counts the others.
const linesMost = 3

// entry counts a log line for the finding of a subject. first says that it
// is the subject's first: the time to write the fix.
func (p *pass) entry(subject string, r *monitor.LogRef) (t *tally, first bool) {
	if t = p.index[subject]; t == nil && len(p.found) < subjectsKept {
		subject = strings.Clone(subject) // lest it keep a part of the log in memory
	}
	if t == nil {
		t = p.about(subject)
	}
	first = t.Count == 0
	if t.Count >= linesMost {
		t.countLine(r)
		t.said++
		return t, false
	}
	return t.line(r), first
}

// theOne is the conn that a line is about: the client's leg where both are known.
func theOne(r *monitor.LogRef) (monitor.ID, bool) {
	if !explained(r) {
		return monitor.ID{}, false
	}
	return r.Joined[0], true
}

// lineServer is the server that a line is about. Of a line cut at nginx's limit the
// end is missing.
func lineServer(e *logparse.Entry) string {
	if addr := e.UpstreamAddr(); addr != "" {
		return pasteable(addr)
	}
	return "an address that was cut off the line"
}

// pasteable is text of a log for a fix: clients choose many bytes of a log, and a
// fix goes into a configuration or a shell. Only what names and paths are made of stays.
func pasteable(s string) string {
	for i := range len(s) {
		if !harmless[s[i]] {
			return withoutHarm(s)
		}
	}
	return s
}

func withoutHarm(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= utf8.RuneSelf || !harmless[c] {
			return '?'
		}
		return c
	}, s)
}

// harmless are the bytes that names and paths are made of.
var harmless = func() (is [256]bool) {
	for _, c := range []byte("-._~/:[]*@,0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		is[c] = true
	}
	return is
}()

// blockOf names the block that a line's request went through, for the comment
// above a fix: exactly where the configuration is known.
func (p *pass) blockOf(e *logparse.Entry) string {
	if l := p.locationOf(e); l != nil {
		return locationHead(l) + " { }"
	}
	switch path := targetGroup(e.RequestTarget()); {
	case path != "":
		return "the location { } that serves " + pasteable(path)
	case e.Has(logparse.HasBytes):
		return "the server { } of stream that listens at " + pasteable(e.Server)
	}
	return "the location { } with this proxy_pass"
}

// locationOf is the location of a line's request, nil if it is not known.
func (p *pass) locationOf(e *logparse.Entry) *nginxconf.Location {
	if p.opts.Conf == nil || !e.Has(logparse.HasRequest) {
		return nil
	}
	a, _ := p.opts.Conf.Find(nginxconf.Query{Host: e.Host, Target: e.RequestTarget()})
	return a.Location
}

// atServer says that an entry is about nginx's connection to the server. The
// words are the same for both sides, the level tells them apart: peer.log_error
// is error, the client connection's info (ngx_http_upstream_create_round_robin_peer,
// ngx_http_init_connection).
func atServer(e *logparse.Entry) bool { return e.Level >= logparse.LevelError }

// inTunnel says that an entry is about an established tunnel, or a session of stream.
func inTunnel(e *logparse.Entry) bool {
	return e.Action == "proxying upgraded connection" || strings.HasPrefix(e.Action, "proxying and ") || e.Action == "proxying connection"
}

// ownDial is the conn of a back tap that could not be dialled on, when a line is
// about it: nginx was connected, to wstap, and logs the reset that wstap passed
// on where without wstap it would have logged connect() failed.
func (p *pass) ownDial(r *monitor.LogRef) *monitor.Conn {
	if r.Ambiguous {
		return nil
	}
	for _, id := range r.Joined {
		if c := p.state.Conn(id); c != nil && c.Dial != nil {
			return c
		}
	}
	return nil
}

// explained says that a line belongs to one conn, whose verdict and whose
// findings tell more than the line.
func explained(r *monitor.LogRef) bool { return len(r.Joined) > 0 && !r.Ambiguous }

// addressKind tells apart what an address proves.
type addressKind uint8

const (
	namedAddress    addressKind = iota // a name, a unix socket, or nothing
	loopbackAddress                    // this host, or this container
	privateAddress                     // of a data centre or a container network
	publicAddress
)

func kindOfAddress(addr string) addressKind {
	if addr == "" || addr[0] != '[' && addr[0]-'0' > 9 {
		return namedAddress // cheaper than an error of netip
	}
	a, err := netip.ParseAddrPort(addr)
	switch ip := a.Addr().Unmap(); {
	case err != nil:
		return namedAddress
	case ip.IsLoopback():
		return loopbackAddress
	case ip.IsPrivate() || ip.IsLinkLocalUnicast():
		return privateAddress
	}
	return publicAddress
}

// bounded is a map of a rule's memory: names come from outside, so beyond
// memoryMost new ones are not remembered.
type bounded[T any] struct {
	of    map[string]*T
	names []string // in order of first sight
}

const memoryMost = 1000

// get finds the memory of a name, or nil if there is no room for one more.
func (m *bounded[T]) get(name string) *T {
	if v := m.of[name]; v != nil {
		return v
	}
	if len(m.names) >= memoryMost {
		return nil
	}
	if m.of == nil {
		m.of = map[string]*T{}
	}
	name = strings.Clone(name) // lest it keep the whole line
	v := new(T)
	m.of[name] = v
	m.names = append(m.names, name)
	return v
}
