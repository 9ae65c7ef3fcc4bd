package logparse

import (
	"bytes"
	"os"
	"testing"
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

func BenchmarkParse(b *testing.B) {
	log := readRealLog(b)
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

func BenchmarkRead(b *testing.B) {
	log := bytes.Repeat(readRealLog(b), 20)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := Read(bytes.NewReader(log), "", func(e *Entry) { n += e.Lines }); err != nil || n != 20*448 {
			b.Fatal(n, err)
		}
	}
}

// One string a line is all that parsing allocates.
func TestAllocations(t *testing.T) {
	for _, line := range [][]byte{[]byte(grammarTable[0].line), []byte(nextLine), []byte(plainLine)} {
		var p Parser
		n := testing.AllocsPerRun(100, func() { p.Line(line, func(*Entry) {}) })
		if n != 1 {
			t.Errorf("%v allocations for %q, want 1", n, line)
		}
	}
}
