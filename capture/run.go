package capture

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
)

// run is the writer's goroutine: it writes what is queued and marks each
// second. Close ends it, or an error does.
func (w *Writer) run() {
	defer close(w.done)
	defer func() {
		// Traffic goes through this process: no fault of a recording may end it.
		if p := recover(); p != nil {
			w.fail(fmt.Errorf("internal error: %v", p))
		}
	}()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for armed := false; ; {
		var err error
		select {
		case <-w.wake:
			err = w.drain()
		case <-alarm.C:
			armed = false
			err = w.markIfDue(true)
		case <-w.closing:
			w.end()
			return
		}
		if err != nil {
			w.fail(err)
			return
		}
		if !armed && w.unmarked() {
			armed = true
			alarm.Reset(MarkEvery)
		}
	}
}

func (w *Writer) unmarked() bool { return w.f.dirty || !w.g.empty() || w.behind }

// drain writes all that is queued.
func (w *Writer) drain() error {
	w.mu.Lock()
	batch := w.q.take(w.spare)
	w.mu.Unlock()
	if w.since.IsZero() {
		w.since = time.Now()
	}
	for i, ev := range batch {
		err := w.put(ev)
		if err == nil && i%1024 == 1023 { // a long queue must not delay the mark
			err = w.markIfDue(false)
		}
		if err != nil {
			for _, ev := range batch[i:] {
				w.lost.count(ev)
			}
			return err
		}
	}
	clear(batch)
	w.spare = batch
	w.publish()
	return nil
}

func (w *Writer) markIfDue(now bool) error {
	if !now && time.Since(w.since) < MarkEvery {
		return nil
	}
	if err := w.sayDropped(); err != nil {
		return err
	}
	if !w.f.dirty && w.g.empty() {
		return nil
	}
	return w.mark()
}

// mark writes what was gathered and a mark, if there is anything.
func (w *Writer) mark() error {
	w.since = time.Time{}
	if err := w.g.flush(w.f.write); err != nil {
		return err
	}
	if !w.f.dirty {
		return nil
	}
	if err := w.f.mark(w.o.Now()); err != nil {
		return err
	}
	w.publish()
	return nil
}

func (w *Writer) put(ev monitor.Event) error {
	switch ev := ev.(type) {
	case *monitor.Frames:
		w.f.count.Frames += uint64(len(ev.Records))
		w.g.addFrames(ev)
		if w.g.records >= maxGathered {
			return w.g.flush(w.f.write)
		}
		return nil
	case *monitor.Samples:
		w.g.addSamples(ev)
		return nil
	case *keyframe:
		return w.putKeyframe(ev)
	case *monitor.Closed:
		if err := w.g.closed(ev.ID(), w.f.write); err != nil {
			return err
		}
	}
	return w.putJSON(ev)
}

func (w *Writer) putJSON(ev monitor.Event) error {
	text, err := monitor.AppendJSON(w.text[:0], ev)
	if err != nil || len(text) > maxEvent {
		w.lost.Other++
		return nil
	}
	w.text = text
	if at := ev.Head().At; at > 0 {
		w.lastAt = at
	}
	w.f.count.Events++
	return w.f.write(kindEvents, w.lastAt, text)
}

func (w *Writer) putKeyframe(k *keyframe) error {
	if k.rotate {
		if err := w.next(); err != nil {
			return err
		}
	}
	if err := w.mark(); err != nil { // it ends the chunk before it
		return err
	}
	before := w.f.size()
	if err := w.writeKeyframe(k); err != nil {
		return err
	}
	w.keySize = w.f.size()
	w.keyCost = w.keySize - before
	w.mu.Lock()
	w.keyAsked = false
	w.mu.Unlock()
	return nil
}

// next ends the file and begins another.
func (w *Writer) next() error {
	if err := w.mark(); err != nil {
		return err
	}
	if err := w.f.close(w.o.Now()); err != nil {
		return err
	}
	w.past.add(w.f)
	return w.openNext()
}

// add counts a file that is complete but for its summary.
func (s *Stats) add(f *file) {
	s.Files++
	s.Bytes += f.size()
	s.Events += f.count.Events
	s.Frames += f.count.Frames
}

// publish makes the figures visible and decides what is due.
func (w *Writer) publish() {
	now := w.past
	now.add(w.f)
	w.mu.Lock()
	defer w.mu.Unlock()
	now.Path, now.Dropped, now.Err = w.f.path, w.stats.Dropped, w.stats.Err
	w.stats = now
	w.fileAt = w.f.began
	if !w.keyAsked {
		w.rotate = w.rotate || w.f.size() >= w.o.MaxBytes
		w.keyDue = w.f.size()-w.keySize >= w.untilKeyframe()
	}
}

// sayDropped puts what was dropped in the recording, and tells health when
// that begins and when it is over.
func (w *Writer) sayDropped() error {
	w.mu.Lock()
	w.q.dropped.add(w.lost)
	d := w.tellDropped()
	total := w.stats.Dropped
	w.mu.Unlock()
	w.lost = Dropped{}
	if d.Total() == 0 {
		if w.behind {
			w.behind = false
			w.o.OnHealth(monitor.HealthOK, fmt.Sprintf("recording again after missing %s", total))
		}
		return nil
	}
	if !w.behind {
		w.behind = true
		w.o.OnHealth(monitor.HealthWarning, fmt.Sprintf("recording does not keep up: missing %s so far", total))
	}
	return w.putDropped(d)
}

func (w *Writer) putDropped(d Dropped) error {
	head := monitor.Header{At: w.o.Now()}
	if w.o.Hello != nil {
		head.Tap = w.o.Hello.Tap
	}
	for _, c := range d.counts() {
		if c.n == 0 {
			continue
		}
		if err := w.putJSON(&monitor.Dropped{Header: head, What: c.what, N: c.n}); err != nil {
			return err
		}
	}
	return nil
}

// end writes the rest and the footer.
func (w *Writer) end() {
	err := w.drain()
	if err == nil {
		err = w.sayDropped()
	}
	if err == nil {
		err = w.g.flush(w.f.write)
	}
	if err == nil {
		err = w.f.close(w.o.Now())
	}
	if err != nil {
		w.fail(err)
		return
	}
	w.publish()
}

// fail stops recording; what was written stays as it is.
func (w *Writer) fail(err error) {
	w.f.abandon()
	w.mu.Lock()
	for _, ev := range w.q.take(nil) {
		w.q.dropped.count(ev)
	}
	w.q.dropped.add(w.lost)
	w.tellDropped()
	w.ended = true
	w.stats.Err = fmt.Errorf("capture: recording to %q stopped: %w", w.f.path, err)
	w.mu.Unlock()
	w.o.OnHealth(monitor.HealthFailed, fmt.Sprintf("recording stopped: %v; what %q holds until then can be read", err, w.f.path))
}
