package attach

import (
	"sync"

	"github.com/wstap/wstap/monitor"
)

// watches counts who watches which conn: the tap is told of the first and of
// the last.
type watches struct {
	tell func(monitor.ID, bool) // nil: there is nobody to tell

	order sync.Mutex // held over tell, so that what it hears is in order
	mu    sync.Mutex // guards what follows
	count map[monitor.ID]int
}

func (w *watches) has(id monitor.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count[id] > 0
}

// add says whether there was room for one more.
func (w *watches) add(id monitor.ID) bool {
	w.order.Lock()
	defer w.order.Unlock()
	w.mu.Lock()
	if w.count == nil {
		w.count = map[monitor.ID]int{}
	}
	n := w.count[id]
	if n == 0 && len(w.count) >= maxWatched {
		w.mu.Unlock()
		return false
	}
	w.count[id] = n + 1
	w.mu.Unlock()
	if n == 0 && w.tell != nil {
		w.tell(id, true)
	}
	return true
}

func (w *watches) remove(id monitor.ID) {
	w.order.Lock()
	defer w.order.Unlock()
	w.mu.Lock()
	w.count[id]--
	last := w.count[id] == 0
	if last {
		delete(w.count, id)
	}
	w.mu.Unlock()
	if last && w.tell != nil {
		w.tell(id, false)
	}
}
