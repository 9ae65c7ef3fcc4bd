package diagnose

import (
	"fmt"
	"slices"

	"github.com/wstap/wstap/monitor"
)

// statusRules look at handshakes that were answered with something else than 101.
var statusRules = []rule{{
	id:        "handshake-status",
	severity:  monitor.SeverityError,
	title:     "Handshakes are not answered with 101",
	reference: "RFC 6455 §4.2.2",
	conn:      handshakeStatus,
	done:      gradeStatuses,
}}

// attempts are the handshakes for one group of targets.
type attempts struct {
	upgraded int
	askers
	refusals []refusals // by status, in order of first sight
}

// refusals are those of one status.
type refusals struct {
	status int
	n      int
	conns  []*monitor.Conn // the first of them
	last   monitor.Time
}

// statusesMost bounds the statuses of a group that are told apart.
const statusesMost = 8

// refuse counts a refusal; false where there is no room for one more status.
func (a *attempts) refuse(c *monitor.Conn) bool {
	i := slices.IndexFunc(a.refusals, func(r refusals) bool { return r.status == c.Answer.Status })
	if i < 0 {
		if i = len(a.refusals); i == statusesMost {
			return false
		}
		a.refusals = append(a.refusals, refusals{status: c.Answer.Status})
	}
	r := &a.refusals[i]
	r.n++
	r.last = max(r.last, c.Answer.At)
	if len(r.conns) < monitor.FindingConns {
		r.conns = append(r.conns, c)
	}
	a.count(c)
	return true
}

// statusMemory counts attempts by target group.
type statusMemory struct {
	groups bounded[attempts]
	group  []byte // of the target looked at
}

// at finds the attempts for a target; nil where there is no room for its group.
func (m *statusMemory) at(target string) *attempts {
	m.group = appendGroup(m.group[:0], target)
	if a := m.groups.of[string(m.group)]; a != nil { // without a copy of the name
		return a
	}
	return m.groups.get(string(m.group))
}

// handshakeStatus counts an attempt once, by what the client got: a server that
// nginx gave up for another one is handshakeRetried's.
func handshakeStatus(p *pass, c *monitor.Conn) {
	if c.Answer == nil || c.Request == nil || isSecondLeg(c) || c.Answer.Status != 101 && cameStripped(c) {
		return
	}
	a := remember[statusMemory](p).at(c.Request.Target)
	switch {
	case a != nil && c.Answer.Status == 101:
		a.upgraded++
	case c.Answer.Status == 101:
	case a == nil || !a.refuse(c): // nobody knows whether that path ever works
		p.sayUnknownPath(c)
	}
}

// cameStripped says that the server was not asked to upgrade at all, which is
// upgrade-header-stripped's: what the server answered to that explains nothing.
func cameStripped(c *monitor.Conn) bool {
	return slices.ContainsFunc(legs(c), func(leg *monitor.Conn) bool {
		return leg.Role == monitor.Back && leg.Key() != "" && lacksUpgrade(leg)
	})
}

// sayUnknownPath is of refusals beyond the paths that are remembered.
func (p *pass) sayUnknownPath(c *monitor.Conn) {
	f := familyOf(c.Answer.Status)
	t := p.about("other paths").raise(notGrave(f.often)).conn(c, c.Answer.At)
	p.sayRefused(t, c)
	t.repair(func() string { return f.fix(p, c) })
}

// strangersMost is how many paths may have a finding each where few tried and
// nothing was ever upgraded: more of them are a scanner's.
const strangersMost = 4

// gradeStatuses makes the findings: first those of paths that matter, then those
// that single clients made up.
func gradeStatuses(p *pass) {
	m := remember[statusMemory](p)
	var strangers []string
	for _, group := range m.groups.names {
		switch a := m.groups.of[group]; {
		case len(a.refusals) == 0:
		case a.upgraded == 0 && !a.many():
			strangers = append(strangers, group)
		default:
			p.sayRefusals(group, a)
		}
	}
	for _, group := range strangers {
		if len(strangers) > strangersMost {
			p.sayStranger(m.groups.of[group])
			continue
		}
		p.sayRefusals(group, m.groups.of[group])
	}
}

func (p *pass) sayRefusals(group string, a *attempts) {
	for i := range a.refusals {
		r := &a.refusals[i]
		f := familyOf(r.status)
		t := p.about(fmt.Sprintf("%d at %s", r.status, group)).raise(a.severity(f))
		if f.reference != "" {
			t.Reference = f.reference
		}
		t.say("%s", f.meaning).count(r)
		for _, c := range r.conns {
			p.sayRefused(t, c)
		}
		t.said += r.n - len(r.conns)
		if a.upgraded > 0 {
			t.conclude("of %d attempts there, %d were upgraded", a.upgraded+a.all, a.upgraded)
		}
		t.repair(func() string { return f.fix(p, r.conns[0]) })
	}
}

// sayStranger adds a path to the finding of all that nobody seems to serve.
func (p *pass) sayStranger(a *attempts) {
	for i := range a.refusals {
		r := &a.refusals[i]
		t := p.about("paths where nothing was ever upgraded").raise(notGrave(familyOf(r.status).always)).count(r)
		p.sayRefused(t, r.conns[0])
		t.fix("Few tried each of these paths: that is how scanners look, and clients with a wrong address. If one of them is a WebSocket's, look at that one; the others need nothing.")
	}
}

// count adds refusals to a finding.
func (t *tally) count(r *refusals) *tally {
	for _, c := range r.conns {
		t.conn(c, c.Answer.At)
	}
	t.Count += r.n - len(r.conns)
	return t.seen(r.last)
}

// severity: where nothing was upgraded, and it was not just one who tried, the
// path is broken; where nearly all was, single clients are.
func (a *attempts) severity(f *statusFamily) monitor.Severity {
	switch {
	case a.upgraded == 0 && a.many():
		return f.always
	case a.upgraded == 0:
		return notGrave(f.always)
	case 100*a.all < seldomBelow*(a.upgraded+a.all):
		return f.seldom
	}
	return f.often
}

// seldomBelow is the share of refusals, in percent, below which they are
// single clients' trouble and not the path's.
const seldomBelow = 5

func notGrave(s monitor.Severity) monitor.Severity {
	if s == grave {
		return mild
	}
	return s
}

// logsOfRefusals is how many sentences a finding has before it stops quoting
// log lines: those of the first attempts tell it.
const logsOfRefusals = 5

func (p *pass) sayRefused(t *tally, c *monitor.Conn) {
	t.tell(func() string {
		return fmt.Sprintf("%s %s for %s of %s was answered %s after %s%s", clock(c.Answer.At), c.Request.Method, c.Request.Target,
			orNone(c.Request.Host), answerText(c.Answer), span(c.Answer.At.Sub(c.Request.Began)), p.answeredBy(c))
	})
	if len(t.Evidence) < logsOfRefusals {
		t.quoteLogs(c)
	}
}

// answeredBy says who made the answer, as far as the legs show.
func (p *pass) answeredBy(c *monitor.Conn) string {
	back := c.Other()
	switch {
	case c.Role == monitor.Back:
		return " by " + c.Server
	case c.Role != monitor.Front:
		return ""
	case back == nil && p.state.HasRole(monitor.Back):
		return "; no request for it came to a back tap, so nginx made the answer, or a server that no tap is before"
	case back == nil:
		return ""
	case back.Dial != nil:
		return fmt.Sprintf("; the server %s could not be reached: %s", back.Server, back.Dial.Error)
	case back.Answer == nil:
		return fmt.Sprintf("; nginx made the answer, for %s gave none", back.Server)
	case back.Answer.Status == c.Answer.Status:
		return "; it is the answer of " + back.Server
	}
	return fmt.Sprintf("; %s had answered %s", back.Server, answerText(back.Answer))
}
