package monitor

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Judgement is a cause and how sure of it a verdict was; in JSON "cause confidence".
type Judgement struct {
	Cause      Cause
	Confidence Confidence
}

func (j Judgement) MarshalText() ([]byte, error) {
	return []byte(string(j.Cause) + " " + string(j.Confidence)), nil
}

// UnmarshalText reads what MarshalText writes; a cause alone is of no confidence.
func (j *Judgement) UnmarshalText(b []byte) error {
	cause, confidence, _ := strings.Cut(string(b), " ")
	j.Cause, j.Confidence = Cause(cause), Confidence(confidence)
	return nil
}

// pastPart is a relay's past in a Baseline.
type pastPart struct {
	Tap     Instance      `json:"tap"`
	Recent  bucketColumns `json:"recent"`
	Whole   bucketColumns `json:"whole"`
	Gaps    []uint64      `json:"gaps"`
	Targets []TargetCount `json:"targets,omitempty"`
}

// bucketColumns are buckets by column: the same names once, and small numbers
// side by side.
type bucketColumns struct {
	From   Time     `json:"from"`
	Width  Millis   `json:"width_ms"`
	Opened []uint32 `json:"opened"`
	Closed []uint32 `json:"closed"`
	Bad    []uint32 `json:"bad"`
	Live   []uint32 `json:"live"`
	Near   []uint32 `json:"near"`
}

// bucketColumn is a column of c and its field of a bucket.
type bucketColumn struct {
	all *[]uint32
	of  func(*HistoryBucket) *uint32
}

func (c *bucketColumns) columns() [5]bucketColumn {
	return [...]bucketColumn{
		{&c.Opened, func(b *HistoryBucket) *uint32 { return &b.Opened }},
		{&c.Closed, func(b *HistoryBucket) *uint32 { return &b.Closed }},
		{&c.Bad, func(b *HistoryBucket) *uint32 { return &b.Bad }},
		{&c.Live, func(b *HistoryBucket) *uint32 { return &b.Live }},
		{&c.Near, func(b *HistoryBucket) *uint32 { return &b.Near }},
	}
}

func columnsOf(b buckets) (c bucketColumns) {
	c.From, c.Width = Time(b.first*int64(b.width)), Millis(b.width)
	for _, col := range c.columns() {
		*col.all = make([]uint32, len(b.list))
		for i := range b.list {
			(*col.all)[i] = *col.of(&b.list[i])
		}
	}
	return c
}

// buckets are those that end no later than now, of which no more than most are
// taken. Columns of a width that is none of ours are not: they come from elsewhere.
func (c *bucketColumns) buckets(now Time, most int) (b buckets, ok bool) {
	b.width = c.Width.Std()
	if b.width < historyWidth || !isDoubled(b.width) || c.From < 0 {
		return b, false
	}
	b.first = b.number(c.From)
	n := min(len(c.Opened), most)
	n = int(min(int64(n), b.number(now)-b.first+1))
	if n <= 0 {
		return b, false
	}
	b.list = make([]HistoryBucket, n)
	for _, col := range c.columns() {
		for i, v := range (*col.all)[:min(len(*col.all), n)] {
			*col.of(&b.list[i]) = v
		}
	}
	return b, true
}

// isDoubled says that a width is the first one, doubled any number of times.
func isDoubled(width time.Duration) bool {
	n := int64(width / historyWidth)
	return width%historyWidth == 0 && n&(n-1) == 0
}

// pastParts are the pasts of all relays, for a Baseline.
func (s *State) pastParts() (parts []pastPart) {
	for tap, p := range s.pasts.of {
		parts = append(parts, pastPart{
			Tap: tap, Recent: columnsOf(p.recent.tail(historyRecent)), Whole: columnsOf(p.whole.tail(historyWhole)),
			Gaps: slices.Clone(p.gaps[:]), Targets: p.targets.list(),
		})
	}
	slices.SortFunc(parts, func(a, b pastPart) int { return cmp.Compare(a.Tap, b.Tap) })
	return parts
}

// takePasts puts the pasts of a Baseline in the place of those that they are of.
// Without one, nothing is known of the time before.
func (s *State) takePasts(ev *Baseline, alone bool) {
	told := map[Instance]*pastPart{}
	for i := range ev.History[:min(len(ev.History), hellosMost)] {
		part := &ev.History[i]
		switch {
		case alone && ev.Tap == 0:
			s.pastOf(part.Tap)
			told[part.Tap] = part
		case part.Tap == 0 || part.Tap == ev.Tap:
			s.pastOf(ev.Tap)
			told[ev.Tap] = part
		}
	}
	for tap, p := range s.pasts.of {
		if alone || tap == ev.Tap {
			p.take(told[tap], s.now)
		}
	}
}

// take replaces p by what was told of it; what is live, or near its limit, is
// known from the conns.
func (p *past) take(told *pastPart, now Time) {
	p.recent, p.whole = buckets{width: historyWidth}, buckets{width: historyWidth}
	p.gaps = [GapBuckets]uint64{}
	var counts []TargetCount
	if told != nil {
		if b, ok := told.Recent.buckets(now, historyRecent); ok && b.width == historyWidth {
			p.recent = b
		}
		if b, ok := told.Whole.buckets(now, historyWhole); ok {
			p.whole = b
		}
		copy(p.gaps[:], told.Gaps)
		counts = told.Targets
	}
	p.targets.told(counts)
	p.levels(now)
}
