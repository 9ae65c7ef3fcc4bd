package capture

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wstap/wstap/monitor"
)

var (
	errBatch = errors.New("batch cut short")
	errRows  = errors.New("batch of more rows than a recording has")
)

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

// decodeBatch checks the number of samples first: a row of zeroes takes one
// byte in the file and 600 in memory.
func decodeBatch(b []byte) (monitor.Event, error) {
	if len(b) > 0 && b[0] == 'S' && sampleRows(b[1:]) > maxBatchSamples {
		return nil, errRows
	}
	return monitor.DecodeBatch(b)
}

// sampleRows reads the row count behind time, tap and leg.
func sampleRows(b []byte) uint64 {
	for range 2 {
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return 0 // DecodeBatch says it better
		}
		b = b[n:]
	}
	_, b, ok := prefixed(b)
	if !ok {
		return 0
	}
	rows, _ := binary.Uvarint(b)
	return rows
}
