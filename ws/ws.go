// Package ws decodes one direction of a WebSocket's TCP connection as somebody else's traffic: the HTTP/1.x heads of
// the opening handshake, then RFC 6455 frames, with RFC 7692 and the names of opcodes and close codes.
//
// The decoders are pushed: give [HTTPDecoder] the bytes as they arrive until it says [HTTPTunnel], then give the rest
// to [FrameDecoder]. The result does not depend on how the bytes were cut. A rule broken on the wire is data, a [Rule]
// in a [RuleSet], and never an error: decoding goes on as long as the next frame can be found, and where it cannot, the
// decoder is lost and says so instead of guessing.
//
// The package never writes to the bytes it is given, makes no frames, inflates nothing, knows no clock, no network and
// no goroutine. A decoder is not safe for concurrent use.
package ws

import "fmt"

// Direction says which endpoint sent the bytes. It is made to index arrays of two.
type Direction uint8

const (
	FromClient Direction = 0 // sent by the endpoint that opened the connection
	FromServer Direction = 1
)

// String returns "from client" or "from server".
func (d Direction) String() string {
	if d == FromClient {
		return "from client"
	}
	return "from server"
}

// Other returns the opposite direction.
func (d Direction) Other() Direction {
	if d == FromClient {
		return FromServer
	}
	return FromClient
}

// MarshalText writes "from_client" or "from_server", as in JSON keys.
func (d Direction) MarshalText() ([]byte, error) {
	if d == FromClient {
		return []byte("from_client"), nil
	}
	return []byte("from_server"), nil
}

// UnmarshalText reads what MarshalText writes.
func (d *Direction) UnmarshalText(b []byte) error {
	switch string(b) {
	case "from_client":
		*d = FromClient
	case "from_server":
		*d = FromServer
	default:
		return fmt.Errorf("ws: bad direction %.20q, want from_client or from_server", b)
	}
	return nil
}
