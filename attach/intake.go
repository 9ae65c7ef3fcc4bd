package attach

import "github.com/wstap/wstap/monitor"

// intake is what waits to be encoded, in order, bounded by its estimated
// memory. The Server's lock guards it.
type intake struct {
	max    int64
	items  []waiting
	size   int64
	lost   Dropped // not taken since the last take; samples and frames
	hole   bool    // events are missing after the items
	missed uint64  // so many
}

// waiting is an event, or a snapshot at its place among them.
type waiting struct {
	ev   monitor.Event
	snap *snapshot
}

// add queues an event. Over the limit samples and frames are left out, over
// twice the limit everything: a snapshot makes up for it.
func (q *intake) add(ev monitor.Event) {
	switch {
	case q.hole || q.size > 2*q.max:
		q.leaveOut(ev)
		if isLifecycle(ev) {
			q.hole = true
			q.missed++
		}
		return
	case q.size > q.max && !isLifecycle(ev):
		q.leaveOut(ev)
		return
	}
	q.items = append(q.items, waiting{ev: ev})
	q.size += int64(monitor.SizeOf(ev))
}

func (q *intake) leaveOut(ev monitor.Event) {
	switch ev := ev.(type) {
	case *monitor.Samples:
		q.lost.Samples += uint64(len(ev.Conns))
	case *monitor.Frames:
		q.lost.Frames += rows(ev)
	default:
		q.lost.Events++
	}
}

// rows is how many samples or frame records ev holds.
func rows(ev monitor.Event) uint64 {
	switch ev := ev.(type) {
	case *monitor.Samples:
		return uint64(len(ev.Conns))
	case *monitor.Frames:
		return uint64(len(ev.Records)) + ev.Collapsed
	}
	return 1
}

// take empties the queue; spare is a slice to go on with.
func (q *intake) take(spare []waiting) intake {
	out := *q
	*q = intake{max: q.max, items: spare[:0]}
	return out
}
