package tui

import (
	"math"
	"time"

	"github.com/wstap/wstap/monitor"
)

// sortKey is what a conn sorts by: group first (it is not reversed), then num,
// then text. Arrival decides between equals.
type sortKey struct {
	group uint8
	num   int64
	text  string
}

// The groups: pinned rows are on top whatever the order, then the flagged ones
// where that is asked for, and those that have nothing to sort by at the bottom.
const (
	groupPinned  = 0
	groupFlagged = 1
	groupFirst   = 2
	groupMissing = 9
)

// order is a way to sort; word is the part of its column's title to mark.
type order struct {
	column columnID
	word   string
	key    keyOfConn
}

// orders in the sequence that `s` goes through. Numbers begin with the largest
// where that is what one looks for.
var orders = []order{
	{colFate, "left", byLeft},
	{colFate, "cause", byTextOf(func(c *monitor.Conn) string { return string(c.Verdict.Cause) })},
	{colWhy, "code", byNumberOf(func(c *monitor.Conn) int64 { return int64(c.Verdict.Code) })},
	{colSeq, "#", byNumberOf(func(c *monitor.Conn) int64 { return int64(c.Seq) })},
	{colLink, "link", byNumberOf(linkNumber)},
	{colTap, "leg", byTextOf(func(c *monitor.Conn) string { return c.Tap })},
	{colClient, "client", byTextOf(func(c *monitor.Conn) string { return c.Client })},
	{colTarget, "target", byTextOf((*monitor.Conn).Target)},
	{colHost, "host", byTextOf((*monitor.Conn).Host)},
	{colServer, "server", byTextOf(func(c *monitor.Conn) string { return c.Server })},
	{colSubprotocol, "subproto", byTextOf(subprotocol)},
	{colStatus, "status", byNumberOf(func(c *monitor.Conn) int64 { return int64(c.Status()) })},
	{colOpened, "opened", byMost(func(c *monitor.Conn, _ monitor.Time) uint64 { return uint64(c.Opened) })},
	{colAge, "age", byMost(func(c *monitor.Conn, now monitor.Time) uint64 { return uint64(c.Age(now)) })},
	{colFramesUp, "frm↑", byMost(func(c *monitor.Conn, _ monitor.Time) uint64 { return c.Sample.Dir[0].FrameCount() })},
	{colFramesDown, "frm↓", byMost(func(c *monitor.Conn, _ monitor.Time) uint64 { return c.Sample.Dir[1].FrameCount() })},
	{colBytesUp, "B↑", byMost(func(c *monitor.Conn, _ monitor.Time) uint64 { return c.Sample.Dir[0].Bytes })},
	{colBytesDown, "B↓", byMost(func(c *monitor.Conn, _ monitor.Time) uint64 { return c.Sample.Dir[1].Bytes })},
	{colLongest, "maxgap", byMost(func(c *monitor.Conn, _ monitor.Time) uint64 { return uint64(c.Sample.LongestGap) })},
	{colGap, "gap", byMost(func(c *monitor.Conn, now monitor.Time) uint64 { return uint64(c.Gap(now)) })},
}

func linkNumber(c *monitor.Conn) int64 {
	if c.Link == nil {
		return 0
	}
	return int64(c.Link.ID)
}

func subprotocol(c *monitor.Conn) string {
	if c.Answer == nil {
		return ""
	}
	return c.Answer.Subprotocol
}

// keyOfConn makes the sort key of a conn; its countdown is nil where nothing counts.
type keyOfConn func(s *monitor.State, c *monitor.Conn, cd *monitor.Countdown) sortKey

func byTextOf(of func(*monitor.Conn) string) keyOfConn {
	return func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey { return byText(of(c)) }
}

func byNumberOf(of func(*monitor.Conn) int64) keyOfConn {
	return func(_ *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey { return byNumber(of(c)) }
}

func byMost(of func(*monitor.Conn, monitor.Time) uint64) keyOfConn {
	return func(s *monitor.State, c *monitor.Conn, _ *monitor.Countdown) sortKey { return largest(of(c, s.Now())) }
}

// expiredStays is how long a conn past its limit stays among those that go
// next: after that its limit is disproved, and it stands below them.
const expiredStays = 2e9 // ns

// restless is the part of its limit below which a conn is busy: its deadline
// moves with every frame, and a list in that order would never stand still.
const restless = 0.5

// byLeft puts what dies next on top: counting down by deadline; then the busy
// ones, which keep their places; then past the limit, closing and connecting;
// then closed, newest first. Deadlines are points in time, so a conn at rest
// keeps its key.
func byLeft(s *monitor.State, c *monitor.Conn, cd *monitor.Countdown) sortKey {
	switch {
	case cd != nil && cd.Used < restless:
		return sortKey{group: groupFirst + 1, num: byLimit(cd.Limit.Value.Std(), c.Seq)}
	case cd != nil && cd.Left > -expiredStays:
		return sortKey{group: groupFirst, num: tenths(s.Now().Add(cd.Left))}
	case cd != nil:
		return sortKey{group: groupFirst + 2, num: tenths(s.Now().Add(cd.Left))}
	case !c.IsClosed():
		return sortKey{group: groupFirst + 3, num: -tenths(c.Opened)}
	}
	return sortKey{group: groupFirst + 4, num: -tenths(c.Ended)}
}

// byLimit orders by a limit and then by arrival in one number: most conns are busy
// ones of one limit, and a refresh compares all of them.
func byLimit(limit time.Duration, seq uint64) int64 {
	const seqBits = 40
	return min(int64(limit/(100*time.Millisecond)), 1<<(62-seqBits))<<seqBits | int64(seq&(1<<seqBits-1))
}

// tenths of a second are fine enough to sort by: the legs of one WebSocket are
// then equal, and stand in the order in which they came.
func tenths(t monitor.Time) int64 { return int64(t) / 1e8 }

func byNumber(n int64) sortKey {
	if n == 0 {
		return sortKey{group: groupMissing}
	}
	return sortKey{group: groupFirst, num: n}
}

func largest(n uint64) sortKey {
	return sortKey{group: groupFirst, num: -int64(min(n, math.MaxInt64))}
}

// byText leaves the number to the index, which knows what all texts begin with.
func byText(t string) sortKey {
	if t == "" {
		return sortKey{group: groupMissing}
	}
	return sortKey{group: groupFirst, text: t}
}
