package feed

import "github.com/wstap/wstap/monitor"

// snapshotAtOnce is how many conns of a snapshot are taken under one hold of the
// lock: about a millisecond.
const snapshotAtOnce = 1000

// Snapshot is State.Snapshot taken in pieces, between which readers get the
// lock. It is made for Writers: within Events nothing is applied meanwhile.
// Elsewhere it is taken anew, at once, if something was.
func (f *Feed) Snapshot(closed int) []monitor.Event {
	f.stateMu.Lock()
	defer f.stateMu.Unlock()
	p, at := f.state.BeginSnapshot(closed), f.changes
	for p.Next(snapshotAtOnce) {
		f.stateMu.Unlock()
		f.stateMu.Lock() // who has waited for a millisecond comes first: sync.Mutex, "starvation mode"
		if f.changes != at {
			return f.state.Snapshot(closed)
		}
	}
	return p.Events()
}
