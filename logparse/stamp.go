package logparse

import "time"

// Stamp is a time as nginx writes it: local, to the second, without a zone.
type Stamp struct {
	Year                       int16
	Month, Day, Hour, Min, Sec int8
}

// IsZero says that there is no stamp.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// In reads s as a time in loc. The zero Stamp gives the zero Time.
func (s Stamp) In(loc *time.Location) time.Time {
	if s.IsZero() {
		return time.Time{}
	}
	return time.Date(int(s.Year), time.Month(s.Month), int(s.Day), int(s.Hour), int(s.Min), int(s.Sec), 0, loc)
}

// seconds orders stamps and measures short distances; months count 31 days.
func (s Stamp) seconds() int64 {
	days := (int64(s.Year)*12+int64(s.Month))*31 + int64(s.Day)
	return ((days*24+int64(s.Hour))*60+int64(s.Min))*60 + int64(s.Sec)
}

// Clock reads the times of entries, of which many in a row have the same stamp.
type Clock struct {
	Loc *time.Location // of the stamps

	stamp Stamp
	at    time.Time // of stamp
}

// Time is e.Time(c.Loc).
func (c *Clock) Time(e *Entry) time.Time {
	if !e.SourceTime.IsZero() {
		return e.SourceTime
	}
	if e.Stamp != c.stamp {
		c.stamp, c.at = e.Stamp, e.Stamp.In(c.Loc)
	}
	return c.at
}
