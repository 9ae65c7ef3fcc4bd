package monitor

import (
	"maps"
	"math"
	"slices"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// Baseline ends a snapshot: what the events before it cannot rebuild, because
// the conns it came from are gone or settled. Its Totals replace all counts.
// Partial ones come first, with more Conns and nothing else, so that no event
// becomes very large.
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
	b := &Baseline{Header: Header{At: s.now}, Started: s.started, Totals: s.Totals.clone(), NextSeq: s.nextSeq, Links: s.links, LogN: s.logN}
	for k, e := range s.learner.taps {
		l := learnedLimit{Tap: k.tap, Leg: k.name, Value: e.limit.Value}
		for _, o := range e.seen {
			l.Gaps, l.At = append(l.Gaps, Millis(o.gap)), append(l.At, o.at)
		}
		b.Learned = append(b.Learned, l)
	}
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
	s.based = append(s.based, ev.Conns...)
	if ev.Partial {
		return
	}
	events := s.Totals.Events
	s.Totals = ev.Totals.clone()
	s.Totals.Events = max(events, s.Totals.Events)
	s.nextSeq, s.links, s.started = ev.NextSeq, ev.Links, ev.Started
	byN := s.renumberLogs(ev.LogN)
	for _, b := range s.based {
		if c := s.conns[ID{b.Tap, b.Conn}]; c != nil {
			s.restore(c, b, byN)
		}
	}
	s.based = nil
	s.learner.restore(ev.Learned)
	for _, n := range ev.Pending {
		if r := byN[n]; r != nil {
			s.pending = append(s.pending, r)
		}
	}
	for k, l := range ev.Lowest {
		s.lowest[k] = logparse.Level(l)
	}
	s.settle(false)
	s.settled = nil
}

// renumberLogs gives the entries of a snapshot the numbers they had.
func (s *State) renumberLogs(newest uint64) map[uint64]*LogRef {
	byN := make(map[uint64]*LogRef, len(s.logs))
	for i, r := range s.logs {
		r.N = newest - uint64(len(s.logs)-1-i)
		byN[r.N] = r
	}
	s.logN = max(newest, s.logN)
	s.pending = nil
	return byN
}

func (s *State) restore(c *Conn, b baselineConn, logs map[uint64]*LogRef) {
	for _, n := range b.Logs {
		if r := logs[n]; r != nil {
			attach(c, r)
			if !r.Ambiguous && r.Entry.Has(logparse.HasConnection) {
				s.byNgx[ngxOf(r)] = c
			}
		}
	}
	if b.Violations != nil {
		c.Sample.Violations = slices.Clone(b.Violations)
	}
	c.Seq, c.Pinned = b.Seq, b.Pinned
	if c.Link != nil && b.Link != 0 {
		c.Link.ID = b.Link
	}
	if b.Verdict == nil {
		return
	}
	c.Verdict, c.Settled, c.settling = *b.Verdict, true, false
	for i, o := range s.settling {
		if o == c {
			s.settling = append(s.settling[:i], s.settling[i+1:]...)
			break
		}
	}
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

func (t *Totals) clone() Totals {
	c := *t
	for _, m := range []*map[string]uint64{&c.HTTP, &c.Dropped, &c.LogLevels, &c.LogKinds, &c.ViolationsByRule} {
		*m = maps.Clone(*m)
	}
	c.Codes = maps.Clone(t.Codes)
	c.Causes = maps.Clone(t.Causes)
	return c
}
