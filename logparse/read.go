package logparse

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Read parses all of r, in bounded memory, and flushes at its end. The error
// is r's; entries read before it have been emitted. Strings of an entry are
// parts of one string of up to BlockSize: who keeps one of them for long clones
// it.
func Read(r io.Reader, file string, emit func(*Entry)) error {
	p := Parser{File: file}
	defer p.Flush(emit)
	blocks, buf := NewBlocks(r), make([]byte, BlockSize)
	for {
		block, err := blocks.Next(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("logparse: read %s: %w", file, err)
		}
		p.Block(string(block), emit)
	}
}

// Block is Line for all lines of a block of Blocks. They are not copied: the
// strings of entries are parts of it.
func (p *Parser) Block(block string, emit func(*Entry)) {
	if p.apart && p.line == p.before {
		p.first, _, _ = strings.Cut(block[:min(len(block), MaxLine)], "\n")
	}
	for len(block) > 0 {
		end := strings.IndexByte(block, '\n')
		if end < 0 {
			p.take(block, emit)
			return
		}
		p.take(block[:end], emit)
		block = block[end+1:]
	}
}
