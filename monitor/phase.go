package monitor

// phases is the transition table: phase × event type to phase. What must not
// happen is counted as an oddity, and changes nothing.
var phases = map[string][4]Phase{
	"opened":      {odd, odd, odd, odd},            // a conn is opened once
	"request":     {Connecting, odd, Closing, odd}, // a server may have ended before the client asked
	"response":    {Connecting, odd, Closing, odd}, // to Open by its status, see applyResponse
	"dial_error":  {Dead, odd, odd, odd},
	"close_frame": {odd, Closing, Closing, odd},
	"side_ended":  {Closing, Closing, Closing, odd},
	"lost":        {Connecting, Open, Closing, odd},
	"violation":   {Connecting, Open, Closing, odd},
	"closed":      {Dead, Dead, Dead, Dead}, // dead already after a failed dial
}

// odd marks an impossible pair.
const odd Phase = 0xff

// enter moves c by the table. False: the event cannot be, and was counted.
func (s *State) enter(c *Conn, ev Event) bool {
	row, ok := phases[ev.Type()]
	if !ok || row[c.Phase] == odd || again(c, ev) {
		s.Totals.Oddities++
		return false
	}
	c.Phase = row[c.Phase]
	return true
}

// again says that c has had its one event of this type.
func again(c *Conn, ev Event) bool {
	switch ev.(type) {
	case *Request:
		return c.Request != nil
	case *Response:
		return c.Answer != nil
	case *Closed:
		return !c.Ended.IsZero()
	}
	return false
}
