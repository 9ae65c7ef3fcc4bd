package monitor

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// Apply absorbs one event. It never fails: what makes no sense is counted.
// The event may be kept; it must not be changed afterwards.
func (s *State) Apply(ev Event) {
	part := s.part(ev.Head().Tap)
	switch ev := ev.(type) {
	case *Baseline:
		if part != nil {
			part.Events++
		}
		s.absorb(ev)
	default:
		if part != nil {
			s.absorbFor(part, ev)
		} else {
			s.absorb(ev)
		}
	}
}

func (s *State) absorb(ev Event) {
	s.Totals.Events++
	s.pass(ev)
	switch ev := ev.(type) {
	case *Samples:
		s.applySamples(ev)
	case *Frames:
		s.applyFrames(ev)
	case *Tick:
		s.tick()
	case *Hello:
		s.applyHello(ev)
	case *LogLine:
		s.applyLog(ev)
	case *LogSummary:
		s.applyLogSummary(ev)
	case *HTTP:
		s.tallyAll(ev.Tap, byHTTP, ev.Counts)
	case *Settings:
		s.applySettings(ev)
	case *Polling:
		s.applyPolling(ev)
	case *Health:
		s.applyHealth(ev)
	case *Dropped:
		s.tally(ev.Tap, byDropped, ev.What, ev.N)
	case *ClockStep:
		s.Totals.ClockSteps++
		s.step += ev.Step.Std()
	case *Limit:
		s.applyLimit(ev)
	case *Opened:
		s.applyOpened(ev)
	case *Baseline:
		s.applyBaseline(ev)
	case *Verdicted: // derived again by ourselves
	default:
		s.applyConn(ev)
	}
}

// Finish settles everything: no further event will come.
func (s *State) Finish() {
	s.joinPending(true)
	s.settle(true)
}

// ahead is how far an event may be before the newest tick and still move the
// time: one source with a wrong clock must not end everybody's countdown.
const ahead = 5 * time.Second

// pass lets time pass.
func (s *State) pass(ev Event) {
	at := ev.Head().At
	_, tick := ev.(*Tick)
	if at > s.now && (tick || s.now.IsZero() || at.Sub(s.now) <= ahead) {
		s.now = at
	}
	if s.started.IsZero() || (!at.IsZero() && at < s.started) {
		s.started = at
	}
}

// mapMost bounds the maps whose keys come from outside.
const mapMost = 1024

// bump counts under a key; what does not fit counts as "other".
func bump(m map[string]uint64, key string, n uint64) {
	if _, have := m[key]; !have && len(m) >= mapMost {
		key = "other"
	}
	m[key] += n
}

func (s *State) applyHello(ev *Hello) {
	for i, h := range s.Hellos {
		if h.Tap == ev.Tap {
			s.Hellos = append(s.Hellos[:i], s.Hellos[i+1:]...)
			break
		}
	}
	if len(s.Hellos) >= hellosMost {
		s.Totals.Oddities++
		return
	}
	s.Hellos = append(s.Hellos, ev)
	s.meet(ev.Tap)
	for _, t := range ev.Taps[:min(len(ev.Taps), hellosMost)] {
		s.roles[roleKey{ev.Tap, t.Name}] = t.Role
	}
	s.Notes = nil
	for _, h := range s.Hellos {
		s.Notes = append(s.Notes, h.Notes[:min(len(h.Notes), hellosMost)]...)
	}
	s.backfill(ev.Tap)
}

// hellosMost bounds the relays seen at a time, and the taps of each.
const hellosMost = 256

// backfill gives conns that came before their hello their side of nginx, and
// their place among the keys as soon as there are two sides to link.
func (s *State) backfill(tap Instance) {
	both := s.HasRole(Front) && s.HasRole(Back)
	for _, c := range s.list {
		if c == nil {
			continue
		}
		if c.Role == "" && c.ID.Tap == tap {
			c.Role = s.roles[roleKey{tap, c.Tap}]
		}
		if both && c.Request != nil && c.Link == nil {
			s.dropKey(c)
			s.addKey(c)
		}
	}
}

func (s *State) applyHealth(ev *Health) {
	for i, h := range s.Healths {
		if h.Name == ev.Name && h.Tap == ev.Tap {
			s.Healths[i] = ev
			return
		}
	}
	if len(s.Healths) < 256 {
		s.Healths = append(s.Healths, ev)
	}
}

func (s *State) applyOpened(ev *Opened) {
	if _, again := s.conns[ev.ID()]; again {
		s.Totals.Oddities++
		return
	}
	s.Totals.Conns++
	if s.Len() >= s.Bounds.Conns && !s.evictOldest() {
		s.Totals.Dropped["conns"]++
		return
	}
	s.nextSeq++
	c := &Conn{
		ID: ev.ID(), Seq: s.nextSeq, Tap: s.same.text(ev.Leg), Role: s.roles[roleKey{ev.Tap, ev.Leg}],
		Client: ev.Client, Listen: s.same.text(ev.Listen), Local: ev.Local, Server: s.same.text(ev.Server),
		Opaque: ev.Opaque, Opened: ev.At,
	}
	if ev.Opaque {
		c.Phase = Open
		c.Lost[ws.FromClient] = ev.Reason
	}
	s.conns[c.ID] = c
	c.place = int32(len(s.list))
	s.list = append(s.list, c)
	s.Totals.Open++
	s.historyOpened(c)
}

// applyConn handles the events of a conn that must exist.
func (s *State) applyConn(ev Event) {
	c := s.conns[ev.Head().ID()]
	if c == nil {
		s.Totals.Unknown++
		return
	}
	if !s.enter(c, ev) {
		return
	}
	switch ev := ev.(type) {
	case *Request:
		s.applyRequest(c, ev)
	case *Response:
		s.applyResponse(c, ev)
	case *DialError:
		c.Dial = ev
		s.Totals.Failed++
	case *CloseFrame:
		if len(c.CloseFrames) < 4 {
			c.CloseFrames = append(c.CloseFrames, *ev)
		}
	case *SideEnded:
		s.applyEnd(c, ev)
	case *Lost:
		c.Lost[ev.Dir&1] = ev.Reason
		if c.Request == nil {
			c.Opaque = true
		}
	case *Violation:
		s.applyViolation(c, ev)
	case *Closed:
		s.applyClosed(c, ev)
	}
}

func (s *State) applyRequest(c *Conn, ev *Request) {
	r := &c.request
	*r = *ev
	whole := len(r.HeadText) <= HeadKept
	r.HeadText, r.HeadCut = kept(r.HeadText, r.HeadCut)
	for _, t := range []*string{&r.Target, &r.Host, &r.Origin, &r.Key, &r.NgxConn, &r.Method, &r.Proto, &r.WSVersion} {
		*t, _ = kept(*t, false)
		if !whole { // it may be a part of the head, and would keep all of it
			*t = strings.Clone(*t)
		}
	}
	for _, l := range []*[]string{&r.Subprotocols, &r.Extensions, &r.Upgrade, &r.Connection} {
		*l = s.same.list(keptAll(*l))
	}
	r.Forwarded = keptAll(r.Forwarded)
	r.Leg = c.Tap
	if c.target == nil {
		c.target = s.pastOf(c.ID.Tap).targets.count(r.Target)
	}
	c.Request = r
	s.addKey(c)
	s.addNgx(c)
}

// kept is the part of a text that State keeps, in memory of its own.
func kept(t string, cut bool) (string, bool) {
	if len(t) <= HeadKept {
		return t, cut
	}
	return strings.Clone(t[:HeadKept]), true
}

// keptAll keeps as much of a list.
func keptAll(l []string) []string {
	n := 0
	for i, t := range l {
		if n += len(t) + 16; n > HeadKept {
			return slices.Clone(l[:i])
		}
	}
	return l
}

func (s *State) applyResponse(c *Conn, ev *Response) {
	r := *ev
	r.HeadText, r.HeadCut = kept(r.HeadText, r.HeadCut)
	r.Reason, _ = kept(r.Reason, false)
	r.Extensions, _ = kept(r.Extensions, false)
	r.Upgrade, r.Connection = s.same.list(keptAll(r.Upgrade)), s.same.list(keptAll(r.Connection))
	c.Answer = &r
	if ev.Status == 101 {
		c.Upgraded = ev.At
		s.Totals.Upgraded++
		if c.Phase == Connecting {
			c.Phase = Open
		}
		return
	}
	s.Totals.Refused++
	s.tally(ev.Tap, byRefusal, strconv.Itoa(ev.Status), 1)
}

func (s *State) applyEnd(c *Conn, ev *SideEnded) {
	for i := range c.Ends {
		if c.Ends[i].Dir == ev.Dir {
			return
		}
	}
	c.Ends = append(c.Ends, *ev)
	s.beginSettling(c)
	if len(c.Ends) == 2 && c.Ends[1].At < c.Ends[0].At {
		c.Ends[0], c.Ends[1] = c.Ends[1], c.Ends[0]
	}
}

func (s *State) applyViolation(c *Conn, ev *Violation) {
	s.tally(c.ID.Tap, byViolation, ev.Rule, ev.Count)
	c.Sample.AddViolation(ev.Rule, ev.Dir, ev.Count)
}

func (s *State) applyClosed(c *Conn, ev *Closed) {
	c.Ended, c.Last = ev.At, lastOf(ev.Last)
	s.watches.end(c.ID, c.Last)
	c.ByTap = ev.ByTap && len(c.Ends) == 0
	s.countViolations(c, ev)
	s.replaceSample(c, &ev.Sample)
	s.Totals.Collapsed += ev.Sample.Collapsed
	s.Totals.Open--
	s.Totals.Closed++
	s.historyClosed(c)
	if c.Dial == nil && c.Answer == nil && c.decoded() {
		s.Totals.Failed++
	}
	s.beginSettling(c)
	if c.Settled {
		s.retire(c)
	}
}

// lastOf is the newest records, in memory of their own if there were more.
func lastOf(rs []FrameRecord) []FrameRecord {
	if n := len(rs); n > LastFrames {
		return slices.Clone(rs[n-LastFrames:])
	}
	return rs
}

// countViolations adds what the last sample knows beyond the first of each
// rule and direction, which came as events.
func (s *State) countViolations(c *Conn, ev *Closed) {
	known := map[string]uint64{}
	for _, v := range c.Sample.Violations {
		known[v.Rule] += v.Count
	}
	for _, v := range ev.Sample.Violations {
		more := v.Count - min(v.Count, known[v.Rule])
		known[v.Rule] -= v.Count - more
		s.tally(c.ID.Tap, byViolation, v.Rule, more)
	}
}

func (s *State) applySamples(ev *Samples) {
	for i, n := range ev.Conns {
		c := s.conns[ID{ev.Tap, n}]
		switch {
		case c == nil:
			s.Totals.Unknown++
		case c.Ended.IsZero():
			s.replaceSample(c, &ev.Samples[i])
		}
	}
}

// replaceSample keeps the totals exact: they grow by the difference.
func (s *State) replaceSample(c *Conn, n *Sample) {
	was := &c.Sample
	for d := range was.Dir {
		s.Totals.Bytes += n.Dir[d].Bytes - was.Dir[d].Bytes
	}
	s.Totals.Frames += n.FrameCount() - was.FrameCount()
	s.pastOf(c.ID.Tap).countGaps(&was.Gaps, &n.Gaps)
	violations := was.Violations
	*was = *n
	if n.Violations == nil { // counts travel with the last sample only
		was.Violations = violations
	}
}

// applyFrames takes what a recording or a watched conn gives between samples:
// the last records and the freshness of the countdown. Counts come by sample.
func (s *State) applyFrames(ev *Frames) {
	c := s.conns[ev.ID()]
	if c == nil || !c.Ended.IsZero() {
		return
	}
	for _, r := range ev.Records {
		t := &c.Sample.Dir[r.Direction()]
		t.LastByte = max(t.LastByte, r.At)
	}
	news := unseen(c.Last, ev.Records)
	c.Last = addLast(c.Last, news)
	s.watches.add(c.ID, news)
}

// unseen leaves out of more what last ends with: a conn that is watched again is
// told with its last records, which may be known.
func unseen(last, more []FrameRecord) []FrameRecord {
	if len(last) == 0 || len(more) == 0 || more[0].At.Sub(last[len(last)-1].At) > recordRounding {
		return more
	}
	for n := min(len(last), len(more)); n > 0; n-- {
		if slices.EqualFunc(last[len(last)-n:], more[:n], sameRecord) {
			return more[n:]
		}
	}
	return more
}

// recordRounding is how far the times of one record may be apart that came in
// two batches, which hold microseconds from their own beginnings.
const recordRounding = 2 * time.Microsecond

func sameRecord(a, b FrameRecord) bool {
	return a.word == b.word && a.At.Sub(b.At).Abs() <= recordRounding
}

// addLast keeps the newest LastFrames records, in place where there is room.
func addLast(last, more []FrameRecord) []FrameRecord {
	more = more[max(len(more)-LastFrames, 0):]
	last = last[:copy(last, last[max(len(last)+len(more)-LastFrames, 0):])]
	if n := len(last) + len(more); n > cap(last) {
		last = append(make([]FrameRecord, 0, n), last...)
	}
	return append(last, more...)
}

func (s *State) applyLogSummary(ev *LogSummary) {
	s.tallyAll(ev.Tap, byLogLevel, ev.Levels)
	s.tallyAll(ev.Tap, byLogKind, ev.Kinds)
	for k, n := range ev.Kinds {
		s.Totals.LogLines += n
		s.Totals.LogSummed += n
		if k == string(logparse.KindUnparsed) {
			s.Totals.LogUnparsed += n
		} else {
			s.Totals.LogParsed += n
		}
	}
}

func (s *State) applyLog(ev *LogLine) {
	s.Totals.LogLines++
	if ev.Entry.Parsed() {
		s.Totals.LogParsed++
		s.tally(ev.Tap, byLogLevel, ev.Entry.Level.String(), 1)
		s.lowerLevel(ev)
	} else {
		s.Totals.LogUnparsed++
	}
	s.tally(ev.Tap, byLogKind, string(ev.Entry.Kind), 1)
	s.logN++
	ref := &LogRef{LogLine: *ev, N: s.logN}
	if len(s.logs) >= s.Bounds.Logs {
		drop := max(len(s.logs)/16, 1)
		clear(s.logs[:drop])
		s.logs = s.logs[drop:]
		s.Totals.Dropped["log lines evicted"] += uint64(drop)
	}
	s.logs = append(s.logs, ref)
	s.beginJoin(ref)
}

// lowerLevel remembers how low a source's entries go. A forged one proves nothing.
func (s *State) lowerLevel(ev *LogLine) {
	if ev.Entry.Flags.Has(logparse.FlagForged) {
		return
	}
	s.lower(ev.Source, ev.Entry.Level)
}

func (s *State) lower(source string, to logparse.Level) {
	was, ok := s.lowest[source]
	if (ok || len(s.lowest) < mapMost) && (was == logparse.LevelUnknown || to < was) {
		s.lowest[source] = to
	}
}

func (s *State) tick() {
	s.sweepSome()
	s.passPasts()
	s.joinPending(false)
	s.settle(false)
}
