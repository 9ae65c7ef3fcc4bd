package logparse

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

func TestSummaryOfRealLog(t *testing.T) {
	s := NewSummary(time.UTC)
	for _, e := range readAll(t, readRealLog(t)) {
		s.Add(&e)
	}
	if s.Lines != 448 || s.Parsed != 447 || s.Unparsed != 0 || s.Forged != 1 || s.Cut != 7 {
		t.Errorf("lines %d, parsed %d, unparsed %d, forged %d, cut %d; want 448, 447, 0, 1, 7", s.Lines, s.Parsed, s.Unparsed, s.Forged, s.Cut)
	}
	if s.Levels[LevelEmerg] != 9 || s.Kinds[KindOther] != 0 || s.Kinds[KindUpstreamTimedOut] != 36 {
		t.Errorf("levels %v, kinds %v", s.Levels, s.Kinds)
	}
	day := func(h, m, sec int) time.Time { return time.Date(2026, 11, 22, h, m, sec, 0, time.UTC) }
	if !s.First.Equal(day(9, 5, 3)) || !s.Last.Equal(day(9, 10, 14)) {
		t.Errorf("from %v to %v; the forged line of 2031 must not count", s.First, s.Last)
	}
	b := s.Buckets()
	if len(b) != 6 || !b[0].At.Equal(day(9, 5, 0)) || s.Span() != time.Minute {
		t.Errorf("%d buckets of %v, the first %v; want 6 minutes from 09:05", len(b), s.Span(), b[0])
	}
	if got, want := s.Clients.List(0), []Count{{"127.0.0.1", 185}, {"::1", 1}, {"unix:", 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("clients %v, want %v", got, want)
	}
	if got, want := s.Hosts.List(1), []Count{{"ws.example.test", 127}}; !reflect.DeepEqual(got, want) {
		t.Errorf("hosts %v, want %v", got, want)
	}
}

func TestSummaryStripsQueries(t *testing.T) {
	s := NewSummary(time.UTC)
	for i := range 3 {
		s.Add(&Entry{Kind: KindOther, Present: HasRequest, Request: fmt.Sprintf("GET /a?token=%d HTTP/1.1", i)})
	}
	if got, want := s.Targets.List(0), []Count{{"/a", 3}}; !reflect.DeepEqual(got, want) {
		t.Errorf("targets %v, want %v", got, want)
	}
}

func TestTopIsBounded(t *testing.T) {
	var top Top
	for i := range maxNames + 50 {
		top.add(fmt.Sprint(i), 1)
		top.add("0", 1)
	}
	if n := len(top.List(0)); n != maxNames || top.Others() != 50 {
		t.Errorf("%d names, %d others; want %d, 50", n, top.Others(), maxNames)
	}
	if got, want := top.List(2), []Count{{"0", maxNames + 51}, {"1", 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("top %v, want %v", got, want)
	}
}

func TestBucketsAreBounded(t *testing.T) {
	s := NewSummary(time.UTC)
	const n = 5000
	for i := range n {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
		s.Add(&Entry{Kind: KindOther, Level: LevelError, SourceTime: at})
	}
	var sum, errors int64
	var last time.Time
	for _, b := range s.Buckets() {
		sum, errors = sum+b.N, errors+b.Errors
		if !b.At.After(last) || b.At.Unix()%int64(s.Span()/time.Second) != 0 {
			t.Fatalf("bucket %v after %v, span %v", b.At, last, s.Span())
		}
		last = b.At
	}
	if k := len(s.Buckets()); k > maxBuckets || sum != n || errors != n {
		t.Errorf("%d buckets with %d entries, %d errors; want at most %d with %d", k, sum, errors, maxBuckets, n)
	}
}
