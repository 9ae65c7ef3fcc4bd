package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Time is a wall time in nanoseconds since the Unix epoch; zero means unknown
// and is null in JSON. Sources make it from one anchor at start plus the
// monotonic clock, so that differences are never bent by a clock step.
type Time int64

// TimeOf converts; the zero time.Time becomes the unknown Time.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixNano())
}

// Std converts to the standard library's time, in the local zone.
func (t Time) Std() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(t))
}

func (t Time) IsZero() bool             { return t == 0 }
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub is the duration from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

func (t Time) String() string { return t.Std().Format(time.RFC3339Nano) }

// MarshalJSON writes RFC 3339 with nanoseconds and offset, or null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	b := make([]byte, 0, 40)
	b = append(b, '"')
	b = t.Std().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = 0
		return nil
	}
	var s time.Time
	if err := s.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("monitor: bad time %.40q: %w", b, err)
	}
	*t = TimeOf(s)
	return nil
}

// Millis is a duration that is a number of milliseconds in JSON.
type Millis time.Duration

func (m Millis) Std() time.Duration { return time.Duration(m) }

// MarshalJSON writes milliseconds with at most six decimals.
func (m Millis) MarshalJSON() ([]byte, error) {
	return m.append(nil), nil
}

// append does without floating point up to 11 days: a float64 holds 15 digits
// exactly, so that both ways write the same.
func (m Millis) append(b []byte) []byte {
	const exact = 1e15
	if m <= -exact || m >= exact {
		return strconv.AppendFloat(b, float64(m)/1e6, 'f', -1, 64)
	}
	if m < 0 {
		b, m = append(b, '-'), -m
	}
	b = strconv.AppendInt(b, int64(m/1e6), 10)
	return appendFraction(b, uint64(m%1e6), 6)
}

// UnmarshalJSON reads milliseconds; null is zero.
func (m *Millis) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("monitor: bad duration %.40q: %w", b, err)
	}
	*m = Millis(math.Round(f * 1e6))
	return nil
}

// Instance identifies one run of a relay: 64 random bits, 16 hex digits in
// JSON. A conn's identity is its instance and its number there.
type Instance uint64

func (i Instance) String() string { return string(i.append(nil)) }

func (i Instance) MarshalText() ([]byte, error) { return i.append(nil), nil }

// append appends the 16 hex digits.
func (i Instance) append(b []byte) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[i>>shift&15])
	}
	return b
}

// UnmarshalText reads 1 to 16 hex digits.
func (i *Instance) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 16, 64)
	if err != nil {
		return fmt.Errorf("monitor: bad tap instance %.40q: %w", b, err)
	}
	*i = Instance(n)
	return nil
}
