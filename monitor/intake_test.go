package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/redact"
)

func TestIntake(t *testing.T) {
	var evs []Event
	in := NewLogIntake("error.log", Header{Tap: 1}, time.UTC, redact.New([]byte("k")), func(ev Event) bool {
		evs = append(evs, ev)
		return true
	})
	at := time.Date(2026, 11, 22, 10, 5, 3, 5e8, time.UTC)
	line := `2026/11/22 09:05:03 [error] 31#31: *2 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: x, request: "GET /a?token=hunter2hunter2 HTTP/1.1", upstream: "http://127.0.0.1:9000/a?token=hunter2hunter2", host: "h"`
	in.Line([]byte(line), at, true)
	if len(evs) != 2 || evs[0].Type() != "health" || evs[1].Type() != "log" {
		t.Fatalf("got %v", evs)
	}
	l := evs[1].(*LogLine)
	if l.At != TimeOf(at) || l.Stamp != TimeOf(at.Truncate(time.Second)) {
		t.Errorf("at %v stamp %v: the writer is an hour behind, that was to be measured", l.At, l.Stamp)
	}
	if strings.Contains(fmt.Sprintf("%+v", l.Entry), "hunter2") {
		t.Errorf("secret survives: %+v", l.Entry)
	}
	if !strings.HasPrefix(l.Entry.RequestTarget(), "/a?token=‹redacted:") || l.Entry.RequestTarget() != l.Entry.UpstreamURI() {
		t.Errorf("targets after redaction: %q %q", l.Entry.RequestTarget(), l.Entry.UpstreamURI())
	}
}

// TestIntakeClose: the flood's last second ends with the log.
func TestIntakeClose(t *testing.T) {
	kept, counted := 0, uint64(0)
	in := NewLogIntake("error.log", Header{}, time.UTC, nil, func(ev Event) bool {
		switch ev := ev.(type) {
		case *LogLine:
			kept++
		case *LogSummary:
			for _, n := range ev.Kinds {
				counted += n
			}
		}
		return true
	})
	at := time.Date(2026, 11, 22, 9, 5, 3, 0, time.UTC)
	for i := range 12_000 {
		in.Line(fmt.Appendf(nil, "2026/11/22 09:05:03 [error] 31#31: *%d x", i), at, true)
	}
	in.Close(at)
	if kept != LogRate || counted != 2000 {
		t.Errorf("kept %d, counted %d of 12,000", kept, counted)
	}
}

func TestIntakeFlood(t *testing.T) {
	kept, counted := 0, uint64(0)
	in := NewLogIntake("error.log", Header{}, time.UTC, nil, func(ev Event) bool {
		switch ev := ev.(type) {
		case *LogLine:
			kept++
		case *LogSummary:
			for _, n := range ev.Kinds {
				counted += n
			}
		}
		return true
	})
	at := time.Date(2026, 11, 22, 9, 5, 3, 0, time.UTC)
	line := []byte("2026/11/22 09:05:03 [notice] 31#31: exiting")
	for range 25_000 {
		in.Line(line, at, false)
	}
	in.Line(line, at.Add(time.Second), false)
	if kept != LogRate+1 || counted != 25_000-LogRate {
		t.Errorf("kept %d, counted %d", kept, counted)
	}
}
