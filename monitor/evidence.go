package monitor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/ws"
)

// say adds a sentence of evidence.
func (j *judge) say(format string, args ...any) { j.add(fmt.Sprintf(format, args...)) }

// add is say for the sentences that every conn gets: formats cost more than all
// the rest of a verdict.
func (j *judge) add(sentence string) { j.v.Evidence = append(j.v.Evidence, sentence) }

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

// quoteAttempt quotes what nginx wrote about an attempt that did not become a
// tunnel: connect() failed for one server after the other, then what came of it.
func (j *judge) quoteAttempt() {
	const most = 4
	n := 0
	for _, r := range j.Conn.Logs {
		if !withEnd(r, j.Conn) || !provenFor(r) {
			continue
		}
		if n++; n > most {
			j.say("log: more lines of this attempt")
			return
		}
		j.quote(r)
	}
}

// sayClose tells of the close frames.
func (j *judge) sayClose() {
	for i := range j.Conn.CloseFrames {
		f := &j.Conn.CloseFrames[i]
		code, reason := strconv.Itoa(int(f.Code))+" "+f.Code.Name(), ""
		if f.Derived {
			code = "no code"
		}
		if f.Reason != "" {
			reason = fmt.Sprintf(" (%q)", f.Reason)
		}
		j.add(Clock(f.At) + " the " + dirName(f.Dir) + " sent a close frame: " + code + reason)
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
			leg = "on the " + string(c.Role) + " leg "
		}
		j.add(Clock(c.EndAt()) + " " + leg + "the " + j.endWordsOf(c, c.FirstEnd()) + ", " + Span(c.Gap(c.Ended)) + " after the last byte")
	}
}

// sayIdle tells of an idle kill, and of the limit it kept or did not keep.
func (j *judge) sayIdle(line *LogRef, limit *Limit) {
	j.say("%s nginx's side ended it %s after the last byte in either direction", Clock(j.Conn.EndAt()), Span(j.gap()))
	told := toldIdle(j.Limits)
	switch {
	case limit != nil && (told == nil || limit.Told()):
		j.say("the idle limit is %s (%s)", Span(limit.Value.Std()), limit.Source)
	case line != nil && told != nil:
		j.say("that is not the idle limit of %s (%s), and nginx itself timed out: the settings in force are not those, or proxy_send_timeout ran out", Span(told.Value.Std()), told.Source)
	case limit != nil:
		j.say("the idle limit is %s (%s), but nginx allows %s (%s)", Span(limit.Value.Std()), limit.Source, Span(told.Value.Std()), told.Source)
		j.saySilence()
	default:
		if l := smallest(j.Limits, Idle); l != nil {
			j.say("that is not the idle limit of %s (%s)", Span(l.Value.Std()), l.Source)
		}
	}
}

func (j *judge) sayLifetime(l *Limit) {
	j.say("%s ended at an age of %s; the lifetime limit is %s (%s)", Clock(j.Conn.EndAt()), Span(j.age()), Span(l.Value.Std()), l.Source)
	j.sayEnds()
}

// saySilence says that the silence before the end is the idle limit of something
// that is not the nginx watched, as far as that is known: a hop with such a
// default, or many ends after the same silence.
func (j *judge) saySilence() {
	gap := j.gap()
	learned := j.learnedAt(gap)
	hops := HopsNear(gap, Idle)
	if len(hops) == 0 && learned == nil && j.Around.SameGap < massLeast {
		return
	}
	allows := "nginx's limit is not known"
	if l := toldIdle(j.Limits); l != nil {
		if fitsLimit(gap, l.Value.Std()) {
			return // nginx's own limit is as good an explanation
		}
		allows = fmt.Sprintf("nginx allows %s (%s)", Span(l.Value.Std()), l.Source)
	}
	sure := "may have"
	if learned != nil {
		sure = "has"
	}
	known := "none known has it by default"
	if len(hops) > 0 {
		known = "the ones known: " + titles(hops)
	}
	j.say("closed at %s idle, %s: something %s %s a %s limit; %s", Span(gap), allows, j.where(), sure, inSeconds(gap), known)
}

// learnedAt is the learned limit that fits a gap, or nil.
func (j *judge) learnedAt(gap time.Duration) *Limit {
	for i := range j.Limits {
		if l := &j.Limits[i]; l.Source == sourceLearned && l.Kind == Idle && fitsLimit(gap, l.Value.Std()) {
			return l
		}
	}
	return nil
}

func titles(hops []Hop) string {
	names := make([]string, len(hops))
	for i, h := range hops {
		names[i] = h.Title
	}
	return strings.Join(names, ", ")
}

// where is the place of what ended the conn, as far as the legs tell.
func (j *judge) where() string {
	switch j.origin {
	case byClient:
		return "before nginx"
	case byServer:
		return "behind nginx"
	case byProxy:
		return "between the two taps"
	}
	return "before or behind nginx"
}

// oneSidedLeast is how long only one side must have spoken to be remarked on.
const oneSidedLeast = time.Second

// sayOneSided remarks that only one side had spoken: nginx's timer counts bytes
// of either, so it does not notice that the other is gone.
func (j *judge) sayOneSided() {
	c := j.Conn
	fc, fs := &c.Sample.Dir[ws.FromClient], &c.Sample.Dir[ws.FromServer]
	speaker, silent, ahead := "client", "server", fc.LastByte.Sub(fs.LastByte)
	to := fc
	if ahead < 0 {
		speaker, silent, ahead, to = "server", "client", -ahead, fs
	}
	if ahead < oneSidedLeast || fc.LastByte.IsZero() || fs.LastByte.IsZero() {
		return
	}
	j.say("in the %s before the last byte only the %s had spoken: the %s may have been gone already, and nginx would not notice", Span(ahead), speaker, silent)
	if to.Unanswered > 0 {
		j.say("pings of the %s that were never answered: %d", speaker, to.Unanswered)
	}
	if to.Unacked > 0 {
		j.say("the kernel of the %s's side had acknowledged nothing for %s (TCP)", silent, Span(to.Unacked.Std()))
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
			j.say("%s, after the end, the %s sent a close frame: %d %s", Clock(f.At), dirName(f.Dir), f.Code, f.Code.Name())
		}
	}
	j.contradiction()
	j.contrast()
}

// contradiction shows a line about a tunnel's end that did not become evidence.
func (j *judge) contradiction() {
	for _, r := range j.Conn.Logs {
		e := &r.Entry
		if endsOneTunnel(e) && withEnd(r, j.Conn) && !j.quoted[r] {
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

// inSeconds is a duration as settings have it.
func inSeconds(d time.Duration) string {
	if d < 10*time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
