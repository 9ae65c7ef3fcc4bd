package logparse

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
)

// Read parses all of r, in bounded memory, and flushes at its end. The error
// is r's; entries read before it have been emitted. Strings of an entry are
// parts of one string of up to BlockSize: who keeps one of them for long clones
// it.
func Read(r io.Reader, file string, emit func(*Entry)) error {
	p := Parser{File: file}
	defer p.Flush(emit)
	blocks := NewBlocks(r)
	for {
		block, err := blocks.NextText()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("logparse: read %s: %w", file, err)
		}
		p.Block(block, emit)
		runtime.Gosched() // on one processor the garbage collector would wait, and writes cost more while it does
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
