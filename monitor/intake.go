package monitor

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/logparse"
)

// LogRate is how many entries a second of one log are kept whole; what is
// above is counted by kind and level.
const LogRate = 10_000

// LogIntake turns the lines of one followed log into events: parsed, secrets
// taken out, stamps read in the zone that fits, floods counted instead of
// kept. It has no clock: the arrival comes with each line.
type LogIntake struct {
	Source string // name shown, and key of its health
	Redact *redact.Redactor
	Header Header // of all events, with At replaced
	Emit   func(Event) bool

	parser logparse.Parser
	zone   logparse.Zone
	second int64
	count  int
	over   *LogSummary
}

// NewLogIntake makes an intake whose stamps are in loc unless it is measured
// to be wrong.
func NewLogIntake(source string, h Header, loc *time.Location, r *redact.Redactor, emit func(Event) bool) *LogIntake {
	in := &LogIntake{Source: source, Redact: r, Header: h, Emit: emit}
	in.parser.File = source
	in.zone.Base = loc
	return in
}

// Line takes one physical line without its line end. live says that it was
// written just now, so that its stamp tells the zone.
func (in *LogIntake) Line(line []byte, at time.Time, live bool) {
	in.parser.Line(line, func(e *logparse.Entry) { in.entry(e, at, live) })
}

// Flush emits what is held back, when nothing has come for a while, and the
// counts of a flood that is over.
func (in *LogIntake) Flush(at time.Time) {
	in.parser.Flush(func(e *logparse.Entry) { in.entry(e, at, false) })
	if at.Unix() != in.second {
		in.endFlood(at)
	}
}

// Close emits all that is held back, the counts of a flood that is not over
// included. No line may follow.
func (in *LogIntake) Close(at time.Time) {
	in.Flush(at)
	in.endFlood(at)
}

func (in *LogIntake) entry(e *logparse.Entry, at time.Time, live bool) {
	if live && in.zone.Observe(e, at) {
		in.tellZone(at)
	}
	if s := at.Unix(); s != in.second {
		in.second, in.count = s, 0
		in.endFlood(at)
	}
	in.count++
	if in.count > LogRate {
		in.flood(e)
		return
	}
	in.Emit(NewLogLine(in.head(at), in.Source, e, in.Redact, in.zone.Location()))
}

func (in *LogIntake) head(at time.Time) Header {
	h := in.Header
	h.At = TimeOf(at)
	return h
}

func (in *LogIntake) flood(e *logparse.Entry) {
	if in.over == nil {
		in.over = &LogSummary{Source: in.Source, Levels: map[string]uint64{}, Kinds: map[string]uint64{}}
	}
	if e.Parsed() {
		in.over.Levels[e.Level.String()]++
	}
	in.over.Kinds[string(e.Kind)]++
}

func (in *LogIntake) endFlood(at time.Time) {
	if in.over == nil {
		return
	}
	in.over.Header = in.head(at)
	in.Emit(in.over)
	in.over = nil
}

func (in *LogIntake) tellZone(at time.Time) {
	text := "stamps agree with the clock"
	if o := in.zone.Offset(); o != 0 {
		text = fmt.Sprintf("stamps are %s away from --log-timezone: read in the measured zone instead", o)
	}
	in.Emit(&Health{Header: in.head(at), Name: "zone of " + in.Source, Status: HealthOK, Text: text})
}
