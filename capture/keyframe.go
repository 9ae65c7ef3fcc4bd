package capture

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wstap/wstap/monitor"
)

// keyPartSize is about how large a part of a keyframe gets.
const keyPartSize = 1 << 20

// A keyframe is followed by keyShare times as much of other things, or by
// keyDistance: so much is read through in a second.
const (
	keyShare    = 8
	keyDistance = 64 << 20
)

// untilKeyframe is how many bytes go between the last keyframe and the next.
func (w *Writer) untilKeyframe() int64 {
	return max(w.o.KeyframeBytes, min(keyShare*w.keyCost, keyDistance))
}

const (
	keyJSON  = 'J'
	keyBatch = 'B'
)

var errKeyframe = errors.New("keyframe cut short")

// writeKeyframe writes the parts, each its own chunk. An event that cannot be
// encoded is left out and counted.
func (w *Writer) writeKeyframe(k *keyframe) error {
	w.buf = appendPartHead(w.buf[:0], 0, false)
	part := uint64(0)
	for _, ev := range k.events {
		var ok bool
		if w.buf, ok = w.appendKeyEvents(w.buf, ev); !ok {
			w.lost.Other++
		}
		if len(w.buf) < keyPartSize {
			continue
		}
		if err := w.f.flushWith(kindKeyframe, k.At, w.buf); err != nil {
			return err
		}
		part++
		w.buf = appendPartHead(w.buf[:0], part, false)
	}
	lastFlag(w.buf)
	return w.f.flushWith(kindKeyframe, k.At, w.buf)
}

func appendPartHead(b []byte, part uint64, last bool) []byte {
	b = binary.AppendUvarint(b, part)
	if last {
		return append(b, 1)
	}
	return append(b, 0)
}

// lastFlag sets the flag of a part already begun.
func lastFlag(b []byte) {
	_, n := binary.Uvarint(b)
	b[n] = 1
}

// appendKeyEvents appends an event; large batches become several.
func (w *Writer) appendKeyEvents(b []byte, ev monitor.Event) ([]byte, bool) {
	switch ev := ev.(type) {
	case *monitor.Samples:
		for i := 0; i < len(ev.Conns); i += maxBatchSamples {
			j := min(i+maxBatchSamples, len(ev.Conns))
			b = append(b, keyBatch)
			b = w.g.appendBatch(b, &monitor.Samples{Header: ev.Header, Conns: ev.Conns[i:j], Samples: ev.Samples[i:j]})
		}
		return b, true
	case *monitor.Frames:
		for i := 0; i == 0 || i < len(ev.Records); i += maxBatchFrames {
			cut := *ev
			cut.Records = ev.Records[i:min(i+maxBatchFrames, len(ev.Records))]
			b = append(b, keyBatch)
			b = w.g.appendBatch(b, &cut)
		}
		return b, true
	}
	text, err := monitor.AppendJSON(w.text[:0], ev)
	if err != nil || len(text) > maxKeyEvent {
		return b, false
	}
	w.text = text
	b = append(b, keyJSON)
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...), true
}

// keyPartHead parts a message of a keyframe.
func keyPartHead(msg []byte) (part uint64, last bool, rest []byte, err error) {
	part, n := binary.Uvarint(msg)
	if n <= 0 || n >= len(msg) {
		return 0, false, nil, errKeyframe
	}
	return part, msg[n] == 1, msg[n+1:], nil
}

// keyEvents decodes the events of a part; unknown ones are counted.
func keyEvents(rest []byte, evs []monitor.Event) (_ []monitor.Event, unknown uint64, err error) {
	for len(rest) > 0 {
		tag := rest[0]
		body, after, ok := prefixed(rest[1:])
		if !ok {
			return evs, unknown, errKeyframe
		}
		rest = after
		ev, err := keyEvent(tag, body)
		switch {
		case errors.Is(err, monitor.ErrUnknownType), err == nil && ev == nil:
			unknown++
		case err != nil:
			return evs, unknown, fmt.Errorf("in a keyframe: %w", err)
		default:
			evs = append(evs, ev)
		}
	}
	return evs, unknown, nil
}

func keyEvent(tag byte, body []byte) (monitor.Event, error) {
	switch tag {
	case keyJSON:
		return decodeJSON(body, maxKeyEvent)
	case keyBatch:
		return monitor.DecodeBatch(body)
	}
	return nil, nil
}
