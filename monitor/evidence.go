package monitor

import (
	"fmt"
	"time"

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
	how := "joined by time and request"
	switch {
	case r.Exact:
		how = "joined exactly"
	case r.Ambiguous:
		how = fmt.Sprintf("one of %d lines that fit %d connections equally", r.Candidates, r.Candidates)
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

// contrast adds what the verdict rests on when only one leg is seen.
func (j *judge) contrast() {
	if j.Other != nil || j.Conn.Role == "" || j.v.Confidence == Confirmed || j.v.Cause == CauseClientFIN || j.v.Cause == CauseServerFIN {
		return
	}
	missing := Back
	if j.Conn.Role == Back {
		missing = Front
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
	who := dirName(e.Dir)
	switch {
	case c.Role == Front && e.Dir == ws.FromServer:
		who = "nginx side"
	case c.Role == Back && e.Dir == ws.FromClient:
		who = "nginx side"
	}
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

// clock is a wall time as evidence shows it.
func clock(t Time) string { return t.Std().Format("15:04:05.000") }

// span is a duration as evidence shows it.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + span(-d)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
