package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// Subjects come from outside: a scanner asks for a thousand paths, a host has a
// thousand servers. Each has a finding of its own while a rule looks; in the end
// they are told as few: paths side by side as one, places of the configuration
// with one fix as one, and what is left beyond subjectsMost as "others".

const (
	subjectsMost = 12  // findings of one rule in the end, before that of all others
	subjectsKept = 300 // while it looks, but for a configuration, which is as large as it is
	siblingsMore = 4   // paths side by side above which they are told as one
	sameFixMore  = 3   // places of the configuration with one fix above which they are
)

// othersSubject is the subject of the finding of all others.
const othersSubject = "others"

// remainder is the finding of subjects beyond subjectsKept.
type remainder struct {
	*tally
	subjects map[string]bool
	beside   map[string]int // by siblingsOf: how many were found when it was met first
}

// beyond is the finding of a subject for which there is no room.
func (p *pass) beyond(subject string) *tally {
	if t := p.siblings(subject); t != nil {
		return t
	}
	r := &p.rest
	if r.tally == nil {
		r.tally, r.subjects = p.make(othersSubject), map[string]bool{}
	}
	if len(r.subjects) < memoryMost && !r.subjects[subject] {
		r.subjects[strings.Clone(subject)] = true
	}
	return r.tally
}

// siblings is the finding of all paths beside that of a subject, nil if they are few.
func (p *pass) siblings(subject string) *tally {
	all := siblingsOf(subject)
	if all == "" {
		return nil
	}
	if t := p.index[all]; t != nil {
		return t
	}
	n, known := p.rest.beside[all]
	if !known && len(p.rest.beside) < memoryMost {
		for _, t := range p.found {
			if siblingsOf(t.Subject) == all {
				n++
			}
		}
		if p.rest.beside == nil {
			p.rest.beside = map[string]int{}
		}
		p.rest.beside[all] = n
	}
	if n <= siblingsMore {
		return nil
	}
	return p.open(all)
}

// siblingsOf is a subject with the last part of its path as "*": /chat/* for
// /chat/anna, "" where a subject has no path, or one of a single part.
func siblingsOf(subject string) string {
	from := strings.Index(" "+subject, " /")
	if from < 0 {
		return ""
	}
	path, after := subject[from:], ""
	if i := strings.IndexAny(path, ", "); i >= 0 {
		path, after = path[:i], path[i:]
	}
	slash := strings.LastIndexByte(path, '/')
	if slash < 1 || slash == len(path)-1 {
		return ""
	}
	return subject[:from] + path[:slash+1] + "*" + after
}

// few are what was found, as no more than subjectsMost findings and that of all others.
func (p *pass) few() []*tally {
	all := slices.DeleteFunc(slices.Clone(p.found), func(t *tally) bool { return t.Count == 0 }) // a rule that looked and concluded nothing
	if p.rule.isConf() {
		all = alike(all, sameFixMore, sameFix, func(t *tally) {
			t.Title = fmt.Sprintf("%s: in %d places, the first: %s", p.rule.title, t.with+1, t.Subject)
		})
	} else {
		all = alike(all, siblingsMore, func(t *tally) string { return siblingsOf(t.Subject) }, func(t *tally) {
			t.Subject = siblingsOf(t.Subject)
			t.Title = titleOf(p.rule, t.Subject)
		})
	}
	slices.SortStableFunc(all, func(a, b *tally) int { return byGravity(a.Finding, b.Finding) })
	if len(all) <= subjectsMost+1 && p.rest.tally == nil {
		return all // one in the place of "1 other"
	}
	kept := min(len(all), subjectsMost)
	return append(all[:kept], p.others(all[kept:]))
}

// isConf says that a rule looks at the configuration alone.
func (r *rule) isConf() bool { return r.loc != nil || r.conf != nil }

func sameFix(t *tally) string {
	if t.File == "" {
		return ""
	}
	return string(t.Severity) + t.Fix
}

// alike makes one finding of those that have the same key, where they are more
// than most; "" is no key.
func alike(all []*tally, most int, key func(*tally) string, name func(*tally)) (out []*tally) {
	groups, heads := map[string][]*tally{}, map[*tally]bool{}
	for _, t := range all {
		groups[key(t)] = append(groups[key(t)], t)
	}
	for _, t := range all {
		k := key(t)
		g := groups[k]
		if k == "" || len(g) <= most {
			out = append(out, t)
		} else if t == g[0] {
			heads[t] = true
			out = append(out, t)
		}
	}
	for _, t := range out {
		if !heads[t] {
			continue
		}
		for _, o := range groups[key(t)][1:] {
			t.absorb(o)
		}
		name(t)
	}
	return out
}

// others is the finding of all that have none of their own.
func (p *pass) others(ts []*tally) *tally {
	all := p.make(othersSubject)
	n := len(ts)
	if r := p.rest.tally; r != nil {
		ts = append(ts, r)
		n += len(p.rest.subjects)
	}
	all.Severity, all.Fix = ts[0].Severity, fixOf(ts[0])
	all.File, all.Line = ts[0].File, ts[0].Line
	for _, t := range ts {
		n += t.with
		all.absorb(t)
	}
	more := ""
	if len(p.rest.subjects) == memoryMost {
		more = "more than "
	}
	all.Title = fmt.Sprintf("%s: %s%d others", p.rule.title, more, n)
	return all
}

// fixOf is a fix under the name of its subject.
func fixOf(t *tally) string {
	if t.Subject == othersSubject {
		return t.Fix
	}
	if !strings.Contains(t.Fix, "\n") {
		return filled("For %s: %s", []any{t.Subject, t.Fix})
	}
	return filled("# For %s:\n", []any{t.Subject}) + t.Fix
}

// absorb adds what another finding of the rule has.
func (t *tally) absorb(o *tally) {
	t.Count += o.Count
	t.OfLines = t.OfLines || o.OfLines
	for _, id := range o.Conns {
		if !slices.Contains(t.Conns, id) {
			t.name(id)
		}
	}
	t.seen(o.First).seen(o.Last)
	for _, e := range o.Evidence {
		t.say("%s", e)
	}
	t.said += o.said
	t.with += o.with + 1
	if o.Severity.AtLeast(t.Severity) {
		t.Severity = o.Severity
	}
}
