package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// EventVersion is the version of the event encoding (EVENTS.md). It rises when
// an old reader would misunderstand, not when fields or types are added.
const EventVersion = 1

// ErrUnknownType is returned for an event type this build does not know:
// readers skip and count it.
var ErrUnknownType = errors.New("monitor: unknown event type")

// VersionError refuses an event of a newer encoding.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("monitor: event encoding version %d is newer than this build reads (%d)", e.Version, EventVersion)
}

// makers is the one list of event types that have a JSON form.
var makers = map[string]func() Event{
	"hello":       func() Event { return new(Hello) },
	"opened":      func() Event { return new(Opened) },
	"request":     func() Event { return new(Request) },
	"response":    func() Event { return new(Response) },
	"dial_error":  func() Event { return new(DialError) },
	"close_frame": func() Event { return new(CloseFrame) },
	"side_ended":  func() Event { return new(SideEnded) },
	"lost":        func() Event { return new(Lost) },
	"closed":      func() Event { return new(Closed) },
	"violation":   func() Event { return new(Violation) },
	"limit":       func() Event { return new(Limit) },
	"log":         func() Event { return new(LogLine) },
	"log_summary": func() Event { return new(LogSummary) },
	"http":        func() Event { return new(HTTP) },
	"settings":    func() Event { return new(Settings) },
	"polling":     func() Event { return new(Polling) },
	"tick":        func() Event { return new(Tick) },
	"clock_step":  func() Event { return new(ClockStep) },
	"health":      func() Event { return new(Health) },
	"dropped":     func() Event { return new(Dropped) },
	"verdict":     func() Event { return new(Verdicted) },
	"baseline":    func() Event { return new(Baseline) },
}

// IsBinary says that an event has the columnar form (AppendBatch) and no JSON form.
func IsBinary(ev Event) bool {
	switch ev.(type) {
	case *Samples, *Frames:
		return true
	}
	return false
}

// AppendJSON appends one event as one JSON object without a line end.
func AppendJSON(b []byte, ev Event) ([]byte, error) {
	if IsBinary(ev) {
		return b, fmt.Errorf("monitor: %s events have no JSON form", ev.Type())
	}
	whole := b
	b = append(b, `{"v":1,"type":"`...)
	b = append(b, ev.Type()...)
	b = append(b, '"')
	j := jsonText{b: b}
	if j.appendCommon(ev) {
		j.close('}')
		return j.b, nil
	}
	body, err := json.Marshal(ev)
	if err != nil {
		return whole, fmt.Errorf("monitor: encoding a %s event: %w", ev.Type(), err)
	}
	b = append(b, ',')
	return append(b, body[1:]...), nil
}

// DecodeJSON reads one event. Unknown fields are skipped; an unknown type is
// ErrUnknownType, a newer version a *VersionError.
func DecodeJSON(b []byte) (Event, error) {
	if ev := decodeCommon(b); ev != nil {
		return ev, nil
	}
	return decodeAny(b)
}

func decodeAny(b []byte) (Event, error) {
	var env struct {
		V    int    `json:"v"`
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &env); err != nil {
		return nil, fmt.Errorf("monitor: not an event: %w", err)
	}
	switch {
	case env.V > EventVersion:
		return nil, &VersionError{env.V}
	case env.V < 1:
		return nil, fmt.Errorf("monitor: not an event: version %d", env.V)
	}
	make, ok := makers[env.Type]
	if !ok {
		return nil, fmt.Errorf("%w %.40q", ErrUnknownType, env.Type)
	}
	ev := make()
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(ev); err != nil {
		return nil, fmt.Errorf("monitor: bad %s event: %w", env.Type, err)
	}
	return ev, nil
}
