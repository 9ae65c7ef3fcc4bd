package attach

import (
	"context"
	"fmt"

	"github.com/wstap/wstap/monitor"
)

// pastReading is the past as it comes in, on its way to who asked for it.
type pastReading struct {
	id    uint64
	part  uint64      // the next
	parts chan []byte // as many as may be unacknowledged
	end   chan *notice
}

// readPast asks for the past and passes it on.
func (l *line) readPast(ctx context.Context, id uint64, from, to monitor.Time, emit func(monitor.Event) error) error {
	p := &pastReading{id: id, parts: make(chan []byte, pastWindow), end: make(chan *notice, 1)}
	l.mu.Lock()
	l.reading = p
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.reading = nil
	}()
	if err := l.send(&request{Type: typePast, ID: id, From: from, To: to}); err != nil {
		return fmt.Errorf("attach: asking for the past: %w", err)
	}
	for {
		select {
		case part := <-p.parts:
			if err := l.usePart(p, part, emit); err != nil {
				l.send(&request{Type: typeStop, ID: id})
				return err
			}
		case n := <-p.end:
			return l.finishPast(p, n, emit)
		case <-ctx.Done():
			l.send(&request{Type: typeStop, ID: id})
			return ctx.Err()
		case <-l.done:
			return ErrNoLine
		}
	}
}

// finishPast uses the parts that came before the end.
func (l *line) finishPast(p *pastReading, n *notice, emit func(monitor.Event) error) error {
	for len(p.parts) > 0 {
		if err := l.usePart(p, <-p.parts, emit); err != nil {
			return err
		}
	}
	switch {
	case n.Cut:
		return &PastCutError{n.At}
	case n.Err != "":
		return &RelayError{clean(n.Err, 300)}
	}
	return nil
}

func (l *line) usePart(p *pastReading, part []byte, emit func(monitor.Event) error) error {
	r := &reader{b: part}
	for tag, body, ok := r.record(); ok; tag, body, ok = r.record() {
		ev, err := decodeRecord(tag, body)
		if err != nil {
			return l.badEvent(err)
		}
		if ev == nil || !travels(ev) {
			continue
		}
		if err := emit(ev); err != nil {
			return err
		}
	}
	if r.err != nil {
		return badRelay("a message %s", r.err)
	}
	return l.send(&request{Type: typeMore, ID: p.id})
}

// takePast takes a part for who waits for it; nobody may.
func (l *line) takePast(r *reader) error {
	id, part := r.uvarint(), r.uvarint()
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.reading
	if p == nil || p.id != id || r.err != nil {
		return nil
	}
	if part != p.part {
		return badRelay("a part of the past out of turn")
	}
	p.part++
	select {
	case p.parts <- append([]byte(nil), r.b...):
		return nil
	default:
		return badRelay("more of the past than was asked for at once")
	}
}

func (l *line) pastEnd(n *notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.reading; p != nil && p.id == n.ID {
		select {
		case p.end <- n:
		default:
		}
	}
}
