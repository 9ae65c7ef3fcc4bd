package diagnose

import (
	"fmt"
	"slices"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// pass is one rule's part of a Scan: what it may look at, what it remembers,
// and what it has found.
type pass struct {
	rule  *rule
	opts  Options
	state *monitor.State // valid during a call only

	memory any
	found  []*tally
	index  map[string]*tally
	rest   remainder
	conf   *confMemory // of all rules together

	scratch []byte // of group
}

// evidenceMost bounds the sentences of one finding.
const evidenceMost = 8

// remember is the rule's own memory during one look, made at the first call.
func remember[T any](p *pass) *T {
	m, ok := p.memory.(*T)
	if !ok {
		m = new(T)
		p.memory = m
	}
	return m
}

// tally is a finding in the making.
type tally struct {
	Finding
	said   int // sentences beyond evidenceMost
	with   int // further subjects that it stands for
	oldest int // place in Conns that the next one takes, once they are full
	newest monitor.ID
}

// about is the finding of a subject: a target, a server, a location, or "" where
// a rule has only one. Beyond subjectsKept there is one for all others.
func (p *pass) about(subject string) *tally {
	if t := p.index[subject]; t != nil {
		return t
	}
	if len(p.found) >= subjectsKept && !p.rule.isConf() {
		return p.beyond(subject)
	}
	return p.open(subject)
}

// open begins a finding that is kept.
func (p *pass) open(subject string) *tally {
	t := p.make(subject)
	if p.index == nil {
		p.index = map[string]*tally{}
	}
	p.index[subject] = t
	p.found = append(p.found, t)
	return t
}

func (p *pass) make(subject string) *tally {
	return &tally{Finding: Finding{
		ID: p.rule.id, Severity: p.rule.severity, Title: titleOf(p.rule, subject), Subject: subject, Reference: p.rule.reference,
	}}
}

func titleOf(r *rule, subject string) string {
	if subject == "" {
		return r.title
	}
	return r.title + ": " + subject
}

// group is targetGroup; one that is a subject already costs no memory.
func (p *pass) group(target string) string {
	p.scratch = appendGroup(p.scratch[:0], target)
	if t := p.index[string(p.scratch)]; t != nil {
		return t.Subject
	}
	return string(p.scratch)
}

// conn counts a conn that the finding touches, as of a time.
func (t *tally) conn(c *monitor.Conn, at monitor.Time) *tally {
	if t.newest == c.ID {
		return t.seen(at)
	}
	t.Count++
	t.name(c.ID)
	return t.seen(at)
}

// name keeps a conn that the finding touches, in place of the oldest one where
// there are too many.
func (t *tally) name(id monitor.ID) {
	t.newest = id
	if len(t.Conns) < monitor.FindingConns {
		t.Conns = append(t.Conns, id)
		return
	}
	t.Conns[t.oldest] = id
	t.oldest = (t.oldest + 1) % len(t.Conns)
}

// sorted puts the conns in the order in which they were named.
func (t *tally) sorted() {
	t.Conns = slices.Concat(t.Conns[t.oldest:], t.Conns[:t.oldest])
	t.oldest = 0
}

// line counts a log line, and keeps the first ones as evidence.
func (t *tally) line(r *monitor.LogRef) *tally {
	t.countLine(r)
	if len(t.Evidence) >= evidenceMost { // before it is made
		t.said++
		return t
	}
	return t.say("log: %s", r.Entry.Raw)
}

func (t *tally) countLine(r *monitor.LogRef) {
	t.Count++
	t.OfLines = true
	t.seen(r.At)
	if id, ok := theOne(r); ok && t.newest != id {
		t.name(id)
	}
}

// seen widens the time in which it was seen.
func (t *tally) seen(at monitor.Time) *tally {
	if at.IsZero() {
		return t
	}
	if t.First.IsZero() || at < t.First {
		t.First = at
	}
	t.Last = max(t.Last, at)
	return t
}

// say adds a sentence of evidence, once.
func (t *tally) say(format string, args ...any) *tally {
	text := fmt.Sprintf(format, args...)
	switch {
	case slices.Contains(t.Evidence, text):
	case len(t.Evidence) >= evidenceMost:
		t.said++
	default:
		t.Evidence = append(t.Evidence, text)
	}
	return t
}

// at is where in the configuration it stands.
func (t *tally) at(p nginxconf.Place) *tally {
	t.File, t.Line = p.File, p.Line
	return t
}

// fix is what to paste or to do; the first one stays. Text of a client among
// args stays in its line.
func (t *tally) fix(format string, args ...any) *tally {
	if t.Fix == "" {
		t.Fix = asPasted(filled(format, args))
	}
	return t
}

// grade changes the severity of this finding.
func (t *tally) grade(s monitor.Severity) *tally {
	t.Severity = s
	return t
}

func (p *pass) appendTo(out []Finding) []Finding {
	for _, t := range p.few() {
		t.sorted()
		if t.said > 0 {
			t.Evidence = append(t.Evidence, fmt.Sprintf("and %d more like these", t.said))
		}
		out = append(out, t.Finding)
	}
	return out
}
