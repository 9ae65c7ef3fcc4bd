package monitor

import (
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// Apply absorbs one event. It never fails: what makes no sense is counted.
// The event may be kept; it must not be changed afterwards.
func (s *State) Apply(ev Event) {
	h := ev.Head()
	s.Totals.Events++
	if h.At > s.now {
		s.now = h.At
	}
	if s.started.IsZero() || (!h.At.IsZero() && h.At < s.started) {
		s.started = h.At
	}
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
		addAll(s.Totals.HTTP, ev.Counts)
	case *Health:
		s.applyHealth(ev)
	case *Dropped:
		s.Totals.Dropped[ev.What] += ev.N
	case *ClockStep:
		s.Totals.ClockSteps++
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

func addAll(to, from map[string]uint64) {
	for k, n := range from {
		to[k] += n
	}
}

func (s *State) applyHello(ev *Hello) {
	for i, h := range s.Hellos {
		if h.Tap == ev.Tap {
			s.Hellos = append(s.Hellos[:i], s.Hellos[i+1:]...)
			break
		}
	}
	s.Hellos = append(s.Hellos, ev)
	for _, t := range ev.Taps {
		s.roles[roleKey{ev.Tap, t.Name}] = t.Role
	}
	s.Stand = nil
	for _, h := range s.Hellos {
		s.Stand = append(s.Stand, h.Notes...)
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
	if s.Len() >= s.Bounds.Conns {
		s.Totals.Dropped["conns"]++
		return
	}
	s.nextSeq++
	c := &Conn{
		ID: ev.ID(), Seq: s.nextSeq, Tap: ev.Leg, Role: s.roles[roleKey{ev.Tap, ev.Leg}],
		Client: ev.Client, Listen: ev.Listen, Local: ev.Local, Server: ev.Server,
		Opaque: ev.Opaque, Opened: ev.At,
	}
	if ev.Opaque {
		c.Phase = Open
		c.Lost[ws.FromClient] = ev.Reason
	}
	s.conns[c.ID] = c
	c.place = len(s.list)
	s.list = append(s.list, c)
	s.Totals.Open++
}

// applyConn handles the events of a conn that must exist.
func (s *State) applyConn(ev Event) {
	c := s.conns[ev.Head().ID()]
	if c == nil {
		s.Totals.Unknown++
		return
	}
	s.enter(c, ev.Type())
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
	r := *ev
	if len(r.HeadText) > HeadKept {
		r.HeadText, r.HeadCut = r.HeadText[:HeadKept], true
	}
	c.Request = &r
	s.addKey(c)
	s.addNgx(c)
}

func (s *State) applyResponse(c *Conn, ev *Response) {
	r := *ev
	if len(r.HeadText) > HeadKept {
		r.HeadText, r.HeadCut = r.HeadText[:HeadKept], true
	}
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
	s.Totals.ViolationsByRule[ev.Rule] += ev.Count
	c.Sample.AddViolation(ev.Rule, ev.Dir, ev.Count)
}

func (s *State) applyClosed(c *Conn, ev *Closed) {
	if !c.Ended.IsZero() {
		return
	}
	c.Ended, c.Last = ev.At, ev.Last
	c.ByTap = ev.ByTap && len(c.Ends) == 0
	s.countViolations(c, ev)
	s.replaceSample(c, &ev.Sample)
	s.Totals.Collapsed += ev.Sample.Collapsed
	s.Totals.Open--
	s.Totals.Closed++
	if c.Dial == nil && c.Answer == nil && !c.Opaque {
		s.Totals.Failed++
	}
	s.beginSettling(c)
	s.closed = append(s.closed, c)
	s.evictClosed()
}

// countViolations adds what the last sample knows beyond the first of each
// rule and direction, which came as events.
func (s *State) countViolations(c *Conn, ev *Closed) {
	for _, v := range ev.Sample.Violations {
		s.Totals.ViolationsByRule[v.Rule] += v.Count
	}
	for _, v := range c.Sample.Violations {
		s.Totals.ViolationsByRule[v.Rule] -= v.Count
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
	c.Last = append(c.Last, ev.Records...)
	if n := len(c.Last); n > LastFrames {
		c.Last = append(c.Last[:0], c.Last[n-LastFrames:]...)
	}
}

func (s *State) applyLogSummary(ev *LogSummary) {
	addAll(s.Totals.LogLevels, ev.Levels)
	addAll(s.Totals.LogKinds, ev.Kinds)
	for k, n := range ev.Kinds {
		s.Totals.LogLines += n
		s.Totals.LogSummed += n
		if k == string(logparse.KindUnparsed) {
			s.Totals.LogBad += n
		} else {
			s.Totals.LogParsed += n
		}
	}
}

func (s *State) applyLog(ev *LogLine) {
	s.Totals.LogLines++
	if ev.Entry.Parsed() {
		s.Totals.LogParsed++
		s.Totals.LogLevels[ev.Entry.Level.String()]++
		s.lowerLevel(ev)
	} else {
		s.Totals.LogBad++
	}
	s.Totals.LogKinds[string(ev.Entry.Kind)]++
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

func (s *State) lowerLevel(ev *LogLine) {
	if was, ok := s.lowest[ev.Source]; !ok || was == logparse.LevelUnknown || ev.Entry.Level < was {
		s.lowest[ev.Source] = ev.Entry.Level
	}
}

func (s *State) tick() {
	s.joinPending(false)
	s.settle(false)
}
