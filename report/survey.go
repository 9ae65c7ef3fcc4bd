package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// survey is what one walk over the conns of a State counts for Text and Summary.
type survey struct {
	s      *monitor.State
	conns  []*monitor.Conn // those that the report is of, by opened
	keep   func(*monitor.Conn) bool
	totals *monitor.Totals

	causes   map[monitor.Cause]*causeCount
	codes    map[closeKey]*codeCount
	attempts map[attempt]uint64
	targets  map[string]*target
	limits   map[limitKey]*limitCount
	rules    map[string]uint64 // violations of the conns kept
	gaps     []*monitor.Conn   // the longest first, of linked legs only one
	next     []ending          // open ones, the nearest to its end first

	assumed      uint64 // tunnels that the assumed limit counts for
	lost, opaque uint64
	unlinked     uint64
}

// causeCount is of the conns kept; Totals.Causes counts the evicted ones, too.
type causeCount struct{ all, confirmed, likely, possible uint64 }

// closeKey keeps a 1006 that a peer did send, which is a violation, apart from
// the derived one.
type closeKey struct {
	code    ws.CloseCode
	derived bool
}

type codeCount struct {
	name, meaning  string
	client, server uint64
	total          uint64
}

// attempt is a handshake that came to nothing.
type attempt struct {
	status int // 0: no answer
	what   string
	target string
}

type target struct {
	name                 string
	conns, open, trouble uint64
	frames, bytes        uint64
}

type limitKey struct {
	kind   monitor.LimitKind
	value  monitor.Millis
	source string
}

type limitCount struct{ conns, open, near, critical, expired uint64 }

// ending is an open conn that a limit counts down for.
type ending struct {
	conn *monitor.Conn
	cd   monitor.Countdown
}

// most is how many rows a table of a report has; the JSON has all.
const most = 10

func look(s *monitor.State, o Options) *survey {
	v := &survey{
		s: s, conns: sorted(s, o), keep: o.Keep,
		causes:   map[monitor.Cause]*causeCount{},
		codes:    map[closeKey]*codeCount{},
		attempts: map[attempt]uint64{},
		targets:  map[string]*target{},
		limits:   map[limitKey]*limitCount{},
		rules:    map[string]uint64{},
	}
	v.totals = o.totals(s, v.conns)
	for _, c := range v.conns {
		v.verdict(c)
		v.attempt(c)
		v.target(c)
		v.limit(c)
		v.gap(c)
		v.odd(c)
	}
	return v
}

func (v *survey) verdict(c *monitor.Conn) {
	if c.Verdict.Cause == "" {
		return
	}
	n := v.causes[c.Verdict.Cause]
	if n == nil {
		n = &causeCount{}
		v.causes[c.Verdict.Cause] = n
	}
	n.all++
	switch c.Verdict.Confidence {
	case monitor.Confirmed:
		n.confirmed++
	case monitor.Likely:
		n.likely++
	case monitor.Possible:
		n.possible++
	}
	v.code(&c.Verdict)
}

func (v *survey) code(w *monitor.Verdict) {
	if w.Code == 0 {
		return
	}
	k := closeKey{w.Code, w.CodeDerived}
	n := v.codes[k]
	if n == nil {
		n = &codeCount{name: w.Code.Name(), meaning: w.Code.Meaning()}
		v.codes[k] = n
	}
	n.total++
	switch w.CloseFrom {
	case "client":
		n.client++
	case "server":
		n.server++
	}
}

func (v *survey) attempt(c *monitor.Conn) {
	a := attempt{target: path(c)}
	switch {
	case c.Dial != nil:
		a.what, a.target = "server not reached: "+c.Dial.Error, c.Server
	case c.Answer != nil && c.Answer.Status != 101:
		a.status, a.what = c.Answer.Status, c.Answer.Reason
	case c.Answer == nil && !c.Opaque && !c.Ended.IsZero():
		a.what = "no answer"
	default:
		return
	}
	if len(v.attempts) < groupsMost || v.attempts[a] > 0 {
		v.attempts[a]++
	}
}

// groupsMost bounds the groups of a survey: peers choose their names.
const groupsMost = 100_000

// path is the target without its query, which may differ with every client.
func path(c *monitor.Conn) string {
	switch {
	case c.Opaque:
		return "(opaque)"
	case c.Request == nil:
		return "(no request)"
	}
	p, _, _ := strings.Cut(c.Target(), "?")
	return p
}

func (v *survey) target(c *monitor.Conn) {
	name := path(c)
	t := v.targets[name]
	if t == nil {
		if len(v.targets) >= groupsMost {
			return
		}
		t = &target{name: name}
		v.targets[name] = t
	}
	t.conns++
	t.frames += c.Sample.FrameCount()
	t.bytes += c.Sample.Dir[0].Bytes + c.Sample.Dir[1].Bytes
	if c.Ended.IsZero() {
		t.open++
	}
	if troubled(c) {
		t.trouble++
	}
}

// limit counts every limit that holds for a tunnel, and marks what is open by
// the one that ends it next.
func (v *survey) limit(c *monitor.Conn) {
	if !tunnel(c) {
		return
	}
	for _, l := range v.s.Limits(c) {
		n := v.limitCount(&l)
		n.conns++
		if l.Source == assumedSource {
			v.assumed++
		}
	}
	cd, ok := v.s.Countdown(c)
	if !ok {
		return
	}
	n := v.limitCount(&cd.Limit)
	n.open++
	switch cd.Mark {
	case monitor.MarkNear:
		n.near++
	case monitor.MarkCritical:
		n.critical++
	case monitor.MarkExpired:
		n.expired++
	}
	v.next = keepBest(v.next, ending{c, cd}, func(a, b ending) int {
		return cmp.Compare(a.cd.Left, b.cd.Left)
	})
}

// assumedSource is what monitor calls nginx's default.
const assumedSource = "assumed"

func (v *survey) limitCount(l *monitor.Limit) *limitCount {
	k := limitKey{l.Kind, l.Value, l.Source}
	n := v.limits[k]
	if n == nil {
		n = &limitCount{}
		v.limits[k] = n
	}
	return n
}

func (v *survey) gap(c *monitor.Conn) {
	if !tunnel(c) || longestGap(v.s, c) < time.Second {
		return
	}
	if o := v.other(c); o != nil && c.Role == monitor.Back && longestGap(v.s, o) >= time.Second {
		return // the front leg shows the same gap
	}
	v.gaps = keepBest(v.gaps, c, func(a, b *monitor.Conn) int {
		return cmp.Compare(longestGap(v.s, b), longestGap(v.s, a))
	})
}

func (v *survey) odd(c *monitor.Conn) {
	switch {
	case c.Opaque:
		v.opaque++
	case lost(c):
		v.lost++
	}
	if c.LinkNote != "" {
		v.unlinked++
	}
	for _, x := range c.Sample.Violations {
		if len(v.rules) < groupsMost || v.rules[x.Rule] > 0 {
			v.rules[x.Rule] += x.Count
		}
	}
}

// keepBest keeps the first most of a sorted list.
func keepBest[T any](list []T, x T, order func(a, b T) int) []T {
	if len(list) == most && order(list[most-1], x) <= 0 {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, x, order)
	for at < len(list) && order(list[at], x) == 0 { // equal ones stay in order of arrival
		at++
	}
	list = slices.Insert(list, at, x)
	return list[:min(len(list), most)]
}

// causesInOrder is the causes seen, the most frequent first, then by precedence.
func (v *survey) causesInOrder() []monitor.Cause {
	var cs []monitor.Cause
	for _, c := range monitor.Causes() {
		if v.total(c) > 0 {
			cs = append(cs, c)
		}
	}
	slices.SortStableFunc(cs, func(a, b monitor.Cause) int { return cmp.Compare(v.total(b), v.total(a)) })
	return cs
}

// total counts evicted conns, too; unsettled ones are in the walk alone.
func (v *survey) total(c monitor.Cause) uint64 {
	n := v.totals.Causes[c]
	if kept := v.causes[c]; kept != nil {
		n = max(n, kept.all)
	}
	return n
}

func (v *survey) codesInOrder() []closeKey {
	return slices.SortedFunc(maps.Keys(v.codes), func(a, b closeKey) int {
		return cmp.Or(cmp.Compare(v.codes[b].total, v.codes[a].total), cmp.Compare(a.code, b.code),
			cmp.Compare(asNumber(a.derived), asNumber(b.derived)))
	})
}

func (v *survey) attemptsInOrder() []attempt {
	return slices.SortedFunc(maps.Keys(v.attempts), func(a, b attempt) int {
		return cmp.Or(cmp.Compare(v.attempts[b], v.attempts[a]), cmp.Compare(b.status, a.status),
			cmp.Compare(a.target, b.target), cmp.Compare(a.what, b.what))
	})
}

// targetsBy is the targets by a falling number, those without it left out.
func (v *survey) targetsBy(key func(*target) uint64) []*target {
	var ts []*target
	for _, t := range v.targets {
		if key(t) > 0 {
			ts = append(ts, t)
		}
	}
	slices.SortFunc(ts, func(a, b *target) int {
		return cmp.Or(cmp.Compare(key(b), key(a)), cmp.Compare(a.name, b.name))
	})
	return ts
}

func asNumber(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (v *survey) limitsInOrder() []limitKey {
	return slices.SortedFunc(maps.Keys(v.limits), func(a, b limitKey) int {
		return cmp.Or(cmp.Compare(v.limits[b].conns, v.limits[a].conns), cmp.Compare(a.value, b.value),
			cmp.Compare(a.kind, b.kind), cmp.Compare(a.source, b.source))
	})
}

// violations counts broken rules: State's totals know evicted conns but only
// the first violation of each rule, the conns kept know them all.
func (v *survey) violations() map[string]uint64 {
	m := maps.Clone(v.rules)
	for rule, n := range v.totals.ViolationsByRule {
		m[rule] = max(m[rule], n)
	}
	return m
}
