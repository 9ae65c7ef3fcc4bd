package logparse

import (
	"bytes"
	"fmt"
	"io"
	"unsafe"
)

// BlockSize is a good size for the buffers of Blocks: what a block costs does
// not count beside its lines, and it fits a processor's second cache.
const BlockSize = 256 << 10

// keptOfLong is how much of a line is kept that is longer than a buffer: a byte
// more than an entry keeps, which tells that there was more.
const keptOfLong = MaxLine + 1

// Blocks cuts the text of a reader into blocks of whole lines.
type Blocks struct {
	r       io.Reader
	buf     []byte // of NextText: memory that no text has taken
	rest    []byte // the beginning of a line: it belongs to the next block
	dropped bool   // within a line of which nothing more is kept
	err     error  // of r
}

// NewBlocks cuts what r gives.
func NewBlocks(r io.Reader) *Blocks { return &Blocks{r: r} }

// Next gives the next block, made in the memory of buf: one or more lines, each
// with its LF, which only the last one of the input may lack. It is as large as
// buf unless r gives less at a time. Of a line longer than buf only the first
// MaxLine bytes and one more are given; buf must be twice as large as that. The
// error is r's, or io.EOF, and comes without a block.
func (b *Blocks) Next(buf []byte) ([]byte, error) {
	if cap(buf) < 2*keptOfLong {
		return nil, fmt.Errorf("logparse: a buffer of %d bytes for a block, want %d or more", cap(buf), 2*keptOfLong)
	}
	buf = append(buf[:0], b.rest...)
	b.rest = b.rest[:0]
	for b.err == nil {
		from := len(buf)
		buf = b.read(buf)
		if end := from + bytes.LastIndexByte(buf[from:], '\n') + 1; end > from && b.err == nil {
			b.rest = append(b.rest, buf[end:]...)
			return buf[:end], nil
		}
		if len(buf) == cap(buf) && b.err == nil {
			buf, b.dropped = buf[:keptOfLong], true
		}
	}
	if len(buf) > 0 {
		return buf, nil
	}
	return nil, b.err
}

// NextText is Next with memory of its own, of BlockSize, and the block as a string.
func (b *Blocks) NextText() (string, error) {
	if b.buf == nil {
		b.buf = make([]byte, BlockSize)
	}
	block, err := b.Next(b.buf)
	if len(block) < len(b.buf)/2 { // a reader that gives little at a time: let the text not hold all that memory
		return string(block), err
	}
	b.buf = nil // from here on it is the text's: nobody writes to it again
	return unsafe.String(unsafe.SliceData(block), len(block)), err
}

// read appends what one Read of r gives, without what is dropped.
func (b *Blocks) read(buf []byte) []byte {
	from := len(buf)
	n, err := b.r.Read(buf[from:cap(buf)])
	b.err = err
	if !b.dropped {
		return buf[:from+n]
	}
	read := buf[from : from+n]
	end := bytes.IndexByte(read, '\n')
	if end < 0 {
		return buf[:from]
	}
	b.dropped = false
	return append(buf[:from], read[end:]...)
}
