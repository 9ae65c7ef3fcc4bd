package tui

import (
	"sort"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// fold is one line of the log screen: entries that follow each other and say
// the same, or a single one.
type fold struct {
	id    uint64 // number of its first entry, also after that one was evicted
	last  uint64
	count int
	same  sameness
}

// sameness is what folded entries have in common: all but time, numbers and
// peers.
type sameness struct {
	level   logparse.Level
	kind    logparse.Kind
	message string
	errno   int
}

func samenessOf(e *logparse.Entry) sameness {
	s := sameness{level: e.Level, kind: e.Kind, errno: e.Errno, message: e.Message}
	if s.message == "" {
		s.message = e.Raw
	}
	return s
}

// folds are the entries of a log that pass the filter, put together. They grow
// at the end and lose at the front what State evicts.
type folds struct {
	all    []fold
	upTo   uint64 // looked at
	apart  bool   // do not fold
	passed int    // entries in all of them
}

// scanAtMost is how many entries a refresh looks at.
const scanAtMost = 4000

// take looks at entries up to number last; logs begins with number first.
func (f *folds) take(logs []*monitor.LogRef, first, last uint64, pass func(*monitor.LogRef) bool) {
	f.evict(first)
	f.upTo = max(f.upTo, first-1)
	for range scanAtMost {
		if f.upTo >= last {
			return
		}
		f.upTo++
		if r := logs[f.upTo-first]; pass(r) {
			f.add(r)
		}
	}
}

func (f *folds) add(r *monitor.LogRef) {
	f.passed++
	same := samenessOf(&r.Entry)
	if n := len(f.all); n > 0 && !f.apart && f.all[n-1].same == same {
		f.all[n-1].last = r.N
		f.all[n-1].count++
		return
	}
	f.all = append(f.all, fold{id: r.N, last: r.N, count: 1, same: same})
}

// evict drops what ends before number first.
func (f *folds) evict(first uint64) {
	gone := sort.Search(len(f.all), func(i int) bool { return f.all[i].last >= first })
	for i := range f.all[:gone] {
		f.passed -= f.all[i].count
	}
	f.all = f.all[gone:]
}

// again begins anew.
func (f *folds) again() { *f = folds{apart: f.apart} }

func (f *folds) len() int              { return len(f.all) }
func (f *folds) idAt(place int) uint64 { return f.all[place].id }
func (f *folds) placeOf(id uint64) (int, bool) {
	i := sort.Search(len(f.all), func(i int) bool { return f.all[i].id >= id })
	return i, i < len(f.all) && f.all[i].id == id
}

// kindRates count the entries of the last minute by kind.
type kindRates struct {
	counts map[logparse.Kind]int
	cut    bool // there were more than ratesOf entries in it: counted are the newest ones
}

const (
	ratesOver = time.Minute
	ratesOf   = 5000
)

// take counts anew, from the newest entry back.
func (k *kindRates) take(logs []*monitor.LogRef, now monitor.Time) {
	*k = kindRates{counts: map[logparse.Kind]int{}}
	for i := len(logs) - 1; i >= 0 && now.Sub(logs[i].At) <= ratesOver; i-- {
		if k.cut = i < len(logs)-ratesOf; k.cut {
			return
		}
		k.counts[logs[i].Entry.Kind]++
	}
}
