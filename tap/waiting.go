package tap

import (
	"sync"
	"syscall"
	"time"
)

// waitPatience is how often a write that waits looks whether it is still worth
// waiting.
const waitPatience = time.Second

// waiting watches a write that waits for its receiver: it tells the stream, and
// it finds out about a source that was reset meanwhile. Nobody reads the source
// then, and a receiver that never reads again would keep the tunnel for ever.
type waiting struct {
	mu     sync.Mutex // guards what follows
	timer  *time.Timer
	active bool // between begin and end
	told   bool
	moved  bool  // since the last look
	err    error // of the source: why the write was given up
}

// begin says that a write of f waits, or in patience may be found to.
func (w *waiting) begin(f *flow, patience time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = true
	if patience == 0 {
		w.tell(f)
		patience = waitPatience
	}
	if w.timer == nil {
		w.timer = time.AfterFunc(patience, func() { w.look(f) })
		return
	}
	w.timer.Reset(patience)
}

func (w *waiting) tell(f *flow) {
	w.told = true
	f.t.tap.server.stalled.Add(1)
	f.t.seen.blocked(f.dir, f.t.now(), true)
}

// look is the timer's. It does nothing once end was called.
func (w *waiting) look(f *flow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.active {
		return
	}
	if !w.told {
		w.tell(f)
	} else if !w.moved {
		if w.err = f.sourceError(); w.err != nil {
			f.sink().SetWriteDeadline(past)
			return
		}
	}
	w.moved = false
	w.timer.Reset(waitPatience)
}

// progress says that a part was written.
func (w *waiting) progress() {
	w.mu.Lock()
	w.moved = true
	w.mu.Unlock()
}

// end says that the write is over. It must follow begin.
func (w *waiting) end(f *flow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = false
	w.timer.Stop()
	if w.told {
		w.told = false
		f.t.tap.server.stalled.Add(-1)
		f.t.seen.blocked(f.dir, f.t.now(), false)
	}
}

// sourceError is why the write was given up, nil if it was not.
func (w *waiting) sourceError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// sourceError says whether and how f's source died, which ends nothing that
// was read before.
func (f *flow) sourceError() error {
	if err := pendingError(f.source()); err != nil {
		return err
	}
	if f.sourceUnwritable() { // the other loop took the error, and told it
		return syscall.ECONNRESET
	}
	return nil
}
