package monitor

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// Baseline ends a snapshot: what the events before it cannot rebuild, because
// the conns it came from are gone or settled. Its Totals replace all counts of
// the relay that Tap names; without one they replace all there are. Partial ones
// come first, with more Conns and nothing else, so that no event becomes very
// large.
type Baseline struct {
	Header
	Partial bool           `json:"partial,omitempty"`
	Started Time           `json:"started"`
	Totals  Totals         `json:"totals"`
	NextSeq uint64         `json:"next_seq"`
	Links   uint64         `json:"links"`
	LogN    uint64         `json:"log_n"` // number of the newest log entry
	Conns   []baselineConn `json:"conns"`
	Learned []learnedLimit `json:"learned,omitempty"`
	Pending []uint64       `json:"pending,omitempty"` // log entries that wait for their conn
	Lowest  map[string]int `json:"lowest_level,omitempty"`
	Relays  []relayTotals  `json:"relays,omitempty"` // the parts of Totals, where there are several
	History []pastPart     `json:"history,omitempty"`
}

// baselineConn is what a conn's own events do not tell.
type baselineConn struct {
	Tap     Instance `json:"tap"`
	Conn    uint64   `json:"conn"`
	Seq     uint64   `json:"seq"`
	Link    uint64   `json:"link,omitempty"`
	Pinned  bool     `json:"pinned,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"` // settled
	Logs    []uint64 `json:"logs,omitempty"`    // numbers of the log entries joined
	// Violations of an open conn, which samples do not bring.
	Violations []ViolationCount `json:"violations,omitempty"`
}

// learnedLimit is what the learner knows of one tap.
type learnedLimit struct {
	Tap   Instance `json:"tap"`
	Leg   string   `json:"leg"`
	Value Millis   `json:"value_ms"`
	Gaps  []Millis `json:"gaps_ms"`
	At    []Time   `json:"at"`
}

func (*Baseline) Type() string { return "baseline" }

// SnapshotLogs is how many log entries a snapshot takes along.
const SnapshotLogs = 1000

// Snapshot is the events that, applied to an empty State, rebuild this one:
// all open conns, the newest closed ones up to the number given, the newest
// log entries, and all counts. Recordings keep it as a keyframe, viewers get it
// when they come.
func (s *State) Snapshot(closed int) []Event {
	p := s.BeginSnapshot(closed)
	for p.Next(math.MaxInt) {
	}
	return p.Events()
}

// Snapshot is one being taken, a number of conns at a time, so that nobody has
// to wait for the State of 100,000 conns. Nothing may be applied meanwhile.
type Snapshot struct {
	s       *State
	place   int            // in s.list, of the next conn
	gone    map[*Conn]bool // closed ones that are left out
	evs     []Event
	samples *Samples // of the conns gone through since it was begun
	opened  []Opened // room for the next ones
	base    *Baseline
	parts   []Event // partial Baselines
}

// BeginSnapshot begins a Snapshot with the newest closed conns up to a number.
func (s *State) BeginSnapshot(closed int) *Snapshot {
	const each = 5 // events of a conn, about
	p := &Snapshot{s: s, base: s.baseline(), gone: map[*Conn]bool{}, evs: make([]Event, 0, each*s.Len()+SnapshotLogs)}
	for _, h := range s.Hellos {
		p.evs = append(p.evs, h)
	}
	for _, h := range s.Healths {
		p.evs = append(p.evs, h)
	}
	for _, set := range s.Settings {
		p.evs = append(p.evs, set)
	}
	p.evs = append(p.evs, s.pollEvents()...)
	for i := range s.limits {
		l := s.limits[i]
		p.evs = append(p.evs, &l)
	}
	for _, c := range s.closed[:max(len(s.closed)-closed, 0)] {
		p.gone[c] = !c.Pinned
	}
	return p
}

// Next takes n conns more; false: all are taken.
func (p *Snapshot) Next(n int) (more bool) {
	list := p.s.list
	for ; n > 0 && p.place < len(list); p.place++ {
		if c := list[p.place]; c != nil && !p.gone[c] {
			p.conn(c)
			n--
		}
	}
	return p.place < len(list)
}

func (p *Snapshot) conn(c *Conn) {
	p.events(c)
	if len(p.base.Conns) == baselineConns {
		p.parts = append(p.parts, &Baseline{Header: p.base.Header, Partial: true, Conns: p.base.Conns})
		p.base.Conns = nil
	}
	if p.base.Conns == nil {
		p.base.Conns = make([]baselineConn, 0, baselineConns)
	}
	p.base.Conns = append(p.base.Conns, baselineOf(c))
}

// Events ends it, once Next has taken all conns.
func (p *Snapshot) Events() []Event {
	p.endSamples()
	logs := p.s.logs
	for _, r := range logs[max(len(logs)-SnapshotLogs, 0):] {
		l := r.LogLine
		p.evs = append(p.evs, &l)
	}
	return append(append(p.evs, p.parts...), p.base)
}

// baselineConns is how many conns one Baseline holds, snapshotSamples how many
// one Samples event.
const (
	baselineConns   = 1000
	snapshotSamples = 1000
)

func (s *State) baseline() *Baseline {
	b := &Baseline{Header: Header{At: s.now, Tap: s.relays.sole}, Started: s.started, Totals: s.Totals.clone(), NextSeq: s.nextSeq, Links: s.links, LogN: s.logN}
	if s.relays.each != nil {
		b.Tap = 0
	}
	for tap, part := range s.relays.each {
		b.Relays = append(b.Relays, relayTotals{tap, part.clone()})
	}
	slices.SortFunc(b.Relays, func(a, b relayTotals) int { return cmp.Compare(a.Tap, b.Tap) })
	for k, e := range s.learner.taps {
		l := learnedLimit{Tap: k.tap, Leg: k.name, Value: e.limit.Value}
		for _, o := range e.seen {
			l.Gaps, l.At = append(l.Gaps, Millis(o.gap)), append(l.At, o.at)
		}
		b.Learned = append(b.Learned, l)
	}
	b.History = s.pastParts()
	for _, r := range s.pending {
		b.Pending = append(b.Pending, r.N)
	}
	b.Lowest = map[string]int{}
	for k, l := range s.lowest {
		b.Lowest[k] = int(l)
	}
	return b
}

func baselineOf(c *Conn) baselineConn {
	b := baselineConn{Tap: c.ID.Tap, Conn: c.ID.Conn, Seq: c.Seq, Pinned: c.Pinned}
	if c.Link != nil {
		b.Link = c.Link.ID
	}
	for _, r := range c.Logs {
		b.Logs = append(b.Logs, r.N)
	}
	if c.Ended.IsZero() {
		b.Violations = slices.Clone(c.Sample.Violations)
	}
	if c.Settled {
		v := c.Verdict
		b.Verdict = &v
	}
	return b
}

// sampleCopy shares no memory with c: a snapshot outlives the next Apply.
func (c *Conn) sampleCopy() Sample {
	s := c.Sample
	s.Violations = slices.Clone(s.Violations)
	return s
}

// events appends the life of c so far. What State never changes is not copied.
func (p *Snapshot) events(c *Conn) {
	h := Header{At: c.Opened, Tap: c.ID.Tap, Leg: c.Tap, Conn: c.ID.Conn}
	opaque := c.Opaque && c.Request == nil
	p.add(p.newOpened(Opened{Header: h, Client: c.Client, Listen: c.Listen, Local: c.Local, Server: c.Server, Opaque: opaque, Reason: c.openedReason(opaque)}))
	own := c.OwnLimits()
	for i := range own {
		p.add(&own[i])
	}
	if c.Request != nil {
		p.add(c.Request)
	}
	if c.Answer != nil {
		p.add(c.Answer)
	}
	if c.Dial != nil {
		p.add(c.Dial)
	}
	for _, f := range c.CloseFrames {
		p.add(&f)
	}
	p.evs = append(p.evs, c.lostEvents(h, opaque)...)
	for _, e := range c.Ends {
		p.add(&e)
	}
	if !c.Ended.IsZero() {
		h.At = c.Ended
		p.add(&Closed{Header: h, ByTap: c.ByTap, Sample: c.sampleCopy(), Last: slices.Clone(c.Last)})
		return
	}
	if len(c.Last) > 0 {
		h.At = p.s.now
		p.add(&Frames{Header: h, Records: slices.Clone(c.Last)})
	}
	p.sample(c)
}

func (p *Snapshot) add(ev Event) { p.evs = append(p.evs, ev) }

// newOpened takes the room of many at a time.
func (p *Snapshot) newOpened(ev Opened) *Opened {
	if len(p.opened) == 0 {
		p.opened = make([]Opened, 64)
	}
	to := &p.opened[0]
	p.opened = p.opened[1:]
	*to = ev
	return to
}

// sample adds to the samples that follow the conns they are of.
func (p *Snapshot) sample(c *Conn) {
	if b := p.samples; b != nil && (b.Tap != c.ID.Tap || len(b.Conns) == snapshotSamples) {
		p.endSamples()
	}
	if p.samples == nil {
		p.samples = &Samples{
			Header: Header{At: p.s.now, Tap: c.ID.Tap},
			Conns:  make([]uint64, 0, snapshotSamples), Samples: make([]Sample, 0, snapshotSamples),
		}
	}
	p.samples.Conns = append(p.samples.Conns, c.ID.Conn)
	p.samples.Samples = append(p.samples.Samples, c.sampleCopy())
}

func (p *Snapshot) endSamples() {
	if p.samples != nil {
		p.add(p.samples)
		p.samples = nil
	}
}

func (c *Conn) openedReason(opaque bool) string {
	if opaque {
		return c.Lost[0]
	}
	return ""
}

func (c *Conn) lostEvents(h Header, opaque bool) (evs []Event) {
	if opaque {
		return nil
	}
	for d, reason := range c.Lost {
		if reason != "" {
			evs = append(evs, &Lost{Header: h, Dir: ws.Direction(d), Reason: reason})
		}
	}
	return evs
}

// applyBaseline ends the absorption of a snapshot.
func (s *State) applyBaseline(ev *Baseline) {
	s.keepBased(ev)
	if ev.Partial {
		return
	}
	conns := s.based[ev.Tap]
	delete(s.based, ev.Tap)
	alone, first := s.speaksForAll(ev), s.firstOf(ev.Tap)
	if !alone && s.part(ev.Tap) == nil {
		s.Totals.Oddities++ // of a relay that has not said hello
		return
	}
	s.leaveUncounted(ev.Tap, conns)
	s.takeTotals(ev)
	if alone {
		s.nextSeq, s.links, s.started = ev.NextSeq, ev.Links, ev.Started
		if first { // whoever waited for it may have had another clock
			s.now = ev.At
		}
	} else if !ev.Started.IsZero() && ev.Started < s.started {
		s.started = ev.Started
	}
	s.takePasts(ev, alone)
	r := restoring{s: s, alone: alone, first: first, logs: s.numberedLogs(ev, alone)}
	for i := range conns {
		if c := s.conns[ID{conns[i].Tap, conns[i].Conn}]; c != nil && (ev.Tap == 0 || c.ID.Tap == ev.Tap) {
			r.conn(c, &conns[i])
		}
	}
	s.dropSettled()
	s.learner.restore(ev.Learned)
	for _, n := range ev.Pending {
		if l := r.logs[n]; l != nil {
			s.pending = append(s.pending, l)
		}
	}
	for k, l := range ev.Lowest {
		s.lower(k, logparse.Level(l))
	}
	s.settle(false)
	if alone && first {
		s.settled = nil // told before somebody came to hear it
	}
}

// keepBased keeps the conns of a Baseline until its last part: those of several
// relays may come in turn.
func (s *State) keepBased(ev *Baseline) {
	if s.based == nil {
		s.based = map[Instance][]baselineConn{}
	}
	if _, have := s.based[ev.Tap]; have || len(s.based) < hellosMost {
		s.based[ev.Tap] = append(s.based[ev.Tap], ev.Conns...)
	}
}

// leaveUncounted marks the conns of a relay that ended unseen and are forgotten
// there: the counts that come hold their verdicts, and ours must not be added.
func (s *State) leaveUncounted(relay Instance, listed []baselineConn) {
	unlisted := map[ID]*Conn{}
	for _, c := range s.settling {
		if !c.Ended.IsZero() && (relay == 0 || c.ID.Tap == relay) {
			unlisted[c.ID] = c
		}
	}
	if len(unlisted) == 0 {
		return
	}
	for i := range listed {
		delete(unlisted, ID{listed[i].Tap, listed[i].Conn})
	}
	for _, c := range unlisted {
		c.counted = true
	}
}

// numberedLogs are the entries of a Baseline's relay by the numbers they have
// there. A State of one relay takes the numbers over; else it goes on with its own.
func (s *State) numberedLogs(ev *Baseline, alone bool) map[uint64]*LogRef {
	theirs := s.logs
	if alone {
		s.pending = nil
	} else {
		isTheirs := func(r *LogRef) bool { return r.Tap == ev.Tap }
		theirs = nil
		for _, r := range s.logs {
			if isTheirs(r) {
				theirs = append(theirs, r)
			}
		}
		s.pending = slices.DeleteFunc(s.pending, isTheirs)
	}
	byN := make(map[uint64]*LogRef, len(theirs))
	for i, r := range theirs {
		n := ev.LogN - uint64(len(theirs)-1-i)
		byN[n] = r
		if alone {
			r.N = n
		}
	}
	if alone {
		s.logN = max(ev.LogN, s.logN)
	}
	return byN
}

// restoring is the last step of a snapshot.
type restoring struct {
	s            *State
	alone, first bool               // see speaksForAll and firstOf
	logs         map[uint64]*LogRef // by their numbers at the relay
}

func (r *restoring) conn(c *Conn, b *baselineConn) {
	r.joinLogs(c, b.Logs)
	if b.Violations != nil {
		c.Sample.Violations = slices.Clone(b.Violations)
	}
	c.Pinned = c.Pinned || b.Pinned
	if r.alone {
		c.Seq = b.Seq
		if c.Link != nil && b.Link != 0 {
			c.Link.ID = b.Link
		}
	}
	r.verdict(c, b.Verdict)
}

// joinLogs joins the entries that the relay had joined, to the other relay's leg too.
func (r *restoring) joinLogs(c *Conn, numbers []uint64) {
	for _, n := range numbers {
		l := r.logs[n]
		if l == nil {
			continue
		}
		attach(c, l)
		if c.twoRelays() {
			attach(c.Other(), l)
		}
		if !l.Ambiguous && l.Entry.Has(logparse.HasConnection) {
			r.s.byNgx[ngxOf(l)] = c
		}
	}
}

// verdict takes the relay's verdict over, unless we know more than it did: both
// legs, or the conn as it was alive. The counts are those of the verdicts shown.
func (r *restoring) verdict(c *Conn, told *Verdict) {
	s := r.s
	switch {
	case c.Settled:
		if told != nil {
			s.countVerdict(c.ID.Tap, told, -1)
			s.historyVerdict(c, told, -1)
		}
		s.countVerdict(c.ID.Tap, &c.Verdict, 1)
		s.historyVerdict(c, &c.Verdict, 1)
	case told == nil:
	case r.first && !c.twoRelays():
		c.Verdict, c.Settled, c.settling, c.oneLeg = *told, true, false, true
		if !c.Ended.IsZero() {
			s.retire(c)
		}
	default:
		s.countVerdict(c.ID.Tap, told, -1) // until we have judged it
		s.historyVerdict(c, told, -1)
	}
}

// dropSettled takes off the list what does not settle any more.
func (s *State) dropSettled() {
	s.settling = slices.DeleteFunc(s.settling, func(c *Conn) bool { return !c.settling })
}

// twoRelays says that the other leg of c is seen by another relay.
func (c *Conn) twoRelays() bool {
	o := c.Other()
	return o != nil && o.ID.Tap != c.ID.Tap
}

// judgeAgain replaces a verdict that was made of one leg, now that the other one,
// which another relay sees, has ended too: what that relay told came late.
func (s *State) judgeAgain(c *Conn) {
	if c == nil || !c.Settled || !c.oneLeg || !c.twoRelays() {
		return
	}
	was := c.Verdict
	s.judge(c)
	s.recount(c, &was)
	c.oneLeg = false
	s.settled = append(s.settled, c)
}

func (l *learner) restore(known []learnedLimit) {
	for _, k := range known {
		if l.taps == nil {
			l.taps = map[roleKey]*endings{}
		}
		e := &endings{}
		e.set(k.Value.Std())
		for i := range min(len(k.Gaps), len(k.At), learnKeep) {
			e.seen = append(e.seen, ending{k.Gaps[i].Std(), k.At[i]})
		}
		if len(l.taps) < mapMost {
			l.taps[roleKey{k.Tap, k.Leg}] = e
		}
	}
}

// clone shares nothing with t. Its maps can be counted in, whatever those of t,
// which may come from elsewhere, are like.
func (t *Totals) clone() Totals {
	c := *t
	for _, m := range []*map[string]uint64{&c.HTTP, &c.Dropped, &c.LogLevels, &c.LogKinds, &c.ViolationsByRule, &c.RefusedBy} {
		*m = some(*m)
	}
	c.Causes, c.Codes, c.Judged = some(t.Causes), some(t.Codes), some(t.Judged)
	return c
}

// some is a copy of a map, within bounds.
func some[K comparable](m map[K]uint64) map[K]uint64 {
	if m == nil {
		return map[K]uint64{}
	}
	c := maps.Clone(m)
	for k := range c {
		if len(c) <= mapMost+1 { // "other" is one more
			break
		}
		delete(c, k)
	}
	return c
}
