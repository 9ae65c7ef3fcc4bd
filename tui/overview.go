package tui

import (
	"strings"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// overview is the screen of all connections together: how many there were over
// time, how they ended, what they asked for, and how long they are silent against
// the limits. All of it is counted by State as events come in, so that a refresh
// looks at no connection.
type overview struct {
	of      *monitor.State // identity only: a seek may bring another State
	sums    sums
	at      monitor.Time // of sums
	events  uint64
	plotter plotter
	laid    laidOut
	win     window[overviewKey]
	page    overviewPage
	scroller
}

// laidOut is what the page was laid out for: nothing else changes it.
type laidOut struct {
	of     *monitor.State
	events uint64
	at     stamps
	w, h   int
}

// overviewKey is what a row is recognised by in the next picture.
type overviewKey struct{ part, name string }

// overviewRow is what can be selected: a line of a list, or a chart.
type overviewRow struct {
	key    overviewKey
	lines  []line
	jump   string // the filter that shows the connections counted
	noJump string // why there is none
	// unfolds is the part of which it shows all rows, or no longer; "": none.
	unfolds string
}

// sumsEvery is how often the sums are copied, in event time: numbers that change
// more often cannot be read.
const sumsEvery = 500 * time.Millisecond

// refresh copies the sums out of State, unless those that there are will do.
func (o *overview) refresh(s *monitor.State, paused bool) {
	age := s.Now().Sub(o.at)
	fresh := age > 0 && age < sumsEvery || age == 0 && o.events == s.Totals.Events
	if o.of == s && (paused || fresh) {
		return
	}
	o.of, o.at, o.events = s, s.Now(), s.Totals.Events
	o.sums.copy(s)
}

// arrange makes the page for h lines of w cells and scrolls to the selection.
func (o *overview) arrange(w, h int, at stamps, codes map[ws.CloseCode]string) {
	at.now = o.at
	if now := (laidOut{o.of, o.events, at, w, h}); o.laid != now {
		o.laid = now
		o.page.lay(overviewView{&o.sums, at, codes, &o.plotter, o.page.unfolded}, w, h)
	}
	o.win.height = h
	o.win.settle(&o.page)
	o.page.draw(o.win.sel, w)
	o.scroller.set(len(o.page.lines), h)
	o.reveal()
}

// reveal scrolls as little as needed to have the selected row on the screen, with
// the heading over the first row of a part, and all there is beyond the last one.
func (o *overview) reveal() {
	if !o.win.any {
		return
	}
	r := &o.page.rows[o.win.at]
	from, to := r.line, r.line+len(r.lines)
	if r.first {
		from--
	}
	if r.last {
		to = r.end
	}
	if r.line+len(r.lines)-o.top > o.height || to-from <= o.height {
		o.top = max(o.top, to-o.height)
	}
	o.top = min(o.top, max(from, 0))
	o.scroller.set(o.length, o.height)
}

func (o *overview) view() []line { return o.scroller.view(o.page.lines) }

// key answers a command with an action.
func (o *overview) key(c command) action {
	if o.win.command(&o.page, c) {
		return nil
	}
	switch c {
	case cmdBack:
		return goBack{}
	case cmdNextSection, cmdLastSection:
		o.toPart(c == cmdNextSection)
		return nil
	}
	r := o.selected()
	switch {
	case r == nil:
		return nil
	case c == cmdOpen && r.unfolds != "":
		o.page.unfold(r.unfolds)
		o.laid = laidOut{}
		return nil
	case c == cmdOpen && r.noJump != "":
		return say{r.noJump}
	case c == cmdOpen:
		return showFiltered{r.jump}
	case c == cmdCopy:
		return copyText{"the row", r.text()}
	}
	return nil
}

func (o *overview) selected() *overviewRow {
	if !o.win.any || o.win.at >= len(o.page.rows) {
		return nil
	}
	return &o.page.rows[o.win.at].overviewRow
}

// text is a row for the clipboard.
func (r *overviewRow) text() string {
	return strings.Join(strings.Fields(r.key.part+": "+r.lines[0].text()), " ")
}

func (l line) text() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.text)
	}
	return b.String()
}

// toPart selects the first row of the next part, or of the one before.
func (o *overview) toPart(forward bool) {
	rows := o.page.rows
	for i := range rows {
		at := o.win.at + 1 + i
		if !forward {
			at = o.win.at - 1 - i
		}
		if at < 0 || at >= len(rows) {
			return
		}
		if rows[at].first {
			o.win.moveTo(&o.page, at)
			return
		}
	}
}

// click selects the row at a cell of the screen.
func (o *overview) click(x, y int) (place int, ok bool) {
	y += o.top
	for i := range o.page.rows {
		r := &o.page.rows[i]
		if y >= r.line && y < r.line+len(r.lines) && x >= r.x && x < r.x+r.w {
			o.win.moveTo(&o.page, i)
			return i, true
		}
	}
	return 0, false
}

// summary is at the right end of the tabs.
func (o *overview) summary(w int) line {
	s := &o.sums
	out := line{}
	if s.bothLegs && w >= sideBySide {
		out = out.add(stDim, "both legs count  ")
	}
	out = out.add(stPlain, count(s.live)+" live")
	if s.near > 0 {
		out = out.add(stNear, " "+count(s.near)+" near")
	}
	if w >= pageTwo {
		out = out.add(stClosed, " "+count(s.closed)+" closed")
	}
	if s.bad > 0 {
		out = out.add(stRefused, " "+count(s.bad)+" bad")
	}
	if more := o.more(); more != nil {
		out = append(out.add(stPlain, "  "), more...)
	}
	return out
}

// plainText is the whole page, for a file.
func (o *overview) plainText() string {
	var b strings.Builder
	for _, l := range o.page.lines {
		b.WriteString(strings.TrimRight(printable.String(l.text()), " "))
		b.WriteByte('\n')
	}
	return b.String()
}
