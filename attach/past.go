package attach

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
)

// pastRead is a reading of the recording for one viewer.
type pastRead struct {
	id     uint64
	cancel context.CancelFunc
	done   chan struct{}
	credit chan struct{} // a token for each part that may be sent
}

func (p *pastRead) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// pastPart goes to the writer.
type pastPart struct{ data, text []byte }

var (
	errPastFull  = errors.New("as much as is given at once")
	errPastStuck = errors.New("the viewer does not use what it is sent")
)

// pastPatience is how long the reading waits for a viewer to use what it has.
const pastPatience = time.Minute

// takePast takes what the reading has for the writer, or nil.
func (v *viewer) takePast() *pastPart {
	if p := v.pending; p != nil {
		v.pending = nil
		return p
	}
	select {
	case p := <-v.past:
		return &p
	default:
		return nil
	}
}

// beginPast reads the recording on a goroutine of its own.
func (v *viewer) beginPast(r *request) {
	refuse := func(text string) { v.say(&notice{Type: typePastEnd, ID: r.ID, Err: text}) }
	switch {
	case v.s.o.Past == nil:
		refuse("this relay keeps no recording")
		return
	case v.reading != nil && !v.reading.over():
		refuse("one reading of the past at a time")
		return
	case !v.s.pastRoom():
		refuse("other viewers read the past: try again")
		return
	}
	ctx, cancel := context.WithCancel(v.ctx)
	p := &pastRead{id: r.ID, cancel: cancel, done: make(chan struct{}), credit: make(chan struct{}, pastWindow)}
	for range pastWindow {
		p.credit <- struct{}{}
	}
	v.reading = p
	v.helpers.Go(func() {
		defer close(p.done)
		defer cancel()
		defer v.s.pastOver()
		w := &pastWriter{v: v, p: p, ctx: ctx, began: time.Now()}
		w.finish(v.s.o.Past(ctx, r.From, r.To, w.emit))
	})
}

func (s *Server) pastRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.past >= s.o.MaxPast {
		return false
	}
	s.past++
	return true
}

func (s *Server) pastOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past--
}

// morePast lets another part go out; false: there was none to be thanked for.
func (v *viewer) morePast(id uint64) bool {
	if v.reading == nil || v.reading.id != id {
		return false
	}
	select {
	case v.reading.credit <- struct{}{}:
		return true
	default:
		return false
	}
}

func (v *viewer) stopPast(id uint64) {
	if v.reading != nil && v.reading.id == id {
		v.reading.cancel()
	}
}

// pastWriter makes parts of recorded events.
type pastWriter struct {
	v     *viewer
	p     *pastRead
	ctx   context.Context
	began time.Time
	rec   recorder
	buf   []byte
	part  uint64
	sent  int64 // bytes
	at    monitor.Time
	fault error // of emit
}

func (w *pastWriter) emit(ev monitor.Event) error {
	if w.fault != nil {
		return w.fault
	}
	if !travels(ev) {
		return w.ctx.Err()
	}
	w.begin()
	w.buf = w.rec.append(w.buf, ev)
	w.at = max(w.at, ev.Head().At)
	if len(w.buf) >= partSize {
		w.fault = w.flush()
	}
	return w.fault
}

func (w *pastWriter) begin() {
	if len(w.buf) > 0 {
		return
	}
	w.buf = binary.AppendUvarint(append(w.buf, kindPast), w.p.id)
	w.buf = binary.AppendUvarint(w.buf, w.part)
	w.part++
}

// flush hands a part to the writer, at the pace that is allowed.
func (w *pastWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	msg := append([]byte(nil), w.buf...)
	w.sent += int64(len(msg))
	w.buf = w.buf[:0]
	due := time.Duration(float64(w.sent) / float64(w.v.s.o.PastRate) * float64(time.Second))
	if err := sleep(w.ctx, due-time.Since(w.began)); err != nil {
		return err
	}
	patience := time.NewTimer(pastPatience)
	defer patience.Stop()
	select {
	case <-w.p.credit:
	case <-patience.C:
		return errPastStuck
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	if err := w.hand(pastPart{data: w.v.packed(msg)}); err != nil {
		return err
	}
	if w.sent >= w.v.s.o.MaxPastLen {
		return errPastFull
	}
	return nil
}

func (v *viewer) packed(msg []byte) []byte {
	v.s.mu.Lock()
	deflate := v.deflate
	v.s.mu.Unlock()
	if deflate {
		if p := pack(msg); p != nil {
			return p
		}
	}
	return msg
}

func (w *pastWriter) hand(p pastPart) error {
	select {
	case w.v.past <- p:
		return nil
	case <-w.v.ctx.Done():
		return w.v.ctx.Err()
	}
}

// finish says how the reading ended. After a stop nothing more is sent of it
// but that.
func (w *pastWriter) finish(err error) {
	if err == nil {
		err = w.flush()
	}
	end := &notice{Type: typePastEnd, ID: w.p.id, At: w.at, Cut: errors.Is(err, errPastFull)}
	if err != nil && !end.Cut {
		end.Err = fmt.Sprint(err)
	}
	w.hand(pastPart{text: encodeText(end)})
}

// sleep waits for d, unless ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
