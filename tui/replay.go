package tui

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// seekSteps are how far the seeking keys go.
var seekSteps = map[command]time.Duration{
	cmdSeekBack: -10 * time.Second, cmdSeekOn: 10 * time.Second,
	cmdSeekFarBack: -time.Minute, cmdSeekFarOn: time.Minute,
}

// speeds are the steps of + and -.
var speeds = []float64{0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, math.Inf(1)}

func nextSpeed(now float64, faster bool) float64 {
	if faster {
		for _, s := range speeds {
			if s > now {
				return s
			}
		}
		return now
	}
	for _, s := range slices.Backward(speeds) {
		if s < now {
			return s
		}
	}
	return now
}

// replay is what the viewer does with the replay.
type replay struct {
	status   PlayerStatus // at the last refresh
	live     bool         // it shows what happens now; attached only
	timeline Timeline
	mark     Mark       // the incident gone to last
	wanted   monitor.ID // the conn to be selected when the list has it
	why      string     // to be said if it never has
	patience int        // refreshes until that is said
}

// ask copies what the player says.
func (r *replay) ask(p Player) {
	r.status, r.timeline = p.Status(), p.Timeline()
	if l, ok := p.(LivePlayer); ok {
		r.live = l.Live()
	}
}

// head is where the play head is: a seek that is under way counts as done, so
// that keys pressed meanwhile add up.
func (r *replay) head() monitor.Time {
	if g := r.status.Goal; !g.IsZero() {
		return g
	}
	return r.status.At
}

func (r *replay) scale(w int) scale { return scale{r.status.From, r.status.To, w} }

// Bar sizes: from twoLinesFrom lines and wideBar cells on it has the marks below
// the activity; from roomyBar cells on it says more.
const (
	twoLinesFrom = 24
	wideBar      = 60
	roomyBar     = 100

	barLeft       = 20 // cells before the timeline: state and time
	barLeftNarrow = 11
	barRight      = 24 // cells behind it: how far, how fast
	barRightShort = 13
	leastTrack    = 8
)

func (m *Model) barHeight() int {
	switch {
	case m.o.Replay == nil:
		return 0
	case m.h >= twoLinesFrom && m.w >= wideBar:
		return 2
	}
	return 1
}

// track is the columns of the screen that the timeline has.
func track(w int) (x, cells int) {
	left, right := barLeft, barRight
	if w < wideBar {
		left = barLeftNarrow
	}
	if w < roomyBar {
		right = barRightShort
	}
	if cells = w - left - right; cells < leastTrack {
		return 0, 0
	}
	return left, cells
}

// view draws the bar on h lines, 1 or 2. Times are as clock writes them.
func (r *replay) view(w, h int, clock func(monitor.Time) string) []line {
	sign, word := r.state()
	x, n := track(w)
	if n == 0 {
		return []line{spread(one(stBold, sign).add(stPlain, " "+clock(r.head())), r.pace(), w)}
	}
	cells := r.timeline.columns(r.scale(n))
	left := one(stBold, sign)
	if x >= barLeft {
		left = left.add(stBold, " "+printable.PadRight(word, 8))
	}
	left = left.add(stPlain, " "+clock(r.head()))
	first := append(left.fit(x), r.activity(cells, h == 1)...)
	first = append(first, r.far(w)...).fit(w)
	if h == 1 {
		return []line{first}
	}
	second := one(stDim, printable.PadLeft(r.began(clock), x-1)+" ")
	second = append(second, markLine(cells)...).add(stDim, " "+clock(r.status.To))
	return []line{first, append(second, r.incidents(w)...).fit(w)}
}

// state is a sign and a word for what the player does.
func (r *replay) state() (sign, word string) {
	switch {
	case r.live:
		return "▶", "live"
	case r.status.Ended:
		return "■", "ended"
	case r.status.Paused:
		return "‖", "paused"
	}
	return "▶", "playing"
}

// began is when the recording begins, with the day where there is room.
func (r *replay) began(clock func(monitor.Time) string) string {
	if r.status.From.IsZero() {
		return ""
	}
	return r.status.From.Std().Format("2006-01-02") + " " + clock(r.status.From)
}

// activity is the timeline in one line, the play head on it; what was played is
// brighter than what is to come.
func (r *replay) activity(cells []cell, marks bool) (l line) {
	head := r.scale(len(cells)).column(r.head())
	top := most(cells)
	for i := range cells {
		st := stAccent
		if i > head {
			st = stDim
		}
		text := cells[i].height(top)
		if kind, n := cells[i].strongest(); marks && n > 0 {
			text, st = markLooks[kind].sign, markLooks[kind].st
		}
		if i == head {
			text, st = "●", stBold
		}
		if k := len(l) - 1; k >= 0 && l[k].st == st {
			l[k].text += text
		} else {
			l = l.add(st, text)
		}
	}
	return l
}

// far says how far the play head is, and how fast it goes.
func (r *replay) far(w int) line {
	total := span5(max(r.status.To.Sub(r.status.From), 0))
	if w >= roomyBar {
		total = span5(max(r.head().Sub(r.status.From), 0)) + " of " + total
	}
	return append(one(stPlain, " "+total+" "), r.pace()...)
}

func (r *replay) pace() line {
	if r.live {
		return one(stGood, "● LIVE")
	}
	return one(stBold, "×"+speedText(r.status.Speed))
}

// incidents says how many there are, and while they are looked for how far that
// has come.
func (r *replay) incidents(w int) line {
	t := &r.timeline
	if w < roomyBar {
		return nil
	}
	if total := r.status.To.Sub(r.status.From); !t.Complete && total > 0 {
		done := min(max(float64(t.Upto.Sub(r.status.From))/float64(total), 0), 1)
		return one(stDim, fmt.Sprintf(" looking %d %%", int(done*100)))
	}
	return one(stDim, " "+incidentCount(t))
}

func incidentCount(t *Timeline) string {
	if len(t.Marks) == 1 {
		return "1 incident"
	}
	return count(uint64(len(t.Marks))) + " incidents"
}

func speedText(s float64) string {
	if math.IsInf(s, 1) {
		return "max"
	}
	return strconv.FormatFloat(s, 'g', -1, 64)
}

// play carries out the commands of the replay bar; false if it is none of them.
func (m *Model) play(c command) bool {
	p := m.o.Replay
	by, isSeek := seekSteps[c]
	switch {
	case !isSeek && !slices.Contains(playCommands, c):
		return false
	case p == nil:
		m.say("there is no recording to look back into")
		return true
	}
	m.replay.ask(p)
	switch st := m.replay.status; {
	case isSeek:
		m.seek(m.replay.head().Add(by))
	case c == cmdPlay:
		p.Pause(!st.Paused)
	case c == cmdFaster || c == cmdSlower:
		p.SetSpeed(nextSpeed(st.Speed, c == cmdFaster))
	case c == cmdToStart:
		m.seek(st.From)
	case c == cmdToEnd:
		m.toEnd()
	default:
		m.toIncident(m.replay.nextIncident(c == cmdNextIncident))
	}
	return true
}

// playCommands are those of play beside seekSteps.
var playCommands = []command{cmdPlay, cmdFaster, cmdSlower, cmdToStart, cmdToEnd, cmdNextIncident, cmdLastIncident}

// seek goes to a time, cut to the recording. The State there is another one: the
// selection is looked for in it.
func (m *Model) seek(t monitor.Time) {
	r := &m.replay
	if sel, ok := m.selected(); ok && !m.list.win.follow {
		m.want(sel, "")
	}
	r.mark, m.notice = Mark{}, "" // which may be of the incident that is left
	m.o.Replay.Seek(min(max(t, r.status.From), r.status.To))
	r.ask(m.o.Replay)
}

// toEnd goes to what happens now, or to the end of a recording.
func (m *Model) toEnd() {
	if l, ok := m.o.Replay.(LivePlayer); ok {
		l.GoLive()
		return
	}
	m.seek(m.replay.status.To)
}

// sameIncident is how long after an incident "the one before" still means the
// one before that incident.
const sameIncident = 5 * time.Second

// nextIncident is the place of the incident after or before the play head; -1:
// there is none.
func (r *replay) nextIncident(forward bool) int {
	t, head := &r.timeline, r.head()
	if r.mark != (Mark{}) && head >= r.mark.At && head.Sub(r.mark.At) < sameIncident {
		switch i := t.placeOf(r.mark); {
		case i >= 0 && !forward:
			return i - 1
		case i >= 0 && i+1 < len(t.Marks) && t.Marks[i+1].At == r.mark.At:
			return i + 1 // of two at once
		}
	}
	if forward {
		return t.after(head)
	}
	return t.before(head)
}

// toIncident goes to an incident and stops there, says what it is, and selects
// its conn.
func (m *Model) toIncident(place int) {
	r := &m.replay
	t := &r.timeline
	if place < 0 {
		m.say(r.noIncident())
		return
	}
	mark := t.Marks[place]
	m.seek(mark.At)
	m.o.Replay.Pause(true) // to look at it
	r.mark = mark
	at := stamps{mode: TimeLocal}
	if m.times == TimeUTC {
		at.mode = TimeUTC
	}
	of := count(uint64(len(t.Marks)))
	if !t.Complete {
		of += " so far"
	}
	m.say(fmt.Sprintf("incident %d of %s: %s", place+1, of, mark.words(at.full(mark.At, 0))))
	if mark.Conn != (monitor.ID{}) {
		m.want(mark.Conn, fmt.Sprintf("#%d is not on the list: the filter or the age hides it", mark.Seq))
	}
}

func (r *replay) noIncident() string {
	switch {
	case !r.timeline.Complete:
		return "no incident there in what was looked through so far"
	case len(r.timeline.Marks) == 0:
		return "no incident in the whole recording"
	}
	return "no incident there: " + incidentCount(&r.timeline) + " in all"
}

// patience is how many refreshes a conn is waited for.
const patience = 16

// want has a conn selected as soon as the list knows it. why is said if it never
// does.
func (m *Model) want(id monitor.ID, why string) {
	m.replay.wanted, m.replay.why, m.replay.patience = id, why, patience
}

// chase selects the conn that is wanted, once the State is that of the place the
// replay went to.
func (m *Model) chase() {
	r := &m.replay
	if r.wanted == (monitor.ID{}) || !r.status.Goal.IsZero() {
		return
	}
	if _, ok := m.list.index.placeOf(r.wanted); ok {
		w := &m.list.win
		w.sel, w.any, w.follow = r.wanted, true, false
		r.wanted = monitor.ID{}
		return
	}
	if m.list.index.stale > 0 {
		return // not all of the list is known
	}
	if r.patience--; r.patience <= 0 {
		r.wanted = monitor.ID{}
		if r.why != "" && m.at == connectionsScreen && !m.list.index.groups.on() {
			m.say(r.why)
		}
	}
}

// barClock writes the times on the bar.
func (m *Model) barClock(t monitor.Time) string {
	if t.IsZero() {
		return "--:--:--"
	}
	s := stamps{mode: TimeLocal}
	if m.times == TimeUTC {
		s.mode = TimeUTC
	}
	return s.short(t, 0)
}
