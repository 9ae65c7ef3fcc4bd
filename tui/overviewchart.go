package tui

import (
	"strings"
	"time"

	"github.com/NimbleMarkets/ntcharts/v2/canvas"
	"github.com/NimbleMarkets/ntcharts/v2/sparkline"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// curve is one thing drawn over time.
type curve struct {
	name  string
	st    style
	of    func(*monitor.HistoryBucket) uint32
	level bool   // how many there are at a moment, of which a column has the most; else what happened, which adds up
	jump  string // the filter that shows its connections
}

var curves = []curve{
	{"live", stAccent, func(b *monitor.HistoryBucket) uint32 { return b.Live }, true, "state:live"},
	{"near", stNear, func(b *monitor.HistoryBucket) uint32 { return b.Near }, true, "state:near,critical"},
	{"opened", stGood, func(b *monitor.HistoryBucket) uint32 { return b.Opened }, false, ""},
	{"closed", stPlain, func(b *monitor.HistoryBucket) uint32 { return b.Closed }, false, "state:closed"},
	{"bad", stRefused, func(b *monitor.HistoryBucket) uint32 { return b.Bad }, false, "cause:" + badCauses()},
}

// badCauses are the causes that count as bad, as a value of the filter language.
func badCauses() string {
	var words []string
	for _, c := range monitor.Causes() {
		if c.Bad() {
			words = append(words, string(c))
		}
	}
	return strings.Join(words, ",")
}

// course is a curve in columns.
type course struct {
	columns    []uint64 // the newest last
	most       uint64   // of them
	now, total uint64   // of a level now; else what happened in the time of a column until now, and in all the time
}

// columnBuckets is how many buckets of a history a column takes where there is
// room for w of them.
func columnBuckets(h *monitor.History, w int) int {
	w = max(w, 1)
	return max((len(h.Buckets)+w-1)/w, 1)
}

// courseOf puts the buckets of a history into no more than w columns. Columns
// begin at multiples of their length, so that they keep their values as time
// passes; the newest one is being filled.
func courseOf(h *monitor.History, c *curve, w int) (out course) {
	per := int64(columnBuckets(h, w))
	first := int64(0)
	if h.Width > 0 {
		first = int64(h.From) / int64(h.Width)
	}
	newest := len(h.Buckets) - int(per)
	last := int64(-1)
	for i := range h.Buckets {
		n := uint64(c.of(&h.Buckets[i]))
		if at := (first + int64(i)) / per; at != last {
			out.columns, last = append(out.columns, 0), at
		}
		col := &out.columns[len(out.columns)-1]
		switch {
		case c.level:
			*col, out.now = max(*col, n), n
		default:
			*col += n
			out.total += n
			if i >= newest {
				out.now += n
			}
		}
	}
	out.columns = out.columns[max(len(out.columns)-max(w, 0), 0):]
	for _, n := range out.columns {
		out.most = max(out.most, n)
	}
	return out
}

// plotter draws charts, one after another. The library works out the cells, which
// are large: they are kept for the next chart. How they look is ours.
type plotter struct{ sparkline sparkline.Model }

// plot draws columns as h lines of w cells, the newest at the right end. What is
// not nothing is seen as something, and nothing is a dot at the ground.
func (p *plotter) plot(columns []uint64, most uint64, w, h int) []string {
	full := float64(max(most, 1))
	if p.sparkline.Width() != w || p.sparkline.Height() != h {
		p.sparkline = sparkline.New(w, h, sparkline.WithNoAutoMaxValue())
	}
	chart := &p.sparkline
	chart.Clear()
	chart.SetMax(full)
	wide := stretch(len(columns), w)
	for _, n := range columns {
		v := float64(n)
		if n > 0 {
			v = max(v, full/float64(8*h))
		}
		for range wide {
			chart.Push(v)
		}
	}
	chart.DrawColumnsOnly()
	out := make([]string, h)
	for y := range out {
		var b strings.Builder
		for x := range w {
			r := chart.Canvas.Cell(canvas.Point{X: x, Y: y}).Rune
			if r == 0 {
				r = ' '
			}
			if r == ' ' && y == h-1 && x >= w-wide*len(columns) {
				r = '·'
			}
			b.WriteRune(r)
		}
		out[y] = b.String()
	}
	return out
}

// The cells of a chart's line beside the drawing: mark and name, a number, the most.
const (
	chartName   = 7
	chartNumber = 5
	chartBeside = 1 + chartName + chartNumber + 1 + 1 + chartNumber
)

const (
	chartLeast  = 8 // cells of a drawing
	stretchMost = 6 // cells of a column, while there are few
)

// stretch is how many cells each of n columns takes where there is room for w.
func stretch(n, w int) int { return min(max(w/max(n, 1), 1), stretchMost) }

// chart is the lines of a curve in w cells: its name, now or all together, the
// drawing, and its scale.
func (p *plotter) chart(h *monitor.History, c *curve, whole bool, w, height int) []line {
	inner := max(w-chartBeside, chartLeast)
	k := courseOf(h, c, inner)
	number := count(k.now)
	switch {
	case whole && c.level:
		number = ""
	case whole:
		number = count(k.total)
	}
	out := make([]line, height)
	for y, drawn := range p.plot(k.columns, k.most, inner, height) {
		name, scale := "", ""
		switch y {
		case 0:
			name, scale = c.name, count(k.most)
		case height - 1:
			number, scale = "", "0"
		default:
			number = ""
		}
		out[y] = one(stPlain, printable.PadRight(name, chartName)+printable.PadLeft(number, chartNumber)+" ").
			draw(c.st, drawn).add(stDim, " "+printable.PadLeft(scale, chartNumber))
	}
	return out
}

// chartHead is the line above the charts.
func chartHead(h *monitor.History, whole bool, w int) line {
	inner := max(w-chartBeside, chartLeast)
	span := time.Duration(len(h.Buckets)) * h.Width
	what, number := "last ", "now"
	if whole {
		what, number = "all ", "sum"
	}
	each := lasting(time.Duration(columnBuckets(h, inner)) * h.Width)
	title := what + lasting(span) + ", a step is " + each
	if printable.Width(title) > inner {
		title = what + lasting(span) + " by " + each
	}
	return one(stHead, " "+printable.PadRight("", chartName)+printable.PadLeft(number, chartNumber)+" ").
		add(stHead, printable.PadRight(printable.Truncate(title, inner), inner)).
		add(stHead, " "+printable.PadLeft("max", chartNumber))
}

// chartAxis is the line below them: when they begin and end.
func chartAxis(h *monitor.History, at stamps, w int) line {
	inner := max(w-chartBeside, chartLeast)
	from, to := at.short(h.From, 0), at.short(at.now, 0)
	if at.mode == TimeAgo {
		to = "now"
	}
	n := len(courseOf(h, &curves[0], inner).columns)
	empty := inner - n*stretch(n, inner)
	room := inner - printable.Width(from) - printable.Width(to)
	if room < 1 {
		return one(stDim, blanksOf(w-chartNumber-1-printable.Width(to))+to)
	}
	empty = min(empty, room-1)
	return one(stDim, blanksOf(1+chartName+chartNumber+1+empty)+from+blanksOf(room-empty)+to)
}

// lasting is a length of time in a few cells.
func lasting(d time.Duration) string {
	if d < time.Minute || d%time.Minute == 0 && d < 100*time.Minute {
		return round(d)
	}
	return span5(d)
}
