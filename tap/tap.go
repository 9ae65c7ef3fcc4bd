// Package tap relays TCP and unix connections byte for byte and tells
// package observe what passed.
//
// A [Server] listens at the places that [ParseSpecs] made of the command line,
// dials the upstream for every connection it accepts, and copies bytes, ends
// and resets in both directions as if it were not there. Forwarding comes
// first: whatever happens to the observation, the bytes go on.
//
// It changes nothing, logs nothing, samples nothing, and knows no HTTP and no
// WebSocket.
package tap

import (
	"context"
	"net"
	"time"

	"github.com/wstap/wstap/monitor"
)

// DefaultDialTimeout is how long an upstream may take to accept.
const DefaultDialTimeout = 60 * time.Second

// Options are what holds for all taps of a Server. The zero value is good.
type Options struct {
	DialTimeout time.Duration // 0: DefaultDialTimeout
	// KeepAlive is the time between TCP keepalive probes. 0 is off: probes hold
	// open what would have died without us, and kill what would have lived.
	KeepAlive time.Duration

	// OnHealth takes the state of a tap, by its name: a warning when connections
	// cannot be accepted or a decoder failed, ok when it is over. It must not
	// block. Nil: nobody asks.
	OnHealth func(tap string, status monitor.HealthStatus, text string)

	// Listen opens a listener. Nil: a net.ListenConfig without keepalive and
	// multipath TCP.
	Listen func(network, address string) (net.Listener, error)
	// Dial opens an outgoing connection. Nil: a net.Dialer without keepalive
	// and multipath TCP. The context carries the dial timeout.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}
