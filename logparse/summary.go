package logparse

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Limits of a Summary.
const (
	maxNames   = 1000 // names kept by each Top
	maxBuckets = 1440 // a day of minutes
	maxName    = 512  // bytes of a name
)

// Count is a name and how often it came.
type Count struct {
	Name string
	N    int64
}

// Top counts names in bounded memory: the first maxNames are counted by name,
// what comes later as others.
type Top struct {
	list   []Count        // in the order in which the names came first
	index  map[string]int // in list
	recent [recents]int   // in list, of a name with this place that came
	others int64
	part   bool // of a Summary.Part: names are not bounded, cloned or indexed, and may be in list more than once
}

// recents is how many names Top finds without its index; a power of two.
const recents = 64

// place is where a Top looks first for a name: by its length and last bytes, for
// many names begin alike.
func place(name string) int {
	n := len(name)
	if n < 4 {
		return n
	}
	last := uint32(name[n-4]) | uint32(name[n-3])<<8 | uint32(name[n-2])<<16 | uint32(name[n-1])<<24
	return int((last ^ uint32(n)) * 0x9e3779b1 >> 26 % recents)
}

func (t *Top) add(name string, n int64) {
	if len(name) > maxName {
		name = name[:maxName]
	}
	recent := &t.recent[place(name)]
	if *recent < len(t.list) && t.list[*recent].Name == name {
		t.list[*recent].N += n
		return
	}
	if t.part {
		*recent = len(t.list)
		t.list = append(t.list, Count{name, n})
		return
	}
	i, ok := t.index[name]
	if !ok {
		if len(t.list) >= maxNames {
			t.others += n
			return
		}
		i = t.open(name)
	}
	t.list[i].N += n
	*recent = i
}

// open begins to count a name.
func (t *Top) open(name string) (i int) {
	if t.index == nil {
		t.index = map[string]int{}
	}
	name = strings.Clone(name) // lest it keep the whole line
	i = len(t.list)
	t.index[name] = i
	t.list = append(t.list, Count{Name: name})
	return i
}

// merge counts what part counted, as if its names had come one by one.
func (t *Top) merge(part *Top) {
	for _, c := range part.list {
		t.add(c.Name, c.N)
	}
}

// reset makes t, of a part, empty.
func (t *Top) reset() {
	clear(t.list)
	t.list = t.list[:0]
}

// List gives the names by falling count, then name; at most n, all if n <= 0.
func (t *Top) List(n int) []Count {
	list := slices.Clone(t.list)
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Name, b.Name))
	})
	if n > 0 && len(list) > n {
		list = list[:n]
	}
	return list
}

// Others counts what came after the names kept were full.
func (t *Top) Others() int64 { return t.others }

// Bucket counts the entries of one span of time.
type Bucket struct {
	At     time.Time // begin
	N      int64     // all entries
	Errors int64     // those at error or above
}

// Summary counts entries. Make it with NewSummary.
type Summary struct {
	Lines    int64 // physical lines
	Parsed   int64 // entries
	Unparsed int64 // lines of kind unparsed
	Forged   int64 // entries flagged as forged: counted in Lines and Parsed, nowhere else
	Cut      int64 // entries flagged as cut

	Levels map[Level]int64
	Kinds  map[Kind]int64

	Upstreams Top // Entry.UpstreamAddr
	Targets   Top // Entry.RequestTarget without query
	Servers   Top // Entry.Server, if not empty
	Hosts     Top // Entry.Host
	Clients   Top // Entry.Client

	First, Last time.Time // earliest and latest; zero if no entry had a time

	clock   Clock
	span    time.Duration
	buckets map[int64]*Bucket // by begin, in spans since 1970
	stamp   Stamp             // of the last entry that was counted by it
	bucket  *Bucket           // of that stamp, nil if there is none

	part *partCounts // of a Part, nil otherwise
}

// NewSummary makes an empty Summary; loc is the zone of nginx's stamps.
func NewSummary(loc *time.Location) *Summary {
	return &Summary{
		Levels: map[Level]int64{}, Kinds: map[Kind]int64{},
		clock: Clock{Loc: loc}, span: time.Minute, buckets: map[int64]*Bucket{},
	}
}

// Add counts e and keeps nothing of it but names.
func (s *Summary) Add(e *Entry) {
	s.Lines += int64(e.Lines)
	if !e.Parsed() {
		s.Unparsed++
		return
	}
	s.Parsed++
	if e.Flags.Has(FlagForged) {
		s.Forged++
		return
	}
	if e.Flags.Has(FlagCut) {
		s.Cut++
	}
	s.addKind(e)
	s.addNames(e)
	s.addTime(e)
}

func (s *Summary) addKind(e *Entry) {
	if s.part != nil {
		s.part.levels[e.Level]++
		s.part.kinds.add(string(e.Kind), 1)
		return
	}
	s.Levels[e.Level]++
	s.Kinds[e.Kind]++
}

func (s *Summary) addNames(e *Entry) {
	if e.Has(HasUpstream) {
		s.Upstreams.add(e.UpstreamAddr(), 1)
	}
	if e.Has(HasRequest) {
		path, _, _ := strings.Cut(e.RequestTarget(), "?")
		s.Targets.add(path, 1)
	}
	if e.Server != "" {
		s.Servers.add(e.Server, 1)
	}
	if e.Has(HasHost) {
		s.Hosts.add(e.Host, 1)
	}
	if e.Has(HasClient) {
		s.Clients.add(e.Client, 1)
	}
}

func (s *Summary) addTime(e *Entry) {
	stamped := e.SourceTime.IsZero()
	if !stamped || s.bucket == nil || e.Stamp != s.stamp {
		at := s.clock.Time(e)
		if at.IsZero() {
			return
		}
		s.seen(at)
		s.stamp, s.bucket = e.Stamp, s.bucketOf(at)
	}
	s.bucket.N++
	if e.Level >= LevelError {
		s.bucket.Errors++
	}
	if !stamped {
		s.bucket = nil
	}
}

// seen widens the time from First to Last.
func (s *Summary) seen(at time.Time) {
	if s.First.IsZero() || at.Before(s.First) {
		s.First = at
	}
	if at.After(s.Last) {
		s.Last = at
	}
}

// bucketOf gives the bucket of at; when there are too many, the spans are
// doubled until they are not.
func (s *Summary) bucketOf(at time.Time) *Bucket {
	for {
		k := s.key(at)
		if b := s.buckets[k]; b != nil {
			return b
		}
		if len(s.buckets) < maxBuckets {
			b := &Bucket{At: s.begin(k)}
			s.buckets[k] = b
			return b
		}
		s.widen()
	}
}

func (s *Summary) key(at time.Time) int64 {
	sec, n := at.Unix(), int64(s.span/time.Second)
	if sec < 0 {
		return (sec - n + 1) / n
	}
	return sec / n
}

func (s *Summary) begin(key int64) time.Time {
	return time.Unix(key*int64(s.span/time.Second), 0).In(s.clock.Loc)
}

func (s *Summary) widen() {
	old := s.buckets
	s.span *= 2
	s.bucket = nil
	s.buckets = make(map[int64]*Bucket, len(old))
	for _, b := range old {
		k := s.key(b.At)
		to := s.buckets[k]
		if to == nil {
			to = &Bucket{At: s.begin(k)}
			s.buckets[k] = to
		}
		to.N += b.N
		to.Errors += b.Errors
	}
}

// Buckets gives the spans that have entries, by time; spans between them had
// none.
func (s *Summary) Buckets() []Bucket {
	var list []Bucket
	for _, b := range s.buckets {
		list = append(list, *b)
	}
	slices.SortFunc(list, func(a, b Bucket) int { return a.At.Compare(b.At) })
	return list
}

// Span is the length of a bucket: a minute, doubled as often as is needed to
// have at most 1440 of them.
func (s *Summary) Span() time.Duration { return s.span }
