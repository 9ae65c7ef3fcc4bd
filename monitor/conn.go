package monitor

import (
	"time"

	"github.com/wstap/wstap/ws"
)

// Phase of a conn, RFC 6455 §4.1, §7.1.3, §7.1.4.
type Phase uint8

const (
	Connecting Phase = iota // no 101 yet
	Open                    // upgraded (or opaque: there is nothing to wait for)
	Closing                 // a close frame was seen, or one side ended
	Dead                    // both sides ended, or the attempt failed
)

func (p Phase) String() string {
	return [...]string{"connecting", "open", "closing", "closed"}[p&3]
}

// Conn is what State knows of one upgrade attempt, successful or not, or of
// one opaque stream. Faces read it inside feed.Read and keep nothing of it.
type Conn struct {
	ID
	Seq  uint64 // number in order of arrival in this State, from 1
	Tap  string
	Role Role // of its tap; "" if no hello named it

	Client, Listen, Local, Server string

	Lost    [2]string // why a direction is not decoded
	Request *Request  // HeadText cut to HeadKept; nil before it came
	Answer  *Response
	Dial    *DialError

	Opened   Time
	Upgraded Time
	Ended    Time // of Closed

	Phase    Phase // this and the following share a word
	Opaque   bool
	ByTap    bool
	Settled  bool // Verdict is final
	Pinned   bool
	settling bool  // on State.settling
	oneLeg   bool  // Verdict was made without the end of another leg
	counted  bool  // a Baseline's counts have its verdict, whatever that was
	near     bool  // counted among those near their limit
	place    int32 // in State.list; here, or the struct would be of the next size class

	Sample      Sample
	Last        []FrameRecord
	CloseFrames []CloseFrame // the first two a direction
	Ends        []SideEnded  // in order of time, at most one a direction

	Link     *Link
	LinkNote string // why there is no link, when one was expected
	Logs     []*LogRef
	LogsMore int // log lines beyond those kept
	Verdict  Verdict

	limits  *limitSet // of this conn alone
	target  *targetCount
	request Request // what Request points to: one allocation less
}

// HeadKept is how much of a head State keeps; the recording has the rest.
const HeadKept = 4 << 10

// logsKept bounds the log lines kept with a conn.
const logsKept = 16

// Key is the Sec-WebSocket-Key, or "".
func (c *Conn) Key() string {
	if c.Request == nil {
		return ""
	}
	return c.Request.Key
}

// Target is the request target, or "".
func (c *Conn) Target() string {
	if c.Request == nil {
		return ""
	}
	return c.Request.Target
}

// Host is the request's Host, or "".
func (c *Conn) Host() string {
	if c.Request == nil {
		return ""
	}
	return c.Request.Host
}

// Status is the answer's status, or 0.
func (c *Conn) Status() int {
	if c.Answer == nil {
		return 0
	}
	return c.Answer.Status
}

// IsUpgraded says that the 101 was seen.
func (c *Conn) IsUpgraded() bool { return !c.Upgraded.IsZero() }

// IsClosed says that nothing more will come.
func (c *Conn) IsClosed() bool { return c.Phase == Dead }

// Age is how long the conn has been, or was, there.
func (c *Conn) Age(now Time) time.Duration {
	if !c.Ended.IsZero() {
		now = c.Ended
	}
	return max(now.Sub(c.Opened), 0)
}

// LastActivity is the last byte either way, or when the conn was opened.
func (c *Conn) LastActivity() Time {
	return max(c.Sample.LastByte(), c.Opened)
}

// Gap is the time with no byte in either direction: until now, or until the
// first end if there was one.
func (c *Conn) Gap(now Time) time.Duration {
	if e := c.FirstEnd(); e != nil {
		if e.Gap > 0 {
			return e.Gap.Std()
		}
		now = e.At
	} else if !c.Ended.IsZero() {
		now = c.Ended
	}
	return max(now.Sub(c.LastActivity()), 0)
}

// FirstEnd is the side that ended first, or nil.
func (c *Conn) FirstEnd() *SideEnded {
	if len(c.Ends) == 0 {
		return nil
	}
	return &c.Ends[0]
}

// EndAt is when the end began: the first side's end, else Ended.
func (c *Conn) EndAt() Time {
	if e := c.FirstEnd(); e != nil {
		return e.At
	}
	return c.Ended
}

// CloseFrame is the first close frame seen in a direction, or nil.
func (c *Conn) CloseFrame(dir ws.Direction) *CloseFrame {
	for i := range c.CloseFrames {
		if c.CloseFrames[i].Dir == dir {
			return &c.CloseFrames[i]
		}
	}
	return nil
}

// closeBeforeEnd is the first close frame that came before the first side's
// end, or nil. A later one is a reaction to the end and explains nothing: many
// servers answer a FIN with 1006 or 1011.
func (c *Conn) closeBeforeEnd() (first *CloseFrame) {
	for i := range c.CloseFrames {
		f := &c.CloseFrames[i]
		if e := c.FirstEnd(); e != nil && f.At > e.At {
			continue
		}
		if first == nil || f.At < first.At {
			first = f
		}
	}
	return first
}

// decoded says that frames were looked at in both directions, to the end.
func (c *Conn) decoded() bool { return !c.Opaque && c.Lost[0] == "" && c.Lost[1] == "" }

// Link joins the front conn and the back conns of one WebSocket: several
// backs when nginx tried the handshake again at another server.
type Link struct {
	ID    uint64
	Front *Conn
	Backs []*Conn
}

// Other is the other leg: for a back conn its front, for a front conn the
// last back (the one that was not given up). Nil without a link.
func (c *Conn) Other() *Conn {
	switch {
	case c.Link == nil:
		return nil
	case c.Link.Front != c:
		return c.Link.Front
	case len(c.Link.Backs) == 0:
		return nil
	}
	return c.Link.Backs[len(c.Link.Backs)-1]
}

// EndClient is the client's address of the whole WebSocket: a back leg's own client
// is nginx.
func (c *Conn) EndClient() string {
	if c.Link != nil && c.Link.Front != nil {
		return c.Link.Front.Client
	}
	return c.Client
}

// Legs are the front and the back conn of what c belongs to; one is nil when
// only the other is seen, both are when c's role is unknown.
func (c *Conn) Legs() (front, back *Conn) {
	switch c.Role {
	case Front:
		return c, c.Other()
	case Back:
		return c.Other(), c
	}
	return nil, nil
}
