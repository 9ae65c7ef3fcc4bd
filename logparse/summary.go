package logparse

import "time"

// Count is a name and how often it came.
type Count struct {
	Name string
	N    int64
}

// Bucket counts the entries of one span of time.
type Bucket struct {
	At     time.Time // begin
	N      int64     // all entries
	Errors int64     // those at error or above
}

// Top counts names in bounded memory.
type Top struct{}

// List gives the names by falling count, then name; at most n, all if n <= 0.
func (t *Top) List(n int) []Count { return nil }

// Others counts what was not kept by name.
func (t *Top) Others() int64 { return 0 }

// Summary counts entries.
type Summary struct {
	Lines    int64 // physical lines
	Parsed   int64 // entries
	Unparsed int64 // entries of kind unparsed
	Forged   int64 // parsed entries flagged as forged; counted nowhere below
	Cut      int64

	Levels                                      map[Level]int64
	Kinds                                       map[Kind]int64
	Upstreams, Targets, Servers, Hosts, Clients Top

	First, Last time.Time
}

// NewSummary makes an empty Summary; loc is the zone of nginx's stamps.
func NewSummary(loc *time.Location) *Summary { return &Summary{} }

// Add counts e and keeps nothing of it but names.
func (s *Summary) Add(e *Entry) {}

// Buckets gives the entries over time: spans of Span from First on, without gaps.
func (s *Summary) Buckets() []Bucket { return nil }

// Span is the length of a bucket: a minute, or as much more as keeps their
// number bounded.
func (s *Summary) Span() time.Duration { return time.Minute }
