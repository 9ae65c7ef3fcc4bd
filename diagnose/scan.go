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

	seq    uint64 // the last conn looked at
	conns  bool   // all conns were
	line   uint64 // number of the last log entry looked at
	over   bool
	result []Finding
}

// NewScan begins a look.
func NewScan(o Options) *Scan {
	x := &Scan{opts: o, passes: make([]pass, len(rules))}
	for i := range rules {
		x.passes[i] = pass{rule: &rules[i], opts: o}
	}
	return x
}

// Step looks at no more than n conns or log entries, some microseconds each.
// True: the look is over, Findings has its result.
func (x *Scan) Step(s *monitor.State, n int) bool {
	if x.over {
		return true
	}
	if !x.conns {
		n -= x.stepConns(s, n)
	}
	if x.conns && x.stepLines(s, n) {
		x.finish(s)
	}
	return x.over
}

func (x *Scan) stepConns(s *monitor.State, n int) (looked int) {
	for c := range s.ConnsAfter(x.seq) {
		if looked == n {
			return looked
		}
		x.eachPass(s, func(p *pass) {
			if p.rule.conn != nil {
				p.rule.conn(p, c)
			}
		})
		x.seq = c.Seq
		looked++
	}
	x.conns = true
	return looked
}

func (x *Scan) stepLines(s *monitor.State, n int) (done bool) {
	logs := s.Logs()
	from, _ := slices.BinarySearchFunc(logs, x.line+1, func(r *monitor.LogRef, n uint64) int { return int(r.N) - int(n) })
	for _, r := range logs[from:] {
		if n--; n < 0 {
			return false
		}
		x.look(s, r)
		x.line = r.N
	}
	return true
}

func (x *Scan) look(s *monitor.State, r *monitor.LogRef) {
	x.eachPass(s, func(p *pass) {
		if p.rule.line != nil {
			p.rule.line(p, r)
		}
	})
}

// Line looks at one entry of a log that is in no State: a file read on its own.
func (x *Scan) Line(s *monitor.State, e *logparse.Entry, stamp monitor.Time) {
	r := &monitor.LogRef{LogLine: monitor.LogLine{Header: monitor.Header{At: stamp}, Source: e.File, Stamp: stamp, Entry: *e}}
	x.look(s, r)
}

// finish lets the rules conclude.
func (x *Scan) finish(s *monitor.State) {
	x.eachPass(s, func(p *pass) {
		if c := x.opts.Conf; c != nil {
			if p.rule.loc != nil {
				for l := range c.EachLocation {
					p.rule.loc(p, l)
				}
			}
			if p.rule.conf != nil {
				p.rule.conf(p, c)
			}
		}
		if p.rule.done != nil {
			p.rule.done(p)
		}
	})
	for i := range x.passes {
		x.result = x.passes[i].appendTo(x.result)
	}
	if x.opts.Conf == nil { // a recording knows what was found in the configuration of its time
		for _, set := range s.Settings {
			x.result = append(x.result, set.Findings...)
		}
	}
	slices.SortStableFunc(x.result, byGravity)
	x.over = true
}

func (x *Scan) eachPass(s *monitor.State, fn func(*pass)) {
	for i := range x.passes {
		p := &x.passes[i]
		p.state = s
		fn(p)
	}
}

// Findings are the result, gravest first; nil before the look is over.
func (x *Scan) Findings() []Finding { return x.result }
