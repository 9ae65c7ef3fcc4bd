package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// status is what the header and the status line show, copied out of State.
type status struct {
	now     monitor.Time
	started monitor.Time
	events  uint64
	rate    float64
	taps    []tapText
	notes   []string
	trouble []span // sources and writers that are not well
	healthy []string
	counts  []string // dropped, evicted, unknown
	seen    string   // coverage
	log     string   // what the log can and cannot tell

	rateAt     monitor.Time // events and time at the last rate
	rateEvents uint64
}

type tapText struct{ name, listen, upstream string }

func (st *status) refresh(s *monitor.State) {
	t := &s.Totals
	st.now, st.started = s.Now(), s.Started()
	st.pace(t.Events)
	st.taps, st.notes = st.taps[:0], st.notes[:0]
	for _, h := range s.Hellos {
		for _, tap := range h.Taps {
			name := printable.String(tap.Name)
			if len(s.Hellos) > 1 {
				name = printable.String(h.Host) + "/" + name
			}
			st.taps = append(st.taps, tapText{name, printable.String(tap.Listen), printable.String(tap.Upstream)})
		}
	}
	for _, n := range s.Notes {
		st.notes = append(st.notes, printable.String(n))
	}
	st.health(s.Healths)
	st.counts = st.counts[:0]
	st.count(t.Dropped["conns"], "connections not recorded")
	st.count(t.DroppedAll()-t.Dropped["conns"], "records dropped")
	st.count(t.Collapsed, "frames collapsed")
	st.count(t.Evicted, "evicted")
	st.count(t.Unknown, "events of unknown connections")
	st.count(t.Oddities, "out of order")
	st.count(t.ClockSteps, "clock steps")
	st.cover(s)
}

// pace measures events a second of the events' own time.
func (st *status) pace(events uint64) {
	st.events = events
	d := st.now.Sub(st.rateAt)
	if st.rateAt.IsZero() || d < 0 || events < st.rateEvents {
		st.rate, st.rateAt, st.rateEvents = 0, st.now, events
		return
	}
	if d.Seconds() >= 1 {
		st.rate = float64(events-st.rateEvents) / d.Seconds()
		st.rateAt, st.rateEvents = st.now, events
	}
}

func (st *status) health(hs []*monitor.Health) {
	st.trouble, st.healthy = st.trouble[:0], st.healthy[:0]
	for _, h := range hs {
		name := printable.String(h.Name)
		if h.Status == monitor.HealthOK {
			if !slices.Contains(st.healthy, name) { // each of several relays has its viewers
				st.healthy = append(st.healthy, name)
			}
			continue
		}
		sign, look := "✗ failed:", stFail
		if h.Status == monitor.HealthWarning {
			sign, look = "!", stWarn
		}
		st.trouble = append(st.trouble, span{text: sign + " " + name + ": " + printable.String(h.Text), st: look})
	}
}

func (st *status) count(n uint64, what string) {
	if n > 0 {
		st.counts = append(st.counts, count(n)+" "+what)
	}
}

// cover says what part of the tunnels is seen.
func (st *status) cover(s *monitor.State) {
	front, back := s.HasRole(monitor.Front), s.HasRole(monitor.Back)
	switch {
	case front && back:
		st.seen = "both legs seen"
	case front:
		st.seen = "front leg only"
	case back:
		st.seen = "back leg only"
	default:
		st.seen = "no leg known"
	}
	if n := s.Totals.Dropped["conns"]; n > 0 {
		st.seen += fmt.Sprintf(", %.1f %% of connections", 100*float64(s.Totals.Conns-min(n, s.Totals.Conns))/float64(max(s.Totals.Conns, 1)))
	}
	switch {
	case !s.FollowsLog():
		st.log = "no error log"
	case s.LogBlind():
		st.log = "log: no info lines yet"
	default:
		st.log = "log at info"
	}
}

// header is the first line.
func (m *Model) header(w int) line {
	left := one(stTitle, "wstap")
	if m.o.Version != "" && w >= sideBySide {
		left = left.add(stDim, " "+printable.String(m.o.Version))
	}
	mode := " live"
	if m.o.Mode == Replay {
		mode = " replay"
	}
	left = left.add(stBold, mode)
	if m.o.Title != "" {
		left = left.add(stPlain, " "+printable.String(m.o.Title))
	}
	notes := line{}
	for _, n := range m.status.notes {
		notes = notes.add(stWarn, "  ▲ "+n)
	}
	right := one(stDim, clockShort(m.status.now))
	room := w - left.width() - notes.width() - right.width() - 2
	for _, style := range []func(tapText) string{tapFull, tapShort, tapName} {
		if taps := m.tapsLine(style); taps.width() <= room {
			left = append(left, taps...)
			break
		}
	}
	return spread(append(left, notes...), right, w)
}

func (m *Model) tapsLine(text func(tapText) string) (l line) {
	for _, t := range m.status.taps {
		l = l.add(stPlain, "  ").add(stAccent, t.name).add(stPlain, text(t))
	}
	return l
}

func tapFull(t tapText) string { return " " + t.listen + " → " + t.upstream }

func tapShort(t tapText) string { return " " + near(t.listen) + " → " + near(t.upstream) }

func tapName(tapText) string { return "" }

// near shortens an address: without scheme, and without the host if that is
// this machine.
func near(addr string) string {
	_, rest, ok := strings.Cut(addr, "://")
	if !ok {
		rest = addr
	}
	for _, local := range []string{"127.0.0.1:", "localhost:", "[::1]:", "0.0.0.0:", "[::]:"} {
		if port, ok := strings.CutPrefix(rest, local); ok {
			return ":" + port
		}
	}
	return rest
}

// tabs is the second line: the screens, and what the one shown has to say.
func (m *Model) tabs(w int) line {
	if m.front() == filterOverlay {
		return spread(m.filter.view(), m.screenSummary(), w)
	}
	if m.front() == helpOverlay {
		return spread(one(stTabOn, " ? help "), m.help.scroll.more(), w)
	}
	summary := m.screenSummary()
	return spread(m.tabLine(m.tabNames(summary, w)), summary, w)
}

// tabNames is what the screens that are not shown are called, as the room allows.
func (m *Model) tabNames(summary line, w int) func(screenID) string {
	for _, name := range []func(screenID) string{tabFull, tabShort} {
		if m.tabLine(name).width()+summary.width()+2 <= w {
			return name
		}
	}
	return tabNone
}

// tabLine is the screens; what the ones that are not shown are called depends
// on the room there is.
func (m *Model) tabLine(other func(screenID) string) (l line) {
	for id := range screenID(len(screenNames)) {
		switch {
		case id == m.at:
			l = l.add(stTabOn, tabFull(id)).add(stPlain, " ")
		case other(id) != "":
			l = l.add(stTab, other(id)).add(stPlain, " ")
		}
	}
	return l
}

func tabFull(id screenID) string  { return fmt.Sprintf(" %d %s ", id+1, screenNames[id]) }
func tabShort(id screenID) string { return fmt.Sprintf(" %d ", id+1) }
func tabNone(screenID) string     { return "" }

func (m *Model) screenSummary() line {
	switch m.at {
	case connectionsScreen:
		return m.list.summary(m.w)
	case findingsScreen:
		return m.found.summary()
	case logScreen:
		return m.logs.summary()
	case overviewScreen:
		return m.over.summary(m.w)
	}
	return m.detail.scroll.more()
}

// brevity is how short the parts of the status line are.
type brevity uint8

const (
	inFull brevity = iota
	terse          // what is well is short
	terser         // what is not, too
)

// segments are the parts of the status line, what matters most first: narrow
// screens have them in brief, and leave out the last ones.
func (m *Model) segments(by brevity) (segs []line) {
	add := func(st style, s string) { segs = append(segs, one(st, s)) }
	pick := func(long, short string) string {
		if by == terser {
			return short
		}
		return long
	}
	st, tally := &m.status, &m.list.index.tally
	if m.notice != "" {
		add(stBold, m.notice)
	}
	if m.draining {
		add(stWarn, fmt.Sprintf("draining, %d left", m.passing))
	}
	if m.paused {
		add(stTabOn, fmt.Sprintf(" PAUSED %s, %s behind ", clockShort(m.pausedAt.at), plural(st.events-min(m.pausedAt.events, st.events), "event", "events")))
	}
	if text, st := m.found.grave(); text != "" {
		add(st, text)
	}
	if n := m.outOfSight(); n > 0 {
		add(stCritical, fmt.Sprintf("‼ %d near, out of sight", n)+pick(": f goes there", ""))
	}
	for _, s := range st.trouble {
		add(s.st, pick(s.text, printable.Truncate(s.text, max(m.w/3, 20))))
	}
	if n := tally.of(isExpired); n > 0 {
		add(stExpired, fmt.Sprintf("? %d past the limit", n)+pick(" and still open: it is not what it seems", ""))
	}
	if tally.of(isAssumed) > 0 {
		add(stWarn, pick("idle limit 60 s assumed: say --read-timeout", "60 s assumed"))
	}
	for _, s := range st.counts {
		add(stWarn, s)
	}
	if m.rec != "" {
		add(stAccent, m.rec)
	}
	if m.times != TimeLocal {
		add(stAccent, timeModes[m.times].says)
	}
	if m.following() {
		add(stAccent, "follow")
	}
	add(stDim, st.seen)
	add(stDim, st.log)
	if n := len(st.healthy); n > 0 {
		names := strings.Join(st.healthy, ", ")
		if by != inFull {
			names = plural(uint64(n), "source", "sources")
		}
		add(stGood, "✓ "+names)
	}
	add(stDim, count(uint64(st.rate+0.5))+pick(" events/s", "/s"))
	return segs
}

func (m *Model) following() bool {
	return m.at == connectionsScreen && m.list.win.follow || m.at == logScreen && m.logs.win.follow || m.at == connectionScreen && m.detail.follow
}

// flow lays segments out on n lines of w cells, as brief as it must be. What
// fits nowhere even then is counted at the end.
func flow(segments func(brevity) []line, w, n int) []line {
	for by := inFull; by < terser; by++ {
		if out, missing := pack(segments(by), w, n); missing == 0 {
			return out
		}
	}
	out, missing := pack(segments(terser), w, n)
	if missing > 0 {
		out[n-1] = out[n-1].fit(min(out[n-1].width(), w-3)).add(stDim, fmt.Sprintf(" +%d", missing))
	}
	return out
}

// pack puts each segment where it fits first.
func pack(segs []line, w, n int) (out []line, missing int) {
	out = make([]line, n)
	used := make([]int, n)
	for k, s := range segs {
		need, done := s.width(), false
		for i := 0; i < n && !done; i++ {
			room := w
			if i == n-1 && (k < len(segs)-1 || missing > 0) {
				room -= 4 // for the count of what is missing
			}
			gap := min(used[i], 2)
			if used[i]+gap+need <= room || (k == 0 && i == 0) {
				out[i] = append(out[i].add(stPlain, "  "[:gap]), s...)
				used[i] += gap + need
				done = true
			}
		}
		if !done {
			missing++
		}
	}
	return out, missing
}
