package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// sorted is the conns that a report is of, by opened, then id.
func sorted(s *monitor.State, o Options) []*monitor.Conn {
	var cs []*monitor.Conn
	if o.Keep == nil {
		cs = make([]*monitor.Conn, 0, s.Len())
	}
	s.Conns(func(c *monitor.Conn) bool {
		if o.keeps(c) {
			cs = append(cs, c)
		}
		return true
	})
	slices.SortFunc(cs, func(a, b *monitor.Conn) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Seq, b.Seq))
	})
	return cs
}

// tunnel says that c has, or had, something that an idle limit counts for.
func tunnel(c *monitor.Conn) bool { return c.IsUpgraded() || c.Opaque }

// longestGap counts the gap that is running, too.
func longestGap(s *monitor.State, c *monitor.Conn) time.Duration {
	return max(c.Sample.LongestGap.Std(), c.Gap(s.Now()))
}

// limitOf is the limit that ends c next or, after its end, the smallest idle
// limit: the one its last gap is to be compared with.
func limitOf(s *monitor.State, c *monitor.Conn) (monitor.Limit, bool) {
	if cd, ok := s.Countdown(c); ok {
		return cd.Limit, true
	}
	if c.Verdict.Cause == monitor.CauseLifetimeLimit {
		return s.LifetimeLimit(c)
	}
	return s.IdleLimit(c)
}

// troubled says that c's end is one that somebody should look at. Closed by
// hand with 1000 or 1001, or without a code as a browser's close() does, is
// what was wanted; so is the end of wstap itself.
func troubled(c *monitor.Conn) bool {
	switch c.Verdict.Cause {
	case "", monitor.CauseTapShutdown:
		return false
	case monitor.CauseCloseHandshake:
		switch c.Verdict.Code {
		case ws.CloseNormalClosure, ws.CloseGoingAway, ws.CloseNoStatus:
			return false
		}
	}
	return true
}

// unusual is troubled, or something odd was seen on the way.
func unusual(c *monitor.Conn) bool {
	return troubled(c) || len(c.Sample.Violations) > 0 || lost(c)
}

// lost says that a direction could no longer be decoded.
func lost(c *monitor.Conn) bool { return !c.Opaque && (c.Lost[0] != "" || c.Lost[1] != "") }
