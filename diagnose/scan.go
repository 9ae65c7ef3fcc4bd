package diagnose

import (
	"slices"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// Scan is one look at a State, in steps: between two of them the State may
// change, and what came meanwhile is seen by this look or by the next.
type Scan struct {
	opts   Options
	passes []pass // one a rule

	conn     []*pass        // passes that look at conns
	every    []*pass        // passes that want every log entry
	unparsed *pass          // the one of them that counts all
	byKind   kindTable      // those that want entries of a kind
	ref      monitor.LogRef // of Line: one for all entries

	seq    uint64 // the last conn looked at
	conned bool   // all conns were
	line   uint64 // number of the last log entry looked at
	over   bool
	result []Finding
}

// NewScan begins a look.
func NewScan(o Options) *Scan {
	x := &Scan{opts: o, passes: make([]pass, len(rules))}
	conf := &confMemory{c: o.Conf}
	for i := range rules {
		r := &rules[i]
		x.passes[i] = pass{rule: r, opts: o, conf: conf}
		if r.conn != nil {
			x.conn = append(x.conn, &x.passes[i])
		}
		if r.line != nil && r.kinds == nil {
			x.every = append(x.every, &x.passes[i])
		}
		if r.id == unparsedLogID {
			x.unparsed = &x.passes[i]
		}
		for _, k := range r.kinds {
			x.byKind.add(k, &x.passes[i])
		}
	}
	return x
}

// Step looks at no more than n conns or log entries, some microseconds each; the
// last step lets all rules conclude besides, which goes by how much they found.
// True: the look is over, Findings has its result.
func (x *Scan) Step(s *monitor.State, n int) bool {
	if x.over {
		return true
	}
	for i := range x.passes {
		x.passes[i].state = s
	}
	if !x.conned {
		n -= x.stepConns(s, n)
	}
	if x.conned && x.stepLines(s, n) {
		x.finish()
	}
	return x.over
}

func (x *Scan) stepConns(s *monitor.State, n int) (looked int) {
	for c := range s.ConnsAfter(x.seq) {
		if looked == n {
			return looked
		}
		for _, p := range x.conn {
			p.rule.conn(p, c)
		}
		x.seq = c.Seq
		looked++
	}
	x.conned = true
	return looked
}

func (x *Scan) stepLines(s *monitor.State, n int) (done bool) {
	logs := s.Logs()
	from, _ := slices.BinarySearchFunc(logs, x.line+1, func(r *monitor.LogRef, n uint64) int { return int(r.N) - int(n) })
	for _, r := range logs[from:] {
		if n--; n < 0 {
			return false
		}
		x.look(r)
		x.line = r.N
	}
	return true
}

func (x *Scan) look(r *monitor.LogRef) {
	for _, p := range x.every {
		p.rule.line(p, r)
	}
	if r.Entry.Flags.Has(logparse.FlagForged) {
		return
	}
	for _, p := range x.byKind.of(r.Entry.Kind) {
		p.rule.line(p, r)
	}
}

// NewLogScan begins a look at log entries that are in no State: a file read on
// its own. Feed it by Line and end it by Conclude.
func NewLogScan(o Options) *Scan {
	x := NewScan(o)
	none := monitor.NewState(monitor.Bounds{})
	for i := range x.passes {
		x.passes[i].state = none
	}
	return x
}

// Line looks at one entry. It keeps nothing of it but copies.
func (x *Scan) Line(e *logparse.Entry, stamp monitor.Time) {
	if !x.Wants(e) {
		x.Skip(1)
		return
	}
	x.ref.At, x.ref.Stamp, x.ref.Source, x.ref.Entry = stamp, stamp, e.File, *e
	x.look(&x.ref)
}

// LineOf is Line for an entry that a rule wants, with its place and times: r is
// looked at where it is.
func (x *Scan) LineOf(r *monitor.LogRef) { x.look(r) }

// isOdd says that the rules that want every entry do more with e than count it.
func isOdd(e *logparse.Entry) bool {
	return !e.Parsed() || e.Flags.Has(logparse.FlagForged)
}

// Wants says that a rule looks at e; of all other entries it is enough to Skip
// them. It may be called at the same time as Line.
func (x *Scan) Wants(e *logparse.Entry) bool { return len(x.byKind.of(e.Kind)) > 0 || isOdd(e) }

// Skip stands for Line with n entries that no rule wants.
func (x *Scan) Skip(n int) { remember[unparsedMemory](x.unparsed).entries += n }

// Conclude ends a look that was fed by Line; Findings has its result.
func (x *Scan) Conclude() {
	if !x.over {
		x.finish()
	}
}

// finish lets the rules conclude.
func (x *Scan) finish() {
	for i := range x.passes {
		p := &x.passes[i]
		p.configuration()
		if p.rule.done != nil {
			p.rule.done(p)
		}
		x.result = p.appendTo(x.result)
	}
	if !x.opts.confRules() { // what was found in the configuration of its time comes with the State
		for _, set := range x.passes[0].state.Settings {
			x.result = append(x.result, set.Findings...)
		}
	}
	x.result = withoutCopies(x.result)
	slices.SortStableFunc(x.result, byGravity)
	x.over = true
}

// withoutCopies leaves one of findings that say the same of the same place: two
// relays may have read the same configuration.
func withoutCopies(fs []Finding) []Finding {
	type place struct {
		id, subject, file string
		line              int
	}
	seen := map[place]bool{}
	return slices.DeleteFunc(fs, func(f Finding) bool {
		at := place{f.ID, f.Subject, f.File, f.Line}
		was := seen[at]
		seen[at] = true
		return was
	})
}

// configuration lets the rule look at the configuration, if it is known.
func (p *pass) configuration() {
	c := p.opts.Conf
	if !p.opts.confRules() {
		return
	}
	if p.rule.loc != nil {
		for l := range c.EachLocation {
			p.rule.loc(p, l)
		}
	}
	if p.rule.conf != nil {
		p.rule.conf(p, c)
	}
}

// Findings are the result, gravest first; nil before the look is over.
func (x *Scan) Findings() []Finding { return x.result }
