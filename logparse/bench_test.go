package logparse

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

const realLog = "../testdata/logs/nginx-1.22.1-error.log"

func readRealLog(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile(realLog)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// variedLog repeats the lines of the real log to at least size bytes, with
// stamps, processes, connections and clients that differ, as in the log of a
// busy server. It is the same each time. What was forged, cut or joined is left
// out.
func variedLog(tb testing.TB, size int) []byte {
	tb.Helper()
	var all []Entry
	for _, e := range readAll(tb, readRealLog(tb)) {
		switch {
		case e.Flags.Has(FlagForged):
			all = all[:len(all)-1] // in whose quotes it stands
		case e.Flags == 0:
			all = append(all, e)
		}
	}
	b := bytes.NewBuffer(make([]byte, 0, size+4096))
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i := 0; b.Len() < size; i++ {
		e := all[i%len(all)]
		at = at.Add(27 * time.Millisecond)
		e.Stamp = Stamp{int16(at.Year()), int8(at.Month()), int8(at.Day()), int8(at.Hour()), int8(at.Minute()), int8(at.Second())}
		e.PID = 4962 + i*7%8
		e.TID = e.PID
		e.Connection = int64(i/3 + 1)
		if e.Client == "127.0.0.1" {
			e.Client = fmt.Sprintf("10.%d.%d.%d", i%3, i/3%251, i*11%253)
		}
		b.WriteString(rebuild(&e))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

const benchSize = 8 << 20

// BenchmarkParseLine is the live path: each line on its own, and kept.
func BenchmarkParseLine(b *testing.B) {
	log := variedLog(b, benchSize)
	lines := bytes.Split(bytes.TrimSuffix(log, []byte("\n")), []byte("\n"))
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		var p Parser
		n := 0
		emit := func(e *Entry) { n += e.Lines }
		for _, l := range lines {
			p.Line(l, emit)
		}
		p.Flush(emit)
		if n != len(lines) {
			b.Fatalf("entries hold %d lines, want %d", n, len(lines))
		}
	}
}

// BenchmarkParseRead is a file that is read: every field of every line.
func BenchmarkParseRead(b *testing.B) {
	benchmarkRead(b, func(*Entry) {})
}

// BenchmarkParseSummary is what a summary of a file costs: parsed and counted.
func BenchmarkParseSummary(b *testing.B) {
	benchmarkRead(b, NewSummary(time.UTC).Add)
}

// BenchmarkParseJSON parses a file and writes all of it as NDJSON.
func BenchmarkParseJSON(b *testing.B) {
	var buf []byte
	benchmarkRead(b, func(e *Entry) { buf = e.AppendJSON(buf[:0], time.UTC) })
}

func benchmarkRead(b *testing.B, emit func(*Entry)) {
	log := variedLog(b, benchSize)
	lines := bytes.Count(log, []byte("\n"))
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as wstap logs does
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		count := func(e *Entry) {
			n += e.Lines
			emit(e)
		}
		if err := Read(bytes.NewReader(log), "", count); err != nil || n != lines {
			b.Fatalf("%d lines, %v, want %d", n, err, lines)
		}
	}
}

// One string a line is all that parsing a single line allocates.
func TestAllocations(t *testing.T) {
	for _, line := range [][]byte{[]byte(grammarTable[0].line), []byte(nextLine), []byte(plainLine)} {
		var p Parser
		n := testing.AllocsPerRun(100, func() { p.Line(line, func(*Entry) {}) })
		if n != 1 {
			t.Errorf("%v allocations for %q, want 1", n, line)
		}
	}
}

// The lines of a block are parsed and counted without any.
func TestBlockAllocations(t *testing.T) {
	block := string(variedLog(t, BlockSize))
	sum := NewSummary(time.UTC)
	part := sum.Part()
	for name, emit := range map[string]func(*Entry){"parsed": func(*Entry) {}, "counted": sum.Add, "counted as a part": part.Add} {
		var p Parser
		run := func() {
			p.Block(block, emit)
			for _, t := range part.tops() {
				t.reset() // a part is of one block
			}
		}
		run() // the first time brings new names
		if n := testing.AllocsPerRun(10, run); n != 0 {
			t.Errorf("%v allocations for the %d lines of a block that are %s, want 0", n, strings.Count(block, "\n"), name)
		}
	}
}

// A part that was merged is used again.
func TestMergeAllocations(t *testing.T) {
	block := string(variedLog(t, BlockSize))
	sum := NewSummary(time.UTC)
	part := sum.Part()
	var p Parser
	run := func() {
		p.Block(block, part.Add)
		sum.Merge(part)
	}
	run()
	if n := testing.AllocsPerRun(10, run); n > 10 { // buckets, one a minute
		t.Errorf("%v allocations for a block of a minute", n)
	}
}

// What is cloned no longer depends on the block.
func TestClone(t *testing.T) {
	for _, e := range readAll(t, readRealLog(t)) {
		if c := e.Clone(); c != e {
			t.Fatalf("cloned %s\nwant   %s", brief(&c), brief(&e))
		}
	}
	e := parse(grammarTable[0].line)[0]
	if n := testing.AllocsPerRun(10, func() { e.Clone() }); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
