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
	n      map[string]int64
	others int64
}

func (t *Top) add(name string) {
	if len(name) > maxName {
		name = name[:maxName]
	}
	if _, ok := t.n[name]; !ok {
		if len(t.n) >= maxNames {
			t.others++
			return
		}
		if t.n == nil {
			t.n = map[string]int64{}
		}
		name = strings.Clone(name) // lest it keep the whole line
	}
	t.n[name]++
}

// List gives the names by falling count, then name; at most n, all if n <= 0.
func (t *Top) List(n int) []Count {
	var list []Count
	for name, k := range t.n {
		list = append(list, Count{name, k})
	}
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

	loc     *time.Location
	span    time.Duration
	buckets map[int64]*Bucket // by begin, in spans since 1970
}

// NewSummary makes an empty Summary; loc is the zone of nginx's stamps.
func NewSummary(loc *time.Location) *Summary {
	return &Summary{
		Levels: map[Level]int64{}, Kinds: map[Kind]int64{},
		loc: loc, span: time.Minute, buckets: map[int64]*Bucket{},
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
	s.Levels[e.Level]++
	s.Kinds[e.Kind]++
	s.addNames(e)
	s.addTime(e)
}

func (s *Summary) addNames(e *Entry) {
	if e.Has(HasUpstream) {
		s.Upstreams.add(e.UpstreamAddr())
	}
	if e.Has(HasRequest) {
		path, _, _ := strings.Cut(e.RequestTarget(), "?")
		s.Targets.add(path)
	}
	if e.Server != "" {
		s.Servers.add(e.Server)
	}
	if e.Has(HasHost) {
		s.Hosts.add(e.Host)
	}
	if e.Has(HasClient) {
		s.Clients.add(e.Client)
	}
}

func (s *Summary) addTime(e *Entry) {
	at := e.Time(s.loc)
	if at.IsZero() {
		return
	}
	if s.First.IsZero() || at.Before(s.First) {
		s.First = at
	}
	if at.After(s.Last) {
		s.Last = at
	}
	b := s.bucket(at)
	b.N++
	if e.Level >= LevelError {
		b.Errors++
	}
}

// bucket gives the bucket of at; when there are too many, the spans are
// doubled until they are not.
func (s *Summary) bucket(at time.Time) *Bucket {
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
	return time.Unix(key*int64(s.span/time.Second), 0).In(s.loc)
}

func (s *Summary) widen() {
	old := s.buckets
	s.span *= 2
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
