// Package diagnose turns what is seen into findings: what is wrong, how we
// know, and what to paste to make it right. A rule looks at conns, at log
// entries, at the configuration, or at two of them together; docs/findings.md
// lists all.
//
// [Run] looks at everything at once. Where a State is large and must not be
// held for long, a [Scan] walks it in steps. Both only read; the same input
// gives the same findings.
package diagnose

import (
	"cmp"
	"slices"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// Finding is what a rule concluded.
type Finding = monitor.Finding

// Options are what rules may look at beside a State.
type Options struct {
	Conf *nginxconf.Config // nil: not known
	// Recorded says that the findings of Conf alone are in the State already (see
	// monitor.Settings): it is used to name places, and not judged again.
	Recorded bool
}

// confRules says that the rules of the configuration are to look at it.
func (o *Options) confRules() bool { return o.Conf != nil && !o.Recorded }

// rule is a row of the table. Each of its functions may be nil.
type rule struct {
	id        string
	severity  monitor.Severity // a rule may lower or raise it for one finding
	title     string           // without its subject; a sentence
	reference string

	conn func(*pass, *monitor.Conn)       // for each conn kept, in order of arrival
	line func(*pass, *monitor.LogRef)     // for each log entry kept, oldest first; the LogRef is valid during the call only
	loc  func(*pass, *nginxconf.Location) // for each location of the configuration
	conf func(*pass, *nginxconf.Config)   // once, if the configuration is known
	done func(*pass)                      // at the end: what only all of them together show

	// kinds are the kinds of entries that line is called for, those that a client
	// forged left out. Nil: all entries, forged ones too.
	kinds []logparse.Kind
}

// rules are all rules, by where they look first. A test holds that each has an
// id of its own, a scenario that fires it and a near miss that does not.
var rules = slices.Concat(wireRules, stickyRules, logRules, confRules)

// Run looks at everything that s keeps, and at the configuration.
func Run(s *monitor.State, o Options) []Finding {
	x := NewScan(o)
	for !x.Step(s, s.Len()+len(s.Logs())+1) {
	}
	return x.Findings()
}

// Check looks at the configuration alone.
func Check(c *nginxconf.Config) []Finding {
	x := NewLogScan(Options{Conf: c})
	x.Conclude()
	return x.Findings()
}

// byGravity orders findings as faces show them: gravest first, then what
// touches most, then by name. What is told of all other subjects comes after
// what names one.
func byGravity(a, b Finding) int {
	rest := func(f Finding) int {
		if f.Subject == othersSubject {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.Severity.Rank(), b.Severity.Rank()),
		cmp.Compare(rest(a), rest(b)),
		cmp.Compare(b.Count, a.Count),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Subject, b.Subject),
	)
}
