package capture

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/wstap/wstap/monitor"
)

// unpacker reads chunks into buffers that it keeps. What it returns is valid
// until its next call.
type unpacker struct {
	zstd   *zstd.Decoder
	packed []byte
	plain  []byte
}

func newUnpacker() (*unpacker, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(maxChunk), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	return &unpacker{zstd: dec}, nil
}

func (u *unpacker) close() { u.zstd.Close() }

// load reads the chunk at r and checks its sizes and its CRC.
func (u *unpacker) load(f io.ReaderAt, r chunkRef) ([]byte, error) {
	if r.length > maxChunk+chunkHeadMost {
		return nil, fmt.Errorf("a chunk of %d bytes is larger than any recorder makes", r.length)
	}
	u.packed = grow(u.packed, int(r.length))
	if _, err := f.ReadAt(u.packed, r.offset); err != nil {
		return nil, err
	}
	h, ok := parseChunkHead(u.packed)
	if !ok || u.packed[0] != opChunk || h.record+recordHead != uint64(r.length) {
		return nil, errors.New("the chunk's head is damaged")
	}
	plain, err := u.unpack(h.compression, u.packed[h.data:])
	switch {
	case err != nil:
		return nil, err
	case uint64(len(plain)) != h.unpacked:
		return nil, fmt.Errorf("the chunk unpacks to %d bytes, not %d", len(plain), h.unpacked)
	}
	if crc := crc32.ChecksumIEEE(plain); h.crc != 0 && crc != h.crc {
		return nil, fmt.Errorf("the chunk's CRC is %08x, not %08x", crc, h.crc)
	}
	return plain, nil
}

func (u *unpacker) unpack(compression string, data []byte) ([]byte, error) {
	switch compression {
	case "":
		return data, nil
	case "zstd":
		plain, err := u.zstd.DecodeAll(data, u.plain[:0])
		if err != nil {
			return nil, fmt.Errorf("the chunk does not unpack: %w", err)
		}
		u.plain = plain
		return plain, nil
	}
	return nil, fmt.Errorf("the chunk is compressed with %q, and this build reads zstd", compression)
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n, n+n/4)
	}
	return b[:n]
}

// message is one message of a chunk.
type message struct {
	kind kind
	at   monitor.Time
	data []byte
}

// nextMessage takes the next message of a chunk's records; ok is false at its
// end, and c.err says if that came too early. Channels on the way are learned.
func (p *part) nextMessage(c *cursor) (m message, ok bool, err error) {
	for len(c.b) > 0 {
		op, body := c.record()
		if c.err != nil {
			return m, false, c.err
		}
		in := &cursor{b: body}
		switch op {
		case opChannel:
			if err := p.absorbChannel(in); err != nil {
				return m, false, err
			}
		case opMessage:
			m.kind = p.kinds[in.u16()]
			in.u32()
			m.at = clampTime(in.u64())
			in.u64()
			if m.data = in.b; in.err != nil {
				return m, false, in.err
			}
			return m, true, nil
		case opSchema:
		default:
			p.skip++
		}
	}
	return m, false, nil
}
