package attach

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

func TestRing(t *testing.T) {
	r := ring{max: 1000, next: 1}
	check := func(oldest, next uint64) {
		t.Helper()
		if r.oldest() != oldest || r.next != next {
			t.Errorf("from %d to %d, want %d to %d", r.oldest(), r.next, oldest, next)
		}
	}
	check(1, 1)
	if r.at(1) != nil || r.at(0) != nil || r.lag(1) != 0 {
		t.Error("an empty ring has entries")
	}
	for i := range 5 {
		r.add(entry{raw: make([]byte, 200-entryCost), n: uint64(i)})
	}
	check(1, 6)
	if r.lag(1) != 1000 || r.lag(5) != 200 || r.lag(6) != 0 || r.at(3).n != 2 {
		t.Errorf("lags %d %d %d, the third is %d", r.lag(1), r.lag(5), r.lag(6), r.at(3).n)
	}
	r.add(entry{raw: make([]byte, 200-entryCost)})
	check(2, 7)
	r.add(entry{raw: make([]byte, 5000)}) // larger than all that is kept
	check(7, 8)
	for range 10_000 {
		r.add(entry{raw: make([]byte, 10)})
	}
	check(10_008-uint64(len(r.entries)-r.head), 10_008)
	if r.bytes > 1000 || len(r.entries) > 200 {
		t.Errorf("%d bytes, room for %d entries", r.bytes, len(r.entries))
	}
	r.skip()
	check(10_009, 10_009)
}

func TestPack(t *testing.T) {
	u := unpacker{max: 1 << 20}
	for _, n := range []int{packFrom, 5000, 1 << 20} {
		msg := bytes.Repeat([]byte("the same again "), n/15+1)[:n]
		packed := pack(msg)
		if packed == nil || len(packed) > n/2 {
			t.Fatalf("%d bytes: packed to %d", n, len(packed))
		}
		got, err := u.unpack(packed)
		if err != nil || !bytes.Equal(got, msg) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
	}
	noise := make([]byte, 5000)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(noise)
	if pack(noise) != nil || pack(make([]byte, packFrom-1)) != nil {
		t.Error("packed what does not get smaller")
	}
	if _, err := u.unpack(pack(make([]byte, 1<<20+1))); err == nil {
		t.Error("one byte too many was taken")
	}
}

func TestClock(t *testing.T) {
	const ms = time.Millisecond
	var c clock
	at := monitor.Time(1_000_000 * ms)
	ask := func(diff, there, back time.Duration) {
		c.add(at, at.Add(there).Add(diff), there+back)
		at = at.Add(5 * time.Second)
	}
	ask(time.Hour, 40*ms, 60*ms)
	ask(time.Hour, ms, 3*ms)
	ask(time.Hour, 400*ms, 100*ms)
	if best, _ := c.best(); best.rtt != 4*ms || abs(best.diff-time.Hour) > 2*ms || c.steps != 0 {
		t.Errorf("best %+v, %d steps", best, c.steps)
	}
	ask(0, ms, ms) // the relay's clock was set
	if best, _ := c.best(); abs(best.diff) > ms || c.steps != 1 {
		t.Errorf("after a step: %+v, %d steps", best, c.steps)
	}
	for _, now := range []monitor.Time{0, -5} {
		c.add(at, now, ms)
	}
	c.add(at, at, -ms)
	if c.steps != 1 || len(c.seen) != 1 {
		t.Errorf("nonsense counts: %d steps, %d seen", c.steps, len(c.seen))
	}
	for range 100 {
		ask(5*ms, ms, ms)
	}
	if len(c.seen) != clockKept {
		t.Errorf("%d measurements kept", len(c.seen))
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":            "plain",
		"\x1b[31mred\x07":  "·[31mred·",
		"a\r\nb":           "a··b",
		"\u202eevil\u2066": "·evil·",
		"bad\xffutf":       "bad·utf",
		"0123456789a":      "0123456789…",
		"überläuft":        "überläuft",
		"日本語日本語日本語日本語":     "日本語日本語日本語日…",
	} {
		if got := clean(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestKnown: random lives told in random order, with snapshots of them between;
// each event is passed on once.
func TestKnown(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	relay := monitor.NewState(monitor.Bounds{})
	screen := monitor.NewState(monitor.Bounds{})
	k := newKnown()
	pass := func(ev monitor.Event) {
		if ev := k.news(ev); ev != nil {
			screen.Apply(ev)
		}
	}
	var lives [][]monitor.Event
	for step := range 3000 {
		heard := step/50%3 != 1 // a third of the time nothing is heard
		if len(lives) == 0 || random.IntN(4) == 0 {
			n := uint64(step + 1)
			lives = append(lives, append(life3(n), &monitor.CloseFrame{Header: head(n), Code: 1000}, &monitor.SideEnded{Header: head(n), How: monitor.HowFIN},
				&monitor.SideEnded{Header: head(n), Dir: 1, How: monitor.HowFIN}, &monitor.Closed{Header: head(n), Sample: sampleOf(n)}))
		}
		i := random.IntN(len(lives))
		ev := lives[i][0]
		if lives[i] = lives[i][1:]; len(lives[i]) == 0 {
			lives = append(lives[:i], lives[i+1:]...)
		}
		relay.Apply(ev)
		if heard {
			pass(ev)
		}
		if step%50 != 49 || step/50%3 != 1 {
			continue
		}
		snap := relay.Snapshot(1000)
		base := snap[len(snap)-1].(*monitor.Baseline)
		k.begin(&notice{LogN: base.LogN})
		var bases []monitor.Event
		for _, ev := range snap {
			if _, ok := ev.(*monitor.Baseline); ok {
				bases = append(bases, ev)
				continue
			}
			pass(ev)
		}
		if gone := k.end(); len(gone) != 0 {
			t.Fatalf("%d conns are gone", len(gone))
		}
		for _, b := range bases {
			pass(b)
		}
		sameState(t, screen, relay)
	}
	if screen.Totals.Oddities != 0 || screen.Totals.Unknown != 0 {
		t.Errorf("%d oddities, %d unknown", screen.Totals.Oddities, screen.Totals.Unknown)
	}
	for c := range screen.Conns {
		if w := relay.Conn(c.ID); len(c.CloseFrames) != len(w.CloseFrames) || len(c.Ends) != len(w.Ends) {
			t.Errorf("conn %d: %d close frames and %d ends, want %d and %d", c.ID.Conn, len(c.CloseFrames), len(c.Ends), len(w.CloseFrames), len(w.Ends))
		}
	}
}

// TestPollingIsNotCountedTwice: a snapshot tells sums.
func TestPollingIsNotCountedTwice(t *testing.T) {
	k := newKnown()
	poll := func(n uint64) *monitor.Polling {
		return &monitor.Polling{Header: monitor.Header{Tap: instance, Leg: "back"}, Session: "s", Status: 200, N: n}
	}
	var sum uint64
	pass := func(ev *monitor.Polling) {
		if ev, ok := k.news(ev).(*monitor.Polling); ok {
			sum += ev.N
		}
	}
	k.begin(&notice{})
	pass(poll(5))
	k.end()
	pass(poll(2))
	k.begin(&notice{})
	pass(poll(7))
	k.end()
	k.begin(&notice{})
	pass(poll(9))
	k.end()
	if sum != 9 {
		t.Errorf("sum %d, want 9", sum)
	}
}

// TestRecordsAreSplit: no record is larger than a reader takes.
func TestRecordsAreSplit(t *testing.T) {
	var rec recorder
	sm := &monitor.Samples{Header: monitor.Header{At: 1, Tap: instance}}
	for n := range uint64(2500) {
		sm.Conns, sm.Samples = append(sm.Conns, n+1), append(sm.Samples, sampleOf(n))
	}
	fr := framesOf(7, 1_000_000_000)
	for len(fr.Records) < 2*recordsAtOnce+1 {
		fr.Records = append(fr.Records, fr.Records...)
	}
	fr.Collapsed = 11
	r := &reader{b: rec.append(rec.append(nil, sm), fr)}
	var samples, records, batches int
	var collapsed uint64
	for tag, body, ok := r.record(); ok; tag, body, ok = r.record() {
		batches++
		ev, err := decodeRecord(tag, body)
		if err != nil {
			t.Fatal(err)
		}
		switch ev := ev.(type) {
		case *monitor.Samples:
			samples += len(ev.Samples)
		case *monitor.Frames:
			records += len(ev.Records)
			collapsed += ev.Collapsed
		}
	}
	if r.err != nil || samples != 2500 || records != len(fr.Records) || collapsed != 11 || batches < 6 {
		t.Errorf("%d samples, %d records, %d collapsed in %d batches, %v", samples, records, collapsed, batches, r.err)
	}
	// An event that cannot be sent leaves word.
	b := rec.append(nil, &monitor.Settings{Source: long(maxEvent + 1)})
	r = &reader{b: b}
	tag, body, _ := r.record()
	if ev, err := decodeRecord(tag, body); err != nil || ev.(*monitor.Dropped).What != "events" {
		t.Errorf("%v, %v", ev, err)
	}
}
