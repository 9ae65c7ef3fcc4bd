package tui

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// row is what the list shows of one conn, copied out of State: safe text and
// plain numbers, made for visible rows only.
type row struct {
	id          monitor.ID
	seq, link   uint64
	tap         string
	client      string
	subprotocol string
	key         string
	target      string
	host        string
	server      string
	status      string
	opened      string // in the time mode of the screen
	openedAt    monitor.Time
	stage       stage
	age, gap    time.Duration
	longest     time.Duration // gap
	frames      [2]uint64
	bytes       [2]uint64
	rate        float64 // frames a second, if rated
	rated       bool
	pulse       [pulseSeconds]uint64
	counting    bool
	countdown   monitor.Countdown
	limit       string
	verdict     monitor.Verdict // without evidence
	settled     bool
	pinned      bool
	violating   bool
	closer      string // who is closing
	gone        bool   // evicted since
}

func makeRow(s *monitor.State, c *monitor.Conn) row {
	now := s.Now()
	r := row{
		id: c.ID, seq: c.Seq, tap: printable.String(c.Tap), client: printable.String(c.Client),
		target: printable.String(targetOf(c)), host: printable.String(c.Host()),
		server: printable.String(c.Server), openedAt: c.Opened,
		status: statusOf(c), stage: stageOf(c), age: c.Age(now), gap: c.Gap(now), longest: c.Sample.LongestGap.Std(),
		key: printable.String(c.Key()), settled: c.Settled, pinned: c.Pinned, violating: len(c.Sample.Violations) > 0,
	}
	if c.Link != nil {
		r.link = c.Link.ID
	}
	if c.Answer != nil {
		r.subprotocol = printable.String(c.Answer.Subprotocol)
	}
	for d := range r.frames {
		r.frames[d] = c.Sample.Dir[d].FrameCount()
		r.bytes[d] = c.Sample.Dir[d].Bytes
	}
	if r.countdown, r.counting = s.Countdown(c); r.counting {
		r.limit = limitText(&r.countdown)
	}
	if r.verdict = c.Verdict; r.verdict.Cause == "" {
		r.settled = false
	}
	r.verdict.Evidence = nil
	if e := c.FirstEnd(); e != nil {
		r.closer = endingSide(c, e)
	}
	return r
}

// targetOf says something useful also of what has no request target.
func targetOf(c *monitor.Conn) string {
	switch t := c.Target(); {
	case t != "":
		return t
	case c.Opaque:
		return "(opaque: " + c.Lost[0] + c.Lost[1] + ")"
	case c.Dial != nil:
		return "(no request: " + c.Dial.Error + ")"
	}
	return "(no request yet)"
}

func statusOf(c *monitor.Conn) string {
	switch {
	case c.Opaque:
		return "opaque"
	case c.Answer != nil:
		return fmt.Sprint(c.Answer.Status)
	case c.Dial != nil:
		return "dial"
	}
	return "–"
}

func stageOf(c *monitor.Conn) stage {
	upgraded := c.IsUpgraded() || c.Opaque
	switch {
	case !upgraded && (c.IsClosed() || c.Dial != nil || c.Answer != nil):
		return refused
	case !upgraded:
		return connecting
	case c.IsClosed():
		return closed
	case len(c.Ends) > 0 || c.Phase == monitor.Closing:
		return closing
	}
	return open
}

// endingSide names a side of a leg: one side of each is nginx.
func endingSide(c *monitor.Conn, e *monitor.SideEnded) string {
	client := e.Dir == 0
	switch {
	case c.Role == monitor.Front && !client, c.Role == monitor.Back && client:
		return "nginx"
	case client:
		return "client"
	}
	return "server"
}

// limitText is a limit in few words: "60s assumed", "60s a.conf:12 +1".
func limitText(cd *monitor.Countdown) string {
	s := round(cd.Limit.Value.Std())
	if cd.Limit.Kind == monitor.Lifetime {
		s = "life " + s
	}
	s += " " + sourceShort(cd.Limit.Source)
	if n := len(cd.Race); n > 0 {
		s += fmt.Sprintf(" +%d", n)
	}
	return s
}

// sourceShort leaves the folder of "FILE:LINE" out.
func sourceShort(source string) string {
	source = printable.String(source)
	if strings.Contains(source, "/") && strings.Contains(source, ":") {
		return path.Base(source)
	}
	return strings.TrimPrefix(source, "hop ")
}

// leftText is the time left, or how long past the limit.
func leftText(cd *monitor.Countdown) string {
	if cd.Left < 0 {
		return "+" + span5(-cd.Left)
	}
	return span5(cd.Left)
}

// facts is a row as text for the clipboard.
func (r *row) facts() string {
	parts := []string{fmt.Sprintf("#%d", r.seq), r.tap}
	if r.link > 0 {
		parts = append(parts, fmt.Sprintf("link %d", r.link))
	}
	parts = append(parts, r.client, r.host+r.target, "status "+r.status, "age "+span5(r.age), "gap "+span5(r.gap))
	for d, name := range [...]string{"from client", "from server"} {
		parts = append(parts, fmt.Sprintf("%s %d frames %d bytes", name, r.frames[d], r.bytes[d]))
	}
	switch {
	case r.counting:
		parts = append(parts, "left "+leftText(&r.countdown)+" of "+r.limit)
	case r.verdict.Cause != "":
		parts = append(parts, fmt.Sprintf("%s (%s) %s", r.verdict.Cause, r.verdict.Confidence, codeText(&r.verdict)))
	}
	return strings.Join(parts, "  ")
}
