package tui

import (
	"time"

	"github.com/wstap/wstap/monitor"
)

// TimeMode is how points in time are shown.
type TimeMode uint8

// The time modes, in the sequence that `t` goes through.
const (
	TimeLocal TimeMode = iota // of the clock, in the local zone
	TimeUTC                   // of the clock, in UTC
	TimeAgo                   // before the newest event
	TimeDelta                 // since the line before
)

// timeModes name the modes, in the configuration and on the status line.
var timeModes = [...]struct{ name, says string }{
	TimeLocal: {"local", "times of the clock"},
	TimeUTC:   {"utc", "times in UTC"},
	TimeAgo:   {"ago", "times before now"},
	TimeDelta: {"delta", "times since the line before"},
}

// TimeModeNames are what the configuration may say, in the order of the modes.
func TimeModeNames() []string {
	names := make([]string, len(timeModes))
	for i, m := range timeModes {
		names[i] = m.name
	}
	return names
}

func (m TimeMode) next() TimeMode { return (m + 1) % TimeMode(len(timeModes)) }

// stamps writes points in time in the mode of the screen. Where lines follow
// each other, before is the time of the line before; zero where there is none.
type stamps struct {
	mode TimeMode
	now  monitor.Time
}

// short is a time in at most eight cells.
func (s stamps) short(t, before monitor.Time) string {
	switch {
	case t.IsZero():
		return "–"
	case s.mode == TimeAgo:
		return "-" + span5(s.now.Sub(t))
	case s.mode == TimeDelta && !before.IsZero():
		return deltaText(t.Sub(before))
	}
	return s.clock(t, "15:04:05")
}

// full is a time with milliseconds, in at most twelve cells.
func (s stamps) full(t, before monitor.Time) string {
	switch {
	case t.IsZero():
		return "–"
	case s.mode == TimeAgo:
		return "-" + exact(s.now.Sub(t))
	case s.mode == TimeDelta && !before.IsZero():
		return "+" + exact(t.Sub(before))
	}
	return s.clock(t, "15:04:05.000")
}

func (s stamps) clock(t monitor.Time, layout string) string {
	if s.mode == TimeUTC {
		return t.Std().UTC().Format(layout)
	}
	return t.Std().Format(layout)
}

func deltaText(d time.Duration) string {
	if d < 0 {
		return "-" + span5(-d)
	}
	return "+" + span5(d)
}

// stampFull is a time for other programs.
func stampFull(t monitor.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Std().Format(time.RFC3339Nano)
}
