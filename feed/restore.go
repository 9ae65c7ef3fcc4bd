package feed

import "github.com/wstap/wstap/monitor"

// Restore queues a snapshot that came from elsewhere, as one with no other event
// in between. It is taken whole: what bounds it is where it came from.
func (f *Feed) Restore(events []monitor.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, events...)
}
