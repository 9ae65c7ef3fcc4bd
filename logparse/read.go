package logparse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Read parses all of r, in bounded memory, and flushes at its end. The error
// is r's; entries read before it have been emitted.
func Read(r io.Reader, file string, emit func(*Entry)) error {
	p := Parser{File: file}
	defer p.Flush(emit)
	br := bufio.NewReaderSize(r, 2*MaxLine)
	for {
		line, err := readLine(br)
		if len(line) > 0 && line[len(line)-1] == '\n' {
			p.Line(line[:len(line)-1], emit)
		} else if len(line) > 0 {
			p.Line(line, emit)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("logparse: read %s: %w", file, err)
		}
	}
}

// readLine gives the next line with its LF; of one longer than the buffer only
// the beginning, the rest is read and thrown away.
func readLine(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	kept := append([]byte(nil), line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = br.ReadSlice('\n')
	}
	return kept, err
}
