package logparse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// inParts parses blocks each on its own, as if at the same time, and again
// where Continue says so.
func inParts(blocks []string) (all []Entry, again int) {
	p := Parser{File: "real"}
	var lines int64
	for _, b := range blocks {
		var q Parser
		var part []Entry
		q.Apart("real", lines)
		q.Block(b, func(e *Entry) { part = append(part, *e) })
		keep := func(e *Entry) { all = append(all, *e) }
		if p.Continue(&q, keep) {
			all = append(all, part...)
		} else {
			again++
			p.Block(b, keep)
		}
		lines += int64(strings.Count(b, "\n"))
	}
	p.Flush(func(e *Entry) { all = append(all, *e) })
	return all, again
}

// blocksOf cuts a log after every n lines.
func blocksOf(log string, n int) (blocks []string) {
	var block []string
	for line := range strings.Lines(log) {
		if block = append(block, line); len(block) == n {
			blocks = append(blocks, strings.Join(block, ""))
			block = nil
		}
	}
	return append(blocks, strings.Join(block, ""))
}

// hardLogs are those in which an entry depends on the lines before it.
func hardLogs(t *testing.T) []string {
	logs := []string{string(readRealLog(t))}
	for _, c := range joinTable {
		logs = append(logs, c.text, nextLine+"\n"+c.text+"\n"+nextLine+"\n", c.text+"\n"+c.text)
	}
	return logs
}

// pidLog has lines of which the pids of the last entries tell whether the next
// one is forged.
func pidLog(random *rand.Rand) string {
	var b strings.Builder
	for range 200 {
		format := at + "[info] %d#7: *9 client closed connection\n"
		if random.IntN(8) == 0 {
			format = at + `[error] %d#7: *9 no live upstreams, client: 1.2.3.4, server: a, request: "GET /%%0a HTTP/1.1", upstream: "http://g/x"` + "\n"
		}
		fmt.Fprintf(&b, format, random.IntN(24))
	}
	return b.String()
}

func TestApartKnowsThePids(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		log := pidLog(random)
		want := readAll(t, []byte(log))
		for _, n := range []int{5, 11, 16, 17, 20} {
			if got, _ := inParts(blocksOf(log, n)); !slices.Equal(got, want) {
				t.Fatalf("blocks of %d lines: the entries differ\n%s", n, log)
			}
		}
	}
}

func TestApartGivesTheSame(t *testing.T) {
	for i, log := range hardLogs(t) {
		want := readAll(t, []byte(log))
		check := func(how string, blocks []string) {
			if got, _ := inParts(blocks); !slices.Equal(got, want) {
				t.Fatalf("log %d, %s: the entries differ\ngot  %s\nwant %s", i, how, briefAll(got), briefAll(want))
			}
		}
		for _, n := range []int{1, 2, 3, 5, 16, 17, 40} {
			check(fmt.Sprintf("blocks of %d lines", n), blocksOf(log, n))
		}
		for at := range log {
			if log[at] == '\n' {
				check(fmt.Sprintf("cut at %d", at), []string{log[:at+1], log[at+1:]})
			}
		}
	}
}

// Parsing again is the exception: of a border in the midst of an entry.
func TestApartSeldomFails(t *testing.T) {
	blocks := blocksOf(string(variedLog(t, 1<<20)), 10)
	if _, again := inParts(blocks); again > len(blocks)/50 {
		t.Errorf("%d of %d blocks were parsed again", again, len(blocks))
	}
}

func TestContinueRefuses(t *testing.T) {
	var p, q Parser
	if p.Continue(&q, nil) {
		t.Error("a parser that was not made by Apart")
	}
	for _, c := range []struct {
		file  string
		lines int64
	}{{"", 1}, {"other", 0}} {
		if q.Apart(c.file, c.lines); p.Continue(&q, nil) {
			t.Errorf("file %q after %d lines follows the beginning", c.file, c.lines)
		}
	}
	p.Line([]byte(openFile), nil)
	for _, line := range []string{"y" + fileTail, at + "[emerg] 1#1: *1 forged" + fileTail} {
		q.Apart("", 1)
		if q.Block(line, func(*Entry) {}); p.Continue(&q, nil) {
			t.Errorf("%q may belong to the entry before", line)
		}
	}
}

// Summaries of parts, merged, are the summary of the whole.
func TestMergedSummaries(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, spread := range []time.Duration{0, time.Second, time.Hour, 40 * time.Hour} {
		whole, merged := NewSummary(time.UTC), NewSummary(time.UTC)
		part := merged.Part()
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		all := readAll(t, readRealLog(t))
		for i := range 20_000 {
			e := all[random.IntN(len(all))]
			at = at.Add(time.Duration((random.Float64() - 0.3) * float64(spread)))
			e.Stamp = Stamp{int16(at.Year()), int8(at.Month()), int8(at.Day()), int8(at.Hour()), int8(at.Minute()), int8(at.Second())}
			if e.Client != "" {
				e.Client = fmt.Sprint(random.IntN(2 * maxNames))
			}
			if i%50 == 0 {
				e.SourceTime = at.In(time.FixedZone("", i%3*3600))
			}
			whole.Add(&e)
			part.Add(&e)
			if random.IntN(300) == 0 {
				merged.Merge(part)
			}
		}
		merged.Merge(part)
		if got, want := sprintSummary(merged), sprintSummary(whole); got != want {
			t.Errorf("spread %v:\ngot  %s\nwant %s", spread, got, want)
		}
	}
}

func sprintSummary(s *Summary) string {
	var b bytes.Buffer
	fmt.Fprintln(&b, s.Lines, s.Parsed, s.Unparsed, s.Forged, s.Cut, s.Levels, s.Kinds, s.First, s.Last, s.Span())
	for _, t := range s.tops() {
		fmt.Fprintln(&b, t.List(0), t.Others())
	}
	fmt.Fprintln(&b, s.Buckets())
	return b.String()
}
