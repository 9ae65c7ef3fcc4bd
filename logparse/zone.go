package logparse

import "time"

// Zone finds out in which zone a log is written: nginx stamps local time and
// names no zone. While a log is followed, arrival minus stamp is the age of a
// line, near zero; if it is near another multiple of 15 minutes, the writer
// lives in another zone.
type Zone struct {
	Base *time.Location // as configured; nil is the local zone

	offset time.Duration // measured: stamps are early by this
	loc    *time.Location
}

const (
	zoneStep  = 15 * time.Minute
	zoneSlack = 10 * time.Second // how late a fresh line may come
	zoneMost  = 26 * time.Hour
)

// Location is the zone in force.
func (z *Zone) Location() *time.Location {
	switch {
	case z.loc != nil:
		return z.loc
	case z.Base != nil:
		return z.Base
	}
	return time.Local
}

// Offset is how far the measured zone is from the configured one; zero if they agree.
func (z *Zone) Offset() time.Duration { return z.offset }

// Observe takes a line that has just been written and says whether the zone
// in force changed. Lines with a time of their source need no zone.
func (z *Zone) Observe(e *Entry, arrived time.Time) bool {
	if e.Stamp.IsZero() || !e.SourceTime.IsZero() {
		return false
	}
	base := z.Base
	if base == nil {
		base = time.Local
	}
	age := arrived.Sub(e.Stamp.In(base))
	offset := age.Round(zoneStep)
	if rest := age - offset; rest < -time.Second || rest > zoneSlack || offset.Abs() > zoneMost || offset == z.offset {
		return false
	}
	z.offset, z.loc = offset, nil
	if offset != 0 {
		_, east := e.Stamp.In(base).Zone()
		z.loc = time.FixedZone("measured", east-int(offset/time.Second))
	}
	return true
}
