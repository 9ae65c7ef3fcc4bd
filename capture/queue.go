package capture

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/monitor"
)

// Dropped is what was not recorded because the disk did not keep up, or
// because recording had stopped.
type Dropped struct {
	Conns    uint64 // refused whole
	Frames   uint64 // records
	Samples  uint64 // cumulative: a later one makes up for them
	LogLines uint64
	Other    uint64 // events of no conn
}

// Total is the sum.
func (d Dropped) Total() uint64 {
	return d.Conns + d.Frames + d.Samples + d.LogLines + d.Other
}

type count struct {
	what string
	n    uint64
}

// counts names the parts as monitor.Dropped does.
func (d Dropped) counts() [5]count {
	return [...]count{
		{"conns", d.Conns}, {"frames", d.Frames}, {"samples", d.Samples},
		{"log lines", d.LogLines}, {"events", d.Other},
	}
}

// String lists what is not zero: "3 conns, 120 frames".
func (d Dropped) String() string {
	var parts []string
	for _, c := range d.counts() {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

func (d *Dropped) add(e Dropped) {
	d.Conns += e.Conns
	d.Frames += e.Frames
	d.Samples += e.Samples
	d.LogLines += e.LogLines
	d.Other += e.Other
}

// keyframe stands in the queue at the place whose state it holds.
type keyframe struct {
	monitor.Header
	events []monitor.Event
	rotate bool // it begins the next file
}

func (*keyframe) Type() string { return "keyframe" }

// queue is what waits for the disk, bounded by its estimated memory. The
// owner's lock guards it.
type queue struct {
	max     int64
	events  []monitor.Event
	size    int64
	newest  monitor.Time
	hellos  []*monitor.Hello
	refused map[monitor.ID]struct{} // conns whose Opened was refused, until they close
	dropped Dropped                 // since they were last told
}

// maxHellos bounds the relays remembered for the beginning of the next file.
const maxHellos = 256

// add queues an event or drops it, counted. Over the limit the numbers go
// first, then new conns, whole; the events of conns already recorded are always
// taken: they are bounded by those conns.
func (q *queue) add(ev monitor.Event) {
	h := ev.Head()
	switch ev := ev.(type) {
	case *monitor.Tick, *monitor.Verdicted:
		return
	case *monitor.Hello:
		q.greet(ev)
	}
	if ev = q.wanted(ev); ev == nil {
		return
	}
	q.newest = max(q.newest, h.At)
	if q.size > q.max && q.refuse(ev) {
		return
	}
	q.events = append(q.events, ev)
	q.size += int64(monitor.SizeOf(ev))
}

// wanted leaves out what belongs to refused conns; nil if that is all of ev.
func (q *queue) wanted(ev monitor.Event) monitor.Event {
	if len(q.refused) == 0 {
		return ev
	}
	if s, ok := ev.(*monitor.Samples); ok {
		return q.wantedSamples(s)
	}
	id := ev.Head().ID()
	if _, no := q.refused[id]; !no {
		return ev
	}
	if _, last := ev.(*monitor.Closed); last {
		delete(q.refused, id)
	}
	return nil
}

func (q *queue) wantedSamples(ev *monitor.Samples) monitor.Event {
	out := &monitor.Samples{Header: ev.Header}
	for i, conn := range ev.Conns {
		if _, no := q.refused[monitor.ID{Tap: ev.Tap, Conn: conn}]; !no {
			out.Conns = append(out.Conns, conn)
			out.Samples = append(out.Samples, ev.Samples[i])
		}
	}
	switch len(out.Conns) {
	case len(ev.Conns):
		return ev
	case 0:
		return nil
	}
	return out
}

// refuse says whether a full queue does without ev, and counts it.
func (q *queue) refuse(ev monitor.Event) bool {
	switch ev := ev.(type) {
	case *monitor.Opened:
		if q.refused == nil {
			q.refused = map[monitor.ID]struct{}{}
		}
		q.refused[ev.ID()] = struct{}{}
	case *monitor.Frames, *monitor.Samples, *monitor.LogLine:
	case *monitor.Hello:
		return false
	default:
		if ev.Head().Conn != 0 || q.size <= 2*q.max {
			return false
		}
	}
	q.dropped.count(ev)
	return true
}

// count adds one event that is not recorded; those of a conn go by its Opened.
func (d *Dropped) count(ev monitor.Event) {
	switch ev := ev.(type) {
	case *monitor.Tick, *monitor.Verdicted:
	case *monitor.Opened:
		d.Conns++
	case *monitor.Frames:
		d.Frames += uint64(len(ev.Records)) + ev.Collapsed
	case *monitor.Samples:
		d.Samples += uint64(len(ev.Conns))
	case *monitor.LogLine:
		d.LogLines++
	default:
		if ev.Head().Conn == 0 {
			d.Other++
		}
	}
}

func (q *queue) greet(ev *monitor.Hello) {
	for i, h := range q.hellos {
		if h.Tap == ev.Tap {
			q.hellos[i] = ev
			return
		}
	}
	if len(q.hellos) < maxHellos {
		q.hellos = append(q.hellos, ev)
	}
}

// addKeyframe queues a keyframe without the conns refused before it: their
// later events will not come, so they would seem open for ever.
func (q *queue) addKeyframe(at monitor.Time, events []monitor.Event, rotate bool) {
	k := &keyframe{Header: monitor.Header{At: at}, rotate: rotate}
	greeted := false
	for _, ev := range events {
		if _, ok := ev.(*monitor.Hello); ok {
			greeted = true
		}
		if ev = q.keyWanted(ev); ev != nil {
			k.events = append(k.events, ev)
		}
	}
	if !greeted {
		var evs []monitor.Event
		for _, h := range q.hellos {
			evs = append(evs, h)
		}
		k.events = append(evs, k.events...)
	}
	q.events = append(q.events, k)
}

// keyWanted is wanted for a closed conn too, without forgetting the refusal.
func (q *queue) keyWanted(ev monitor.Event) monitor.Event {
	if _, last := ev.(*monitor.Closed); last {
		if _, no := q.refused[ev.Head().ID()]; no {
			return nil
		}
		return ev
	}
	return q.wanted(ev)
}

// take empties the queue; spare is a slice to go on with.
func (q *queue) take(spare []monitor.Event) []monitor.Event {
	out := q.events
	q.events, q.size = spare[:0], 0
	return out
}
