package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/logparse/follow"
	"github.com/wstap/wstap/monitor"
)

// Reading a log whole, on all processors. One goroutine reads blocks of whole
// lines, several parse them, each block apart from those before it, and the
// caller takes them over in the order of the file: there an entry that goes on
// over the border of two blocks is put right (see logparse.Parser.Continue), so
// what comes out is what one parser would have given.

// logBlock is a part of a log on its way.
type logBlock struct {
	text   string // the entries are parts of it
	before int64  // lines before it

	parser logparse.Parser
	result logResult
	parsed chan struct{} // takes one value when parser and result are made
}

// logResult is what has come of entries.
type logResult struct {
	kind *logReading

	lines, entries int64             // physical lines, and entries of an error log
	sum            *logparse.Summary // a Part; nil where nothing is summed up
	json           []byte            // lines of NDJSON
	wanted         []monitor.LogRef  // for findings
	unwanted       int               // entries
	clock          logparse.Clock
}

// logReading is what a log is read for.
type logReading struct {
	loc  *time.Location
	sum  *logparse.Summary // nil: entries are written as NDJSON to out
	scan *diagnose.Scan    // with sum
	out  io.Writer

	progress *logProgress

	lines, entries int64
	err            error // of out: it ends the reading
}

func (k *logReading) newResult() logResult {
	r := logResult{kind: k, clock: logparse.Clock{Loc: k.loc}}
	if k.sum != nil {
		r.sum = k.sum.Part()
	}
	return r
}

// add takes an entry. It may run at the same time as take of another result.
func (r *logResult) add(e *logparse.Entry) {
	r.lines += int64(e.Lines)
	if e.Parsed() {
		r.entries++
	}
	if r.sum == nil {
		r.json = append(e.AppendJSON(r.json, r.kind.loc), '\n')
		return
	}
	r.sum.Add(e)
	if r.kind.scan.Wants(e) {
		r.want(e)
	} else {
		r.unwanted++
	}
}

// want keeps e for findings.
func (r *logResult) want(e *logparse.Entry) {
	r.wanted = append(r.wanted, monitor.LogRef{})
	ref := &r.wanted[len(r.wanted)-1]
	ref.At = monitor.TimeOf(r.clock.Time(e))
	ref.Stamp, ref.Source, ref.Entry = ref.At, e.File, *e
}

// take takes a result over, which is empty again after it.
func (k *logReading) take(r *logResult) {
	k.lines += r.lines
	k.entries += r.entries
	if k.sum == nil {
		_, k.err = k.out.Write(r.json)
	} else {
		k.sum.Merge(r.sum)
		k.scan.Skip(r.unwanted)
		for i := range r.wanted {
			k.scan.LineOf(&r.wanted[i])
		}
	}
	r.reset()
}

// reset keeps the memory.
func (r *logResult) reset() {
	if r.sum != nil {
		r.sum.Reset()
	}
	clear(r.wanted) // lest they hold their block
	r.json, r.wanted = r.json[:0], r.wanted[:0]
	r.lines, r.entries, r.unwanted = 0, 0, 0
}

// logWorkersMost bounds who parses: more than can be taken over by one is of no use.
const logWorkersMost = 16

// read reads all of r, or until ctx is done: what was read till then has been
// taken. name is the file of the entries. The error is r's.
func (k *logReading) read(ctx context.Context, r io.Reader, name string) error {
	ctx, cancel := context.WithCancel(ctx)
	r, release := follow.Interruptible(ctx, r)
	defer release()
	workers := min(runtime.GOMAXPROCS(0), logWorkersMost)
	free := make(chan *logBlock, 2*workers+1) // bounds the memory
	for range cap(free) {
		free <- &logBlock{result: k.newResult(), parsed: make(chan struct{}, 1)}
	}
	toParse, inOrder := make(chan *logBlock, cap(free)), make(chan *logBlock, cap(free)) // never full
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var failed error // of r; set before inOrder is closed
	running.Go(func() {
		failed = readBlocks(ctx, r, free, toParse, inOrder)
		close(toParse)
		close(inOrder)
	})
	for range workers {
		running.Go(func() {
			for b := range toParse {
				b.parse(name)
			}
		})
	}
	k.takeBlocks(name, inOrder, free)
	if k.err == nil && failed != nil {
		return fmt.Errorf("logparse: read %s: %w", name, failed)
	}
	return nil
}

// readBlocks reads into blocks that are free, until r ends or ctx is done.
func readBlocks(ctx context.Context, r io.Reader, free <-chan *logBlock, toParse, inOrder chan<- *logBlock) error {
	blocks := logparse.NewBlocks(r)
	var lines int64
	for {
		var b *logBlock
		select {
		case b = <-free:
		case <-ctx.Done():
			return nil
		}
		var err error
		b.text, err = blocks.NextText()
		if ctx.Err() != nil {
			err = io.EOF
			b.text = b.text[:strings.LastIndexByte(b.text, '\n')+1] // the interruption may have cut a line
		}
		if len(b.text) > 0 {
			b.before = lines
			lines += int64(strings.Count(b.text, "\n"))
			toParse <- b
			inOrder <- b
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (b *logBlock) parse(file string) {
	b.parser.Apart(file, b.before)
	b.parser.Block(b.text, b.result.add)
	b.parsed <- struct{}{}
}

// takeBlocks takes the blocks over in the order in which they were read.
func (k *logReading) takeBlocks(file string, inOrder <-chan *logBlock, free chan<- *logBlock) {
	parser := logparse.Parser{File: file}
	over := k.newResult() // of what goes over a border
	for b := range inOrder {
		<-b.parsed
		if parser.Continue(&b.parser, over.add) {
			k.take(&over)
			k.take(&b.result)
		} else {
			b.result.reset()
			parser.Block(b.text, over.add)
			k.take(&over)
		}
		if k.err != nil {
			return
		}
		k.progress.step(len(b.text))
		b.text = ""
		free <- b
	}
	parser.Flush(over.add)
	k.take(&over)
}
