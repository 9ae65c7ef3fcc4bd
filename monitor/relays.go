package monitor

// relays is what a State knows of the relays whose events it absorbs. Each
// relay's Baseline tells the counts of that relay alone, so as soon as there is
// more than one, State counts by relay beside its sum: a Baseline then replaces
// the part of its relay and nothing else.
type relays struct {
	sole  Instance              // the first that said hello; 0: none has
	each  map[Instance]*Totals  // nil while there is only one
	based map[Instance]struct{} // those that have had a Baseline
}

// meet notes a relay that says hello. All that was counted before the second
// one came is the first one's; events is how many of that the hello itself is.
func (s *State) meet(relay Instance) {
	r := &s.relays
	switch {
	case relay == 0 || relay == r.sole || r.each[relay] != nil:
		return
	case r.sole == 0:
		r.sole = relay
		return
	case r.each == nil:
		first := s.Totals.clone()
		first.Events-- // the hello that is being applied
		r.each = map[Instance]*Totals{r.sole: &first}
	}
	if len(r.each) < hellosMost {
		t := newTotals()
		t.Events = 1
		r.each[relay] = &t
	}
}

// part is the counts of one relay; nil while they are all there is, or if it is
// not known.
func (s *State) part(relay Instance) *Totals {
	if s.relays.each == nil {
		return nil
	}
	return s.relays.each[relay]
}

// speaksForAll says that a Baseline is of all that is known: the only relay's,
// or that of a State which had absorbed several.
func (s *State) speaksForAll(ev *Baseline) bool {
	return ev.Tap == 0 || s.relays.each == nil && (s.relays.sole == 0 || s.relays.sole == ev.Tap)
}

// firstOf notes a Baseline and says whether it is the first of its relay.
func (s *State) firstOf(relay Instance) bool {
	r := &s.relays
	_, again := r.based[relay]
	if !again && len(r.based) < hellosMost {
		if r.based == nil {
			r.based = map[Instance]struct{}{}
		}
		r.based[relay] = struct{}{}
	}
	return !again
}

// takeTotals puts the counts of a Baseline in the place of those that they are of.
func (s *State) takeTotals(ev *Baseline) {
	t := ev.Totals.clone()
	if part := s.part(ev.Tap); part != nil {
		t.Events = max(t.Events, part.Events)
		s.Totals.replace(part, &t)
		*part = t
		return
	}
	t.Events = max(t.Events, s.Totals.Events)
	s.Totals, s.relays.each = t, nil
	for _, p := range ev.Relays[:min(len(ev.Relays), hellosMost)] {
		if s.relays.each == nil {
			s.relays.each = map[Instance]*Totals{}
		}
		t := p.Totals.clone()
		s.relays.each[p.Tap] = &t
	}
}

// relayTotals is the part of one relay in a Baseline that is of several.
type relayTotals struct {
	Tap    Instance `json:"tap"`
	Totals Totals   `json:"totals"`
}

// texts names one of the maps of Totals.
type texts func(*Totals) map[string]uint64

func byHTTP(t *Totals) map[string]uint64      { return t.HTTP }
func byDropped(t *Totals) map[string]uint64   { return t.Dropped }
func byLogLevel(t *Totals) map[string]uint64  { return t.LogLevels }
func byLogKind(t *Totals) map[string]uint64   { return t.LogKinds }
func byViolation(t *Totals) map[string]uint64 { return t.ViolationsByRule }
func byRefusal(t *Totals) map[string]uint64   { return t.RefusedBy }

// allTexts are all of them.
var allTexts = [...]texts{byHTTP, byDropped, byLogLevel, byLogKind, byViolation, byRefusal}

// tally counts under a key, for all and for the relay that it came from.
func (s *State) tally(relay Instance, m texts, key string, n uint64) {
	bump(m(&s.Totals), key, n)
	if part := s.part(relay); part != nil {
		bump(m(part), key, n)
	}
}

func (s *State) tallyAll(relay Instance, m texts, from map[string]uint64) {
	for k, n := range from {
		s.tally(relay, m, k, n)
	}
}

// countVerdict counts a verdict of a relay's conn, or takes it back (n is -1).
func (s *State) countVerdict(relay Instance, v *Verdict, n int) {
	s.Totals.countVerdict(v, n)
	if part := s.part(relay); part != nil {
		part.countVerdict(v, n)
	}
}

func (t *Totals) countVerdict(v *Verdict, n int) {
	step(t.Causes, v.Cause, n)
	step(t.Judged, Judgement{v.Cause, v.Confidence}, n)
	if v.Code != 0 {
		step(t.Codes, v.Code, n)
	}
}

// step counts one up or down; a count that came from elsewhere may be too low.
func step[K comparable](m map[K]uint64, key K, n int) {
	if n > 0 {
		m[key]++
	} else if m[key] > 0 {
		m[key]--
	}
}

// plain is the counts that an event changes for its own relay. Links, which may
// join two relays' conns, and Evicted, which is of this State, are not among them.
func (t *Totals) plain() [17]*uint64 {
	return [...]*uint64{
		&t.Conns, &t.Upgraded, &t.Refused, &t.Failed, &t.Open, &t.Closed, &t.Frames, &t.Bytes,
		&t.Events, &t.Unknown, &t.Oddities, &t.ClockSteps,
		&t.LogLines, &t.LogParsed, &t.LogUnparsed, &t.LogSummed, &t.Collapsed,
	}
}

// absorbFor applies an event and adds what it changed to the part of its relay.
func (s *State) absorbFor(part *Totals, ev Event) {
	all, mine := s.Totals.plain(), part.plain()
	for i := range all {
		*mine[i] -= *all[i]
	}
	s.absorb(ev)
	for i := range all {
		*mine[i] += *all[i]
	}
}

// replace takes was out of the sum and puts now in.
func (t *Totals) replace(was, now *Totals) {
	sum, out, in := t.plain(), was.plain(), now.plain()
	for i := range sum {
		*sum[i] += *in[i] - *out[i]
	}
	t.Links += now.Links - was.Links
	t.Evicted += now.Evicted - was.Evicted
	for _, m := range allTexts {
		exchange(m(t), m(was), m(now))
	}
	exchange(t.Causes, was.Causes, now.Causes)
	exchange(t.Codes, was.Codes, now.Codes)
	exchange(t.Judged, was.Judged, now.Judged)
}

// exchange is replace for a map. What a full map counts as "other" stays.
func exchange[K comparable](sum, out, in map[K]uint64) {
	for k, n := range out {
		if sum[k] -= min(sum[k], n); sum[k] == 0 {
			delete(sum, k)
		}
	}
	for k, n := range in {
		if _, have := sum[k]; have || len(sum) < mapMost {
			sum[k] += n
		}
	}
}
