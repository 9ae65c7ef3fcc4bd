package attach

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wstap/wstap/monitor"
)

// Binary messages: the kind, some numbers, and records. A record is a tag, a
// length and an event in one of monitor's two encodings, as in keyframes of
// recordings.
const (
	kindEvents   = 'E' // seq clock first {record}
	kindSamples  = 'S' // seq clock {record}
	kindFrames   = 'F' // seq clock {record}
	kindSnapshot = 'K' // part flags {record}
	kindPast     = 'P' // id part {record}
	kindPacked   = 'Z' // length, deflate of a message of another kind

	tagJSON  = 'J'
	tagBatch = 'B'
)

// lastPart is the flag on the last part of a snapshot.
const lastPart = 1

var errCut = errors.New("cut short")

// recorder appends records. It is not safe for concurrent use.
type recorder struct {
	text []byte
}

// append appends ev as one record, large batches as several. An event that
// cannot be encoded is replaced by the word that one is missing.
func (r *recorder) append(b []byte, ev monitor.Event) []byte {
	switch ev := ev.(type) {
	case *monitor.Samples:
		return r.samples(b, ev)
	case *monitor.Frames:
		return r.frames(b, ev)
	}
	text, err := monitor.AppendJSON(r.text[:0], ev)
	if err != nil || len(text) > maxEvent {
		missing := &monitor.Dropped{Header: monitor.Header{At: ev.Head().At, Tap: ev.Head().Tap}, What: "events", N: 1}
		text, _ = monitor.AppendJSON(r.text[:0], missing) // a number and a word
	}
	b = appendRecord(b, tagJSON, text)
	r.keep(text)
	return b
}

// keep keeps the room for the next text, unless that was an extraordinary one.
func (r *recorder) keep(text []byte) {
	if r.text = text[:0]; cap(text) > 1<<20 {
		r.text = nil
	}
}

func (r *recorder) samples(b []byte, ev *monitor.Samples) []byte {
	for i := 0; i < len(ev.Conns); i += rowsAtOnce {
		j := min(i+rowsAtOnce, len(ev.Conns))
		b = r.batch(b, &monitor.Samples{Header: ev.Header, Conns: ev.Conns[i:j], Samples: ev.Samples[i:j]})
	}
	return b
}

func (r *recorder) frames(b []byte, ev *monitor.Frames) []byte {
	for i := 0; i == 0 || i < len(ev.Records); i += recordsAtOnce {
		some := *ev
		some.Records = ev.Records[i:min(i+recordsAtOnce, len(ev.Records))]
		if i > 0 {
			some.Collapsed = 0
		}
		b = r.batch(b, &some)
	}
	return b
}

func (r *recorder) batch(b []byte, ev monitor.Event) []byte {
	text, _ := monitor.AppendBatch(r.text[:0], ev) // fails for other types only
	b = appendRecord(b, tagBatch, text)
	r.keep(text)
	return b
}

func appendRecord(b []byte, tag byte, body []byte) []byte {
	b = append(b, tag)
	b = binary.AppendUvarint(b, uint64(len(body)))
	return append(b, body...)
}

// reader reads the numbers and records of a message; the first fault sticks.
type reader struct {
	b   []byte
	err error
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errCut
		return 0
	}
	r.b = r.b[n:]
	return v
}

// record takes the next record; false at the end or at a fault.
func (r *reader) record() (tag byte, body []byte, ok bool) {
	if r.err != nil || len(r.b) == 0 {
		return 0, nil, false
	}
	tag, r.b = r.b[0], r.b[1:]
	n := r.uvarint()
	if r.err != nil || n > uint64(len(r.b)) {
		r.b, r.err = nil, errCut
		return 0, nil, false
	}
	body, r.b = r.b[:n], r.b[n:]
	return tag, body, true
}

// decodeRecord reads an event: nil without an error is of a kind that this
// build does not know.
func decodeRecord(tag byte, body []byte) (monitor.Event, error) {
	var ev monitor.Event
	var err error
	switch tag {
	case tagJSON:
		if len(body) > maxEvent {
			return nil, fmt.Errorf("an event of %d bytes, at most %d are possible", len(body), maxEvent)
		}
		ev, err = monitor.DecodeJSON(body)
	case tagBatch:
		ev, err = monitor.DecodeBatch(body)
	}
	if errors.Is(err, monitor.ErrUnknownType) {
		return nil, nil
	}
	return ev, err
}

// isLifecycle says that ev is numbered, kept and never thinned out.
func isLifecycle(ev monitor.Event) bool { return !monitor.IsBinary(ev) }

// travels says that ev is sent at all: ticks are the viewer's own, and verdicts
// follow from the rest.
func travels(ev monitor.Event) bool {
	switch ev.(type) {
	case *monitor.Tick, *monitor.Verdicted:
		return false
	}
	return true
}
