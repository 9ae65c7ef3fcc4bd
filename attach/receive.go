package attach

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gorilla/websocket"
	"github.com/wstap/wstap/monitor"
)

// take handles one message of the relay. An error ends the line.
func (l *line) take(typ int, msg []byte) error {
	if typ == websocket.TextMessage {
		return l.takeText(msg)
	}
	if !l.welcomed {
		return badRelay("events before a welcome")
	}
	return l.takeBinary(msg)
}

func (l *line) takeText(msg []byte) error {
	if len(msg) > maxNotice {
		return badRelay("a text message of %d bytes", len(msg))
	}
	var n notice
	if err := json.Unmarshal(msg, &n); err != nil {
		return badRelay("no message of this protocol: %s", clean(err.Error(), 120))
	}
	if !l.welcomed && n.Type != typeWelcome && n.Type != typeError {
		return badRelay("a message of type %q before a welcome: is this a wstap relay?", clean(n.Type, 20))
	}
	return l.takeNotice(&n)
}

// takeNotice: unknown types are of a later version and are left alone.
func (l *line) takeNotice(n *notice) error {
	switch n.Type {
	case typeWelcome:
		return l.welcome(n)
	case typeError:
		l.late = l.errorOf(n)
		return l.late
	case typeBye:
		l.late = ErrEnded
		l.missed(n.Events)
		l.tellMissed()
	case typeSnapshot:
		l.beginSnapshot(n)
	case typePong:
		l.pong(n)
	case typeSlow:
		l.c.stale = l.c.stale || n.On
		l.c.change(func(s *State) { s.Slow = slowText(n) })
	case typeDropped:
		l.dropped(n.Counts)
	case typeRefused:
		l.c.change(func(s *State) { s.Notice = clean(n.Text, 200) })
	case typeAnswer:
		l.answer(n)
	case typePastEnd:
		l.pastEnd(n)
	}
	return nil
}

func slowText(n *notice) string {
	if !n.On {
		return ""
	}
	return clean(n.Text, 200)
}

func (l *line) errorOf(n *notice) error {
	if n.Code == codeVersion {
		return &VersionError{Relay: n.V, Viewer: Version, RelayBuild: n.Version, ViewerVersion: l.c.o.Version}
	}
	return &RelayError{clean(n.Text, 300)}
}

func (l *line) welcome(n *notice) error {
	c := l.c
	switch {
	case l.welcomed:
		return badRelay("a second welcome")
	case n.V != Version:
		return &VersionError{Relay: n.V, Viewer: Version, RelayBuild: n.Version, ViewerVersion: c.o.Version}
	case n.Resumed && (c.stream == "" || n.Stream != c.stream):
		return badRelay("it goes on with what was not begun")
	}
	l.welcomed, l.synced = true, n.Resumed
	restarted := c.last != "" && c.last != n.Stream
	c.last = n.Stream
	if !n.Resumed {
		c.stream = ""
	}
	if restarted {
		c.clock = clock{steps: c.clock.steps}
	}
	l.serveAskers()
	c.change(func(s *State) {
		s.Phase, s.Err, s.Retry, s.Tries, s.Notice, s.Goodbye = Restoring, nil, 0, 0, "", false
		s.Instance, s.Host, s.Version, s.Past, s.Control = n.Instance, clean(n.Host, 100), clean(n.Version, 40), n.Past, n.Control
		if n.Resumed {
			s.Phase = Live
			s.Resumed++
		}
		if restarted {
			s.Restarts++
		}
	})
	return nil
}

// serveAskers lets others use the line, and makes up for what they asked for
// since the hello.
func (l *line) serveAskers() {
	c := l.c
	said := map[monitor.ID]bool{}
	for _, id := range l.watched {
		said[id.id()] = true
	}
	var late []*request
	c.mu.Lock()
	c.line = l
	for id := range c.watching {
		if !said[id] {
			late = append(late, &request{Type: typeWatch, connID: connIDOf(id), On: true})
		}
	}
	for id := range said {
		if !c.watching[id] {
			late = append(late, &request{Type: typeWatch, connID: connIDOf(id)})
		}
	}
	c.mu.Unlock()
	for _, r := range late {
		l.send(r)
	}
}

func (l *line) takeBinary(msg []byte) error {
	if len(msg) == 0 {
		return badRelay("an empty message")
	}
	if msg[0] == kindPacked {
		raw, err := l.unpack.unpack(msg)
		switch {
		case err != nil:
			return badRelay("%s", clean(err.Error(), 120))
		case len(raw) == 0 || raw[0] == kindPacked:
			return badRelay("a compressed message that holds none")
		}
		msg = raw
	}
	r := &reader{b: msg[1:]}
	var err error
	switch msg[0] {
	case kindEvents:
		err = l.takeEvents(r)
	case kindSamples, kindFrames:
		err = l.takeRows(r)
	case kindSnapshot:
		err = l.takePart(r)
	case kindPast:
		err = l.takePast(r)
	default:
		l.c.count(func(s *State) { s.Unknown++ })
		return nil
	}
	if err == nil && r.err != nil {
		err = badRelay("a message %s", r.err)
	}
	return err
}

// takeEvents takes a batch of lifecycle events, which are numbered.
func (l *line) takeEvents(r *reader) error {
	seq, _, number := r.uvarint(), r.uvarint(), r.uvarint()
	if r.err != nil || !l.synced {
		return nil // what comes before the snapshot is in it
	}
	c := l.c
	if number > c.events {
		l.missed(number)
		l.askFresh()
	}
	for tag, body, ok := r.record(); ok; tag, body, ok = r.record() {
		number++
		if number <= c.events {
			continue // told again
		}
		c.events = number
		c.count(func(s *State) { s.Seen++ })
		if err := l.event(tag, body); err != nil {
			return err
		}
	}
	c.seq = max(c.seq, seq)
	return nil
}

// takeRows takes a batch of samples or frames.
func (l *line) takeRows(r *reader) error {
	seq, _ := r.uvarint(), r.uvarint()
	if r.err != nil || !l.synced {
		return nil
	}
	for tag, body, ok := r.record(); ok; tag, body, ok = r.record() {
		if err := l.event(tag, body); err != nil {
			return err
		}
	}
	l.c.seq = max(l.c.seq, seq)
	return nil
}

// event decodes one and passes on what is new of it.
func (l *line) event(tag byte, body []byte) error {
	ev, err := decodeRecord(tag, body)
	switch {
	case err != nil:
		return l.badEvent(err)
	case ev == nil:
		l.c.count(func(s *State) { s.Unknown++ })
		return nil
	case !travels(ev):
		return nil
	}
	if l.restoring() {
		l.size += int64(monitor.SizeOf(ev))
		if base, ok := ev.(*monitor.Baseline); ok {
			if self := l.c.State().Instance; self != 0 {
				base.Tap = self // a relay speaks for itself alone
			}
			l.size += int64(len(body))
			l.baselines = append(l.baselines, ev)
			return l.snapshotSize()
		}
		if err := l.snapshotSize(); err != nil {
			return err
		}
	}
	if ev = l.c.known.news(ev); ev != nil {
		l.c.emit(ev, l.restoring())
	}
	return nil
}

// restoring says that what comes is of a whole snapshot.
func (l *line) restoring() bool { return l.snap != nil && !l.snap.Refresh }

func (l *line) badEvent(err error) error {
	var version *monitor.VersionError
	if errors.As(err, &version) {
		return &VersionError{Relay: version.Version, Viewer: monitor.EventVersion, ViewerVersion: l.c.o.Version}
	}
	return badRelay("no event: %s", clean(err.Error(), 120))
}

func (l *line) snapshotSize() error {
	if l.size > l.c.o.MaxSnapshot {
		return badRelay("a snapshot of more than %d bytes", l.c.o.MaxSnapshot)
	}
	return nil
}

// emit passes an event on: to Emit, or to what Restore will get.
func (c *Client) emit(ev monitor.Event, ofSnapshot bool) {
	if ofSnapshot && c.o.Restore != nil {
		c.held = append(c.held, ev)
		return
	}
	if c.o.Emit(ev) {
		return
	}
	c.count(func(s *State) { s.Refused++ })
	if o, ok := ev.(*monitor.Opened); ok {
		c.known.refuse(o.ID())
	}
}

// missed notes that lifecycle events up to a number were not sent.
func (l *line) missed(upTo uint64) {
	c := l.c
	if c.counted != c.last || upTo <= c.events {
		return
	}
	d := Dropped{Events: upTo - c.events}
	c.events = upTo
	c.untold.add(d)
	c.count(func(s *State) { s.Missed.add(d) })
}

// dropped is what the relay says it left out; lifecycle events are counted by
// their numbers instead.
func (l *line) dropped(d *Dropped) {
	if d == nil {
		return
	}
	rows := Dropped{Samples: d.Samples, Frames: d.Frames}
	l.c.untold.add(rows)
	l.c.change(func(s *State) { s.Missed.add(rows) })
	if l.snap == nil {
		l.tellMissed()
	}
}

// tellMissed puts it among the events.
func (l *line) tellMissed() {
	c := l.c
	d := c.untold
	c.untold = Dropped{}
	h := monitor.Header{At: c.RelayNow(), Tap: c.State().Instance}
	for _, w := range []struct {
		what string
		n    uint64
	}{{"events", d.Events}, {"samples", d.Samples}, {"frames", d.Frames}} {
		if w.n > 0 {
			c.emit(&monitor.Dropped{Header: h, What: w.what, N: w.n}, false)
		}
	}
}

// freshEvery bounds how often a snapshot is asked for.
const freshEvery = 5 * time.Second

func (l *line) askFresh() {
	if now := time.Now(); now.Sub(l.asked) >= freshEvery {
		l.asked = now
		l.send(&request{Type: typeFresh})
	}
}

// beginSnapshot: one that was begun before is given up for it.
func (l *line) beginSnapshot(n *notice) {
	l.snap, l.part, l.size, l.baselines = n, 0, 0, nil
	if n.Refresh {
		return
	}
	c := l.c
	if c.counted == c.last {
		l.missed(n.Events)
	} else {
		c.counted = c.last
		c.count(func(s *State) { s.Before += n.Events })
	}
	l.synced, c.stream = false, "" // until it is complete there is nothing to go on from
	c.events = n.Events
	c.known.begin(n)
	for _, ev := range c.held {
		l.size += int64(monitor.SizeOf(ev))
	}
	c.change(func(s *State) { s.Phase = Restoring })
}

func (l *line) takePart(r *reader) error {
	part, flags := r.uvarint(), r.uvarint()
	switch {
	case r.err != nil:
		return nil
	case l.snap == nil || part != l.part:
		return badRelay("a part of a snapshot out of turn")
	}
	l.part++
	for tag, body, ok := r.record(); ok; tag, body, ok = r.record() {
		if err := l.event(tag, body); err != nil {
			return err
		}
	}
	if flags&lastPart != 0 && r.err == nil {
		l.endSnapshot()
	}
	return nil
}

func (l *line) endSnapshot() {
	c, n := l.c, l.snap
	if n.Refresh {
		l.snap, c.stale = nil, false
		return
	}
	for _, id := range c.known.end() {
		l.forget(id, n.Now)
	}
	for _, ev := range l.baselines {
		c.emit(ev, true)
	}
	if c.o.Restore != nil {
		c.o.Restore(c.held)
		c.held = nil
	}
	l.snap, l.baselines, l.synced = nil, nil, true
	c.stream, c.seq, c.stale = c.last, n.Seq, false
	l.tellMissed()
	c.change(func(s *State) {
		s.Phase = Live
		s.Restored++
	})
}

// forget ends a conn that the relay has forgotten.
func (l *line) forget(id monitor.ID, at monitor.Time) {
	c := l.c
	life := c.known.open[id]
	c.known.close(id)
	if life.refused {
		return
	}
	ev := &monitor.Closed{Header: monitor.Header{At: at, Tap: id.Tap, Leg: life.leg, Conn: id.Conn}}
	if c.o.LastSample != nil {
		ev.Sample = c.o.LastSample(id)
	}
	c.emit(ev, true)
}
