package monitor

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wstap/wstap/ws"
)

// The columnar encoding of the two event types that come in numbers,
// "wstap.frames/1". All numbers are unsigned varints, signed ones zig-zagged.
//
//	batch   = kind at tap leg body
//	kind    = "S" (samples) or "F" (frames), one byte
//	leg     = length bytes
//	samples = n conn{n} columns     a column: 0, or 1 and n values; conn as difference to the one before
//	frames  = conn collapsed n time{n} word-column{n} length{n}   time as difference to the one before
//
// EVENTS.md lists the sample columns in order. Columns beyond those known are
// skipped, so later versions may add some at the end.

const (
	batchSamples = 'S'
	batchFrames  = 'F'
)

// MaxBatch and MaxSamples bound the rows of a batch that a reader accepts,
// checked before allocation: a record takes 16 bytes, a sample hundreds.
const (
	MaxBatch   = 1 << 20
	MaxSamples = 1 << 13
)

var errShort = errors.New("monitor: batch cut short")

// AppendBatch appends a Samples or Frames event in the columnar encoding.
func AppendBatch(b []byte, ev Event) ([]byte, error) {
	switch ev := ev.(type) {
	case *Samples:
		b = appendBatchHead(b, batchSamples, &ev.Header)
		return appendSamples(b, ev), nil
	case *Frames:
		b = appendBatchHead(b, batchFrames, &ev.Header)
		return appendFrames(b, ev), nil
	}
	return b, fmt.Errorf("monitor: %s events have no columnar form", ev.Type())
}

func appendBatchHead(b []byte, kind byte, h *Header) []byte {
	b = append(b, kind)
	b = binary.AppendUvarint(b, uint64(h.At))
	b = binary.AppendUvarint(b, uint64(h.Tap))
	b = binary.AppendUvarint(b, uint64(len(h.Leg)))
	return append(b, h.Leg...)
}

func appendFrames(b []byte, ev *Frames) []byte {
	b = binary.AppendUvarint(b, ev.Conn)
	b = binary.AppendUvarint(b, ev.Collapsed)
	b = binary.AppendUvarint(b, uint64(len(ev.Records)))
	prev := ev.At
	for _, r := range ev.Records {
		b = binary.AppendVarint(b, int64(r.At-prev)/1000) // microseconds
		prev += (r.At - prev) / 1000 * 1000
	}
	for _, r := range ev.Records {
		b = append(b, byte(r.word>>56))
	}
	for _, r := range ev.Records {
		b = binary.AppendUvarint(b, r.Length())
	}
	return b
}

func appendSamples(b []byte, ev *Samples) []byte {
	b = binary.AppendUvarint(b, uint64(len(ev.Conns)))
	var prev uint64
	for _, c := range ev.Conns {
		b = binary.AppendVarint(b, int64(c-prev))
		prev = c
	}
	b = binary.AppendUvarint(b, uint64(len(sampleColumns)))
	for _, col := range sampleColumns {
		b = appendColumn(b, ev, col)
	}
	return b
}

func appendColumn(b []byte, ev *Samples, col column) []byte {
	any := false
	for i := range ev.Samples {
		if col.get(&ev.Samples[i], ev.At) != 0 {
			any = true
			break
		}
	}
	if !any {
		return append(b, 0)
	}
	b = append(b, 1)
	for i := range ev.Samples {
		b = binary.AppendUvarint(b, col.get(&ev.Samples[i], ev.At))
	}
	return b
}

// column is one number of a sample: how to read and to set it.
type column struct {
	get func(s *Sample, at Time) uint64
	set func(s *Sample, at Time, v uint64)
}

// sampleColumns is the order of the columns on the wire: append only.
var sampleColumns = makeColumns()

func makeColumns() (cols []column) {
	for d := range 2 {
		cols = append(cols, trafficColumns(d)...)
	}
	cols = append(cols,
		column{func(s *Sample, _ Time) uint64 { return uint64(s.LongestGap) }, func(s *Sample, _ Time, v uint64) { s.LongestGap = Millis(v) }},
		column{func(s *Sample, at Time) uint64 { return ago(s.LongestGapAt, at) }, func(s *Sample, at Time, v uint64) { s.LongestGapAt = unago(v, at) }},
		column{func(s *Sample, _ Time) uint64 { return s.Collapsed }, func(s *Sample, _ Time, v uint64) { s.Collapsed = v }},
	)
	for i := range GapBuckets {
		cols = append(cols, column{
			func(s *Sample, _ Time) uint64 { return uint64(s.Gaps[i]) },
			func(s *Sample, _ Time, v uint64) { s.Gaps[i] = uint32(v) },
		})
	}
	for d := range 2 {
		cols = append(cols, column{
			func(s *Sample, _ Time) uint64 { return uint64(s.Dir[d].BlockedAtEnd) },
			func(s *Sample, _ Time, v uint64) { s.Dir[d].BlockedAtEnd = Millis(v) },
		})
	}
	for d := range 2 {
		cols = append(cols, column{
			func(s *Sample, _ Time) uint64 { return uint64(s.Dir[d].Unacked) },
			func(s *Sample, _ Time, v uint64) { s.Dir[d].Unacked = Millis(v) },
		})
	}
	for d := range 2 {
		cols = append(cols, column{
			func(s *Sample, _ Time) uint64 { return uint64(s.Dir[d].Waiting) },
			func(s *Sample, _ Time, v uint64) { s.Dir[d].Waiting = Millis(v) },
		})
	}
	return cols
}

func trafficColumns(d int) []column {
	num := func(f func(t *Traffic) *uint64) column {
		return column{
			func(s *Sample, _ Time) uint64 { return *f(&s.Dir[d]) },
			func(s *Sample, _ Time, v uint64) { *f(&s.Dir[d]) = v },
		}
	}
	when := func(f func(t *Traffic) *Time) column {
		return column{
			func(s *Sample, at Time) uint64 { return ago(*f(&s.Dir[d]), at) },
			func(s *Sample, at Time, v uint64) { *f(&s.Dir[d]) = unago(v, at) },
		}
	}
	took := func(f func(t *Traffic) *Millis) column {
		return column{
			func(s *Sample, _ Time) uint64 { return uint64(*f(&s.Dir[d])) },
			func(s *Sample, _ Time, v uint64) { *f(&s.Dir[d]) = Millis(v) },
		}
	}
	cols := []column{
		num(func(t *Traffic) *uint64 { return &t.Bytes }),
		num(func(t *Traffic) *uint64 { return &t.Messages }),
		when(func(t *Traffic) *Time { return &t.LastByte }),
		{ // before the last byte, which stands before it in the batch
			func(s *Sample, _ Time) uint64 { return ago(s.Dir[d].LastData, s.Dir[d].LastByte) },
			func(s *Sample, _ Time, v uint64) { s.Dir[d].LastData = unago(v, s.Dir[d].LastByte) },
		},
		{func(s *Sample, _ Time) uint64 { return uint64(s.Dir[d].Unanswered) }, func(s *Sample, _ Time, v uint64) { s.Dir[d].Unanswered = uint32(v) }},
		took(func(t *Traffic) *Millis { return &t.LastRTT }),
		took(func(t *Traffic) *Millis { return &t.WorstRTT }),
		took(func(t *Traffic) *Millis { return &t.PingEvery }),
		took(func(t *Traffic) *Millis { return &t.PingAtLeast }),
		took(func(t *Traffic) *Millis { return &t.Blocked }),
		{func(s *Sample, _ Time) uint64 { return bit(s.Dir[d].BlockedNow) }, func(s *Sample, _ Time, v uint64) { s.Dir[d].BlockedNow = v != 0 }},
	}
	for op := range 16 {
		cols = append(cols, column{
			func(s *Sample, _ Time) uint64 { return s.Dir[d].Frames.Of(ws.Opcode(op)) },
			func(s *Sample, _ Time, v uint64) { s.Dir[d].Frames.Add(ws.Opcode(op), v) },
		})
	}
	return cols
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// ago codes a time as microseconds before at, plus one; zero is unknown. A time
// after at is clipped to it (samples are taken after what they hold).
func ago(t, at Time) uint64 {
	if t == 0 {
		return 0
	}
	return uint64(max(at-t, 0))/1000 + 1
}

func unago(v uint64, at Time) Time {
	if v == 0 {
		return 0
	}
	return at - Time(v-1)*1000
}

// batchReader reads varints; the first fault sticks and zeroes follow.
type batchReader struct {
	b   []byte
	err error
}

func (r *batchReader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // most of them
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *batchReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *batchReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *batchReader) fail() { r.b, r.err = nil, errShort }

// count reads a number of rows, each of which takes at least least bytes.
func (r *batchReader) count(most, least uint64) int {
	n := r.uvarint()
	if n > most || n*least > uint64(len(r.b)) {
		r.fail()
		return 0
	}
	return int(n)
}

// DecodeBatch reads a Samples or Frames event. Nothing of b is kept.
func DecodeBatch(b []byte) (Event, error) { return decodeBatch(b, false) }

// SkimBatch is DecodeBatch for who wants a State and nothing else: of a Frames
// event it keeps the records whose absence would make a difference to one, at
// most LastFrames and one more. Going to a place in a recording is mostly this.
func SkimBatch(b []byte) (Event, error) { return decodeBatch(b, true) }

func decodeBatch(b []byte, skim bool) (Event, error) {
	if len(b) == 0 {
		return nil, errShort
	}
	r := &batchReader{b: b[1:]}
	h := Header{At: Time(r.uvarint()), Tap: Instance(r.uvarint())}
	h.Leg = string(r.bytes(r.uvarint()))
	var ev Event
	switch b[0] {
	case batchSamples:
		ev = decodeSamples(r, h)
	case batchFrames:
		if skim {
			ev = skimFrames(r, h)
		} else {
			ev = decodeFrames(r, h)
		}
	default:
		return nil, fmt.Errorf("monitor: unknown batch kind %q", b[0])
	}
	if r.err != nil {
		return nil, r.err
	}
	return ev, nil
}

func decodeFrames(r *batchReader, h Header) *Frames {
	h.Conn = r.uvarint()
	ev := &Frames{Header: h, Collapsed: r.uvarint()}
	ev.Records = make([]FrameRecord, r.count(MaxBatch, 3))
	at := h.At
	for i := range ev.Records {
		at += Time(r.varint()) * 1000
		ev.Records[i].At = at
	}
	for i, c := range r.bytes(uint64(len(ev.Records))) {
		ev.Records[i].word = uint64(c) << 56
	}
	for i := range ev.Records {
		ev.Records[i].word |= r.uvarint() & maxRecordLength
	}
	return ev
}

func decodeSamples(r *batchReader, h Header) *Samples {
	ev := &Samples{Header: h}
	n := r.count(MaxSamples, 1)
	ev.Conns = make([]uint64, n)
	ev.Samples = make([]Sample, n)
	var prev uint64
	for i := range ev.Conns {
		prev += uint64(r.varint())
		ev.Conns[i] = prev
	}
	cols := r.uvarint()
	for i := uint64(0); i < cols && r.err == nil; i++ {
		if flag := r.bytes(1); flag == nil || flag[0] == 0 {
			continue
		}
		for j := range ev.Samples {
			v := r.uvarint()
			if i < uint64(len(sampleColumns)) {
				sampleColumns[i].set(&ev.Samples[j], h.At, v)
			}
		}
	}
	return ev
}
