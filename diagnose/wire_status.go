package diagnose

import (
	"fmt"

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
type attempts struct{ upgraded, refused int }

// statusMemory counts attempts by target group, and knows what each finding is
// about.
type statusMemory struct {
	groups   bounded[attempts]
	group    []byte // of the target looked at
	findings []refusal
}

// refusal is a finding with what its severity depends on.
type refusal struct {
	tally  *tally
	family *statusFamily
	of     *attempts
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
	if c.Answer == nil || c.Request == nil || isSecondLeg(c) {
		return
	}
	m := remember[statusMemory](p)
	a := m.at(c.Request.Target)
	if c.Answer.Status == 101 {
		if a != nil {
			a.upgraded++
		}
		return
	}
	if a == nil {
		a = &attempts{}
	}
	a.refused++
	t := p.about(fmt.Sprintf("%d at %s", c.Answer.Status, targetGroup(c.Request.Target)))
	p.sayRefused(t.conn(c, c.Answer.At), c)
	if t.Count == 1 {
		m.explain(p, t, c, a)
	}
}

// explain says what the first refusal of a finding means.
func (m *statusMemory) explain(p *pass, t *tally, c *monitor.Conn, a *attempts) {
	f := familyOf(c.Answer.Status)
	m.findings = append(m.findings, refusal{t, f, a})
	if f.reference != "" {
		t.Reference = f.reference
	}
	t.say("%s", f.meaning)
	t.fix("%s", f.fix(p, c))
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

// seldomBelow is the share of refusals, in percent, below which they are
// single clients' trouble and not the path's.
const seldomBelow = 5

// gradeStatuses: where nothing was upgraded the path is broken; where nearly
// all was, single clients are.
func gradeStatuses(p *pass) {
	for _, r := range remember[statusMemory](p).findings {
		all := r.of.upgraded + r.of.refused
		switch {
		case r.of.upgraded == 0:
			r.tally.grade(r.family.always)
			continue
		case 100*r.of.refused < seldomBelow*all:
			r.tally.grade(r.family.seldom)
		default:
			r.tally.grade(r.family.often)
		}
		r.tally.conclude("of %d attempts there, %d were upgraded", all, r.of.upgraded)
	}
}
