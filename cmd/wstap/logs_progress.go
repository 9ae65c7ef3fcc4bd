package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

const (
	progressAfter = 300 * time.Millisecond // what is over sooner needs none
	progressEvery = 100 * time.Millisecond
)

// logProgress shows on a terminal how far the reading of logs is.
type logProgress struct {
	out   io.Writer // nil: nowhere
	now   func() time.Time
	total int64 // bytes of all files, 0 if it is not known
	done  int64

	began, drawn time.Time
}

// newLogProgress shows nothing unless standard error is a terminal that nothing
// else is written to meanwhile.
func newLogProgress(files []string, json bool) *logProgress {
	p := &logProgress{now: time.Now, total: sizeOfFiles(files)}
	if isTerminal(os.Stderr) && os.Getenv("TERM") != "dumb" && !(json && isTerminal(os.Stdout)) {
		p.out = os.Stderr
	}
	return p
}

// sizeOfFiles is 0 if one of them is no regular file: its end is not known.
func sizeOfFiles(files []string) (n int64) {
	for _, name := range files {
		fi, err := os.Stat(name)
		switch {
		case err == nil && fi.Mode().IsRegular():
			n += fi.Size()
		case err == nil || name == "-":
			return 0
		}
	}
	return n
}

// step says that n more bytes are read.
func (p *logProgress) step(n int) {
	p.done += int64(n)
	if p.out == nil {
		return
	}
	now := p.now()
	switch {
	case p.began.IsZero():
		p.began = now
	case now.Sub(p.began) >= progressAfter && now.Sub(p.drawn) >= progressEvery:
		p.drawn = now
		fmt.Fprintf(p.out, "\r%s\x1b[K", p.text(now.Sub(p.began)))
	}
}

// text is short enough for every terminal.
func (p *logProgress) text(took time.Duration) string {
	rate := float64(p.done) / took.Seconds()
	speed := sizeText(int64(rate)) + "/s"
	if p.total == 0 {
		return sizeText(p.done) + "  " + speed
	}
	left := time.Duration(float64(max(p.total-p.done, 0)) / rate * float64(time.Second))
	return fmt.Sprintf("%d %%  %s  %d s left", p.percent(), speed, int(left.Seconds()+0.5))
}

// percent of the total; a file that grows has no more than all of it.
func (p *logProgress) percent() int64 { return min(p.done*100/p.total, 100) }

// clear takes the line away.
func (p *logProgress) clear() {
	if !p.drawn.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// part says how much was read, for who interrupted it.
func (p *logProgress) part() string {
	if p.total == 0 {
		return "the first " + sizeText(p.done)
	}
	return fmt.Sprintf("the first %s of %s (%d %%)", sizeText(p.done), sizeText(p.total), p.percent())
}
