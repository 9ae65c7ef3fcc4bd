package tui

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// grouping is what the conns of the list are put together by.
type grouping struct {
	name  string // as on the screen
	field string // of the filter language
	of    func(c *monitor.Conn) string
}

// groupings in the sequence that `o` goes through; the first is none.
var groupings = []grouping{
	{},
	{"target", "group", func(c *monitor.Conn) string { return monitor.TargetGroup(c.Target()) }},
	{"client", "client", func(c *monitor.Conn) string { return withoutPort(c.EndClient()) }},
	{"leg", "tap", func(c *monitor.Conn) string { return c.Tap }},
	{"cause", "cause", causeOf},
}

func withoutPort(address string) string {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		return ap.Addr().String()
	}
	return address
}

// liveGroup is the cause of what has not ended.
const liveGroup = "(live)"

func causeOf(c *monitor.Conn) string {
	if c.Verdict.Cause == "" {
		return liveGroup
	}
	return string(c.Verdict.Cause)
}

// groupsMost bounds the groups; what comes later is counted in othersGroup.
const (
	groupsMost  = 2000
	othersGroup = "(others)"
)

// groups are the aggregates of the conns that pass the filter. They follow the
// index: each look at a conn takes out what it counted for before, and puts in
// what it counts for now.
type groups struct {
	by      *grouping
	members []member // parallel to the index's entries
	place   map[string]int32
	all     []aggregate
	order   []int32 // places in all, as on the screen
	win     window[string]
}

// member is what one conn was counted for.
type member struct {
	group   int32 // place in all and 1; 0: not counted
	flags   flags
	unclean bool
	cause   monitor.Cause
	frames  uint64
	bytes   uint64
}

// aggregate is one group.
type aggregate struct {
	name    string
	tally   tally
	conns   int
	unclean int // ended for a reason that is bad
	frames  uint64
	bytes   uint64
	causes  map[monitor.Cause]int // of the unclean
}

// on says that the list shows groups.
func (g *groups) on() bool { return g.by != nil && g.by.of != nil }

// begin counts anew by another grouping.
func (g *groups) begin(by *grouping) {
	*g = groups{by: by, place: map[string]int32{}}
}

// nextGrouping is what comes after by.
func nextGrouping(by *grouping) *grouping {
	for i := range groupings {
		if by == &groupings[i] {
			return &groupings[(i+1)%len(groupings)]
		}
	}
	return &groupings[1]
}

// count takes in what a look at the conn of an entry found.
func (g *groups) count(c *monitor.Conn, entry int, f flags) {
	for len(g.members) <= entry {
		g.members = append(g.members, member{})
	}
	g.change(&g.members[entry], -1)
	now := member{}
	if f&isMatch != 0 {
		now = member{group: g.placeOfName(g.by.of(c)) + 1, flags: f, frames: c.Sample.Dir[0].FrameCount() + c.Sample.Dir[1].FrameCount(), bytes: c.Sample.Dir[0].Bytes + c.Sample.Dir[1].Bytes}
		now.unclean, now.cause = unclean(c)
	}
	g.members[entry] = now
	g.change(&now, 1)
}

// remove takes an entry out; the last one takes its place, as in the index.
func (g *groups) remove(entry, last int) {
	if entry < len(g.members) {
		g.change(&g.members[entry], -1)
		g.members[entry] = member{}
	}
	if last < len(g.members) {
		g.members[entry] = g.members[last]
		g.members = g.members[:last]
	}
}

// change adds a member to its group, or with -1 takes it out.
func (g *groups) change(m *member, by int) {
	if m.group == 0 {
		return
	}
	a := &g.all[m.group-1]
	a.conns += by
	a.tally.change(m.flags, by)
	a.frames += uint64(by) * m.frames // two's complement: -1 subtracts
	a.bytes += uint64(by) * m.bytes
	if m.unclean {
		a.unclean += by
		a.causes[m.cause] += by
	}
}

func (g *groups) placeOfName(name string) int32 {
	if i, ok := g.place[name]; ok {
		return i
	}
	if len(g.all) >= groupsMost {
		if name != othersGroup {
			return g.placeOfName(othersGroup)
		}
	}
	i := int32(len(g.all))
	g.place[strings.Clone(name)] = i
	g.all = append(g.all, aggregate{name: strings.Clone(name), causes: map[monitor.Cause]int{}})
	return i
}

// unclean says that a conn ended badly, and why.
func unclean(c *monitor.Conn) (bool, monitor.Cause) {
	return c.Verdict.Cause.Bad(), c.Verdict.Cause
}

// arrange sorts the groups: most unclean endings first, then most live ones.
func (g *groups) arrange(height int) {
	g.order = g.order[:0]
	for i := range g.all {
		if g.all[i].conns > 0 {
			g.order = append(g.order, int32(i))
		}
	}
	slices.SortFunc(g.order, func(i, j int32) int {
		a, b := &g.all[i], &g.all[j]
		if a.unclean != b.unclean {
			return b.unclean - a.unclean
		}
		if x, y := a.tally.of(isLive), b.tally.of(isLive); x != y {
			return y - x
		}
		return strings.Compare(a.name, b.name)
	})
	g.win.height = height
	g.win.settle(g)
}

func (g *groups) len() int              { return len(g.order) }
func (g *groups) idAt(place int) string { return g.all[g.order[place]].name }
func (g *groups) placeOf(name string) (int, bool) {
	for i, at := range g.order {
		if g.all[at].name == name {
			return i, true
		}
	}
	return 0, false
}

// topCause is the most frequent cause of unclean endings, with its share.
func (a *aggregate) topCause() (cause monitor.Cause, n int) {
	for c, k := range a.causes {
		if k > n || k == n && k > 0 && c < cause {
			cause, n = c, k
		}
	}
	return cause, n
}

// term is the filter that shows one group.
func (g *groups) term(name string) string {
	if name == liveGroup {
		return "state:live"
	}
	return groupTerm(g.by.field, name)
}

// groupTerm is the filter for the whole of a field's text.
func groupTerm(field, name string) string {
	if field == "cause" || field == "client" {
		return field + ":" + filter.Quote(name)
	}
	return field + ":=" + filter.Quote(name)
}

// groupColumn is a number of a group.
type groupColumn struct {
	title string
	value func(a *aggregate) (uint64, style)
}

// groupColumns in order; narrow screens leave out the last ones.
var groupColumns = []groupColumn{
	{"conns", func(a *aggregate) (uint64, style) { return uint64(a.conns), stPlain }},
	{"live", func(a *aggregate) (uint64, style) { return uint64(a.tally.of(isLive)), stPlain }},
	{"bad", func(a *aggregate) (uint64, style) { return uint64(a.unclean), stRefused }},
	{"‼", func(a *aggregate) (uint64, style) { return uint64(a.tally.of(isCritical)), stCritical }},
	{"!", func(a *aggregate) (uint64, style) { return uint64(a.tally.of(isNear)), stNear }},
	{"§", func(a *aggregate) (uint64, style) { return uint64(a.tally.of(isViolating)), stWarn }},
	{"closed", func(a *aggregate) (uint64, style) { return uint64(a.tally.of(isClosed)), stPlain }},
	{"frames", func(a *aggregate) (uint64, style) { return a.frames, stPlain }},
	{"bytes", func(a *aggregate) (uint64, style) { return a.bytes, stPlain }},
}

const (
	groupNumber = 6 // cells of a number
	groupName   = 16
	groupCause  = 24
)

// view draws the head and the groups.
func (g *groups) view(w, h int) []line {
	cols := groupColumns
	for len(cols) > 3 && 1+groupName+len(cols)*(groupNumber+1) > w-1 {
		cols = cols[:len(cols)-1]
	}
	room := w - 1 - len(cols)*(groupNumber+1)
	cause := 0
	if room >= groupName+groupCause+1 {
		cause = groupCause
		room -= cause + 1
	}
	head := one(stHead, " "+printable.PadRight(g.by.name, room))
	for _, c := range cols {
		head = head.add(stHead, " "+printable.PadLeft(c.title, groupNumber))
	}
	if cause > 0 {
		head = head.add(stHead, " bad: most often")
	}
	out := []line{head}
	for place := g.win.top; place < min(g.win.top+h-1, len(g.order)); place++ {
		a := &g.all[g.order[place]]
		if g.win.any && a.name == g.win.sel {
			out = append(out, append(one(stPlain, "▸"), a.cells(cols, room, cause)...).fit(w).restyle(stSelected))
			continue
		}
		out = append(out, append(one(stPlain, " "), a.cells(cols, room, cause)...))
	}
	if len(g.order) == 0 {
		out = append(out, one(stDim, " nothing to group"))
	}
	return out
}

func (a *aggregate) cells(cols []groupColumn, room, cause int) line {
	name := a.name
	if name == "" {
		name = "–"
	}
	l := one(stPlain, printable.Middle(printable.String(name), room)).fit(room)
	for _, c := range cols {
		n, st := c.value(a)
		text := count(n)
		if n == 0 {
			text, st = "·", stDim
		}
		l = l.add(st, " "+printable.PadLeft(text, groupNumber))
	}
	if c, n := a.topCause(); cause > 0 && n > 0 {
		l = l.add(stPlain, " "+c.Short()).add(stDim, " "+percentOf(n, a.unclean))
	}
	return l
}

func percentOf(n, of int) string { return count(uint64((200*n+of)/(2*of))) + " %" }

// facts is the selected group as text for the clipboard.
func (g *groups) facts() string {
	if !g.win.any || g.win.at >= len(g.order) {
		return ""
	}
	a := &g.all[g.order[g.win.at]]
	parts := []string{g.by.name + " " + printable.String(a.name)}
	for _, c := range groupColumns {
		n, _ := c.value(a)
		parts = append(parts, c.title+" "+count(n))
	}
	return strings.Join(parts, "  ")
}
