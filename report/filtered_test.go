package report

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/monitor"
)

func keepAll(*monitor.Conn) bool  { return true }
func keepNone(*monitor.Conn) bool { return false }

func onLeg(leg string) func(*monitor.Conn) bool {
	return func(c *monitor.Conn) bool { return c.Tap == leg }
}

// TestFilteredTotalsAreTheStates: where all pass and none was evicted, the sums
// over conns are what State has counted event by event.
func TestFilteredTotalsAreTheStates(t *testing.T) {
	w := incident(t)
	all := decode(t, render(t, JSON, w.s, Options{}))
	kept := decode(t, render(t, JSON, w.s, Options{Keep: keepAll, Filter: "x"}))
	if !reflect.DeepEqual(kept.Totals, all.Totals) {
		t.Errorf("totals %+v, want %+v", kept.Totals, all.Totals)
	}
	if all.Filter != nil || kept.Filter == nil || *kept.Filter != "x" {
		t.Errorf("filter is %v without one, %v with", all.Filter, kept.Filter)
	}
	texts := [2]string{}
	for i, o := range []Options{{}, {Keep: keepAll, Filter: "x"}} {
		texts[i] = string(render(t, Text, w.s, o))
	}
	_, want, _ := strings.Cut(texts[0], "connections  ")
	_, got, _ := strings.Cut(texts[1], "connections  ")
	if got != want {
		t.Errorf("the filter that all pass changes the text:\n%s\nwithout:\n%s", got, want)
	}
}

// TestFilteredTotalsAddUp: what passes a filter and what does not is everything.
func TestFilteredTotalsAddUp(t *testing.T) {
	w := incident(t)
	all := decode(t, render(t, JSON, w.s, Options{}))
	front := decode(t, render(t, JSON, w.s, Options{Keep: onLeg("front"), Filter: "leg:front"}))
	back := decode(t, render(t, JSON, w.s, Options{Keep: onLeg("back"), Filter: "leg:back"}))
	if len(front.Conns) == 0 || len(back.Conns) == 0 || len(front.Conns)+len(back.Conns) != len(all.Conns) {
		t.Fatalf("%d and %d conns of %d", len(front.Conns), len(back.Conns), len(all.Conns))
	}
	sum := func(of func(*Totals) uint64) (uint64, uint64) {
		return of(&front.Totals) + of(&back.Totals), of(&all.Totals)
	}
	for name, of := range map[string]func(*Totals) uint64{
		"conns": func(t *Totals) uint64 { return t.Conns }, "upgraded": func(t *Totals) uint64 { return t.Upgraded },
		"refused": func(t *Totals) uint64 { return t.Refused }, "failed": func(t *Totals) uint64 { return t.Failed },
		"open": func(t *Totals) uint64 { return t.Open }, "closed": func(t *Totals) uint64 { return t.Closed },
		"frames": func(t *Totals) uint64 { return t.Frames }, "bytes": func(t *Totals) uint64 { return t.Bytes },
	} {
		if got, want := sum(of); got != want {
			t.Errorf("%s: %d on the two legs, %d in all", name, got, want)
		}
	}
	if !reflect.DeepEqual(front.Log, all.Log) || !reflect.DeepEqual(front.Totals.HTTP, all.Totals.HTTP) {
		t.Error("the log and plain HTTP are of no conn and must stay whole")
	}
}

// TestFilteredOneLeg: a back conn whose front conn does not pass has a block,
// a gap and a finding of its own, and no other leg is named.
func TestFilteredOneLeg(t *testing.T) {
	w := incident(t)
	o := Options{Keep: onLeg("back"), Filter: "leg:back", All: true}
	o.Findings = Touching(diagnose.Run(w.s, diagnose.Options{}), w.s, o.Keep)
	text := string(render(t, Text, w.s, o))
	for _, want := range []string{"filter    leg:back: 4 of ", "#2 back  idle_timeout (confirmed)", "Longest gaps", "Totals of what passes the filter"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	_, lists, _ := strings.Cut(text, "Why they ended")
	if strings.Contains(lists, " front  ") {
		t.Errorf("a front conn is listed:\n%s", lists)
	}
}

func TestFilteredToNothing(t *testing.T) {
	for name, build := range worlds {
		w := build(t)
		o := Options{Keep: keepNone, Filter: "id:0"}
		text := string(render(t, Text, w.s, o))
		if !strings.Contains(text, "filter    id:0: 0 of ") || !strings.Contains(text, "no connection passes the filter") {
			t.Errorf("%s:\n%s", name, text)
		}
		if doc := decode(t, render(t, JSON, w.s, o)); len(doc.Conns) != 0 || doc.Totals.Conns != 0 || doc.Totals.Evicted != w.s.Totals.Evicted {
			t.Errorf("%s: %+v", name, doc.Totals)
		}
		render(t, Summary, w.s, o)
	}
}

func TestTouching(t *testing.T) {
	w := incident(t)
	var back, front monitor.ID
	w.s.Conns(func(c *monitor.Conn) bool {
		if c.Tap == "back" {
			back = c.ID
		} else {
			front = c.ID
		}
		return true
	})
	gone := monitor.ID{Tap: 7, Conn: 1 << 40}
	fs := []diagnose.Finding{
		{ID: "back", Count: 1, Conns: []monitor.ID{back}},
		{ID: "front", Count: 1, Conns: []monitor.ID{front}},
		{ID: "both", Count: 2, Conns: []monitor.ID{front, back}},
		{ID: "more than it names", Count: 7, Conns: []monitor.ID{front}},
		{ID: "no conn", Count: 3},
		{ID: "evicted", Count: 1, Conns: []monitor.ID{gone}},
	}
	names := func(fs []diagnose.Finding) (out []string) {
		for _, f := range fs {
			out = append(out, f.ID)
		}
		return out
	}
	before := names(fs)
	if got, want := names(Touching(fs, w.s, onLeg("back"))), []string{"back", "both", "more than it names", "no conn"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := names(Touching(fs, w.s, nil)); !slices.Equal(got, before) || !slices.Equal(names(fs), before) {
		t.Errorf("without a filter %q; the list is now %q", got, names(fs))
	}
}

// TestFilteredIsSafe: the filter's own text comes from a command line.
func TestFilteredIsSafe(t *testing.T) {
	w := incident(t)
	for name, fn := range map[string]renderer{"text": Text, "json": JSON, "summary": Summary} {
		out := string(render(t, fn, w.s, Options{Keep: keepAll, Filter: hostile}))
		if strings.ContainsAny(out, "\x1b\u009b\u202e\u2066\x7f\x07") {
			t.Errorf("%s is raw", name)
		}
	}
}
