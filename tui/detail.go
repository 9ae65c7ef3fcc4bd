package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// detail is the connection screen: one conn and its other leg, as a page whose
// end is the list of its frames.
type detail struct {
	id     monitor.ID
	any    bool
	other  monitor.ID // the other leg, to go to and to watch
	linked bool

	row      row
	scroll   scroller
	follow   bool // stay at the newest frame
	unfolded bool // headers that are the same on both legs
	page     page
	starts   []int // first lines of the sections
	frames   frameList
	copied   string // for the clipboard
	stale    bool   // another conn or width than was made
}

// detailView is how the connection screen is to be made.
type detailView struct {
	w, h   int
	paused bool
	since  monitor.Time // when it was; zero: never
	times  TimeMode
	codes  codeNames
	found  []diagnose.Finding // of the last look
}

func (d *detail) open(id monitor.ID) {
	switch {
	case d.any && d.id == id:
	case d.linked && d.other == id:
		d.other = d.id
	default:
		d.scroll.top, d.follow, d.linked = 0, false, false
	}
	d.id, d.any, d.stale = id, true, true
}

// watched are the conns whose frames the screen wants: both legs.
func (d *detail) watched() (ids []monitor.ID) {
	if d.any {
		ids = append(ids, d.id)
	}
	if d.linked && d.any {
		ids = append(ids, d.other)
	}
	return ids
}

// refresh writes the page anew, unless the screen is paused on it.
func (d *detail) refresh(s *monitor.State, v detailView) {
	if !v.paused || d.stale || d.page.w != v.w {
		d.write(s, v)
	}
	d.scroll.set(d.len(), v.h)
	if d.follow {
		d.scroll.set(d.len(), v.h)
		d.scroll.top = max(d.len()-v.h, 0)
	}
}

func (d *detail) len() int { return len(d.page.lines) + d.frames.len() }

// view is the part of the page that is on the screen.
func (d *detail) view() []line {
	out := slices.Clone(d.scroll.view(d.page.lines))
	for i := d.scroll.top + len(out); i < min(d.scroll.top+d.scroll.height, d.len()); i++ {
		out = append(out, d.frames.line(i-len(d.page.lines)))
	}
	return out
}

func (d *detail) write(s *monitor.State, v detailView) {
	d.stale = false
	d.page = page{w: v.w, lines: d.page.lines[:0]}
	d.starts = d.starts[:0]
	d.frames.reset()
	c := s.Conn(d.id)
	switch {
	case !d.any:
		d.page.text(stDim, " ", "no connection is selected: choose one on screen 1")
		return
	case c == nil:
		d.page.text(stDim, " ", fmt.Sprintf("#%d is no longer kept: closed connections are evicted when there are too many", d.row.seq))
		return
	}
	d.row = makeRow(s, c)
	d.linked = false
	if o := c.Other(); o != nil {
		d.linked, d.other = true, o.ID
	}
	for _, id := range d.watched() {
		s.Watch(id)
	}
	p := newConnPage(s, c, &d.row, v)
	p.unfolded = d.unfolded
	p.title()
	if now := s.Now(); !v.since.IsZero() && now > v.since {
		p.text(stWarn, " ", fmt.Sprintf("‖ paused %s, and opened since: this is how it is at %s", clockShort(v.since), clockShort(now)))
	}
	p.outcome()
	d.copied = p.forClipboard()
	p.sections(v)
	d.page.lines, d.starts = p.lines, p.starts
	d.frames.take(p)
	d.starts = append(d.starts, len(d.page.lines)+1)
}

// key answers a command with an action.
func (d *detail) key(c command) action {
	if d.move(c) {
		return nil
	}
	switch c {
	case cmdBack:
		return goBack{}
	case cmdLeg:
		if !d.linked {
			return say{"the other leg of this connection is not seen"}
		}
		return openConn{d.other}
	case cmdPin:
		if d.any {
			return togglePin{d.id}
		}
	case cmdFollow:
		d.follow = !d.follow
	case cmdUnfold:
		d.unfolded, d.stale = !d.unfolded, true
	case cmdCopy:
		return copyText{fmt.Sprintf("#%d with its evidence", d.row.seq), d.copied}
	case cmdCopyJSON:
		if d.any {
			return copyJSON{d.id}
		}
	}
	return nil
}

// move carries out a movement; false if it is none. Moving up ends following.
func (d *detail) move(c command) bool {
	switch c {
	case cmdNextSection, cmdLastSection:
		d.follow = false
		d.jump(c == cmdNextSection)
		return true
	case cmdBottom:
		d.follow = true
	case cmdUp, cmdPageUp, cmdTop:
		d.follow = false
	}
	return d.scroll.command(c)
}

// jump goes to the next section, or back to the one before.
func (d *detail) jump(next bool) {
	to := 0
	for _, at := range d.starts {
		if next && at > d.scroll.top {
			to = at
			break
		}
		if next || at < d.scroll.top {
			to = max(to, at)
		}
	}
	d.scroll.top = to
	d.scroll.set(d.scroll.length, d.scroll.height)
}

// connPage is the connection screen being written, and what it is about.
type connPage struct {
	page
	times       stamps
	codes       codeNames
	s           *monitor.State
	c           *monitor.Conn
	front, back *monitor.Conn // both are known, or neither
	row         *row
	records     []monitor.FrameRecord // of c, oldest first
	total       uint64                // frames of c
	missing     uint64                // of them, not among records
	limit       monitor.Limit         // the idle limit that counts
	limited     bool
	counting    bool // something counts down
	found       []diagnose.Finding
	unfolded    bool
	tight       bool // hardly any lines
	starts      []int
}

// tightBelow is the number of lines below which every one counts.
const tightBelow = 21

// newConnPage copies nothing: it is for one Read.
func newConnPage(s *monitor.State, c *monitor.Conn, r *row, v detailView) *connPage {
	p := &connPage{page: page{w: v.w}, times: stamps{v.times, s.Now()}, codes: v.codes, s: s, c: c, row: r, counting: r.counting, tight: v.h < tightBelow}
	if f, b := c.Legs(); f != nil && b != nil {
		p.front, p.back = f, b
	}
	p.records = s.FramesOf(c)
	p.total = max(c.Sample.FrameCount(), uint64(len(p.records)))
	p.missing = p.total - uint64(len(p.records))
	p.limit, p.limited = p.idleLimit()
	p.found = touching(s, c, v.found)
	return p
}

// idleLimit is the limit that a gap is to be compared with. Once the conn has
// ended, it is the one nearest to the silence before the end: what was learned
// since, or set since, is not what ended it.
func (p *connPage) idleLimit() (best monitor.Limit, ok bool) {
	if len(p.c.Ends) == 0 && !p.c.IsClosed() {
		return p.s.IdleLimit(p.c)
	}
	gap := p.c.Gap(p.s.Now())
	off := func(l *monitor.Limit) time.Duration { return (l.Value.Std() - gap).Abs() }
	for l := range p.s.EachLimit(p.c) {
		if l.Kind == monitor.Idle && (!ok || off(l) < off(&best)) {
			best, ok = *l, true
		}
	}
	return best, ok
}

// endOrNow is where the time on the screen ends.
func (p *connPage) endOrNow() monitor.Time {
	if t := p.c.EndAt(); !t.IsZero() && (len(p.c.Ends) > 0 || p.c.IsClosed()) {
		return t
	}
	return p.s.Now()
}

// sideBySide is the width from which help and header have two columns.
const sideBySide = 120

// twoColumns is the width from which sections stand beside each other.
const twoColumns = 160

// sections writes what follows the outcome, in the order of use.
func (p *connPage) sections(v detailView) {
	if p.w < twoColumns && p.row.stage == refused { // the answer says most
		p.each(func() { p.ladder(p.room(v.h)) }, p.handshake, p.logLines, p.findings, p.violations, p.counters, p.place)
		return
	}
	if p.w < twoColumns {
		p.each(p.timeline, func() { p.ladder(p.room(v.h)) }, p.logLines, p.findings, p.violations, p.handshake, p.keepalive, p.gaps, p.counters, p.place)
		return
	}
	p.each(p.timeline)
	w := (p.w - 3) / 2
	left, right := p.column(w), p.column(p.w-3-w)
	room := p.room(v.h)
	left.each(func() { left.ladder(room) }, left.handshake)
	right.each(right.logLines, right.findings, right.violations, right.keepalive, right.gaps, right.counters, right.place)
	p.gap()
	p.starts = append(p.starts, len(p.lines))
	for i := range max(len(left.lines), len(right.lines)) {
		p.put(append(at(left.lines, i).fit(w).add(stDim, " │ "), at(right.lines, i)...))
	}
}

// room is how many rows between handshake and end let the ladder end with the
// screen of h lines; a few in any case.
func (p *connPage) room(h int) int {
	const around = 3 + 5 + 3 // heading and names, handshake, what is to come
	return max(h-len(p.lines)-around, 6)
}

// column is an empty page about the same conn.
func (p *connPage) column(w int) *connPage {
	c := *p
	c.page, c.starts = page{w: w}, nil
	return &c
}

// each writes sections and notes where those begin that have something to say.
func (p *connPage) each(sections ...func()) {
	for _, section := range sections {
		n := len(p.lines)
		section()
		if len(p.lines) > n {
			p.starts = append(p.starts, n+min(n, 1)) // behind the blank line
		}
	}
}

func at(lines []line, i int) line {
	if i < len(lines) {
		return lines[i]
	}
	return nil
}

// clip is text of at most most lines, the last of which is cut where there is more.
func (p *connPage) clip(st style, lead, s string, most int) {
	n := len(p.lines)
	p.text(st, lead, s)
	if len(p.lines)-n <= most {
		return
	}
	p.lines = p.lines[:n+most]
	last := p.lines[len(p.lines)-1]
	cut := &last[len(last)-1].text
	*cut = strings.TrimSuffix(printable.Truncate(*cut, max(p.w-printable.Width(last[0].text)-1, 1)), "…") + "…"
}

// atMost is a number of lines, or all of them on an unfolded page.
func (p *connPage) atMost(n int) int {
	if p.unfolded {
		return 1 << 20
	}
	return n
}

// lessIfTight is n lines, or one where every line counts.
func (p *connPage) lessIfTight(n int) int {
	if p.tight && p.w < fullFrom {
		return 1
	}
	return p.atMost(n)
}

// title says which conn this is, and how it stands.
func (p *connPage) title() {
	r := p.row
	g := glyphOf(r.stage, r.countdown.Mark)
	l := one(g.st, g.sign+" ").add(stBold, fmt.Sprintf("#%d %s", r.seq, r.tap))
	if r.link > 0 {
		l = l.add(stAccent, " "+linkSign+count(r.link))
	}
	if r.pinned {
		l = l.add(stAccent, " "+pinSign)
	}
	l = l.add(stPlain, "  "+r.client+"  ").add(stBold, r.host+r.target)
	if l.width() <= p.w {
		p.put(l)
		return
	}
	if p.tight && !p.unfolded {
		l = append(l[:len(l)-2], l[len(l)-1]) // without the client
		l[len(l)-1].text = " " + r.target
		p.put(l.fit(p.w))
		return
	}
	p.put(l[:len(l)-1]) // the target is last
	p.clip(stBold, " ", l[len(l)-1].text, p.atMost(2))
}

// touching are the findings about c or its other leg, and about the place of the
// configuration that sets its limit; those that speak of how it ended go first.
func touching(s *monitor.State, c *monitor.Conn, all []diagnose.Finding) (out []diagnose.Finding) {
	places := map[string]bool{}
	for l := range s.EachLimit(c) {
		places[l.Source] = true
	}
	for i := range all {
		f := &all[i]
		about := slices.Contains(f.Conns, c.ID)
		if o := c.Other(); o != nil {
			about = about || slices.Contains(f.Conns, o.ID)
		}
		if about || f.File != "" && places[fmt.Sprintf("%s:%d", f.File, f.Line)] {
			out = append(out, *f)
		}
	}
	cause := strings.ReplaceAll(string(c.Verdict.Cause), "_", "-")
	slices.SortStableFunc(out, func(a, b diagnose.Finding) int { return nearness(cause, a.ID) - nearness(cause, b.ID) })
	return out
}

// nearness is how near the rule id is to a cause: 0 is the same.
func nearness(cause, id string) int {
	switch {
	case cause == "":
		return 2
	case id == cause:
		return 0
	case strings.HasPrefix(id, cause):
		return 1
	}
	return 2
}
