package tap

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// waiting watches a Write that waits for its receiver: it tells the stream, and
// it finds out about a source that was reset meanwhile. Nobody reads the source
// then, and a receiver that never reads again would keep the tunnel for ever.
type waiting struct {
	mu     sync.Mutex // guards what follows
	timer  *time.Timer
	active bool // between begin and end
	told   bool
	err    error // of the source: why the write was given up
}

// begin says that a Write of f to sink begins.
func (w *waiting) begin(f *flow, sink net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = true
	if w.timer == nil {
		w.timer = time.AfterFunc(writePatience, func() { w.look(f, sink) })
		return
	}
	w.timer.Reset(writePatience)
}

// look is the timer's. It does nothing once end was called.
func (w *waiting) look(f *flow, sink net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.active {
		return
	}
	if !w.told {
		w.told = true
		f.blocked(true)
	} else if w.err = f.sourceError(); w.err != nil {
		sink.SetWriteDeadline(past)
		return
	}
	w.timer.Reset(waitPatience)
}

// end says that the write is over. It must follow begin.
func (w *waiting) end(f *flow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = false
	w.timer.Stop()
	if w.told {
		w.told = false
		f.blocked(false)
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
	if f.t.back(f).sinkLost.Load() { // the other loop took the error, and told it
		return syscall.ECONNRESET
	}
	return nil
}
