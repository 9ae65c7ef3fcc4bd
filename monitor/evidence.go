package monitor

import (
	"fmt"

	"github.com/wstap/wstap/ws"
)

// say adds a sentence of evidence.
func (j *judge) say(format string, args ...any) {
	j.v.Evidence = append(j.v.Evidence, fmt.Sprintf(format, args...))
}

// quote adds a log line as evidence.
func (j *judge) quote(r *LogRef) {
	if r == nil {
		return
	}
	if j.quoted == nil {
		j.quoted = map[*LogRef]bool{}
	}
	j.quoted[r] = true
	how := "joined by time and request"
	switch {
	case r.Exact:
		how = "joined exactly"
	case r.group != nil:
		how = fmt.Sprintf("one of %d lines that fit %d connections equally", r.group.lines, len(r.group.conns))
	}
	j.say("log (%s): %s", how, r.Entry.Raw)
}

func (j *judge) quoteAny() { j.quote(j.anyLine()) }

// sayClose tells of the close frames.
func (j *judge) sayClose() {
	for i := range j.Conn.CloseFrames {
		f := &j.Conn.CloseFrames[i]
		code := fmt.Sprintf("%d %s", f.Code, f.Code.Name())
		if f.Derived {
			code = "no code"
		}
		if f.Reason != "" {
			code += fmt.Sprintf(" (%q)", f.Reason)
		}
		j.say("%s the %s sent a close frame: %s", clock(f.At), dirName(f.Dir), code)
	}
	if !j.v.CloseAnswered {
		j.say("the close frame was not answered")
	}
}

// sayEnds tells how TCP ended on each leg.
func (j *judge) sayEnds() {
	for _, c := range []*Conn{j.Conn, j.Other} {
		if c == nil || c.FirstEnd() == nil {
			continue
		}
		leg := ""
		if j.Other != nil {
			leg = fmt.Sprintf("on the %s leg ", c.Role)
		}
		j.say("%s %sthe %s, %s after the last byte", clock(c.EndAt()), leg, j.endWordsOf(c, c.FirstEnd()), span(c.Gap(c.Ended)))
	}
}

// caveats adds what the verdict leaves open: bytes that were not decoded, close
// frames after the end, a log line that fits and contradicts, a leg not seen.
func (j *judge) caveats() {
	for d, reason := range j.Conn.Lost {
		if reason != "" {
			j.say("what came from the %s was not decoded: %s", dirName(ws.Direction(d)), reason)
		}
	}
	if j.v.CloseFrom == "none" {
		for i := range j.Conn.CloseFrames {
			f := &j.Conn.CloseFrames[i]
			j.say("%s, after the end, the %s sent a close frame: %d %s", clock(f.At), dirName(f.Dir), f.Code, f.Code.Name())
		}
	}
	j.contradiction()
	j.contrast()
}

// contradiction shows a line about a tunnel's end that did not become evidence.
func (j *judge) contradiction() {
	for _, r := range j.Conn.Logs {
		e := &r.Entry
		if (isTunnelTimeout(e) || isReset(e) || isClientTimeout(e)) && withEnd(r, j.Conn) && !j.quoted[r] {
			j.say("a log line fits by time and request, but does not prove this end: %s", e.Raw)
			return
		}
	}
}

// contrast says which leg is not seen, where that matters.
func (j *judge) contrast() {
	if j.Other != nil || j.v.Confidence == Confirmed || j.v.Cause == CauseClientFIN || j.v.Cause == CauseServerFIN {
		return
	}
	missing := Back
	switch j.Conn.Role {
	case Back:
		missing = Front
	case "":
		j.say("on which side of nginx this tap sits is not known")
		return
	}
	why := "no tap sees it"
	if j.Conn.LinkNote != "" {
		why = j.Conn.LinkNote
	}
	j.say("the %s leg of this connection is not seen (%s)", missing, why)
}

func (j *judge) endWords(e *SideEnded) string { return j.endWordsOf(j.Conn, e) }

// endWordsOf is a clause like "client reset the connection": the side by its
// real name, which on one side of each tap is nginx.
func (j *judge) endWordsOf(c *Conn, e *SideEnded) string {
	who := nameOf(c, e.Dir)
	switch e.How {
	case HowFIN:
		return who + " closed TCP (FIN)"
	case HowReset:
		return who + " reset the connection (RST)"
	case HowCloseNotify:
		return who + " closed TLS (close_notify)"
	case HowTimeout:
		return who + " vanished: the kernel gave up retransmitting (ETIMEDOUT)"
	}
	return who + " failed: " + e.Error
}

// nameOf is the real name of the side that a direction comes from.
func nameOf(c *Conn, d ws.Direction) string {
	if (c.Role == Front && d == ws.FromServer) || (c.Role == Back && d == ws.FromClient) {
		return "nginx side"
	}
	return dirName(d)
}

// Evidence is written in these words.
var clock, span = Clock, Span
