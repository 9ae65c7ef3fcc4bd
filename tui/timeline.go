package tui

import (
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// Timeline is what happened over the whole of a recording. Whoever hands it out
// changes nothing of it afterwards.
type Timeline struct {
	From     monitor.Time  // where the first bucket begins
	Step     time.Duration // that a bucket lasts
	Buckets  []Bucket
	Marks    []Mark       // incidents, by time
	Upto     monitor.Time // looked through until here
	Complete bool         // looked through as far as it can be read
}

// Bucket is what happened in one Step.
type Bucket struct {
	Activity uint64 // frames and events
	Marks    [MarkKinds]uint32
}

// MarkKind sorts the incidents on a timeline.
type MarkKind uint8

// The kinds of marks, the strongest last: in a column with several it is shown.
const (
	MarkRefused  MarkKind = iota // never upgraded
	MarkDeath                    // ended, and not by a close handshake
	MarkFinding                  // a finding of severity error
	MarkShutdown                 // nginx was reloaded or stopped
	MarkKinds    = iota
)

// Mark is an incident: what happened for one reason within a second.
type Mark struct {
	At   monitor.Time
	Kind MarkKind
	What string     // a monitor.Cause, or words; may come from outside
	Conn monitor.ID // the first it touched; zero: none
	Seq  uint64     // that conn's number
	N    uint64     // conns it touched; 0: it is about none
}

// markLooks are the marks on the timeline, readable without colour.
var markLooks = [MarkKinds]glyph{
	MarkRefused:  {"⊘", stRefused, "an upgrade was refused, failed or came to no server"},
	MarkDeath:    {"×", stCritical, "a connection ended without a close handshake"},
	MarkFinding:  {"!", stFail, "something was found that is an error, see 3"},
	MarkShutdown: {"↻", stWarn, "nginx was reloaded or stopped, or a worker of it left"},
}

// scale maps the time of a recording to the columns of its timeline.
type scale struct {
	from, to monitor.Time
	w        int
}

// column is where a time is, at an end if it is beyond.
func (s scale) column(t monitor.Time) int {
	if s.to <= s.from {
		return 0
	}
	part := float64(t.Sub(s.from)) / float64(s.to.Sub(s.from))
	return min(max(int(part*float64(s.w)), 0), max(s.w-1, 0))
}

// begin is when a column begins; that of column w is the end.
func (s scale) begin(col int) monitor.Time {
	return s.from.Add(time.Duration(float64(s.to.Sub(s.from)) * float64(col) / float64(max(s.w, 1))))
}

// at is the time that a click on a column means: its middle, and at the ends
// the ends.
func (s scale) at(col int) monitor.Time {
	switch {
	case col <= 0:
		return s.from
	case col >= s.w-1:
		return s.to
	}
	return s.from.Add(time.Duration(float64(s.to.Sub(s.from)) * (float64(col) + 0.5) / float64(s.w)))
}

// cell is one column of a timeline.
type cell struct {
	activity float64 // a mean of buckets, so that columns of unequal numbers of them compare
	marks    [MarkKinds]uint64
	read     bool // looked through
}

// columns divides a timeline among the columns of a scale.
func (t *Timeline) columns(s scale) []cell {
	out := make([]cell, max(s.w, 0))
	if len(out) == 0 {
		return out
	}
	for i := range out {
		begin := s.begin(i)
		out[i].activity = t.mean(begin, s.begin(i+1))
		out[i].read = begin <= t.Upto
	}
	for i := range t.Buckets {
		col := s.column(t.From.Add(time.Duration(i) * t.Step))
		for k, n := range t.Buckets[i].Marks {
			out[col].marks[k] += uint64(n)
		}
	}
	return out
}

// mean is the activity of the buckets that begin in a time, or else of the one
// that it lies in.
func (t *Timeline) mean(from, to monitor.Time) float64 {
	if t.Step <= 0 || len(t.Buckets) == 0 {
		return 0
	}
	last := len(t.Buckets) - 1
	first := int(math.Ceil(float64(from.Sub(t.From)) / float64(t.Step)))
	end := int(math.Ceil(float64(to.Sub(t.From)) / float64(t.Step)))
	if end <= first {
		first = int(math.Floor(float64(from.Sub(t.From)) / float64(t.Step)))
		end = first + 1
	}
	first, end = min(max(first, 0), last), min(max(end, 1), last+1)
	sum := 0.0
	for _, b := range t.Buckets[first:max(end, first+1)] {
		sum += float64(b.Activity)
	}
	return sum / float64(max(end-first, 1))
}

// strongest is the mark that a column shows, and how many it stands for.
func (c *cell) strongest() (kind MarkKind, n uint64) {
	for k, have := range c.marks {
		if have > 0 {
			kind = MarkKind(k)
		}
		n += have
	}
	return kind, n
}

// heights are the signs of activity, from little to most. Their steps are those
// of the square root: what is little beside a burst is still seen.
var heights = []rune("▁▂▃▄▅▆▇█")

const (
	quietSign  = "·" // looked through, and nothing there
	unreadSign = "─" // not looked through yet
)

func (c *cell) height(most float64) string {
	switch {
	case c.activity > 0:
		i := int(math.Sqrt(c.activity/most) * float64(len(heights)))
		return string(heights[min(i, len(heights)-1)])
	case c.read:
		return quietSign
	}
	return unreadSign
}

func most(cells []cell) (v float64) {
	for i := range cells {
		v = max(v, cells[i].activity)
	}
	return v
}

// markLine is the marks of a timeline: below its column the strongest, and
// where there is room how many.
func markLine(cells []cell) (l line) {
	for i := 0; i < len(cells); {
		kind, n := cells[i].strongest()
		if n == 0 {
			l = l.add(stPlain, " ")
			i++
			continue
		}
		l = l.add(markLooks[kind].st, markLooks[kind].sign)
		i++
		free := 0
		for i+free < len(cells) && cells[i+free].marks == [MarkKinds]uint64{} {
			free++
		}
		// One cell stays free, so that the number is not taken for the next column's.
		if text := count(n); n > 1 && len(text) < free || n > 1 && len(text) == free && i+free == len(cells) {
			l = l.add(stDim, text)
			i += len(text)
		}
	}
	return l
}

// after is the first mark after a time, or before it the last; -1: there is none.
func (t *Timeline) after(at monitor.Time) int {
	i := sort.Search(len(t.Marks), func(i int) bool { return t.Marks[i].At > at })
	if i == len(t.Marks) {
		return -1
	}
	return i
}

func (t *Timeline) before(at monitor.Time) int {
	return sort.Search(len(t.Marks), func(i int) bool { return t.Marks[i].At >= at }) - 1
}

// placeOf is where a mark is that was taken from an earlier state of the
// timeline; -1 if it is no longer there.
func (t *Timeline) placeOf(m Mark) int {
	for i := sort.Search(len(t.Marks), func(i int) bool { return t.Marks[i].At >= m.At }); i < len(t.Marks) && t.Marks[i].At == m.At; i++ {
		if t.Marks[i].Kind == m.Kind && t.Marks[i].What == m.What {
			return i
		}
	}
	return -1
}

// words say what a mark is, without its place among the others.
func (m *Mark) words(at string) string {
	s := printable.String(monitor.Cause(m.What).Short()) + " at " + at
	switch {
	case m.N > 1:
		s += ", " + plural(m.N, "connection", "connections")
		if m.Seq > 0 {
			s += fmt.Sprintf(", first #%d", m.Seq)
		}
	case m.Seq > 0:
		s += fmt.Sprintf(", #%d", m.Seq)
	}
	return s
}
