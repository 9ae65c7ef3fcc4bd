package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/ws"
)

const (
	edgeRelay = Instance(0xed6e)
	appRelay  = Instance(0xa99)
)

// relayState is the State of a relay: what happened in w, under a name of its own.
func relayState(w *world, name Instance, b Bounds) *State {
	s := NewState(b)
	for _, ev := range w.evs {
		s.Apply(named(ev, name))
	}
	return s
}

// named is ev as a relay of that name tells it.
func named(ev Event, name Instance) Event {
	v := reflect.New(reflect.TypeOf(ev).Elem())
	v.Elem().Set(reflect.ValueOf(ev).Elem())
	out := v.Interface().(Event)
	if out.Head().Tap != 0 {
		out.Head().Tap = name
	}
	return out
}

// busyRelay is a relay with traffic: more conns closed than it keeps, a
// violation, plain HTTP, a log, something dropped, conns still open.
func busyRelay(t *testing.T, tap TapInfo, name Instance, conns int) *State {
	w := newWorld(t, tap)
	leg := tap.Name
	w.limit(Idle, 75*time.Second, "flag")
	for i := range conns {
		l := w.open(leg, fmt.Sprintf("%s-%d", leg, i), fmt.Sprintf("/%s/%d", leg, i))
		l.answer(101)
		l.frame(ws.FromClient, ws.OpText)
		if i%4 == 3 {
			continue // stays open
		}
		l.closeFrame(ws.FromServer, ws.CloseCode(1000+i%2))
		l.closeFrame(ws.FromClient, ws.CloseCode(1000+i%2))
		l.fin(server)
		w.wait(time.Second)
	}
	w.open(leg, "refused", "/refused").answer(403)
	w.apply(&Violation{Header: w.head(leg, 4), Dir: ws.FromClient, Rule: "rsv", Count: 1})
	w.apply(&HTTP{Header: w.head(leg, 0), Counts: map[string]uint64{"200": uint64(conns), "404": 1}})
	w.apply(&Dropped{Header: w.head("", 0), What: "frames", N: uint64(conns)})
	w.apply(&LogSummary{Header: w.head("", 0), Source: "error.log", Levels: map[string]uint64{"info": 40}, Kinds: map[string]uint64{"upstream_timed_out": 40}})
	for range 3 {
		w.log(w.now.Std().Format("2006/01/02 15:04:05") + " [notice] 31#31: signal process started")
	}
	w.wait(3 * time.Second)
	return relayState(w, name, Bounds{Closed: 5})
}

// sum adds up what relays count.
func sum(parts ...*State) Totals {
	t := newTotals()
	none := newTotals()
	for _, s := range parts {
		t.replace(&none, &s.Totals)
	}
	return t
}

func sameTotals(t *testing.T, what string, got, want Totals) {
	t.Helper()
	got.Events, want.Events = 0, 0 // what a viewer absorbs is counted, too
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("%s:\n%s\nwant\n%s", what, a, b)
	}
}

// sound checks what numbers must be like in every State.
func sound(t *testing.T, what string, s *State) {
	t.Helper()
	last := uint64(0)
	links := map[uint64]*Link{}
	for c := range s.Conns {
		if c.Seq <= last {
			t.Errorf("%s: number %d after %d", what, c.Seq, last)
		}
		last = c.Seq
		if c.Link == nil {
			continue
		}
		if other := links[c.Link.ID]; other != nil && other != c.Link {
			t.Errorf("%s: two links are called %d", what, c.Link.ID)
		}
		links[c.Link.ID] = c.Link
	}
	if s.nextSeq < last {
		t.Errorf("%s: the next number is %d, %d is given out", what, s.nextSeq+1, last)
	}
	line := uint64(0)
	for _, r := range s.Logs() {
		if r.N <= line {
			t.Errorf("%s: log entry %d after %d", what, r.N, line)
		}
		line = r.N
	}
}

func applyAll(s *State, evs []Event) {
	for _, ev := range evs {
		s.Apply(ev)
	}
}

// TestRelaysAddUp: a State that absorbs the snapshots of two relays, in either
// order, has their sum, and each relay's evicted conns with it.
func TestRelaysAddUp(t *testing.T) {
	edge, app := busyRelay(t, frontTap, edgeRelay, 40), busyRelay(t, backTap, appRelay, 24)
	if edge.Totals.Evicted == 0 || edge.Totals.Conns == app.Totals.Conns {
		t.Fatal("the relays are too simple")
	}
	want := sum(edge, app)
	for name, order := range map[string][2]*State{"edge first": {edge, app}, "app first": {app, edge}} {
		s := NewState(Bounds{})
		for _, relay := range order {
			applyAll(s, relay.Snapshot(1000))
			sound(t, name, s)
		}
		sameTotals(t, name, s.Totals, want)
		if n := edge.Len() + app.Len(); s.Len() != n {
			t.Errorf("%s: %d conns, want %d", name, s.Len(), n)
		}
		if n := len(edge.Logs()) + len(app.Logs()); len(s.Logs()) != n {
			t.Errorf("%s: %d log entries, want %d", name, len(s.Logs()), n)
		}
		s.Apply(&Tick{Header{At: s.Now().Add(time.Second)}})
		s.Finish()
		sameTotals(t, name+", settled", s.Totals, want)
		again := NewState(Bounds{})
		applyAll(again, s.Snapshot(math.MaxInt))
		sameTotals(t, name+", from a snapshot of both", again.Totals, want)
		sound(t, name+", from a snapshot of both", again)
		applyAll(again, []Event{baselineOnly(edge)})
		sameTotals(t, name+", and one relay's after that", again.Totals, want)
	}
}

// baselineOnly is the end of a relay's snapshot: what a viewer gets that knows the rest.
func baselineOnly(s *State) Event {
	evs := s.Snapshot(1000)
	return evs[len(evs)-1]
}

// TestRelayComesBack: a snapshot that follows on a broken line replaces the part
// of its relay; what the other one told in the meantime stays.
func TestRelayComesBack(t *testing.T) {
	w := newWorld(t, frontTap)
	for i := range 6 {
		l := w.open("front", fmt.Sprint("k", i), "/a")
		l.answer(101)
	}
	w.wait(time.Second)
	cut := len(w.evs) // what follows is not heard
	for n := uint64(1); n <= 3; n++ {
		l := &leg{w: w, name: "front", n: n, s: w.s.Conn(ID{testTap, n}).Sample}
		l.frame(ws.FromClient, ws.OpText)
		l.fin(server)
	}
	for i := range 4 {
		l := w.open("front", fmt.Sprint("late", i), "/late")
		l.answer(101)
		l.fin(client)
	}
	w.wait(5 * time.Second)
	before := &world{evs: w.evs[:cut]}
	relay := relayState(before, edgeRelay, Bounds{})
	other := busyRelay(t, backTap, appRelay, 24)

	s := NewState(Bounds{})
	applyAll(s, relay.Snapshot(1000))
	applyAll(s, other.Snapshot(1000))
	seqs := map[ID]uint64{}
	for c := range s.Conns {
		seqs[c.ID] = c.Seq
	}
	for _, ev := range w.evs[cut:] {
		relay.Apply(named(ev, edgeRelay))
	}
	more := &HTTP{Header: Header{At: w.now, Tap: appRelay, Leg: "back"}, Counts: map[string]uint64{"500": 7}}
	other.Apply(more)
	s.Apply(more)
	s.Pin(ID{edgeRelay, 5}, true)
	applyAll(s, news(s, relay.Snapshot(1000)))
	sound(t, "again", s)
	for c := range s.Conns {
		if was := seqs[c.ID]; was != 0 && was != c.Seq {
			t.Errorf("conn %v is %d now, was %d", c.ID, c.Seq, was)
		}
	}
	s.Apply(&Tick{Header{At: s.Now().Add(time.Second)}})
	if n := len(s.Settled()); n < 3 {
		t.Errorf("%d verdicts were told of the 3 conns that were seen open and ended unseen", n)
	}
	s.Apply(&Tick{Header{At: s.Now().Add(4 * time.Second)}})
	sameTotals(t, "again", s.Totals, sum(relay, other))
	if !s.Conn(ID{edgeRelay, 5}).Pinned {
		t.Error("the viewer's pin is gone")
	}
}

// news leaves out what s was told already, as an attached viewer does.
func news(s *State, evs []Event) (out []Event) {
	for _, ev := range evs {
		c := s.Conn(ev.Head().ID())
		if s, ok := ev.(*Samples); ok {
			out = append(out, s)
			continue
		}
		switch ev.(type) {
		case *SideEnded, *Closed, *CloseFrame:
			if c != nil && !c.Ended.IsZero() {
				continue
			}
		case *Opened, *Request, *Response:
			if c != nil {
				continue
			}
		}
		out = append(out, ev)
	}
	return slices.DeleteFunc(out, func(ev Event) bool { _, log := ev.(*LogLine); return log })
}

// TestRelayForgot: a conn that ended unseen and is forgotten by its relay is in
// the relay's counts already.
func TestRelayForgot(t *testing.T) {
	relay := busyRelay(t, frontTap, edgeRelay, 12)
	s := NewState(Bounds{})
	applyAll(s, relay.Snapshot(1000))
	h := Header{At: s.Now(), Tap: edgeRelay, Leg: "front", Conn: 4}
	if s.Conn(h.ID()) == nil || relay.Conn(h.ID()) == nil {
		t.Fatal("conn 4 is not open")
	}
	relay.Apply(&SideEnded{Header: h, Dir: ws.FromServer, How: HowReset})
	relay.Apply(&Closed{Header: h, Sample: relay.Conn(h.ID()).Sample})
	relay.Finish()
	relay.evict(relay.Conn(h.ID()))
	base := baselineOnly(relay)
	s.Apply(&Closed{Header: h, Sample: s.Conn(h.ID()).Sample}) // the viewer's own word
	s.Apply(base)
	s.Finish()
	if !s.Conn(h.ID()).Settled {
		t.Error("it has no verdict")
	}
	sameTotals(t, "forgotten", s.Totals, relay.Totals)
}

// TestVerdictOfTwoRelays: each relay judged its leg; who sees both knows more,
// whichever came first.
func TestVerdictOfTwoRelays(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	w.limit(Idle, 60*time.Second, "flag")
	f, b := w.pair("k", "/ws")
	w.wait(60 * time.Second)
	b.end(client, HowFIN)
	b.end(server, HowFIN)
	b.closed()
	f.end(server, HowFIN)
	f.end(client, HowFIN)
	f.closed()
	w.wait(5 * time.Second)
	want := *f.conn()
	if want.Verdict.Confidence != Confirmed {
		t.Fatalf("%s (%s)", want.Verdict.Cause, want.Verdict.Confidence)
	}
	of := func(tap TapInfo, name Instance, n uint64) *State {
		s := NewState(Bounds{})
		for _, ev := range w.evs {
			ev := named(ev, name)
			switch e := ev.(type) {
			case *Hello:
				e.Taps = []TapInfo{tap}
			case *Samples:
				if e.Conns[0] != n {
					continue
				}
			}
			if h := ev.Head(); h.Conn == 0 || h.Conn == n {
				s.Apply(ev)
			}
		}
		return s
	}
	edge, app := of(frontTap, edgeRelay, f.n), of(backTap, appRelay, b.n)
	for name, order := range map[string][2]*State{"edge first": {edge, app}, "app first": {app, edge}} {
		s := NewState(Bounds{})
		at := w.now
		for _, relay := range order {
			applyAll(s, relay.Snapshot(1000))
			at = at.Add(10 * time.Second) // the second may come late
			s.Apply(&Tick{Header{At: at}})
		}
		for _, id := range []ID{{edgeRelay, f.n}, {appRelay, b.n}} {
			c := s.Conn(id)
			if c.Link == nil || c.Verdict.Cause != want.Verdict.Cause || c.Verdict.Confidence != Confirmed {
				t.Errorf("%s: %v: link %v, %s (%s)", name, id, c.Link, c.Verdict.Cause, c.Verdict.Confidence)
			}
		}
		if s.Totals.Links != 1 || s.Totals.Causes[want.Verdict.Cause] != 2 || len(s.Totals.Causes) != 1 && s.Totals.Causes[edge.Conn(ID{edgeRelay, f.n}).Verdict.Cause] == 0 {
			t.Errorf("%s: %d links, causes %v", name, s.Totals.Links, s.Totals.Causes)
		}
		s.Apply(baselineOnly(edge))
		s.Apply(baselineOnly(app))
		if s.Totals.Links != 1 || s.Totals.Causes[want.Verdict.Cause] != 2 {
			t.Errorf("%s, told again: %d links, causes %v", name, s.Totals.Links, s.Totals.Causes)
		}
	}
}

// TestVerdictOfLegThatComesLate: what one relay told waited for its line to be
// mended, so that the other leg's verdict had settled.
func TestVerdictOfLegThatComesLate(t *testing.T) {
	w := newWorld(t, frontTap, backTap)
	f, b := w.pair("k", "/ws")
	w.wait(10 * time.Second)
	f.end(client, HowFIN)
	b.end(client, HowFIN)
	b.end(server, HowFIN)
	b.closed()
	f.end(server, HowFIN)
	f.closed()
	w.wait(5 * time.Second)
	if v := f.conn().Verdict; v.Cause != CauseClientFIN || v.Confidence != Confirmed {
		t.Fatalf("%s (%s)", v.Cause, v.Confidence)
	}
	tell := func(s *State, tap TapInfo, name Instance, n uint64) {
		for _, ev := range w.evs {
			ev := named(ev, name)
			if e, ok := ev.(*Hello); ok {
				e.Taps = []TapInfo{tap}
			}
			if e, ok := ev.(*Samples); ok && e.Conns[0] != n {
				continue
			}
			if h := ev.Head(); h.Conn == 0 || h.Conn == n {
				s.Apply(ev)
			}
		}
	}
	type leg struct {
		tap  TapInfo
		name Instance
		n    uint64
	}
	front, back := leg{frontTap, edgeRelay, f.n}, leg{backTap, appRelay, b.n}
	for what, order := range map[string][2]leg{"back late": {front, back}, "front late": {back, front}} {
		s := NewState(Bounds{})
		for _, ev := range w.evs { // both said hello while their lines were whole
			if h, ok := ev.(*Hello); ok {
				for _, l := range order {
					hello := named(h, l.name).(*Hello)
					hello.Taps = []TapInfo{l.tap}
					s.Apply(hello)
				}
			}
		}
		at := w.now
		for _, l := range order {
			tell(s, l.tap, l.name, l.n)
			at = at.Add(30 * time.Second)
			s.Apply(&Tick{Header{At: at}})
		}
		for _, l := range order {
			if c := s.Conn(ID{l.name, l.n}); c.Link == nil || c.Verdict.Cause != CauseClientFIN || c.Verdict.Confidence != Confirmed {
				t.Errorf("%s: %s: link %v, %s (%s)", what, l.tap.Name, c.Link, c.Verdict.Cause, c.Verdict.Confidence)
			}
		}
		if got := s.Totals.Judged; len(s.Totals.Causes) != 1 || s.Totals.Causes[CauseClientFIN] != 2 || got[Judgement{CauseClientFIN, Confirmed}] != 2 {
			t.Errorf("%s: causes %v, judged %v", what, s.Totals.Causes, got)
		}
	}
}

// TestLinkAcrossClocks: two machines never agree to the millisecond.
func TestLinkAcrossClocks(t *testing.T) {
	for _, tc := range []struct {
		ahead time.Duration // of the front's relay
		want  bool
	}{{0, true}, {40 * time.Millisecond, true}, {-40 * time.Millisecond, true}, {3 * time.Second, true}, {-3 * time.Second, true}, {9 * time.Second, false}} {
		s := NewState(Bounds{})
		at := testStart
		s.Apply(&Hello{Header: Header{At: at, Tap: edgeRelay}, Taps: []TapInfo{frontTap}})
		s.Apply(&Hello{Header: Header{At: at, Tap: appRelay}, Taps: []TapInfo{backTap}})
		open := func(relay Instance, leg string, at Time) *Conn {
			h := Header{At: at, Tap: relay, Leg: leg, Conn: 1}
			s.Apply(&Opened{Header: h})
			s.Apply(&Request{Header: h, Method: "GET", Target: "/ws", Host: "ws.test", Key: "k"})
			return s.Conn(h.ID())
		}
		f := open(edgeRelay, "front", at.Add(tc.ahead))
		s.Apply(&Response{Header: Header{At: at.Add(tc.ahead + 2*time.Millisecond), Tap: edgeRelay, Leg: "front", Conn: 1}, Status: 101})
		b := open(appRelay, "back", at.Add(time.Millisecond))
		if got := b.Link != nil && b.Other() == f; got != tc.want {
			t.Errorf("%v ahead: linked %t, want %t", tc.ahead, got, tc.want)
		}
	}
}

// TestHostileBaseline: whatever a Baseline lacks or makes up, State goes on.
func TestHostileBaseline(t *testing.T) {
	for name, text := range map[string]string{
		"nothing in it":       `{"v":1,"type":"baseline","at":"2026-11-22T09:05:03Z","tap":"000000000000ed6e","totals":{}}`,
		"no tap":              `{"v":1,"type":"baseline","at":"2026-11-22T09:05:03Z","tap":"0000000000000000","totals":{"Causes":null}}`,
		"an unknown relay":    `{"v":1,"type":"baseline","at":"2026-11-22T09:05:03Z","tap":"0000000000000bad","totals":{"Conns":9}}`,
		"another one's conns": `{"v":1,"type":"baseline","at":"2026-11-22T09:05:03Z","tap":"000000000000ed6e","totals":{},"conns":[{"tap":"0000000000000a99","conn":4,"seq":99,"pinned":true}]}`,
	} {
		ev, err := DecodeJSON([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, relays := range [][]*State{
			{busyRelay(t, frontTap, edgeRelay, 8)},
			{busyRelay(t, frontTap, edgeRelay, 8), busyRelay(t, backTap, appRelay, 8)},
		} {
			s := NewState(Bounds{})
			for _, r := range relays {
				applyAll(s, r.Snapshot(1000))
			}
			s.Apply(ev)
			for _, relay := range []Instance{edgeRelay, appRelay} {
				h := Header{At: s.Now(), Tap: relay, Leg: "front", Conn: 77}
				s.Apply(&Opened{Header: h})
				s.Apply(&Violation{Header: h, Rule: "rsv", Count: 1})
				s.Apply(&SideEnded{Header: h, How: HowFIN})
				s.Apply(&Closed{Header: h})
				s.Apply(&HTTP{Header: h, Counts: map[string]uint64{"200": 1}})
			}
			s.Finish()
			if c := s.Conn(ID{appRelay, 4}); c != nil && c.Pinned {
				t.Errorf("%s: one relay pinned a conn of another", name)
			}
		}
	}
}

// TestTotalsAreAllCounted: what is added to Totals must be added up, too.
func TestTotalsAreAllCounted(t *testing.T) {
	a, none := newTotals(), newTotals()
	v := reflect.ValueOf(&a).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Uint64:
			f.SetUint(uint64(i + 1))
		case reflect.Map:
			k := reflect.New(f.Type().Key()).Elem()
			switch k.Kind() {
			case reflect.String:
				k.SetString("k")
			case reflect.Struct: // its zero will do
			default:
				k.SetUint(1001)
			}
			f.SetMapIndex(k, reflect.ValueOf(uint64(i+1)))
		default:
			t.Errorf("%s is a %v", v.Type().Field(i).Name, f.Kind())
		}
	}
	got := a.clone()
	got.replace(&none, &a)
	got.replace(&a, &none)
	if !reflect.DeepEqual(got, a) {
		t.Errorf("%+v\nwant %+v", got, a)
	}
	got.replace(&a, &none)
	if !reflect.DeepEqual(got, none) {
		t.Errorf("%+v\nwant nothing", got)
	}
}

// TestUnseen: records are told once, whoever watches again and when.
func TestUnseen(t *testing.T) {
	rec := func(at ...Time) (rs []FrameRecord) {
		for _, at := range at {
			rs = append(rs, RecordFrame(at*10_000, ws.FromClient, ws.Frame{Opcode: ws.OpText, Fin: true, Masked: true}))
		}
		return rs
	}
	later := func(rs []FrameRecord, by Time) []FrameRecord {
		for i := range rs {
			rs[i].At += by
		}
		return rs
	}
	for name, tc := range map[string]struct{ last, more, want []FrameRecord }{
		"nothing known":          {nil, rec(1, 2), rec(1, 2)},
		"nothing told":           {rec(1, 2), nil, nil},
		"newer":                  {rec(1, 2), rec(3, 4), rec(3, 4)},
		"all known":              {rec(1, 2, 3), rec(2, 3), nil},
		"the same":               {rec(1, 2, 3), rec(1, 2, 3), nil},
		"overlap":                {rec(1, 2, 3), rec(2, 3, 4), rec(4)},
		"more than is known":     {rec(2, 3), rec(2, 3, 4, 5), rec(4, 5)},
		"told late, of one side": {rec(1, 5), rec(4, 6), rec(4, 6)},
		"frames of one read":     {rec(1, 1, 1), rec(1, 1, 2), rec(2)},
		"rounded otherwise":      {rec(1, 2, 3), append(rec(2), later(rec(3, 4), 900)...), later(rec(4), 900)},
	} {
		if got := unseen(tc.last, tc.more); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
