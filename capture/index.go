package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/wstap/wstap/monitor"
)

// chunkRef is where a chunk is and what it covers.
type chunkRef struct {
	offset   int64
	length   int64 // of the whole record
	from, to monitor.Time
	key      bool // it holds a part of a keyframe
}

// Sizes of fixed parts (mcap.dev/spec).
const (
	footerSize    = 8 + 8 + 4
	endSize       = recordHead + footerSize + 8 // footer and magic
	chunkFixed    = 8 + 8 + 8 + 4 + 4           // a chunk's fields before the name of its compression
	statisticsFix = 8 + 2 + 4 + 4 + 4 + 4 + 8 + 8
	maxNameLength = 16 // of a compression
	chunkHeadMost = recordHead + chunkFixed + maxNameLength + 8
	indexFixed    = 2 + 4 // a message index's channel and length
	indexEntry    = 8 + 8
)

// clampTime keeps what does not fit from becoming negative.
func clampTime(v uint64) monitor.Time { return monitor.Time(min(v, math.MaxInt64)) }

// readSummary takes the index from the end of the file. False means that
// there is none, or none to rely on: the file is walked then.
func (p *part) readSummary() bool {
	sum := p.summary()
	if sum == nil {
		return false
	}
	q := *p
	q.kinds, q.chunks, q.counts = map[uint16]kind{}, nil, map[uint16]uint64{}
	for id, k := range p.kinds {
		q.kinds[id] = k
	}
	c := &cursor{b: sum}
	for len(c.b) > 0 {
		if op, body := c.record(); c.err != nil || !q.summarize(op, body) {
			return false
		}
	}
	*p = q
	p.Complete = true
	return true
}

// summary is the summary section, its CRC checked, or nil.
func (p *part) summary() []byte {
	if p.Size < p.body+endSize {
		return nil
	}
	end := make([]byte, endSize)
	if _, err := p.f.ReadAt(end, p.Size-endSize); err != nil || !bytes.Equal(end[endSize-8:], mcap.Magic) {
		return nil
	}
	c := &cursor{b: end}
	if op, n := c.take(1)[0], c.u64(); op != opFooter || n != footerSize {
		return nil
	}
	start, _, want := c.u64(), c.u64(), c.u32()
	stop := uint64(p.Size - endSize)
	if start < uint64(p.body) || start > stop || stop-start > maxSummary {
		return nil
	}
	sum := make([]byte, stop-start)
	if _, err := p.f.ReadAt(sum, int64(start)); err != nil {
		return nil
	}
	crc := crc32.Update(crc32.ChecksumIEEE(sum), crc32.IEEETable, end[:recordHead+16])
	if want != 0 && crc != want {
		return nil
	}
	return sum
}

// summarize absorbs a record of the summary; false if it makes no sense.
func (p *part) summarize(op byte, body []byte) bool {
	c := &cursor{b: body}
	switch op {
	case opChannel:
		return p.absorbChannel(c) == nil
	case opChunkIndex:
		return p.addChunkIndex(c)
	case opStatistics:
		return p.addStatistics(c)
	}
	return true
}

func (p *part) addChunkIndex(c *cursor) bool {
	r := chunkRef{from: clampTime(c.u64()), to: clampTime(c.u64())}
	r.offset, r.length = int64(c.u64()), int64(c.u64())
	for m := c.take(uint64(c.u32())); len(m) >= 10; m = m[10:] {
		r.key = r.key || p.isKeyframe(binary.LittleEndian.Uint16(m))
	}
	after := p.body
	if n := len(p.chunks); n > 0 {
		after = p.chunks[n-1].offset + p.chunks[n-1].length
	}
	if c.err != nil || r.offset < after || r.length < recordHead || r.length > p.Size-r.offset {
		return false
	}
	p.chunks = append(p.chunks, r)
	return true
}

func (p *part) addStatistics(c *cursor) bool {
	c.take(statisticsFix)
	for m := c.take(uint64(c.u32())); len(m) >= 10; m = m[10:] {
		p.counts[binary.LittleEndian.Uint16(m)] = binary.LittleEndian.Uint64(m[2:])
	}
	return c.err == nil
}

// walk makes the index by going from record to record: of a file that is still
// being written, was cut short by a crash, or has a damaged summary.
func (p *part) walk() { p.walkFrom(p.body) }

func (p *part) walkFrom(at int64) {
	w := window{f: p.f, size: p.Size}
	for p.walked = at; at < p.Size; p.walked = at {
		next, ok := p.step(&w, at)
		if ok && next == 0 {
			return
		}
		if ok {
			at = next
			continue
		}
		if next = p.findChunk(at + 1); next == 0 {
			p.hurt(at, "the last %d bytes are no whole record: the recorder was stopped, or is at it still", p.Size-at)
			return
		}
		p.hurt(at, "%d bytes make no sense and were left out", next-at)
		at = next
	}
}

// step reads the head of the record at at and says where the next one is: zero
// at the end of the data, not ok if this is no record.
func (p *part) step(w *window, at int64) (next int64, ok bool) {
	c := &cursor{b: w.at(at, recordHead)}
	op, n := byte(0), uint64(0)
	if b := c.take(1); b != nil {
		op, n = b[0], c.u64()
	}
	if c.err != nil || op == 0 || n > uint64(p.Size-at-recordHead) {
		return 0, false
	}
	switch op {
	case opChunk:
		r, ok := parseChunkHead(w.at(at, chunkHeadMost))
		if !ok {
			return 0, false
		}
		p.chunks = append(p.chunks, chunkRef{offset: at, length: recordHead + int64(n), from: r.from, to: r.to})
	case opMessageIndex:
		if !p.stepIndex(w.at(at+recordHead, indexFixed), n) {
			return 0, false
		}
	case opDataEnd, opFooter:
		if n != 4 && n != footerSize {
			return 0, false
		}
		p.hurt(at, "what should follow the records, the index and the end of the file, is cut short or damaged; nothing recorded is missing for it")
		return 0, true
	default:
		if p.likeChunk(at) {
			return 0, false
		}
		p.skip++
	}
	return at + recordHead + int64(n), true
}

// stepIndex absorbs the first fields of a message index of n bytes.
func (p *part) stepIndex(b []byte, n uint64) bool {
	c := &cursor{b: b}
	id, size := c.u16(), uint64(c.u32())
	if c.err != nil || n != indexFixed+size {
		return false
	}
	p.counts[id] += size / indexEntry
	if len(p.chunks) > 0 && p.isKeyframe(id) {
		p.chunks[len(p.chunks)-1].key = true
	}
	return true
}

// window reads ahead, so that small records cost no call each.
type window struct {
	f     io.ReaderAt
	size  int64
	start int64
	b     []byte
	room  [4096]byte
}

// at gives up to n bytes at offset; less only at the end of the file.
func (w *window) at(offset int64, n int) []byte {
	if offset < w.start || offset+int64(n) > w.start+int64(len(w.b)) {
		got, err := w.f.ReadAt(w.room[:], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			got = 0
		}
		w.start, w.b = offset, w.room[:got]
	}
	b := w.b[offset-w.start:]
	return b[:min(n, len(b))]
}

// chunkName is what every chunk of ours has behind its fixed fields.
var chunkName = []byte("\x04\x00\x00\x00zstd")

// findChunk looks for the next record that can only be a chunk of ours; zero if
// there is none.
func (p *part) findChunk(from int64) int64 {
	const back = recordHead + chunkFixed - 4 // from the record to chunkName
	room := int64(4 << 10)                   // little at first: many places may be searched for
	for at := from; at < p.Size; room = min(2*room, 256<<10) {
		buf := make([]byte, min(room, p.Size-at))
		if _, err := p.f.ReadAt(buf, at); err != nil {
			return 0
		}
		for i := 0; ; i++ {
			j := bytes.Index(buf[i:], chunkName)
			if j < 0 {
				break
			}
			i += j
			if start := at + int64(i-back); start >= from && p.isChunk(start) {
				return start
			}
		}
		if len(buf) < len(chunkName) {
			return 0
		}
		at += int64(len(buf) - len(chunkName) + 1) // one may lie across the edge
	}
	return 0
}

// isChunk wants both lengths of the record at at to agree and to fit.
func (p *part) isChunk(at int64) bool {
	var op [1]byte
	p.f.ReadAt(op[:], at)
	return op[0] == opChunk && p.likeChunk(at)
}

// likeChunk is isChunk whatever the opcode: that may be what is damaged.
func (p *part) likeChunk(at int64) bool {
	b := make([]byte, chunkHeadMost)
	n, _ := p.f.ReadAt(b, at)
	h, ok := parseChunkHead(b[:n])
	return ok && h.record+recordHead <= uint64(p.Size-at)
}

// chunkHead is the fields of a chunk record before its data.
type chunkHead struct {
	record      uint64 // length of the record's body
	from, to    monitor.Time
	unpacked    uint64
	crc         uint32
	compression string
	data        int    // where the data begins, from the record's first byte
	packed      uint64 // length of the data
}

// parseChunkHead reads them and refuses what does not add up or is too large.
func parseChunkHead(b []byte) (h chunkHead, ok bool) {
	c := &cursor{b: b}
	c.take(1)
	h.record = c.u64()
	h.from, h.to = clampTime(c.u64()), clampTime(c.u64())
	h.unpacked, h.crc = c.u64(), c.u32()
	name := c.u32()
	if name > maxNameLength {
		return h, false
	}
	h.compression = string(c.take(uint64(name)))
	h.packed = c.u64()
	h.data = recordHead + chunkFixed + int(name) + 8
	fits := h.packed <= maxChunk && h.unpacked <= maxChunk && h.record == uint64(h.data-recordHead)+h.packed
	return h, c.err == nil && fits
}
