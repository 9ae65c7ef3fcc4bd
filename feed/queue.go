package feed

import "github.com/wstap/wstap/monitor"

// dropped is what a full queue did without.
type dropped struct{ frames, samples, lines, other uint64 }

// Emit queues an event; it never blocks. False means that the queue is full
// and did without the event. An Opened is refused, so that what follows of its
// conn need not come: its source counts it, for a recorded conn is whole.
// Frames, samples (the next ones make up for them) and log lines are left out
// and counted here; over twice the limit so are other events of no conn. The
// rest is always taken: it is bounded by the conns accepted.
func (f *Feed) Emit(ev monitor.Event) bool {
	n := monitor.SizeOf(ev)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size > MaxQueue && f.dropped.takes(ev, f.size > 2*MaxQueue) {
		return false
	}
	f.queue = append(f.queue, ev)
	f.size += n
	return true
}

// takes says that ev is one to do without, and counts it.
func (d *dropped) takes(ev monitor.Event, desperate bool) bool {
	switch ev := ev.(type) {
	case *monitor.Opened:
	case *monitor.Frames:
		d.frames += uint64(len(ev.Records)) + ev.Collapsed
	case *monitor.Samples:
		d.samples += uint64(len(ev.Conns))
	case *monitor.LogLine:
		d.lines++
	case *monitor.Hello, *monitor.Tick, *monitor.Dropped:
		return false // few, and nothing makes up for them
	default:
		if !desperate || ev.Head().Conn != 0 {
			return false
		}
		d.other++
	}
	return true
}

// appendTo tells what was dropped, by the names of monitor.Dropped.
func (d *dropped) appendTo(batch []monitor.Event, at monitor.Time) []monitor.Event {
	tell := func(what string, n uint64) {
		if n > 0 {
			batch = append(batch, &monitor.Dropped{Header: monitor.Header{At: at}, What: what, N: n})
		}
	}
	tell("frames", d.frames)
	tell("samples", d.samples)
	tell("log lines", d.lines)
	tell("events", d.other)
	return batch
}
