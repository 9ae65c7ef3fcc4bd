package tui

import (
	"fmt"
	"strconv"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// connList is the connections screen: an index over all conns and a window
// over the index.
type connList struct {
	index  *index
	win    window[monitor.ID]
	rows   []row // of the window, top to bottom
	frozen map[monitor.ID]row
	cols   columnSet
	pulses pulses
	stamps stamps
	codes  codeNames
	legs   bool // both are seen, so that both conns of a WebSocket count
}

// nearby is how many rows below the visible ones are looked at when one of
// those was wrong.
const nearby = 512

// frozenMost bounds the rows a paused list remembers.
const frozenMost = 4096

func newConnList() connList {
	return connList{index: newIndex(), win: window[monitor.ID]{follow: true, newest: atTop}, cols: defaultColumns()}
}

// arrange puts the list in order: the costly part of a refresh, done while
// State is not held.
func (l *connList) arrange(height int) {
	if g := &l.index.groups; g.on() {
		g.arrange(height)
		return
	}
	l.win.height, l.win.awaits = height, l.index.stale > 0
	l.index.arrange()
	l.win.settle(l.index)
	l.index.slice(l.win.top, l.win.top+height)
}

// copy takes the visible rows out of State. It reports whether one of them
// turned out to stand in a wrong place; then what comes up next is looked at,
// too, and the list should be arranged again. While paused, order and rows stay
// as they were; a row that comes into view only now is read now, and stays.
func (l *connList) copy(s *monitor.State, paused bool) (again bool) {
	x := l.index
	l.cols.digits = len(strconv.FormatUint(l.index.lastSeq, 10))
	l.legs = s.HasRole(monitor.Front) && s.HasRole(monitor.Back)
	if x.groups.on() {
		return false
	}
	if !paused {
		l.frozen = nil
		if again = x.correct(s, l.visible()); again {
			x.correct(s, x.slice(l.win.top, min(l.win.top+nearby, x.hi)))
		}
	}
	l.rows = l.rows[:0]
	for _, r := range l.visible() {
		l.rows = append(l.rows, l.rowOf(s, x.entries[r.at], paused))
	}
	if paused {
		l.freeze()
	}
	l.pulses.sweep()
	return again
}

func (l *connList) visible() []rank {
	return l.index.slice(l.win.top, l.win.top+l.win.height)
}

func (l *connList) rowOf(s *monitor.State, e entry, paused bool) row {
	if r, ok := l.frozen[e.id]; ok && paused {
		if c := s.Conn(e.id); c != nil {
			r.pinned = c.Pinned
		}
		return r
	}
	c := s.Conn(e.id)
	if c == nil {
		return row{id: e.id, seq: e.seq, gone: true, stage: closed}
	}
	r := makeRow(s, c)
	r.opened = l.stamps.short(r.openedAt, 0)
	if r.verdict.Code != 0 {
		r.verdict.CodeName = l.codes.name(r.verdict.Code)
	}
	l.pulses.measure(&r, s.Now())
	return r
}

func (l *connList) freeze() {
	if l.frozen == nil || len(l.frozen) > frozenMost {
		l.frozen = map[monitor.ID]row{}
	}
	for _, r := range l.rows {
		l.frozen[r.id] = r
	}
}

// selectedRow is the row of the selection, if it is on the screen.
func (l *connList) selectedRow() *row {
	for i := range l.rows {
		if l.win.any && l.rows[i].id == l.win.sel {
			return &l.rows[i]
		}
	}
	return nil
}

// key answers a command with an action.
func (l *connList) key(c command, width int) action {
	if l.index.groups.on() {
		if a, done := l.groupKey(c); done {
			return a
		}
	} else if l.win.command(l.index, c) {
		return nil
	}
	x := l.index
	switch c {
	case cmdSort, cmdSortBack:
		l.nextOrder(width, c == cmdSort)
	case cmdReverse:
		x.sortBy(x.wish.by, !x.wish.reverse)
	case cmdNextFlagged, cmdLastFlagged:
		return l.toFlagged(c == cmdNextFlagged)
	case cmdLastEnded:
		return l.toEnded()
	case cmdFlaggedFirst:
		return l.flaggedFirst()
	case cmdAgeing:
		return l.nextAgeing()
	case cmdGroup:
		x.group(nextGrouping(x.groups.by))
	case cmdColumns:
		return openOverlay{columnsOverlay}
	case cmdFilter:
		return askFilter{}
	case cmdBack:
		return goBack{}
	case cmdOpen, cmdPin, cmdCopy, cmdCopyCell:
		return l.onRow(c, l.selectedRow())
	}
	return nil
}

// groupKey answers what means something else while the list shows groups.
func (l *connList) groupKey(c command) (a action, done bool) {
	g := &l.index.groups
	if g.win.command(g, c) {
		return nil, true
	}
	switch c {
	case cmdOpen:
		if !g.win.any {
			return say{"no group is selected"}, true
		}
		return showFiltered{g.term(g.win.sel)}, true
	case cmdBack:
		l.index.group(&groupings[0])
		return nil, true
	case cmdNextFlagged, cmdLastFlagged, cmdLastEnded, cmdSort, cmdSortBack, cmdReverse, cmdPin, cmdCopyCell:
		return say{"not while grouped: enter shows the group's connections, esc all"}, true
	case cmdCopy:
		return copyText{"the group", g.facts()}, true
	}
	return nil, false
}

func (l *connList) flaggedFirst() action {
	w := &l.index.wish
	w.flagged = !w.flagged
	l.index.outdate()
	if w.flagged {
		return say{"flagged ones on top"}
	}
	return say{"flagged ones where the order puts them"}
}

func (l *connList) nextAgeing() action {
	w := &l.index.wish
	w.ageing = nextAgeing(w.ageing)
	l.index.outdate()
	if w.ageing.name == "" {
		return say{"closed connections stay on the list"}
	}
	return say{"showing " + w.ageing.name}
}

func (l *connList) onRow(c command, r *row) action {
	switch {
	case r == nil:
		return say{"no connection is selected"}
	case c == cmdOpen:
		return openConn{r.id}
	case c == cmdPin:
		return togglePin{r.id}
	case c == cmdCopyCell:
		return openCells{*r}
	}
	return copyText{fmt.Sprintf("#%d", r.seq), r.facts()}
}

// nextOrder goes to the next order whose column is on the screen.
func (l *connList) nextOrder(width int, forward bool) {
	cols := l.cols.layout(width)
	at := 0
	for i := range orders {
		if &orders[i] == l.index.wish.by {
			at = i
		}
	}
	for range orders {
		if forward {
			at = (at + 1) % len(orders)
		} else {
			at = (at + len(orders) - 1) % len(orders)
		}
		if shown(cols, orders[at].column) {
			break
		}
	}
	l.index.sortBy(&orders[at], false)
}

func shown(cols []placed, id columnID) bool {
	for _, c := range cols {
		if c.id == id {
			return true
		}
	}
	return false
}

func (l *connList) toFlagged(forward bool) action {
	place, ok := l.index.flagged(l.win.at, forward)
	if !ok {
		return say{"no connection is flagged"}
	}
	l.win.moveTo(l.index, place)
	return nil
}

// toEnded goes to what ended last, or from an ended one to the one before it.
func (l *connList) toEnded() action {
	place, ok := l.index.ended(l.win.at)
	if !ok {
		return say{"nothing has ended yet"}
	}
	l.win.moveTo(l.index, place)
	return nil
}

// view draws the head and the rows.
func (l *connList) view(w, h int) []line {
	if l.index.groups.on() {
		return l.index.groups.view(w, h)
	}
	cols := l.cols.layout(w - 1) // the first cell is the selection's mark
	out := []line{append(one(stPlain, " "), heads(cols, l.index.wish.by, l.index.wish.reverse)...)}
	for i := range l.rows {
		r := &l.rows[i]
		if l.win.any && r.id == l.win.sel {
			out = append(out, rowLine("▸", cells(cols, r)).fit(w).restyle(stSelected))
			continue
		}
		out = append(out, rowLine(" ", cells(cols, r)))
	}
	if len(l.rows) == 0 {
		out = append(out, l.empty())
	}
	return out[:min(len(out), h)]
}

func (l *connList) empty() line {
	x := l.index
	n := plural(uint64(len(x.entries)), "connection", "connections")
	switch {
	case x.stale > 0:
		return one(stDim, " looking …")
	case x.wish.filter != nil && len(x.entries) > 0:
		return one(stDim, fmt.Sprintf(" none of %s passes the filter; esc shows all", n))
	case len(x.entries) > 0:
		return one(stDim, fmt.Sprintf(" none of %s: %s; a changes that", n, x.wish.ageing.name))
	}
	return one(stDim, " no WebSocket seen yet")
}

// summary is the right end of the line of screens, shorter on a narrow one.
func (l *connList) summary(w int) line {
	x := l.index
	out := l.wishes(w)
	if x.wish.filter != nil && w < narrowAt {
		return out
	}
	if p := x.pending(); p > 0.01 {
		out = out.add(stDim, fmt.Sprintf("sorting %d %%  ", 100-int(p*100)))
	}
	return append(out, x.tally.counts(w)...)
}

// outOfSight is how many conns near their limit the list has above or below what
// it shows, or 0 where it follows or shows a part anyway.
func (m *Model) outOfSight() int {
	l := &m.list
	if m.at != connectionsScreen || l.win.follow || l.index.groups.on() || l.index.wish.filter != nil {
		return 0
	}
	n := l.index.tally.of(isNear) + l.index.tally.of(isCritical)
	for i := range l.rows {
		if mark := l.rows[i].countdown.Mark; mark == monitor.MarkNear || mark == monitor.MarkCritical {
			n--
		}
	}
	return max(n, 0)
}

// groupsNoteFrom is the width from which on there is room to say what counts.
const groupsNoteFrom = 140

// wishes says what part of the conns the list shows.
func (l *connList) wishes(w int) (out line) {
	x := l.index
	if x.wish.filter != nil {
		out = out.add(stKey, "/"+printable.Truncate(printable.String(x.wish.filter.String()), w/4)+" ").
			add(stPlain, fmt.Sprintf("%s of %s  ", count(uint64(x.len())), count(uint64(len(x.entries)))))
	}
	if w >= narrowAt && x.wish.ageing.name != "" {
		out = out.add(stKey, x.wish.ageing.name+"  ")
	}
	if w >= narrowAt && x.groups.on() {
		out = out.add(stKey, plural(uint64(x.groups.len()), "group", "groups")+" by "+x.groups.by.name+"  ")
		if l.legs && w >= groupsNoteFrom {
			out = out.add(stDim, "both legs count  ")
		}
	}
	return out
}

// counts are the numbers of live, flagged and closed conns.
func (t *tally) counts(w int) line {
	out := one(stPlain, count(uint64(t.of(isLive)))+" live")
	for _, f := range []struct {
		flag flags
		st   style
		word string
	}{
		{isCritical, stCritical, "‼"}, {isNear, stNear, "!"}, {isExpired, stExpired, "?"}, {isViolating, stWarn, violationSign},
	} {
		if n := t.of(f.flag); n > 0 {
			out = out.add(stPlain, " ").add(f.st, f.word+count(uint64(n)))
		}
	}
	if w < narrowAt {
		return out
	}
	return out.add(stDim, " "+count(uint64(t.of(isClosed)))+" closed")
}
