package diagnose

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// notClosedLeast is how long a side may keep its end of a connection that the
// other one has closed: longer than any answer to a close frame, or the rest of
// a download, takes.
const notClosedLeast = 30 * time.Second

// notClosed looks at conns of which one side has closed TCP and the other has
// not: nginx is done with them, and a client or a server holds on.
func notClosed(p *pass, c *monitor.Conn) {
	if !c.IsUpgraded() || c.ByTap || len(c.Ends) == 0 || c.Ends[0].How != monitor.HowFIN {
		return
	}
	held, from := p.heldSince(c)
	if held < notClosedLeast {
		return
	}
	left := c.Ends[0].Dir.Other()
	if (left == ws.FromClient) == (c.Role == monitor.Back) {
		return // nginx, which a stream block with proxy_half_close lets wait
	}
	side := sideName(left)
	p.about(side+" of "+targetGroup(c.Target())).conn(c, from).
		tell(func() string {
			state := "and still does not"
			if !c.Ended.IsZero() {
				state = "until " + clock(c.Ended)
			}
			return fmt.Sprintf("#%d, of %s: closed towards the %s at %s, which did not close for %s, %s", c.Seq, c.Client, side, clock(from), span(held), state)
		}).
		fix("%s", notClosedFix(side))
}

// heldSince is for how long one side alone has been closed, and since when.
func (p *pass) heldSince(c *monitor.Conn) (time.Duration, monitor.Time) {
	from, until := c.Ends[0].At, p.state.Now()
	switch {
	case len(c.Ends) > 1:
		until = c.Ends[1].At
	case !c.Ended.IsZero():
		until = c.Ended
	}
	return until.Sub(from), from
}

func notClosedFix(side string) string {
	if side == "server" {
		return "Let the server close the connection when a read ends or fails: until then its socket is in CLOSE_WAIT and holds a descriptor, and in the end it can accept no more (Too many open files). On its machine, ss -tn state close-wait lists them."
	}
	return "Let the client close the connection when a read ends or fails, and reconnect: until then its socket is in CLOSE_WAIT, and it believes that it is connected."
}
