package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/report"
)

// pieces is a reader that gives at most size bytes at a time, and so is read in
// blocks of no more than that and a line.
type pieces struct {
	io.Reader
	size int
}

func (p *pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.size)]) }

// newReading is of logs that are written as NDJSON, or summed up, to out.
func newReading(out io.Writer, json bool) *logReading {
	k := &logReading{loc: time.UTC, out: out, progress: &logProgress{}}
	if !json {
		k.sum = logparse.NewSummary(time.UTC)
		k.scan = diagnose.NewLogScan(diagnose.Options{})
	}
	return k
}

func (k *logReading) text(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	k.scan.Conclude()
	if err := report.LogText(&b, k.sum, report.Options{Findings: k.scan.Findings()}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// oneByOne is what one parser gives, without blocks.
func oneByOne(t *testing.T, log []byte) (text, json string) {
	t.Helper()
	k := newReading(nil, false)
	var lines []byte
	var p logparse.Parser
	p.Reset("f")
	emit := func(e *logparse.Entry) {
		k.sum.Add(e)
		k.scan.Line(e, monitor.TimeOf(e.Time(time.UTC)))
		lines = append(e.AppendJSON(lines, time.UTC), '\n')
	}
	for line := range bytes.Lines(log) {
		p.Line(bytes.TrimSuffix(line, []byte("\n")), emit)
	}
	p.Flush(emit)
	return k.text(t), string(lines)
}

// TestLogsInBlocks: however a log comes, and on however many processors it is
// parsed, what is printed is the same.
func TestLogsInBlocks(t *testing.T) {
	log, err := os.ReadFile(filepath.Join("..", "..", "testdata", "logs", "nginx-1.22.1-error.log"))
	if err != nil {
		t.Fatal(err)
	}
	log = bytes.Join([][]byte{log, []byte("no entry\n\n"), log, []byte("the last line has no end")}, nil)
	text, json := oneByOne(t, log)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, size := range []int{1, 7, 100, 300, 1000, 5000, 1 << 20} {
		for _, processors := range []int{1, 2, 5} {
			runtime.GOMAXPROCS(processors)
			k := newReading(nil, false)
			if err := k.read(context.Background(), &pieces{bytes.NewReader(log), size}, "f"); err != nil {
				t.Fatal(err)
			}
			if got := k.text(t); got != text {
				t.Errorf("pieces of %d bytes, %d processors: the summary is\n%s\nwant\n%s", size, processors, got, text)
			}
			var out strings.Builder
			if err := newReading(&out, true).read(context.Background(), &pieces{bytes.NewReader(log), size}, "f"); err != nil || out.String() != json {
				t.Errorf("pieces of %d bytes, %d processors: %v, other JSON", size, processors, err)
			}
		}
	}
}

func TestLogsReadError(t *testing.T) {
	broken := errors.New("broken")
	k := newReading(nil, false)
	err := k.read(context.Background(), io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), "f")
	if !errors.Is(err, broken) || k.lines != 2 {
		t.Errorf("%d lines, %v; want what came before, and the error", k.lines, err)
	}
}

// brokenPipe is an output that nobody reads any more.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestLogsOutputError: an endless input is not read on.
func TestLogsOutputError(t *testing.T) {
	k := newReading(brokenPipe{}, true)
	if err := k.read(context.Background(), endlessLog{}, "f"); err != nil || !errors.Is(k.err, syscall.EPIPE) {
		t.Errorf("read: %v, output: %v", err, k.err)
	}
}

// endlessLog is a log without end.
type endlessLog struct{}

func (endlessLog) Read(b []byte) (n int, err error) {
	const line = "2026/11/22 09:05:03 [info] 1#1: *1 client closed connection\n"
	for len(b)-n >= len(line) {
		n += copy(b[n:], line)
	}
	return n, nil
}

// TestLogsInterrupted: the context ends an endless input, with whole lines.
func TestLogsInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	k := newReading(nil, false)
	if err := k.read(ctx, endlessLog{}, "f"); err != nil || k.lines == 0 || k.entries != k.lines {
		t.Errorf("%v, %d entries in %d lines", err, k.entries, k.lines)
	}
}

// TestLogsInterrupt: Ctrl-C at a pipe prints what was counted, and says so.
func TestLogsInterrupt(t *testing.T) {
	t.Parallel()
	c := command(t, "logs", "-")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	log := make([]byte, 1<<20) // more than a pipe holds: it is being read
	n, _ := endlessLog{}.Read(log)
	if _, err := in.Write(log[:n]); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	for _, want := range []string{"wstap logs: interrupted after the first ", " entries\n", "client_closed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	if !strings.HasPrefix(said.String(), "wstap: interrupted after the first ") {
		t.Errorf("standard error: %q", &said)
	}
}

// manyNames is a log of size bytes in which each line names another client,
// target and host, and one in each block another server. It notes how much memory is in use while it is read.
type manyNames struct {
	size int64

	n, reads int
	read     int64
	most     uint64 // bytes of the heap
}

func (m *manyNames) Read(b []byte) (n int, err error) {
	if m.read >= m.size {
		return 0, io.EOF
	}
	if m.reads++; m.reads%8 == 0 {
		runtime.GC() // what other tests left is not garbage of this one
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		m.most = max(m.most, mem.HeapAlloc)
	}
	for len(b)-n > 500 {
		m.n++
		n += len(fmt.Appendf(b[n:n], "2026/11/22 %02d:%02d:%02d [error] 7#7: *%d connect() failed (111: Connection refused) while connecting to upstream, "+
			"client: 10.%d.%d.%d, server: s, request: \"GET /ws/%x HTTP/1.1\", upstream: \"http://10.9.%d.%d:80/ws/%x\", host: \"h%x\"\n",
			m.n>>12%24, m.n>>6%60, m.n%60, m.n, m.n>>16&255, m.n>>8&255, m.n&255, m.n*7919, m.n/1500>>8&255, m.n/1500&255, m.n, m.n))
	}
	m.read += int64(n)
	return n, nil
}

// TestLogsMemory: however long a log is, and however many names it has, what is
// in memory stays little.
func TestLogsMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, json := range []bool{false, true} {
		log := &manyNames{size: 64 << 20}
		runtime.GC()
		if err := newReading(io.Discard, json).read(context.Background(), log, "f"); err != nil {
			t.Fatal(err)
		}
		t.Logf("JSON %v: %d MB in use at most", json, log.most>>20)
		if limit := uint64(40 << 20); log.most == 0 || log.most > limit {
			t.Errorf("JSON %v: %d MB in use for a log of %d MB, want less than %d", json, log.most>>20, log.size>>20, limit>>20)
		}
	}
}
