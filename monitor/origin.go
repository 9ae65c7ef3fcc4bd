package monitor

import (
	"time"

	"github.com/wstap/wstap/ws"
)

// origin says who began the end of a tunnel, as far as the legs show.
type origin uint8

const (
	byUnknown     origin = iota
	byClient             // the client's own end, seen on the front leg
	byServer             // the server's own end, seen on the back leg
	byProxy              // nginx ended both legs itself
	proxySide            // front leg alone: nginx, passing on the server's end or its own
	proxySideBack        // back leg alone: nginx, passing on the client's end or its own
	roleless             // a tap whose side of nginx is not known: either side may be nginx
)

// byNginx says that nginx's side ended first on every leg that is seen: for
// itself, or for an end that is not seen.
func (o origin) byNginx() bool {
	return o == byProxy || o == proxySide || o == proxySideBack || o == roleless
}

// originOf judges the ends of c and of its other leg. nginx never half-closes:
// an end on one leg is an end on the other within milliseconds, and who was
// first is decided by the legs together.
func originOf(c *Conn) origin {
	if c.FirstEnd() == nil && (c.Other() == nil || c.Other().FirstEnd() == nil) {
		return byUnknown
	}
	f, b := c.Legs()
	switch {
	case f == nil && b == nil:
		return roleless
	case b == nil || b.FirstEnd() == nil:
		return pick(f, byClient, proxySide)
	case f == nil || f.FirstEnd() == nil:
		return pick(b, proxySideBack, byServer)
	}
	switch fo, bo := pick(f, byClient, byProxy), pick(b, byProxy, byServer); {
	case fo == byProxy && bo == byProxy:
		return byProxy
	case fo == byClient && bo == byProxy && before(b, f), fo == byProxy && bo == byServer && before(f, b):
		return byProxy // nginx had ended the other leg already
	case fo == byClient && (bo != byServer || f.EndAt() <= b.EndAt()):
		return byClient
	}
	return byServer
}

// before says that a ended clearly before b: nginx passes an end on at once.
func before(a, b *Conn) bool {
	const atOnce = 250 * time.Millisecond
	return b.EndAt().Sub(a.EndAt()) > atOnce
}

// pick names the side that ended first on one leg.
func pick(c *Conn, client, server origin) origin {
	if c == nil || c.FirstEnd() == nil {
		return byUnknown
	}
	if c.FirstEnd().Dir == ws.FromClient {
		return client
	}
	return server
}
