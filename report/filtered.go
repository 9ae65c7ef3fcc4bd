package report

import (
	"fmt"
	"slices"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/monitor"
)

func (o *Options) keeps(c *monitor.Conn) bool { return o.Keep == nil || o.Keep(c) }

// Touching is the findings that a report of some conns lists: those that touch
// one of them, those that touch more conns than they name, for one of the
// others may be among them, and those that are about no conn. Findings are made
// from all conns, whatever is kept: a share of the conns may look well, or ill,
// only by itself. keep is as in Options.
func Touching(fs []diagnose.Finding, s *monitor.State, keep func(*monitor.Conn) bool) []diagnose.Finding {
	if keep == nil {
		return fs
	}
	return slices.DeleteFunc(slices.Clone(fs), func(f diagnose.Finding) bool {
		return len(f.Conns) > 0 && f.Count <= len(f.Conns) && !slices.ContainsFunc(f.Conns, func(id monitor.ID) bool {
			c := s.Conn(id)
			return c != nil && keep(c)
		})
	})
}

// totals are the State's, or sums over the conns that pass the filter; what is
// of no conn stays that of the whole State.
func (o *Options) totals(s *monitor.State, conns []*monitor.Conn) *monitor.Totals {
	if o.Keep == nil {
		return &s.Totals
	}
	t := s.Totals
	t.Conns, t.Links, t.Upgraded, t.Refused, t.Failed, t.Open, t.Closed = uint64(len(conns)), 0, 0, 0, 0, 0, 0
	t.Frames, t.Bytes, t.Collapsed = 0, 0, 0
	t.Causes, t.Codes, t.ViolationsByRule = nil, nil, map[string]uint64{}
	links := map[uint64]bool{}
	for _, c := range conns {
		addOutcome(&t, c)
		t.Frames += c.Sample.FrameCount()
		t.Bytes += c.Sample.Dir[0].Bytes + c.Sample.Dir[1].Bytes
		t.Collapsed += c.Sample.Collapsed
		if c.Link != nil {
			links[c.Link.ID] = true
		}
	}
	t.Links = uint64(len(links))
	return &t
}

// addOutcome counts a conn as State does when the events come.
func addOutcome(t *monitor.Totals, c *monitor.Conn) {
	ended := !c.Ended.IsZero()
	if ended {
		t.Closed++
	} else {
		t.Open++
	}
	if a := c.Answer; a != nil {
		if a.Status == 101 {
			t.Upgraded++
		} else {
			t.Refused++
		}
	}
	if c.Dial != nil || ended && c.Answer == nil && !c.Opaque && c.Lost == [2]string{} {
		t.Failed++
	}
}

// other is c's other leg if the report is of that one, too.
func (v *survey) other(c *monitor.Conn) *monitor.Conn {
	o := c.Other()
	if o == nil || v.keep != nil && !v.keep(o) {
		return nil
	}
	return o
}

// filterHead says what part the report is of.
func (p *printer) filterHead(v *survey, o Options) {
	if o.Keep == nil {
		return
	}
	p.wrap(bold, "filter    ", fmt.Sprintf("%s: %s of %s", orDash(o.Filter), number(len(v.conns)), count(v.s.Len(), "connection", "connections")))
	p.wrap(plain, "          ", "Of these are the totals and all lists of connections. The log, plain HTTP and what was missed are of the whole "+
		"run; findings are made from all connections, and listed if they touch one of these, may do so, or are about none.")
}
