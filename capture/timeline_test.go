package capture

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// activity is what the buckets hold in all, and where: "place:n".
func activity(tl *Timeline) (total uint64, where []string) {
	for i, b := range tl.Buckets {
		if b.Activity > 0 {
			total += b.Activity
			where = append(where, fmt.Sprintf("%d:%d", i, b.Activity))
		}
	}
	return total, where
}

func opened(after time.Duration) monitor.Event { return &monitor.Opened{Header: head(after, 1)} }

func TestTimelineBuckets(t *testing.T) {
	for _, c := range []struct {
		name  string
		to    time.Duration // known length; negative: nothing is known
		evs   []time.Duration
		step  time.Duration
		count int
		where []string
	}{
		{"nothing at all", -1, nil, 0, 0, nil},
		{"zero length", 0, nil, time.Millisecond, 1, nil},
		{"one event of unknown length", -1, []time.Duration{0}, time.Millisecond, 1, []string{"0:1"}},
		{"one event, zero length", 0, []time.Duration{0}, time.Millisecond, 1, []string{"0:1"}},
		{"both ends", time.Second, []time.Duration{0, time.Second}, time.Millisecond, 1001, []string{"0:1", "1000:1"}},
		{"one nanosecond before a bucket's end", time.Second, []time.Duration{time.Millisecond - 1, time.Millisecond}, time.Millisecond, 1001, []string{"0:1", "1:1"}},
		{"the last that fits", 2047 * time.Millisecond, []time.Duration{2047 * time.Millisecond}, time.Millisecond, 2048, []string{"2047:1"}},
		{"one too many: buckets of two", 2048 * time.Millisecond, []time.Duration{0, time.Millisecond, 2048 * time.Millisecond}, 2 * time.Millisecond, 1025, []string{"0:2", "1024:1"}},
		{"it grows past what was known", time.Second, []time.Duration{0, time.Hour}, 2048 * time.Millisecond, 1758, []string{"0:1", "1757:1"}},
		{"a clock set back before the beginning", time.Second, []time.Duration{500 * time.Millisecond, -time.Hour, 400 * time.Millisecond}, time.Millisecond, 1001, []string{"0:1", "400:1", "500:1"}},
		{"an hour", time.Hour, []time.Duration{time.Hour}, 2048 * time.Millisecond, 1758, []string{"1757:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := epoch, epoch.Add(c.to)
			if c.to < 0 {
				from, to = 0, 0
			}
			b := NewTimelineBuilder(from, to)
			for _, after := range c.evs {
				b.Event(opened(after))
			}
			tl := b.Timeline()
			total, where := activity(&tl)
			if tl.Step != c.step || len(tl.Buckets) != c.count || !reflect.DeepEqual(where, c.where) || total != uint64(len(c.evs)) {
				t.Errorf("%d buckets of %v: %v, want %d of %v: %v", len(tl.Buckets), tl.Step, where, c.count, c.step, c.where)
			}
		})
	}
}

// A file may say that it is as long as time itself.
func TestTimelineIsBounded(t *testing.T) {
	b := NewTimelineBuilder(1, math.MaxInt64)
	b.Event(&monitor.Opened{Header: monitor.Header{At: math.MaxInt64}})
	b.Frames(math.MaxInt64, 1000)
	b.Event(&monitor.Opened{Header: monitor.Header{At: math.MinInt64}})
	tl := b.Timeline()
	if n := len(tl.Buckets); n < timelineBuckets || n > 2*timelineBuckets {
		t.Errorf("%d buckets", n)
	}
	if total, _ := activity(&tl); total != 1001 {
		t.Errorf("activity %d, want 1001: what has no time is not counted", total)
	}
}

func TestTimelineFrames(t *testing.T) {
	for _, c := range []struct {
		name   string
		length time.Duration
		at     time.Duration
		n      int
		first  int // bucket
		last   int
	}{
		{"a second in milliseconds", 2 * time.Second, 1500 * time.Millisecond, 5000, 500, 1499},
		{"cut at the beginning", 2 * time.Second, 300 * time.Millisecond, 900, 0, 299},
		{"at the very beginning", 2 * time.Second, 0, 7, 0, 0},
		{"fewer than buckets", 2 * time.Second, 1500 * time.Millisecond, 1, 1499, 1499},
		{"buckets longer than a second", time.Hour, 10 * time.Second, 1000, 4, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewTimelineBuilder(epoch, epoch.Add(c.length))
			b.Frames(epoch.Add(c.at), c.n)
			tl := b.Timeline()
			first, last := -1, -1
			for i, bucket := range tl.Buckets {
				if bucket.Activity > 0 {
					if last = i; first < 0 {
						first = i
					}
				}
			}
			if total, _ := activity(&tl); total != uint64(c.n) || first != c.first || last != c.last {
				t.Errorf("%d from bucket %d to %d, want %d from %d to %d", total, first, last, c.n, c.first, c.last)
			}
		})
	}
}

// dead is a conn with a settled verdict.
func dead(n uint64, after time.Duration, cause monitor.Cause) *monitor.Conn {
	return &monitor.Conn{
		ID: monitor.ID{Tap: relay, Conn: n}, Seq: n, Ended: epoch.Add(after),
		Verdict: monitor.Verdict{Cause: cause, Confidence: monitor.Confirmed},
	}
}

func TestTimelineIncidents(t *testing.T) {
	link := &monitor.Link{ID: 3}
	linked := func(c *monitor.Conn) *monitor.Conn { c.Link = link; return c }
	doubtful := func(c *monitor.Conn) *monitor.Conn { c.Verdict.Confidence = monitor.Possible; return c }
	log := func(after time.Duration, kind logparse.Kind, raw string, flags logparse.Flags) monitor.Event {
		return &monitor.LogLine{Header: head(after, 0), Entry: logparse.Entry{Kind: kind, Raw: raw, Flags: flags}}
	}
	for _, c := range []struct {
		name  string
		steps []any
		want  []string // "after kind what seq×n"
	}{
		{"asked for", []any{dead(1, 0, monitor.CauseCloseHandshake), dead(2, 0, monitor.CauseTapShutdown), dead(3, 0, monitor.CauseLingering)}, nil},
		{"each kind", []any{
			dead(1, 0, monitor.CauseIdleTimeout), dead(2, 0, monitor.CauseRefused), dead(3, 0, monitor.CauseProxyShutdown), dead(4, 0, monitor.CauseUnknown),
		}, []string{"0s 1 idle_timeout #1×1", "0s 0 handshake_refused #2×1", "0s 3 proxy_shutdown #3×1", "0s 1 unknown #4×1"}},
		{"within a second is one, also out of order", []any{
			dead(1, 2*time.Second, monitor.CauseClientReset), dead(2, 3*time.Second, monitor.CauseClientReset), dead(3, 1500*time.Millisecond, monitor.CauseClientReset),
		}, []string{"1.5s 1 client_reset #3×3"}},
		{"after a second is another", []any{
			dead(1, 0, monitor.CauseClientReset), dead(2, time.Second+1, monitor.CauseClientReset),
		}, []string{"0s 1 client_reset #1×1", "1.000000001s 1 client_reset #2×1"}},
		{"both legs are one conn", []any{
			linked(dead(1, 0, monitor.CauseIdleTimeout)), linked(dead(2, time.Millisecond, monitor.CauseIdleTimeout)),
		}, []string{"0s 1 idle_timeout #1×1"}},
		{"legs that ended for different causes", []any{
			linked(dead(1, 0, monitor.CauseConnectFailed)), linked(dead(2, 0, monitor.CauseIdleTimeout)),
		}, []string{"0s 0 connect_failed #1×1", "0s 1 idle_timeout #2×1"}},
		{"judged anew", []any{
			doubtful(dead(1, 0, monitor.CauseServerFIN)), doubtful(dead(2, 0, monitor.CauseServerFIN)), dead(1, 0, monitor.CauseIdleTimeout),
		}, []string{"0s 1 server_fin #1×1", "0s 1 idle_timeout #1×1"}},
		{"judged anew as asked for", []any{doubtful(dead(1, 0, monitor.CauseServerFIN)), dead(1, 0, monitor.CauseCloseHandshake)}, nil},
		{"a reload", []any{
			log(0, logparse.KindReconfiguring, "reconfiguring", 0),
			log(time.Minute, logparse.KindReconfiguring, "reconfiguring", logparse.FlagForged),
			log(2*time.Minute, logparse.KindSignalReceived, "signal 15 (SIGTERM) received, exiting", 0),
			log(3*time.Minute, logparse.KindSignalReceived, "signal 10 (SIGUSR1) received, reopening logs", 0),
		}, []string{"0s 3 nginx reload #0×0", "2m0s 3 nginx stop #0×0"}},
		{"a configuration read again", []any{
			settings(0, "a"), settings(time.Minute, "a"), settings(2*time.Minute, "a", "b"), settings(3 * time.Minute), settings(4*time.Minute, "b"),
		}, []string{"0s 2 a #0×0", "2m0s 2 b #0×0", "4m0s 2 b #0×0"}},
		{"findings", []any{
			&monitor.Finding{Severity: monitor.SeverityError, Title: "x", First: epoch.Add(time.Second), Conns: []monitor.ID{{Tap: relay, Conn: 9}}},
			&monitor.Finding{Severity: monitor.SeverityError, Title: "no time"},
			&monitor.Finding{Severity: monitor.SeverityWarning, Title: "warning", First: epoch},
		}, []string{"1s 2 x #0×0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewTimelineBuilder(epoch, epoch.Add(5*time.Minute))
			for _, s := range c.steps {
				switch s := s.(type) {
				case *monitor.Conn:
					b.Ended(s)
				case *monitor.Finding:
					b.Found(s)
				case monitor.Event:
					b.Event(s)
				}
			}
			tl := b.Timeline()
			var got []string
			var counted uint64
			for _, in := range tl.Incidents {
				got = append(got, fmt.Sprintf("%v %d %s #%d×%d", in.At.Sub(epoch), in.Kind, in.What, in.Seq, in.N))
				counted += max(in.N, 1)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			var inBuckets uint64
			for _, bucket := range tl.Buckets {
				for _, n := range bucket.Incidents {
					inBuckets += uint64(n)
				}
			}
			if inBuckets != counted {
				t.Errorf("%d in the buckets, %d listed", inBuckets, counted)
			}
		})
	}
}

func settings(after time.Duration, titles ...string) monitor.Event {
	ev := &monitor.Settings{Header: head(after, 0), Source: "nginx.conf"}
	for _, title := range titles {
		ev.Findings = append(ev.Findings, monitor.Finding{Severity: monitor.SeverityError, Title: title})
	}
	return ev
}

// What was handed out stays as it is.
func TestTimelineIsAValue(t *testing.T) {
	b := NewTimelineBuilder(epoch, epoch.Add(time.Second))
	b.Ended(dead(1, 0, monitor.CauseClientReset))
	was := b.Timeline()
	first, bucket := was.Incidents[0], was.Buckets[0]
	b.Ended(dead(2, 0, monitor.CauseClientReset))
	b.Ended(dead(3, -time.Millisecond, monitor.CauseServerReset))
	b.Event(opened(time.Hour))
	if was.Incidents[0] != first || was.Buckets[0] != bucket || len(was.Incidents) != 1 || was.Step != time.Millisecond {
		t.Errorf("it became %+v", was.Incidents)
	}
}

func TestTimelineListIsBounded(t *testing.T) {
	b := NewTimelineBuilder(epoch, epoch.Add(time.Second))
	const more = 25
	for i := range incidentsMost + more {
		b.Ended(dead(uint64(i), 2*time.Duration(i)*time.Second, monitor.CauseClientReset))
	}
	tl := b.Timeline()
	var n uint64
	for _, bucket := range tl.Buckets {
		n += uint64(bucket.Incidents[IncidentDeath])
	}
	if len(tl.Incidents) != incidentsMost || tl.Unlisted != more || n != incidentsMost+more {
		t.Errorf("%d listed, %d not, %d in the buckets", len(tl.Incidents), tl.Unlisted, n)
	}
}

// CountFrames leaves out frames and nothing else.
func TestCountFrames(t *testing.T) {
	path := record(t, Options{}, append([]monitor.Event{hello()}, life(1, 0)...), life(2, time.Second))
	var frames int
	r := open(t, path)
	r.CountFrames(func(_ monitor.Time, n int) { frames += n })
	var want []monitor.Event
	records := 0
	for _, ev := range all(t, open(t, path)) {
		if f, ok := ev.(*monitor.Frames); ok {
			records += len(f.Records)
			continue
		}
		want = append(want, ev)
	}
	equal(t, all(t, r), want)
	if frames != records || frames != 4 {
		t.Errorf("%d frames counted, %d recorded, want 4", frames, records)
	}
}
