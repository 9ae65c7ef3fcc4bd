package capture

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wstap/wstap/monitor"
)

var errBatch = errors.New("batch cut short")

// prefixed takes a length and as many bytes.
func prefixed(b []byte) (body, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	b = b[used:]
	return b[:n:n], b[n:], true
}

func decodeJSON(b []byte, limit int) (monitor.Event, error) {
	if len(b) > limit {
		return nil, fmt.Errorf("an event of %d bytes, more than %d", len(b), limit)
	}
	return monitor.DecodeJSON(b)
}
