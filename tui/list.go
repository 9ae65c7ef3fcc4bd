package tui

import (
	"fmt"

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
}

// nearby is how many rows below the visible ones are looked at when one of
// those was wrong.
const nearby = 512

// frozenMost bounds the rows a paused list remembers.
const frozenMost = 4096

func newConnList() connList {
	return connList{index: newIndex(), win: window[monitor.ID]{follow: true}}
}

// arrange puts the list in order: the costly part of a refresh, done while
// State is not held.
func (l *connList) arrange(height int) {
	l.win.height = height
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
	return makeRow(s, c)
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
	if l.win.command(l.index, c) {
		return nil
	}
	r := l.selectedRow()
	switch c {
	case cmdSort, cmdSortBack:
		l.nextOrder(width, c == cmdSort)
	case cmdReverse:
		l.index.sortBy(l.index.by, !l.index.reverse)
	case cmdNextFlagged, cmdLastFlagged:
		return l.toFlagged(c == cmdNextFlagged)
	case cmdLastEnded:
		return l.toEnded()
	case cmdFilter:
		return askFilter{l.index.filter}
	case cmdBack:
		l.index.find("")
	case cmdOpen, cmdPin, cmdCopy:
		return l.onRow(c, r)
	}
	return nil
}

func (l *connList) onRow(c command, r *row) action {
	switch {
	case r == nil:
		return say{"no connection is selected"}
	case c == cmdOpen:
		return openConn{r.id}
	case c == cmdPin:
		return togglePin{r.id}
	}
	return copyText{fmt.Sprintf("#%d", r.seq), r.facts()}
}

// nextOrder goes to the next order whose column is on the screen.
func (l *connList) nextOrder(width int, forward bool) {
	cols := layout(width)
	at := 0
	for i := range orders {
		if &orders[i] == l.index.by {
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
	cols := layout(w - 1) // the first cell is the selection's mark
	out := []line{append(one(stPlain, " "), heads(cols, l.index.by, l.index.reverse)...)}
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
	switch {
	case x.stale > 0:
		return one(stDim, " looking …")
	case x.filter != "" && len(x.entries) > 0:
		return one(stDim, fmt.Sprintf(" none of %s contains %q; esc shows all", plural(uint64(len(x.entries)), "connection", "connections"), printable.String(x.filter)))
	}
	return one(stDim, " no WebSocket seen yet")
}

// summary is the right end of the line of screens, shorter on a narrow one.
func (l *connList) summary(w int) line {
	x := l.index
	t := &x.tally
	out := line{}
	if x.filter != "" {
		out = out.add(stKey, "/"+printable.Truncate(printable.String(x.filter), w/4)+" ").add(stPlain, fmt.Sprintf("%s of %s  ", count(uint64(x.len())), count(uint64(len(x.entries)))))
	}
	if x.filter != "" && w < narrowAt {
		return out
	}
	if p := x.pending(); p > 0.01 {
		out = out.add(stDim, fmt.Sprintf("sorting %d %%  ", 100-int(p*100)))
	}
	out = out.add(stPlain, count(uint64(t.of(isLive)))+" live")
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
