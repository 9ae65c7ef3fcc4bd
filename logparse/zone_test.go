package logparse

import (
	"testing"
	"time"
)

func TestZone(t *testing.T) {
	stamp := Stamp{2026, 11, 22, 9, 5, 3}
	utc := stamp.In(time.UTC)
	for _, tt := range []struct {
		name    string
		arrived time.Time
		offset  time.Duration
	}{
		{"same zone", utc.Add(300 * time.Millisecond), 0},
		{"same zone, late by 9 s", utc.Add(9 * time.Second), 0},
		{"writer is an hour ahead of us", utc.Add(-time.Hour + time.Second), -time.Hour},
		{"writer is five hours behind", utc.Add(5*time.Hour + time.Second), 5 * time.Hour},
		{"Nepal", utc.Add(-5*time.Hour - 45*time.Minute + time.Second), -5*time.Hour - 45*time.Minute},
		{"an old line is no measurement", utc.Add(7 * time.Minute), 0},
		{"half a minute late is none", utc.Add(time.Hour + 30*time.Second), 0},
		{"last week's log is none", utc.Add(7 * 24 * time.Hour), 0},
	} {
		z := Zone{Base: time.UTC}
		e := &Entry{Stamp: stamp}
		if changed := z.Observe(e, tt.arrived); changed != (tt.offset != 0) || z.Offset() != tt.offset {
			t.Errorf("%s: changed %v, offset %v, want %v", tt.name, changed, z.Offset(), tt.offset)
			continue
		}
		if tt.offset == 0 {
			continue
		}
		if age := tt.arrived.Sub(stamp.In(z.Location())); age < 0 || age > zoneSlack {
			t.Errorf("%s: in the measured zone the line is %v old", tt.name, age)
		}
		if z.Observe(e, tt.arrived.Add(time.Second)) {
			t.Errorf("%s: told twice", tt.name)
		}
	}
	z := Zone{Base: time.UTC}
	if z.Observe(&Entry{Stamp: stamp, SourceTime: utc}, utc.Add(time.Hour)) {
		t.Error("a line with a time of its source needs no zone")
	}
}
