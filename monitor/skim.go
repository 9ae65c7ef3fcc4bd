package monitor

import (
	"encoding/binary"
	"math/bits"
)

// skimFrames reads what decodeFrames does and keeps what State.applyFrames looks
// at: the newest records, and before them the newest of a direction if that is
// newer than those.
func skimFrames(r *batchReader, h Header) *Frames {
	h.Conn = r.uvarint()
	ev := &Frames{Header: h, Collapsed: r.uvarint()}
	n := r.count(MaxBatch, 3)
	times := &batchReader{b: r.varints(n)}
	words := r.bytes(uint64(n))
	kept := min(n, LastFrames)
	r.varints(n - kept) // the lengths of the others
	if r.err != nil {
		return ev
	}
	older, at := newestOf(times, words[:n-kept], h.At)
	first := len(older)
	records := make([]FrameRecord, first+kept)
	var newest [2]Time
	for i, w := range words[n-kept:] {
		at += Time(times.varint()) * 1000
		rec := FrameRecord{at, uint64(w)<<56 | r.uvarint()&maxRecordLength}
		records[first+i] = rec
		newest[rec.Direction()] = max(newest[rec.Direction()], at)
	}
	for d, rec := range older {
		if rec.At > newest[d] {
			first--
			records[first] = rec
		}
	}
	ev.Records = records[first:]
	if times.err != nil {
		r.fail()
	}
	return ev
}

// FramesIn says of which conn the records of a batch are, and how many; false if
// it is no batch of frames.
func FramesIn(b []byte) (id ID, n int, ok bool) {
	if len(b) == 0 || b[0] != batchFrames {
		return id, 0, false
	}
	r := &batchReader{b: b[1:]}
	r.uvarint()
	id.Tap = Instance(r.uvarint())
	r.bytes(r.uvarint())
	id.Conn = r.uvarint()
	r.uvarint()
	n = r.count(MaxBatch, 3)
	return id, n, r.err == nil
}

// newestOf is the newest record of each direction, without its length, and the
// time of the last one.
func newestOf(times *batchReader, words []byte, at Time) (newest [2]FrameRecord, last Time) {
	for _, w := range words {
		at += Time(times.varint()) * 1000
		rec := FrameRecord{at, uint64(w) << 56}
		if d := rec.Direction(); at > newest[d].At {
			newest[d] = rec
		}
	}
	return newest, at
}

// varints takes n varints unread: each ends with the first byte below 0x80.
func (r *batchReader) varints(n int) []byte {
	i := 0
	for n >= 8 && len(r.b)-i >= 8 {
		n -= bits.OnesCount64(^binary.LittleEndian.Uint64(r.b[i:]) & 0x8080808080808080)
		i += 8
	}
	for ; n > 0; i++ {
		if i == len(r.b) {
			r.fail()
			return nil
		}
		if r.b[i] < 0x80 {
			n--
		}
	}
	return r.bytes(uint64(i))
}
