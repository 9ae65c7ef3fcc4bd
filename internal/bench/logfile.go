//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// A log of any size is made of the lines of a real one: each copy of them is
// later, of other processes, connections and clients.

var variable = regexp.MustCompile(`^(?s)(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)( \[\w+\] )(\d+)#(\d+)(: (?:\*(\d+) )?.*?)(?:(, client: )127\.0\.0\.1(.*))?$`)

// logLine is a line taken apart at what varies.
type logLine struct {
	at            time.Time // zero: nothing varies
	level         []byte    // with its blanks
	pid, conn     int
	rest          []byte // after the connection
	client, after []byte // ", client: " and what follows the address, if any
	whole         []byte
}

func takeApart(line []byte) logLine {
	l := logLine{whole: line, conn: -1}
	m := variable.FindSubmatch(line)
	if m == nil {
		return l
	}
	at, err := time.Parse(logStamp, string(m[1]))
	if err != nil {
		return l
	}
	l.at, l.level, l.rest, l.client, l.after = at, m[2], m[5], m[7], m[8]
	l.pid, _ = strconv.Atoi(string(m[3]))
	if m[6] != nil {
		l.conn, _ = strconv.Atoi(string(m[6]))
		l.rest = bytes.TrimPrefix(l.rest, fmt.Appendf(nil, ": *%s", m[6]))
	}
	return l
}

const logStamp = "2006/01/02 15:04:05"

// copyTo appends copy n of the line.
func (l *logLine) copyTo(b []byte, n int, span time.Duration) []byte {
	if l.at.IsZero() {
		return append(append(b, l.whole...), '\n')
	}
	pid := int64(l.pid + n%1000)
	b = l.at.Add(time.Duration(n)*span).AppendFormat(b, logStamp)
	b = append(b, l.level...)
	b = strconv.AppendInt(append(strconv.AppendInt(b, pid, 10), '#'), pid, 10)
	if l.conn >= 0 {
		b = strconv.AppendInt(append(b, ": *"...), int64(l.conn+n*1000), 10)
	}
	b = append(b, l.rest...)
	if l.client != nil {
		b = fmt.Appendf(append(b, l.client...), "10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
		b = append(b, l.after...)
	}
	return append(b, '\n')
}

// logShape is what the speed of a log's readers depends on.
type logShape struct {
	line    int // bytes, on average
	matched int // percent of the lines that have grepPattern
}

func shapeOf(log string) (logShape, error) {
	b, err := os.ReadFile(log)
	if err != nil {
		return logShape{}, err
	}
	lines, matched := 0, 0
	for line := range bytes.Lines(b) {
		lines++
		if bytes.Contains(line, []byte(grepPattern)) {
			matched++
		}
	}
	return logShape{len(b) / max(lines, 1), matched * 100 / max(lines, 1)}, nil
}

// makeLog writes a log of at least size bytes to path, and leaves it in the
// page cache. It returns the size.
func makeLog(path, from string, size int64) (int64, error) {
	real, err := os.ReadFile(from)
	if err != nil {
		return 0, err
	}
	var lines []logLine
	var first, last time.Time
	for line := range bytes.Lines(real) {
		l := takeApart(bytes.TrimSuffix(line, []byte("\n")))
		if lines = append(lines, l); !l.at.IsZero() {
			last = l.at
			if first.IsZero() {
				first = last
			}
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	written := int64(0)
	for n := 0; written < size; n++ {
		for i := range lines {
			b := lines[i].copyTo(w.AvailableBuffer(), n, last.Sub(first)+time.Second)
			k, _ := w.Write(b) // an error comes with Flush
			written += int64(k)
		}
	}
	return written, w.Flush()
}
