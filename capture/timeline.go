package capture

import (
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// Timeline is what happened over a recording: how much by time, and what went
// wrong when. It is not changed once it was handed out.
type Timeline struct {
	From      monitor.Time  // where the first bucket begins
	Step      time.Duration // that a bucket lasts
	Buckets   []TimelineBucket
	Incidents []Incident // by time
	Unlisted  uint64     // conns in Buckets whose incidents were too many to list
}

// TimelineBucket is what happened in one Step.
type TimelineBucket struct {
	Activity  uint64 // frames, and events other than samples
	Incidents [IncidentKinds]uint32
}

// IncidentKind sorts incidents.
type IncidentKind uint8

// The kinds, the strongest last: what explains others wins over them.
const (
	IncidentRefused  IncidentKind = iota // never upgraded: refused, failed, unreachable
	IncidentDeath                        // ended, and not by a close handshake
	IncidentFinding                      // a finding of severity error
	IncidentShutdown                     // nginx was reloaded or stopped, or a worker left or died
	IncidentKinds    = iota
)

// Incident is something that went wrong. What happened for one reason within a
// second is one incident.
type Incident struct {
	At   monitor.Time
	Kind IncidentKind
	What string     // a monitor.Cause, words of ours, or a finding's title
	Conn monitor.ID // the first conn it touched; zero: none
	Seq  uint64     // that conn's number
	N    uint64     // conns it touched, both legs of one WebSocket counted once; 0: it is about none
}

const (
	// timelineBuckets is how many buckets a recording is divided into at least,
	// if it lasts long enough; there are at most twice as many.
	timelineBuckets = 1024
	timelineStep    = monitor.Time(time.Millisecond) // the shortest
	// oneIncident is how long one incident may take.
	oneIncident = time.Second
	// incidentsMost bounds the incidents listed.
	incidentsMost = 20_000
	// rememberedMost bounds what is remembered of the conns that were counted.
	rememberedMost = 1 << 16
)

// TimelineBuilder makes a Timeline. It is told what a State learns of a
// recording, in any order of time, and grows with it.
type TimelineBuilder struct {
	t        Timeline
	began    bool
	links    map[linkCause]struct{}      // counted
	doubtful map[monitor.ID]timelineMark // counted, and perhaps judged again
	settings map[string]map[string]bool  // error findings of each configuration
}

// linkCause recognises the second leg of a WebSocket that died.
type linkCause struct {
	link  uint64
	cause monitor.Cause
}

type timelineMark struct {
	at   monitor.Time
	kind IncidentKind
	what string
}

// NewTimelineBuilder begins a timeline. From and to are what is known of the
// recording's length, and may be zero.
func NewTimelineBuilder(from, to monitor.Time) *TimelineBuilder {
	b := &TimelineBuilder{
		links: map[linkCause]struct{}{}, doubtful: map[monitor.ID]timelineMark{}, settings: map[string]map[string]bool{},
	}
	if from > 0 {
		b.begin(from)
		b.bucket(max(to, from))
	}
	return b
}

// begin makes from the beginning.
func (b *TimelineBuilder) begin(from monitor.Time) {
	b.began = true
	b.t.From, b.t.Step = max(from, 0), time.Duration(timelineStep)
}

// bucket is the one of a time. Before the beginning is the first one: a clock
// was set back. Beyond the end the timeline grows, and its buckets widen.
func (b *TimelineBuilder) bucket(at monitor.Time) *TimelineBucket {
	if !b.began {
		b.begin(at)
	}
	i := int64(max(at, b.t.From)-b.t.From) / int64(b.t.Step)
	for ; i >= 2*timelineBuckets; i /= 2 {
		b.widen()
	}
	for int64(len(b.t.Buckets)) <= i {
		b.t.Buckets = append(b.t.Buckets, TimelineBucket{})
	}
	return &b.t.Buckets[i]
}

// widen makes one bucket of two.
func (b *TimelineBuilder) widen() {
	b.t.Step *= 2
	half := b.t.Buckets[:0]
	for i := 0; i < len(b.t.Buckets); i += 2 {
		sum := b.t.Buckets[i]
		if i+1 < len(b.t.Buckets) {
			sum.add(&b.t.Buckets[i+1])
		}
		half = append(half, sum)
	}
	b.t.Buckets = half
}

func (t *TimelineBucket) add(o *TimelineBucket) {
	t.Activity += o.Activity
	for k := range t.Incidents {
		t.Incidents[k] += o.Incidents[k]
	}
}

// Frames counts n frames of the second before at: a recording's batches hold a
// second, and at is when they were cut.
func (b *TimelineBuilder) Frames(at monitor.Time, n int) {
	from := at.Add(-time.Second)
	if b.began {
		from = max(from, b.t.From)
	}
	b.bucket(at)
	pieces := uint64(max(min(at.Sub(from)/b.t.Step, timelineBuckets), 1))
	for i := range pieces {
		share := uint64(n)*(i+1)/pieces - uint64(n)*i/pieces
		b.bucket(from.Add(at.Sub(from) * time.Duration(2*i+1) / time.Duration(2*pieces))).Activity += share
	}
}

// Event counts an event, and marks what it says by itself.
func (b *TimelineBuilder) Event(ev monitor.Event) {
	switch ev := ev.(type) {
	case *monitor.Samples, *monitor.Tick, *monitor.Verdicted, *monitor.Baseline:
		return
	case *monitor.Frames:
		for _, r := range ev.Records {
			b.bucket(r.At).Activity++
		}
		b.bucket(ev.At).Activity += ev.Collapsed
		return
	case *monitor.LogLine:
		if what := processEnds(ev); what != "" {
			b.put(Incident{At: ev.At, Kind: IncidentShutdown, What: what})
		}
	case *monitor.Settings:
		b.configured(ev)
	}
	if at := ev.Head().At; at > 0 {
		b.bucket(at).Activity++
	}
}

// processEnds is what a log entry says of nginx's own end, "" for others.
func processEnds(ev *monitor.LogLine) string {
	e := &ev.Entry
	switch {
	case e.Flags.Has(logparse.FlagForged):
	case e.Kind == logparse.KindReconfiguring:
		return "nginx reload"
	case e.Kind == logparse.KindShutdownTimeout:
		return "worker_shutdown_timeout"
	case e.Kind == logparse.KindWorkerExited && e.Level >= logparse.LevelAlert:
		return "nginx worker died"
	case e.Kind == logparse.KindSignalReceived && slices.ContainsFunc([]string{"SIGTERM", "SIGINT", "SIGQUIT"}, func(sig string) bool { return strings.Contains(e.Raw, sig) }):
		return "nginx stop"
	}
	return ""
}

// configured marks the error findings that a configuration has and that it did
// not have when it was read before.
func (b *TimelineBuilder) configured(ev *monitor.Settings) {
	if len(b.settings) >= rememberedMost {
		clear(b.settings)
	}
	now := map[string]bool{}
	for i := range ev.Findings {
		f := &ev.Findings[i]
		if f.Severity != monitor.SeverityError || now[f.Title] {
			continue
		}
		now[f.Title] = true
		if !b.settings[ev.Source][f.Title] {
			b.put(Incident{At: ev.At, Kind: IncidentFinding, What: f.Title})
		}
	}
	b.settings[ev.Source] = now
}

// Found marks a finding of severity error where it was seen first. One that has
// no time is left out.
func (b *TimelineBuilder) Found(f *monitor.Finding) {
	if f.Severity == monitor.SeverityError && f.First > 0 {
		in := Incident{At: f.First, Kind: IncidentFinding, What: f.Title}
		if len(f.Conns) > 0 {
			in.Conn = f.Conns[0]
		}
		b.put(in)
	}
}

// IncidentOf is the kind of incident that a cause is; false for an end that
// somebody asked for.
func IncidentOf(cause monitor.Cause) (IncidentKind, bool) {
	switch cause {
	case "", monitor.CauseCloseHandshake, monitor.CauseLingering, monitor.CauseTapShutdown:
		return 0, false
	case monitor.CauseProxyShutdown:
		return IncidentShutdown, true
	case monitor.CauseRefused, monitor.CauseHandshakeFailed, monitor.CauseConnectFailed, monitor.CauseTLSFailed:
		return IncidentRefused, true
	}
	return IncidentDeath, true
}

// Ended marks the end of a conn whose verdict has settled. It may be called again
// for one that was judged anew.
func (b *TimelineBuilder) Ended(c *monitor.Conn) {
	if was, again := b.doubtful[c.ID]; again {
		b.takeBack(was)
		delete(b.doubtful, c.ID)
	}
	kind, ok := IncidentOf(c.Verdict.Cause)
	if !ok || b.secondLeg(c) {
		return
	}
	at := c.EndAt()
	b.put(Incident{At: at, Kind: kind, What: string(c.Verdict.Cause), Conn: c.ID, Seq: c.Seq, N: 1})
	if c.Verdict.Confidence == monitor.Possible {
		if len(b.doubtful) >= rememberedMost {
			clear(b.doubtful)
		}
		b.doubtful[c.ID] = timelineMark{at, kind, string(c.Verdict.Cause)}
	}
}

// secondLeg says that the other leg's end was counted for the same cause.
func (b *TimelineBuilder) secondLeg(c *monitor.Conn) bool {
	if c.Link == nil {
		return false
	}
	key := linkCause{c.Link.ID, c.Verdict.Cause}
	if _, counted := b.links[key]; counted {
		return true
	}
	if len(b.links) >= rememberedMost {
		clear(b.links)
	}
	b.links[key] = struct{}{}
	return false
}

// put counts an incident, and lists it, or joins it to one that it is part of.
func (b *TimelineBuilder) put(in Incident) {
	n := &b.bucket(in.At).Incidents[in.Kind]
	*n = addUpTo(*n, max(in.N, 1))
	if i := b.joins(in); i >= 0 {
		old := &b.t.Incidents[i]
		if old.N += in.N; old.Conn == (monitor.ID{}) || in.Conn != (monitor.ID{}) && in.At < old.At {
			old.Conn, old.Seq = in.Conn, in.Seq
		}
		if in.At < old.At { // it moves to the front
			old.At = in.At
			moved := *old
			b.t.Incidents = slices.Delete(b.t.Incidents, i, i+1)
			b.insert(moved)
		}
		return
	}
	if len(b.t.Incidents) >= incidentsMost {
		b.t.Unlisted += max(in.N, 1)
		return
	}
	b.insert(in)
}

func addUpTo(n uint32, more uint64) uint32 { return uint32(min(uint64(n)+more, math.MaxUint32)) }

func (b *TimelineBuilder) insert(in Incident) {
	list := b.t.Incidents
	i := sort.Search(len(list), func(i int) bool { return list[i].At > in.At })
	b.t.Incidents = slices.Insert(list, i, in)
}

// joins is the incident that another one is part of, or -1.
func (b *TimelineBuilder) joins(in Incident) int {
	list := b.t.Incidents
	first := sort.Search(len(list), func(i int) bool { return list[i].At >= in.At.Add(-oneIncident) })
	for i := first; i < len(list) && list[i].At <= in.At.Add(oneIncident); i++ {
		if list[i].Kind == in.Kind && list[i].What == in.What {
			return i
		}
	}
	return -1
}

// takeBack undoes what was counted for one conn.
func (b *TimelineBuilder) takeBack(was timelineMark) {
	if n := &b.bucket(was.at).Incidents[was.kind]; *n > 0 {
		*n--
	}
	i := b.joins(Incident{At: was.at, Kind: was.kind, What: was.what})
	switch {
	case i < 0:
		b.t.Unlisted -= min(b.t.Unlisted, 1)
	case b.t.Incidents[i].N > 1:
		b.t.Incidents[i].N--
	default:
		b.t.Incidents = slices.Delete(b.t.Incidents, i, i+1)
	}
}

// Timeline is what was told so far, as a value of its own.
func (b *TimelineBuilder) Timeline() Timeline {
	t := b.t
	t.Buckets, t.Incidents = slices.Clone(t.Buckets), slices.Clone(t.Incidents)
	return t
}
