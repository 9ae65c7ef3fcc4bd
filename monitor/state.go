package monitor

import (
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// Bounds are State's limits on memory. Zero fields take the defaults.
type Bounds struct {
	Conns  int // all conns kept; beyond it new ones are counted, not kept
	Closed int // closed conns kept; the oldest unpinned goes first
	Logs   int // log entries kept
}

// The defaults of Bounds.
const (
	DefaultConns  = 200_000
	DefaultClosed = 20_000
	DefaultLogs   = 20_000
)

// Totals are sums over all conns ever seen, evicted ones included; both conns
// of a link count.
type Totals struct {
	Conns, Links                     uint64
	Upgraded, Refused, Failed        uint64
	Open, Closed                     uint64
	Frames, Bytes                    uint64
	HTTP                             map[string]uint64 // plain HTTP by status
	Dropped                          map[string]uint64 // by what
	Evicted                          uint64
	Events, Unknown, Oddities        uint64
	ClockSteps                       uint64
	Causes                           map[Cause]uint64
	Codes                            map[ws.CloseCode]uint64 // derived ones included
	LogLines, LogParsed, LogUnparsed uint64
	LogLevels                        map[string]uint64
	LogKinds                         map[string]uint64
	LogSummed                        uint64 // of LogLines, those only counted
	ViolationsByRule                 map[string]uint64
	Collapsed                        uint64
	RefusedBy                        map[string]uint64 // by status
	Judged                           map[Judgement]uint64
}

// DroppedAll is the number of records dropped, of whatever kind.
func (t *Totals) DroppedAll() (n uint64) {
	for _, v := range t.Dropped {
		n += v
	}
	return n
}

// LogRef is a log entry kept, with the conns it was joined to.
type LogRef struct {
	LogLine
	N         uint64 // number in order of arrival, from 1
	Joined    []ID   // both legs of one WebSocket; more when Ambiguous
	Score     int    // of the join; see join.go
	Exact     bool   // joined by X-Ngx-Conn or by another line of the same *N
	Ambiguous bool   // several candidates were equal

	group *joinGroup // of an ambiguous one
}

// State is everything known, as one plain value. Apply is its only mutator
// (Pin and Watch marks apart); it is not safe for concurrent use.
type State struct {
	Totals  Totals
	Bounds  Bounds
	Hellos  []*Hello
	Healths []*Health // newest of each name, in order of first sight
	Notes   []string  // of all hellos
	// Settings are the nginx configurations read, the newest of each source.
	Settings []*Settings
	polls    map[string]*PollSession // by Session
	polled   []*PollSession          // oldest first, to evict from

	now     Time
	started Time // first event
	conns   map[ID]*Conn
	list    []*Conn // in order of arrival; holes are nil
	holes   int
	closed  []*Conn // closed, oldest first, to evict from
	nextSeq uint64
	links   uint64
	roles   map[roleKey]Role

	limits []Limit // of taps and of all
	same   sameTexts
	// What conns have of their own: see limitSet.
	noLimits  limitSet
	limitSets int
	learner   learner
	keys      map[string]*keyGroup

	logs     []*LogRef // ring, oldest first
	logN     uint64
	pending  []*LogRef // not joined yet
	byNgx    map[ngxConn]*Conn
	settling []*Conn
	// unsettled: the last tick left verdicts to SettleMore.
	unsettled bool
	crowds    crowds
	groups    map[groupKey]*joinGroup
	step      time.Duration // the wall clock's steps since the anchor
	notices   []*LogRef
	relays    relays
	based     map[Instance][]baselineConn // of the partial Baselines of snapshots
	settled   []*Conn                     // since the last Settled
	lowest    map[string]logparse.Level
	watches   watches
	pasts     pasts
	sweep     sweep
}

type roleKey struct {
	tap  Instance
	name string
}

// NewState returns an empty State.
func NewState(b Bounds) *State {
	if b.Conns == 0 {
		b.Conns = DefaultConns
	}
	if b.Closed == 0 {
		b.Closed = DefaultClosed
	}
	if b.Logs == 0 {
		b.Logs = DefaultLogs
	}
	return &State{
		Bounds: b,
		conns:  map[ID]*Conn{},
		roles:  map[roleKey]Role{},
		keys:   map[string]*keyGroup{},
		byNgx:  map[ngxConn]*Conn{},
		lowest: map[string]logparse.Level{},
		groups: map[groupKey]*joinGroup{},
		Totals: newTotals(),
	}
}

func newTotals() Totals {
	return Totals{
		HTTP: map[string]uint64{}, Dropped: map[string]uint64{}, Causes: map[Cause]uint64{}, Codes: map[ws.CloseCode]uint64{},
		LogLevels: map[string]uint64{}, LogKinds: map[string]uint64{}, ViolationsByRule: map[string]uint64{},
		RefusedBy: map[string]uint64{}, Judged: map[Judgement]uint64{},
	}
}

// Now is the time of the newest event.
func (s *State) Now() Time { return s.now }

// Started is the time of the oldest event that carried one.
func (s *State) Started() Time { return s.started }

// Conn finds a conn, or nil.
func (s *State) Conn(id ID) *Conn { return s.conns[id] }

// Len is the number of conns kept.
func (s *State) Len() int { return len(s.list) - s.holes }

// Conns calls yield for each conn kept, in order of arrival.
func (s *State) Conns(yield func(*Conn) bool) {
	for _, c := range s.list {
		if c != nil && !yield(c) {
			return
		}
	}
}

// ConnsAfter are the conns kept whose Seq is above seq, in order of arrival.
func (s *State) ConnsAfter(seq uint64) func(yield func(*Conn) bool) {
	from := sort.Search(len(s.list), func(i int) bool { return s.seqAt(i) > seq })
	return func(yield func(*Conn) bool) {
		for _, c := range s.list[from:] {
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

// seqAt is the Seq of the i-th place of the list: for a hole, that of the next
// conn after it.
func (s *State) seqAt(i int) uint64 {
	for _, c := range s.list[i:] {
		if c != nil {
			return c.Seq
		}
	}
	return math.MaxUint64
}

// Logs is the entries kept, oldest first. Valid until the next Apply.
func (s *State) Logs() []*LogRef { return s.logs }

// Settled returns the conns whose verdict became final since the last call.
func (s *State) Settled() []*Conn {
	out := s.settled
	s.settled = nil
	return out
}

// Pin marks a conn so that it is never evicted.
func (s *State) Pin(id ID, on bool) {
	if c := s.conns[id]; c != nil {
		c.Pinned = on
	}
}

// HasRole says whether some tap has that role.
func (s *State) HasRole(r Role) bool {
	for _, have := range s.roles {
		if have == r {
			return true
		}
	}
	return false
}

// FollowsLog says whether any log entry was seen, or a log is waited for.
func (s *State) FollowsLog() bool {
	return len(s.lowest) > 0 || slices.ContainsFunc(s.Healths, func(h *Health) bool { return strings.HasPrefix(h.Name, HealthLog) })
}

// HealthLog begins the names of the healths of followed logs.
const HealthLog = "log "

// LogBlind says that no log seen so far holds entries as low as info, the
// level idle kills are written at.
func (s *State) LogBlind() bool {
	if len(s.lowest) == 0 {
		return false
	}
	for _, l := range s.lowest {
		if l != logparse.LevelUnknown && l <= logparse.LevelInfo {
			return false
		}
	}
	return true
}

// retire puts a conn that is closed and judged on the list to evict from.
func (s *State) retire(c *Conn) {
	s.closed = append(s.closed, c)
	for len(s.closed) > s.Bounds.Closed && s.evictOldest() {
	}
}

// evictOldest evicts the oldest closed conn that is not pinned; false if there
// is none.
func (s *State) evictOldest() bool {
	for i, c := range s.closed {
		if c.Pinned {
			continue
		}
		copy(s.closed[1:i+1], s.closed[:i]) // pinned ones move up, the rest stays
		s.closed[0] = nil
		s.closed = s.closed[1:]
		s.evict(c)
		return true
	}
	return false
}

func (s *State) evict(c *Conn) {
	delete(s.conns, c.ID)
	s.dropKey(c)
	s.dropNgx(c)
	c.Link.drop(c)
	s.watches.drop(c.ID)
	s.list[c.place] = nil
	s.holes++
	if s.holes > 64 && s.holes > len(s.list)/4 {
		s.compact()
	}
	s.Totals.Evicted++
}

func (s *State) compact() {
	keep := s.list[:0]
	for _, c := range s.list {
		if c != nil {
			c.place = int32(len(keep))
			keep = append(keep, c)
		}
	}
	clear(s.list[len(keep):])
	s.list, s.holes = keep, 0
}

// settleAfter is how long after its close a verdict waits for the other leg
// and the log, in event time (design §8).
const settleAfter = 2 * time.Second

func dirName(d ws.Direction) string {
	if d == ws.FromClient {
		return "client"
	}
	return "server"
}
